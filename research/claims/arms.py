"""Networks that several claims share, as overrides; equal ones are trained once.

Overrides are relative to a setting, an option of `conf/setting/SCALE/`, which has the
data, the epochs, the tuning, the evaluators and the number of seeds. An arm whose first
override is `setting=NAME` has that setting in place of its claim's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Overrides = tuple[str, ...]

HEADS = {"flattened": "flatten", "global pooling": "gap"}  # level → option
POOL = {"flatten": "scenes", "gap": "scenes_gap"}  # option of model/head → setting
CLOTHES = {"flatten": "fashion", "gap": "fashion_gap"}
WORDS = {  # option → what it is called in the name of an arm
    "none": "no downsampling",
    "decimate": "bare stride",
    "strided": "strided convolution",
    "ideal": "ideal low pass",
    "flc": "frequency low cut",
    "haar": "Haar",
    "lp": "L2",
    "adaptive_blur": "adaptive blur",
    "max_blur": "max and blur",
    "max_aps": "max and adaptive phase",
    "aps": "adaptive phase",
    "blur_aps": "blur and adaptive phase",
    "flatten": "flattened",
    "gap": "global pooling",
}
WIDE = "model.dilation=[1,3,5]"  # without downsampling: sees 19 pixels, with two 18
TRAINED = "trained on shifts"
SHIFTS = ("augment=window", "augment.shift=4")


def name(*options: str) -> str:
    """Names an arm by its options: `max, flattened`."""
    return ", ".join(WORDS.get(option, option) for option in options)


def in_setting(setting: str, overrides: Overrides) -> Overrides:
    """Returns an arm whose setting differs from its claim's."""
    return (f"setting={setting}", *overrides)


def pool(downsample: str, head: str, *more: str) -> Overrides:
    """A network of the common pool: scenes under a window that moves."""
    dilated = (WIDE,) if downsample == "none" else ()
    return in_setting(POOL[head], (f"downsample={downsample}", *dilated, *more))


def clothes(downsample: str, head: str, *more: str) -> Overrides:
    """The same on clothes: the registered replication."""
    setting, *others = pool(downsample, head, *more)
    del setting
    return in_setting(CLOTHES[head], tuple(others))


def few(downsample: str, *more: str, setting: str = "few") -> Overrides:
    """Half the book's channels, a dense layer on the flattened map, few images."""
    return in_setting(setting, (f"downsample={downsample}", *more))


NETS = {  # option → what its paper calls it
    "all": "All-CNN",
    "convpool": "ConvPool-CNN",
    "strided": "Strided-CNN",
    "model": "Model-C",
}


def net(option: str, *more: str) -> Overrides:
    """One of the All-CNN family, a third as wide, a linear readout, no dropout."""
    narrow = ("model.widths=[32,64]", "model/head=gap")
    still = ("model.dropout=0.0", "model.input_dropout=0.0")
    return (*narrow, *still, f"model=allconv_{option}", *more)


def cifar(downsample: str, *more: str) -> Overrides:
    """A ResNet-20 on CIFAR-10."""
    return in_setting("cifar", (f"downsample={downsample}", *more))


ROUND = "model.padding=circular"  # of a network whose default is another


def cross(
    network: Callable[..., Overrides],
    downsamples: Sequence[str],
    heads: Sequence[str],
    *more: str,
    words: Sequence[str] = (),
) -> dict[str, Overrides]:
    """Returns every downsampler under every head, as arms by name.

    Args:
      network: such as `pool`.
      downsamples: options of `downsample`.
      heads: options of `model/head`.
      *more: further overrides of all.
      words: what these are called in the names.
    """
    return {
        name(downsample, head, *words): network(downsample, head, *more)
        for head in heads
        for downsample in downsamples
    }


def each(
    network: Callable[..., Overrides],
    downsamples: Sequence[str],
    *more: str,
    words: Sequence[str] = (),
) -> dict[str, Overrides]:
    """Returns every downsampler in a network of one head; see `cross`."""
    return {
        name(downsample, *words): network(downsample, *more)
        for downsample in downsamples
    }
