"""Every preset and option composes by name, and every preset trains `chollet`."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from sklearn.datasets import load_digits

from research import config
from research.downsample import (
    Downsample,
    adaptive,
    asap,
    learned,
    lowpass,
    mixing,
    reduce,
    sample,
    tips,
)
from research.errors import UserError
from research.models.convnet import chollet
from research.models.readout import Head

CONF = Path(__file__).parents[2] / "conf/downsample"
KEEP = (lowpass.Identity, lowpass.Identity, sample.First)
PRESETS = {
    "decimate": KEEP,
    "none": KEEP,
    "max": (reduce.Max, *KEEP[1:]),
    "max3": (reduce.Max, *KEEP[1:]),
    "average": (reduce.Average, *KEEP[1:]),
    "median": (reduce.Median, *KEEP[1:]),
    "lp": (reduce.Lp, *KEEP[1:]),
    "soft": (mixing.Soft, *KEEP[1:]),
    "mixed": (mixing.Mixed, *KEEP[1:]),
    "stochastic": (mixing.Stochastic, *KEEP[1:]),
    "strided": (reduce.Convolution, *KEEP[1:]),
    "blur": (lowpass.Identity, lowpass.Binomial, sample.First),
    "max_blur": (reduce.Max, lowpass.Binomial, sample.First),
    "strided_blur": (reduce.Convolution, lowpass.Binomial, sample.First),
    "adaptive_blur": (lowpass.Identity, adaptive.Adaptive, sample.First),
    "haar": (lowpass.Identity, lowpass.Haar, sample.First),
    "ideal": (lowpass.Identity, lowpass.Ideal, sample.First),
    "flc": (lowpass.Identity, lowpass.Ideal, sample.First),
    "asap": (lowpass.Identity, asap.Asap, sample.First),
    "aps": (lowpass.Identity, lowpass.Identity, sample.Energy),
    "lps": (lowpass.Identity, lowpass.Identity, learned.Learned),
    "max_aps": (reduce.Max, lowpass.Identity, sample.Energy),
    "blur_aps": (lowpass.Identity, lowpass.Binomial, sample.Energy),
    "blur_lps": (lowpass.Identity, lowpass.Binomial, learned.Learned),
    "tips": (lowpass.Identity, lowpass.Identity, tips.Tips),
    "random_phase": (lowpass.Identity, lowpass.Identity, sample.Random),
    "space_to_depth": (lowpass.Identity, lowpass.Identity, sample.All),
}


def options(axis):
    return sorted(path.stem for path in (CONF / axis).glob("*.yaml"))


def build(*overrides):
    """The configured downsampler for maps of 8 channels."""
    return config.downsample(config.compose(*overrides), 8, rngs=nnx.Rngs(0))


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_its_three_parts(name):
    down = build(f"downsample={name}", "model.padding=circular")
    assert (type(down.reduce), type(down.lowpass), type(down.sample)) == PRESETS[name]
    assert down.stride == ((1, 1) if name == "none" else (2, 2))
    window = {"strided": 3, "strided_blur": 3, "max3": 3}.get(name, 2)
    holder = getattr(down.reduce, "conv", down.reduce)
    assert getattr(holder, "window", (window,) * 2) == (window, window)
    for part in (holder, down.lowpass):
        assert getattr(part, "padding", "circular") == "circular"
    assert getattr(down.lowpass, "keep_nyquist", False) == (name == "flc")
    assert getattr(down.lowpass, "taps", (3, 3)) == (3, 3)


def test_every_preset_is_tested():
    assert set(options(".")) == {*PRESETS, "base", "base_keep"}


def test_every_point_of_the_plane_composes():
    """Each option of each axis with each of the others' in turn; then its shapes."""
    axes = {axis: options(axis) for axis in ("reduce", "lowpass", "sample")}
    x = jax.ShapeDtypeStruct((2, 8, 8, 8), jnp.float32)
    for index in range(max(map(len, axes.values()))):
        chosen = [
            f"downsample/{axis}={names[index % len(names)]}"
            for axis, names in axes.items()
        ]
        cfg = config.compose(*chosen, "model.padding=circular")

        def outputs(x, cfg=cfg):
            return config.downsample(cfg, 8, rngs=nnx.Rngs(0))(x)

        assert jax.eval_shape(outputs, x).shape == (2, 4, 4, 8), chosen


@pytest.mark.parametrize(
    "overrides, where, value",
    [
        (["downsample/reduce=max3"], "reduce.window", (3, 3)),
        (["downsample/reduce=max", "downsample.reduce.window=[1,3]"],
         "reduce.window", (1, 3)),
        (["downsample=lp", "downsample.reduce.p=4"], "reduce.p", 4),
        (["downsample=blur", "downsample.lowpass.taps=7"], "lowpass.taps", (7, 7)),
        (["downsample/lowpass=binomial5"], "lowpass.taps", (5, 5)),
        (["downsample=blur"], "lowpass.padding", "reflect"),
        (["downsample=blur", "model.padding=zero"], "lowpass.padding", "zero"),
        (["downsample=adaptive_blur", "downsample.lowpass.groups=2"],
         "lowpass.groups", 2),
        (["downsample=aps", "downsample.sample.norm=inf"], "sample.norm", np.inf),
        (["downsample=lps", "downsample.sample.select=before"],
         "sample.after_lowpass", False),
        (["downsample=max", "downsample.stride=[3,1]"], "stride", (3, 1)),
        (["downsample.reduce.window=3", "downsample=max_aps",
          "downsample/reduce=average"], "reduce.window", (3, 3)),
    ],
)  # fmt: skip
def test_keys_reach_their_parts(overrides, where, value):
    part = build(*overrides)
    for name in where.split("."):
        part = getattr(part, name)
    assert part == value


def test_the_trap_is_refused_with_a_reason():
    with pytest.raises(UserError, match=r"norm=inf after reduce max"):
        build("downsample=max_aps", "downsample.sample.norm=inf")


@pytest.mark.slow  # a training for each preset
@pytest.mark.parametrize("name", PRESETS)
def test_preset_trains_chollet_on_digits(name):
    """A few steps of gradient descent lower the loss."""
    digits = load_digits()
    images = jnp.asarray(digits.images[:32, ..., None] / 16, jnp.float32)
    labels = jnp.asarray(digits.target[:32])
    cfg = config.compose(f"downsample={name}", "model.padding=circular")
    net = chollet(
        (8, 8, 1),
        10,
        downsample=config.build(cfg.downsample),
        head=Head,
        padding="circular",
        widths=(8,),
        poolings=1,
        rngs=nnx.Rngs(0),
    )
    assert isinstance(net.stages[1], Downsample)
    graph, params, rest = nnx.as_pure(nnx.split(net, nnx.Param, ...))

    @jax.jit
    def step(params):
        def loss(params):
            logits = nnx.merge(graph, params, rest)(images)
            return -jax.nn.log_softmax(logits)[jnp.arange(32), labels].mean()

        value, slopes = jax.value_and_grad(loss)(params)
        return value, jax.tree.map(lambda p, s: p - 0.05 * s, params, slopes)

    losses = []
    for _ in range(8):
        value, params = step(params)
        losses.append(float(value))
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
