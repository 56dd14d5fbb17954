"""Costs against figures worked out by hand, and published ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from known import measure

from research import config
from research.data.split import Split
from research.downsample import Downsample
from research.errors import UserError
from research.evals.cost import Cost
from research.evals.engine.modules import in_inference
from research.evals.engine.operations import count_operations
from research.evals.engine.receptive import stage_windows
from research.models.stages import Permute
from research.nn.activation import AliasFree, activate_within
from research.nn.cpu import convolution
from research.nn.layers import Conv, Dense


def build(shape, *overrides):
    cfg = config.compose(*overrides)
    model, down = config.build(cfg.model), config.build(cfg.downsample)
    return model(shape, 10, downsample=down, rngs=nnx.Rngs(0))


def rows(network, shape):
    split = Split.labelled(np.zeros((1, *shape), np.uint8), np.zeros(1, np.int32))
    return measure(Cost(), network, split)


def values(measurements, measure):
    return [
        m.value
        for m in measurements
        if m.measure == measure and m.params.get("index") is not None
    ]


def total(measurements, measure):
    (found,) = [
        m.value
        for m in measurements
        if m.measure == measure and m.params == {"part": "network"}
    ]
    return found


@pytest.fixture(scope="module")
def chollet():
    return rows(build((28, 28, 1), "model=chollet"), (28, 28, 1))


def test_chollet_by_hand(chollet):
    by_hand = [26 * 26 * 9 * 32, 0, 11 * 11 * 9 * 32 * 64, 0, 9 * 9 * 64 * 64]
    assert values(chollet, "multiply_adds") == [*by_hand, 576 * 64 + 64 * 10]
    assert total(chollet, "multiply_adds") == sum(by_hand) + 576 * 64 + 64 * 10
    maps = [26 * 26 * 32, 0, 11 * 11 * 64, 0, 3 * 3 * 64, 74]
    assert values(chollet, "activation_bytes") == [4 * size for size in maps]
    assert values(chollet, "parameters") == [320, 0, 18_496, 0, 36_928, 37_578]
    assert total(chollet, "parameters") == 93_322
    assert values(chollet, "height") == [26, 13, 11, 5, 3]


def test_receptive_field_of_convolutions_and_poolings(chollet):
    assert values(chollet, "receptive_height") == [3, 4, 8, 10, 18]
    plain = build((28, 28, 1), "model=chollet", "model.poolings=0")
    assert values(rows(plain, (28, 28, 1)), "receptive_width") == [3, 5, 7]


def test_resnet20_has_the_published_multiply_adds():
    """40.6 M; and 81 pixels: 1 + 2·(1 + 6·1 + 2·(…)) summed block by block."""
    network = build((32, 32, 3), "model=resnet20")
    found = rows(network, (32, 32, 3))
    assert total(found, "multiply_adds") == 40_551_040
    assert sum(values(found, "multiply_adds")) == 40_551_040
    r, j, fields = 3, 1, [3]
    for group in range(3):
        for index in range(3):
            stride = 2 if group and not index else 1
            r, j = r + 2 * j, j * stride
            r += 2 * j
            fields.append(r)
    assert values(found, "receptive_height") == fields
    flops = total(found, "xla_flops")
    edges = 0.1  # XLA leaves out the products with zeros around a map
    assert 2 * 40_551_040 * (1 - edges) <= flops <= 2 * 40_551_040


def test_multiply_adds_are_counted_whoever_does_them(chollet, monkeypatch):
    monkeypatch.setattr(convolution, "WORTH", 0)
    with convolution.enabled(True):
        found = rows(build((28, 28, 1), "model=chollet"), (28, 28, 1))
    for name in ("multiply_adds", "xla_flops"):
        assert total(found, name) == total(chollet, name)


def test_a_fused_decimation_counts_what_runs():
    strided = rows(build((12, 8, 1), "model=tiny", "downsample=decimate"), (12, 8, 1))
    dense = rows(build((12, 8, 1), "model=tiny", "downsample=none"), (12, 8, 1))
    assert values(strided, "multiply_adds")[0] * 4 == values(dense, "multiply_adds")[0]
    learned = rows(build((12, 8, 1), "model=tiny", "downsample=strided"), (12, 8, 1))
    assert values(learned, "multiply_adds")[:2] == [96 * 9 * 8, 24 * 9 * 8 * 8]
    for found in (strided, dense, learned):
        parts = sum(values(found, "multiply_adds"))
        assert parts == total(found, "multiply_adds")


@pytest.mark.parametrize(
    ("preset", "field"),
    [("max", 4), ("blur", 5), ("max_blur", 6), ("aps", 16), ("ideal", 16), ("none", 3)]
    + [("asap", 16), ("tips", 16)],
)
def test_receptive_field_of_downsamplers(preset, field):
    """Global filters and adaptive samplers see the whole map."""
    network = build(
        (16, 16, 1), "model=tiny", f"downsample={preset}", "model.poolings=1"
    )
    found = [m for m in rows(network, (16, 16, 1)) if m.measure == "receptive_height"]
    assert found[1].value == field
    assert (found[1].method == "whole map") == (field == 16)
    assert found[3].value == (16 if field == 16 else field + 4 * network.stride[0])


def test_axes_apart_and_large_windows():
    conv = Conv(1, 2, (3, 19), rngs=nnx.Rngs(0))
    assert stage_windows(conv, (40, 40, 1)) == (3, 19)
    down = Downsample(2, (1, 3), rngs=nnx.Rngs(0))
    assert stage_windows(down, (12, 12, 2)) == (1, 1)
    assert stage_windows(Permute(0), (8, 8, 1))[0] == 1


def test_counts_inside_loops_branches_and_transformations():
    weights = jnp.ones((5, 5))

    def looped(x):
        x, _ = jax.lax.scan(lambda c, _: (c @ weights, None), x[0, :, :, 0], length=3)
        x = jax.lax.cond(x.sum() > 0, lambda y: y @ weights, lambda y: y, x)
        return jax.jit(jax.checkpoint(lambda y: y @ weights))(x)

    assert count_operations(looped, (4, 5, 1)).multiply_adds == (3 + 1 + 1) * 4 * 5 * 5
    grouped = lambda x: jax.lax.conv_general_dilated(  # noqa: E731
        x,
        jnp.ones((3, 3, 1, 6)),
        (1, 1),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=6,
    )
    assert count_operations(grouped, (4, 5, 6)).multiply_adds == 4 * 5 * 6 * 9


def test_leaves_the_network_as_it_is_and_knows_ours_alone():
    network = build((16, 16, 1), "model=allconv_strided", "model.widths=[2,2]")
    assert not network.stages[0].deterministic
    assert in_inference(network).stages[0].deterministic
    assert not network.stages[0].deterministic
    with pytest.raises(UserError, match="eval=cost"):
        rows(lambda images: images, (16, 16, 1))


def test_fourier_transforms_are_counted():
    def there_and_back(x):
        return jnp.fft.irfft2(jnp.fft.rfft2(x, axes=(1, 2)), axes=(1, 2))

    points = 8 * 16
    once = 3 * 2.5 * points * np.log2(points) / 2
    assert count_operations(there_and_back, (8, 16, 3)).multiply_adds == 2 * once
    complex_one = lambda x: jnp.fft.fft2(x.astype(jnp.complex64), axes=(1, 2))  # noqa: E731
    assert count_operations(complex_one, (8, 16, 3)).multiply_adds == 2 * once


@pytest.mark.parametrize("u", [1.5, 2])
def test_an_alias_free_activation_costs_two_resamplings(u):
    size, rngs = 8, nnx.Rngs(0)
    act = AliasFree(12, upsampling=u, rngs=rngs)
    resamplings = 2 * u * (1 + u) * size * size**2
    shape = (size, size, 12)
    assert count_operations(act, shape).multiply_adds == 12 * resamplings
    expand, contract = Dense(3, 12, rngs=rngs), Dense(12, 3, rngs=rngs)

    def perceptron(x):
        return activate_within(act, expand, contract, x)

    dense = u**2 * size**2 * 2 * 3 * 12
    found = count_operations(perceptron, (size, size, 3)).multiply_adds
    assert found == 3 * resamplings + dense, "of the narrow maps"


def test_what_alias_freedom_costs():
    """On CIFAR-10's images 4.1 times the multiply-adds of its control."""
    totals = []
    for model in ("convnext_tiny", "afc_tiny"):
        network = in_inference(build((32, 32, 3), f"model={model}"))
        totals.append(count_operations(network, (32, 32, 3)).multiply_adds)
    dense = 16**2 * 8 * 32**2 + 8**2 * 8 * 64**2  # of one block of each group
    windows = 7**2 * (16**2 * 32 + 8**2 * 64)
    stems = 16**2 * 2**2 * 3 * 32 + 8**2 * 2**2 * 32 * 64
    assert totals[0] == 2 * (dense + windows) + stems + 64 * 10
    up_and_down = 12 * (16 * 16**2 * 32 + 8 * 8**2 * 64)
    blocks = 2 * (4 * dense + windows + up_and_down)
    # Convolutions at full resolution, and their lowpasses: N/s + N/s² for each value.
    stems = 4 * stems + (16 + 8) * 32**2 * 32 + (8 + 4) * 16**2 * 64
    assert totals[1] == blocks + stems + 64 * 10
    assert 4.1 < totals[1] / totals[0] < 4.2
