"""Networks that several claims share, as overrides; equal ones are trained once.

Overrides are relative to a setting, an option of `conf/setting/SCALE/`, which has the
data, the epochs, the evaluators and the number of seeds. An arm whose first override is
`setting=NAME` has that setting in place of its claim's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Overrides = tuple[str, ...]

HEADS = {"flatten": "flatten", "global pooling": "gap"}  # level → option of model/head
WORDS = {  # option → what it is called in the name of an arm
    "none": "no downsampling",
    "decimate": "decimation",
    "strided": "strided convolution",
    "ideal": "ideal low pass",
    "flc": "frequency low cut",
    "haar": "Haar",
    "lp": "L2",
    "adaptive_blur": "adaptive blur",
    "max_blur": "max-blur",
    "max_aps": "max-aps",
    "blur_aps": "blur-aps",
    "flatten": "flattened",
    "gap": "global pooling",
    "grid": "3×3 grid",
}


def name(*options: str) -> str:
    """Names an arm by its options: `max, flattened`."""
    return ", ".join(WORDS.get(option, option) for option in options)


def core(
    downsample: str, head: str, *more: str, padding: str = "circular"
) -> Overrides:
    """A network of the common pool on MNIST: setting `mnist`."""
    network = (f"model.padding={padding}", f"model/head={head}")
    return (*network, f"downsample={downsample}", *more)


def small(downsample: str, head: str, *more: str) -> Overrides:
    """The book's network, trained on few images of MNIST: setting `small`."""
    return (f"downsample={downsample}", f"model/head={head}", *more)


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


def in_setting(setting: str, overrides: Overrides) -> Overrides:
    """Returns an arm whose setting differs from its claim's."""
    return (f"setting={setting}", *overrides)


def cross(
    network: Callable[..., Overrides],
    downsamples: Sequence[str],
    heads: Sequence[str],
    *more: str,
    words: Sequence[str] = (),
) -> dict[str, Overrides]:
    """Returns every downsampler under every head, as arms by name.

    Args:
      network: such as `core`.
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
