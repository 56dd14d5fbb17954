"""The weight on the largest value: known for max, average and decimation."""

from functools import partial

import jax.numpy as jnp
import networks
import numpy as np
import pytest
from flax import nnx
from known import measure

from research import config
from research.data.split import Split
from research.downsample import Downsample
from research.downsample.lowpass import Binomial
from research.downsample.mixing import Mixed
from research.downsample.reduce import Average, Max
from research.downsample.sample import All, Energy, First
from research.downsample.tips import Tips
from research.errors import UserError
from research.evals.maximum import Maximum, sum_weights

SHAPE = (8, 12, 2)
DRAW = np.random.default_rng(0)  # no two values of an image are equal
IMAGES = np.stack([DRAW.permutation(256)[: 8 * 12 * 2] for _ in range(24)])
IMAGES = IMAGES.reshape(24, *SHAPE).astype(np.uint8)
SPLIT = Split.labelled(IMAGES, np.zeros(24, np.int32))
X = SPLIT.images.astype(np.float32) / 255
KEPT = partial(measure, Maximum(batch=8))


def cells(x, stride):
    """(…, s_h·s_w): the values of each cell."""
    shape = x.shape[1] // stride[0], x.shape[2] // stride[1]
    y = x.reshape(len(x), shape[0], stride[0], shape[1], stride[1], x.shape[3])
    y = y.transpose(0, 1, 3, 5, 2, 4)
    return y.reshape(*y.shape[:4], -1)


def bias(stride=(2, 2), **parts):
    down = Downsample(2, stride, rngs=nnx.Rngs(0), **parts)
    rows = KEPT(networks.of([down], shape=SHAPE), SPLIT)
    assert [row.params["index"] for row in rows] == [0, "all"]
    assert {row.measure for row in rows} == {"maximum_bias"}
    return down, rows[0].arrays["examples"]


@pytest.mark.parametrize("stride", [(2, 2), (1, 2), (2, 3)])
def test_max_average_and_decimation(stride):
    _, top = bias(stride, reduce=partial(Max, window=stride))
    np.testing.assert_allclose(top, 1, rtol=1e-5)
    _, first = bias(stride, sample=First)
    view = cells(X, stride)
    won = (view[..., 0] == view.max(-1)).mean((1, 2, 3))
    np.testing.assert_allclose(first, won, rtol=1e-5)
    _, mean = bias(stride, reduce=partial(Average, window=stride))
    np.testing.assert_allclose(mean, 1 / np.prod(stride), rtol=1e-5)


def test_a_choice_counts_as_published():
    """P(y = max of its window)."""
    down, found = bias(sample=Energy)
    y, view = np.asarray(down(jnp.asarray(X))), cells(X, (2, 2))
    expected = (y == view.max(-1)).mean((1, 2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_mixture_counts_the_weight_of_the_largest_phase():
    down, found = bias(sample=Tips)
    down.eval()
    tau = np.asarray(down.sample.weights(down.sample.features(jnp.asarray(X))))
    by_row = tau[:, [0, 2, 1, 3]]  # phases row by row, as the cells are
    view = cells(X, (2, 2))
    largest = view == view.max(-1, keepdims=True)
    expected = (largest * by_row.transpose(0, 2, 1)[:, None, None]).sum(-1)
    np.testing.assert_allclose(found, expected.mean((1, 2, 3)), rtol=1e-4)


def test_half_maximum_half_average():
    _, found = bias(reduce=Mixed)
    np.testing.assert_allclose(found, 0.625, rtol=1e-5)


def test_convolutions_of_phases_are_counted_by_their_kernel():
    down, found = bias(sample=All)
    kernel = np.asarray(down.sample.conv.kernel[...])[0, 0].reshape(4, 2, 2)
    own = np.einsum("kcc->ck", kernel)
    view = cells(X, (2, 2))
    largest = view == view.max(-1, keepdims=True)
    expected = (largest * own[None, None, None]).sum(-1).mean((1, 2, 3))
    assert abs(found.mean() - expected.mean()) < 0.1  # random signs


def test_a_blur_is_estimated_without_bias():
    """Of cells that see each other: the mean over many comes near the kernel's."""
    x = jnp.asarray(np.random.default_rng(1).uniform(size=(64, 16, 16, 4)), jnp.float32)
    lowpass = partial(Binomial, padding="circular")
    down = Downsample(4, 2, lowpass=lowpass, rngs=nnx.Rngs(0))
    found = np.asarray(sum_weights(down, x, (2, 2))).sum(0)
    expected = np.mean([1 / 4, 1 / 8, 1 / 8, 1 / 16])  # centre, edges, corner
    assert abs(found[0] / found[1] - expected) < 0.01


def test_windows_of_one_value_are_left_out():
    x = np.zeros((2, 4, 4, 1), np.float32)
    x[0, 1, 1] = 1
    down = Downsample(1, 2, rngs=nnx.Rngs(0))
    np.testing.assert_array_equal(
        sum_weights(down, jnp.asarray(x), (2, 2)), [[0, 1], [0, 0]]
    )
    relu = networks.of([networks.Keep(), down], shape=(4, 4, 1))
    rows = KEPT(relu, Split.labelled((255 * x).astype(np.uint8), np.zeros(2, np.int32)))
    assert [row.n for row in rows] == [1, 1]


def test_residual_blocks_are_looked_into():
    cfg = config.compose("model=resnet20", "downsample=max", "model.padding=circular")
    make = config.build(cfg.model, widths=[4, 8], depths=[1, 1])
    down = config.build(cfg.downsample)
    rows = KEPT(make(SHAPE, 2, downsample=down, rngs=nnx.Rngs(0)), SPLIT)
    assert [row.params["index"] for row in rows] == [0, "all"]
    np.testing.assert_allclose([row.value for row in rows], 1, rtol=1e-4)


def test_what_has_no_downsampler_has_no_rows():
    rows = KEPT(networks.pooling(shape=SHAPE), SPLIT)
    np.testing.assert_allclose([row.value for row in rows], 1, rtol=1e-4)
    assert KEPT(networks.of([networks.Keep()], shape=SHAPE), SPLIT) == []
    with pytest.raises(UserError, match="eval=maximum"):
        Maximum().check(lambda x: x, SPLIT)
