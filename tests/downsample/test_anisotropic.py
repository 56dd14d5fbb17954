"""Strides, windows and taps of each axis: every preset, on signals and on maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from references import phases, views
from test_presets import PRESETS

from research import config
from research.downsample.adaptive import Adaptive
from research.downsample.lowpass import Binomial, Haar
from research.errors import UserError

CHOOSE = {"aps", "max_aps", "blur_aps", "lps", "blur_lps"}
MIXES = {"tips"}  # not equivariant


def build(preset):
    overrides = f"downsample={preset}", "model.padding=circular"
    cfg = config.compose(*overrides, "downsample.stride=[1,2]")
    down = config.downsample(cfg, 8, rngs=nnx.Rngs(0))
    down.eval()
    return down


@pytest.mark.parametrize("height", [1, 3])
@pytest.mark.parametrize("preset", sorted(set(PRESETS) - MIXES - {"none"}))
def test_presets_commute_along_both_axes(preset, height, maps):
    """Rows by any number, columns by multiples of 2, and by all where it chooses."""
    down = build(preset)
    function = jax.jit(lambda x: down(x))
    x = np.asarray(maps(2, height, 8, 8))
    still = function(x)
    assert still.shape == (2, height, 4, 8)
    for rows, columns in ((1, 2), (2, -4), (1, 3)):
        if columns % 2 and preset not in CHOOSE:
            continue
        moved = function(np.roll(x, (rows, columns), (1, 2)))
        # Each example has its own phase.
        steps = [columns // 2 + extra for extra in (0, 1)][: 1 + columns % 2]
        found = [abs(moved - np.roll(still, (rows, s), (1, 2))) for s in steps]
        assert (np.min([f.max((1, 2, 3)) for f in found], 0) < 2e-5).all()


def test_the_law_can_fail(maps):
    down, x = build("tips"), maps(2, 1, 8, 8)
    moved = down(jnp.roll(x, 2, 2))
    assert abs(moved - jnp.roll(down(x), 1, 2)).max() > 1e-3


@pytest.mark.parametrize("taps", [(1, 5), (3, 1), (2, 4)])
def test_blur_of_two_lengths_is_two_blurs(taps, maps, run):
    x = np.float64(maps(2, 6, 7, 3))
    part = Binomial(3, (2, 2), taps=taps, padding="circular", rngs=nnx.Rngs(0))
    expected = x
    for axis, k in zip((1, 2), taps, strict=True):
        row = np.array([1.0])
        for _ in range(k - 1):
            row = np.convolve(row, [0.5, 0.5])
        before = (k - 1) // 2
        expected = sum(
            w * np.roll(expected, before - i, axis) for i, w in enumerate(row)
        )
    found = run(part, jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_blur_of_columns_leaves_rows_alone(maps, run):
    """It fits a map of height 1, where reflection of rows would not."""
    part = Binomial(3, (1, 2), taps=(1, 5), padding="reflect", rngs=nnx.Rngs(0))
    x = maps(2, 4, 9, 3)
    whole = run(part, x)
    for row in range(4):
        one = run(part, x[:, row : row + 1])
        np.testing.assert_allclose(one, whole[:, row : row + 1], atol=1e-6)


def test_haar_transforms_the_axes_that_it_downsamples(maps, run):
    x = maps(2, 3, 8, 2)
    y = run(Haar(2, (1, 2), rngs=nnx.Rngs(0)), x)[:, :, ::2]
    left, right = phases(np.float64(x), (1, 2))
    np.testing.assert_allclose(y, (left + right) / np.sqrt(2), rtol=1e-5, atol=1e-6)


def test_adaptive_weighs_windows_of_two_lengths(maps, run):
    part = Adaptive(
        4, (1, 2), taps=(1, 3), groups=2, padding="reflect", rngs=nnx.Rngs(0)
    )
    x = maps(2, 1, 8, 4)
    kernels = run(Kernels(part), x)
    assert kernels.shape == (2, 1, 8, 2, 3)
    view = views(np.float64(x), (1, 3), "reflect")
    weights = np.repeat(kernels, 2, 3)  # two channels a group
    np.testing.assert_allclose(run(part, x), (view * weights).sum(-1), rtol=1e-5)


class Kernels(nnx.Module):
    """The predicted kernels, as a module that `run` evaluates."""

    def __init__(self, part):
        self.part = part

    def __call__(self, x):
        return self.part.kernels(x)


@pytest.mark.parametrize("taps", [[1], [1, 8], [0, 3], [1, 2, 3]])
def test_wrong_pairs_are_named(taps):
    with pytest.raises(UserError, match=r"downsample.lowpass.taps=.*\[height, width\]"):
        cfg = config.compose("downsample=blur", f"downsample.lowpass.taps={taps}")
        config.downsample(cfg, 4, rngs=nnx.Rngs(0))


def test_keys_take_pairs():
    cfg = config.compose(
        "downsample=max_blur", "downsample.stride=[1,2]",
        "downsample.reduce.window=[1,3]", "downsample.lowpass.taps=[1,5]",
    )  # fmt: skip
    down = config.downsample(cfg, 4, rngs=nnx.Rngs(0))
    assert (down.stride, down.reduce.window, down.lowpass.taps) == (
        (1, 2), (1, 3), (1, 5),
    )  # fmt: skip
    assert config.downsample(cfg, 4, rngs=nnx.Rngs(0), stride=(1, 4)).stride == (1, 4)
