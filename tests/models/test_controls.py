"""The controls and the parts that networks share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.downsample import Downsample
from research.errors import UserError
from research.models.mlp import LocallyConnected, local, mlp
from research.models.readout import ClassMaps, Head, cell_weights, grid
from research.models.residual import PadChannels, basic
from research.models.stages import Permute
from research.nn.layers import Conv

RNG = np.random.default_rng(0)


def maps(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


@pytest.mark.parametrize("padding", ["valid", "circular"])
def test_shared_weights_make_a_local_layer_a_convolution(padding):
    layer = LocallyConnected((5, 4, 2), 3, padding=padding, rngs=nnx.Rngs(0))
    conv = Conv(2, 3, padding=padding, rngs=nnx.Rngs(1))
    layer.kernel[...] = jnp.broadcast_to(conv.kernel[...], layer.kernel.shape)
    x = maps(2, 5, 4, 2)
    np.testing.assert_allclose(layer(x), jax.nn.relu(conv(x)), rtol=1e-4, atol=1e-5)


def test_every_position_of_a_local_layer_has_its_own_kernel():
    layer = LocallyConnected((4, 4, 1), 2, padding="zero", rngs=nnx.Rngs(0))
    x = maps(1, 4, 4, 1)
    before = layer(x)
    layer.kernel[...] = layer.kernel[...].at[1, 2].multiply(-1)
    changed = np.abs(layer(x) - before).sum((0, 3)) > 0
    assert changed.sum() == 1 and changed[1, 2]
    with pytest.raises(UserError, match="made for a map of .4, 4, 1.*data.shape"):
        layer(maps(1, 5, 4, 1))


def test_local_network_counts_every_kernel():
    network = nnx.eval_shape(
        lambda: local(
            (12, 12, 1),
            10,
            downsample=Downsample,
            head=Head,
            widths=(2, 3),
            poolings=1,
            rngs=nnx.Rngs(0),
        )
    )
    sizes = [
        sum(p.size for p in jax.tree.leaves(nnx.state(stage, nnx.Param)))
        for stage in network.stages
    ]
    assert sizes == [10 * 10 * (9 + 1) * 2, 0, 3 * 3 * (9 * 2 + 1) * 3]


def test_permutation_moves_every_pixel_once_and_all_images_alike():
    stage = Permute(3)
    x = jnp.arange(2 * 6 * 5 * 2, dtype=jnp.float32).reshape(2, 6, 5, 2)
    y = np.asarray(stage(x))
    assert set(y[0].ravel()) == set(range(60))
    np.testing.assert_array_equal(y[1], y[0] + 60)
    np.testing.assert_array_equal(y[..., 1], y[..., 0] + 1)
    assert (y[0] != np.asarray(x[0])).mean() > 0.8
    np.testing.assert_array_equal(y, Permute(3)(x))
    assert (y != np.asarray(Permute(4)(x))).any()


def test_a_permutation_only_renames_the_inputs_of_a_dense_network():
    plain, behind = (
        mlp(
            (4, 3, 2),
            5,
            downsample=Downsample,
            head=lambda *a, **k: Head(*a, units=(7, 6), **k),
            permutation=seed,
            rngs=nnx.Rngs(0),
        )
        for seed in (None, 9)
    )
    assert [layer.kernel.shape for layer in plain.readout.hidden] == [(24, 7), (7, 6)]
    images = maps(3, 4, 3, 2)
    assert np.abs(behind(images) - plain(images)).max() > 1e-3
    np.testing.assert_allclose(behind(images), plain(Permute(9)(images)), rtol=1e-5)


def test_grid_averages_cells():
    x = np.asarray(maps(1, 10, 7, 2))
    found = np.asarray(grid(jnp.asarray(x), size=3)).reshape(3, 3, 2)
    rows = [(0, 4), (3, 7), (6, 10)]
    columns = [(0, 3), (2, 5), (4, 7)]
    for i, (top, bottom) in enumerate(rows):
        for j, (left, right) in enumerate(columns):
            expected = x[0, top:bottom, left:right].mean((0, 1))
            np.testing.assert_allclose(found[i, j], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(cell_weights(7, 7), np.eye(7))
    np.testing.assert_allclose(cell_weights(2, 7).sum(1), 1)


def test_class_maps_average_what_a_dense_layer_sees_at_each_position():
    head = ClassMaps((3, 4, 5), 6, rngs=nnx.Rngs(0))
    x = np.asarray(maps(2, 3, 4, 5))
    kernel = np.asarray(head.conv.kernel[...])[0, 0]
    expected = np.maximum(x @ kernel, 0).mean((1, 2))
    np.testing.assert_allclose(head(jnp.asarray(x)), expected, rtol=1e-4, atol=1e-6)


def test_decimated_block_is_the_published_strided_one():
    """Strided first convolution, shortcut of every second pixel, new channels zero."""
    block = basic(
        2,
        4,
        downsample=Downsample,
        shortcut=PadChannels,
        padding="zero",
        rngs=nnx.Rngs(0),
    )
    block.eval()
    x = maps(2, 6, 6, 2)

    def conv(part, x, stride):
        y = jax.lax.conv_general_dilated(
            x,
            part.conv.kernel[...],
            (stride, stride),
            ((1, 1), (1, 1)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return y / np.sqrt(1 + 1e-5)  # fresh batch statistics: mean 0, variance 1

    y = conv(block.after, jax.nn.relu(conv(block.dense, x, 2)), 1)
    shortcut = np.zeros(y.shape, np.float32)
    shortcut[..., :2] = x[:, ::2, ::2]
    np.testing.assert_allclose(block(x), jax.nn.relu(y + shortcut), atol=1e-5)
