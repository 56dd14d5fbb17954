"""Networks on maps of height 1: exact where they should be, orbits in closed form."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research import config
from research.errors import UserError
from research.evals.engine.closed_form import ClosedForm
from research.evals.engine.receptive import receptive_fields
from research.models.convnet import per_layer
from research.nn.layers import Conv
from research.nn.signal import shift

SHAPE = (1, 32, 2)
ROWS = ["downsample.stride=[1,2]", "model.padding=circular"]
FAMILIES = {
    "tiny": ["model=tiny", "model.window=[[1,5],[1,3],[1,3]]", "downsample=aps"],
    "lps": ["model=tiny", "downsample=blur_lps", "downsample.lowpass.taps=[1,5]"],
    "vgg": ["model=vgg13", "model.widths=[8,8]", "model.depths=[1,1]"]
    + ["downsample=max_aps", "downsample.reduce.window=[1,3]", "model/head=gmp"],
    "resnet20": ["model=resnet20", "model.widths=[8,16]", "model.depths=[1,1]"]
    + ["downsample=aps"],
    "vit": ["model=vit_tiny", "model/position=none", "model.depth=1", "model.width=16"]
    + ["downsample=aps", "model.patch=[1,4]"],
}


def build(*overrides):
    cfg = config.compose(*overrides)
    network = config.build(cfg.model)(
        SHAPE,
        4,
        downsample=config.build(cfg.downsample),
        mean=0.5,
        std=0.3,
        rngs=nnx.Rngs(1),
    )
    network.eval()
    return network


@pytest.fixture(scope="module")
def images():
    values = np.random.default_rng(0).uniform(size=(3, *SHAPE))
    return jnp.asarray(values, jnp.float32)


@pytest.mark.parametrize("family", FAMILIES)
def test_adaptive_networks_follow_every_shift(family, images):
    network = build(*ROWS, *FAMILIES[family])
    assert network.stride[0] == 1 and network.stride[1] in (4, 8, 2)
    apply = nnx.jit(network)
    still = np.asarray(apply(images))
    for columns in range(1, 8):
        moved = np.asarray(apply(shift(images, (0, columns))))
        np.testing.assert_allclose(moved, still, atol=2e-5 * abs(still).max())


@pytest.mark.parametrize("preset", ["max", "tips", "asap", "aps"])
def test_orbits_are_the_loop_over_all_columns(preset, images):
    network = build(*ROWS, "model=tiny", f"downsample={preset}")
    orbit = ClosedForm(network, np.asarray(images))
    found = orbit.logits(np.asarray(images))
    commutes = preset != "tips"
    assert orbit.period == ((1, 4) if commutes else (1, 32))
    apply = nnx.jit(network)
    for columns in range(32):
        expected = np.asarray(apply(shift(images, (0, columns))))
        place = found[:, 0, columns % orbit.period[1]]
        np.testing.assert_allclose(place, expected, atol=1e-5)


def test_receptive_fields_grow_along_columns_alone():
    network = build(
        *ROWS, *FAMILIES["tiny"][:2], "downsample=max", "downsample.reduce.window=[1,2]"
    )
    # 5; 5 + 1; 6 + 2·2; 10 + 2; 12 + 2·4
    assert receptive_fields(network, SHAPE) == [(1, k) for k in (5, 6, 10, 12, 20)]


def test_each_layer_has_a_window_of_its_own():
    assert per_layer(3, 2, "model.window") == [(3, 3), (3, 3)]
    assert per_layer([3, [1, 5]], 2, "model.window") == [(3, 3), (1, 5)]
    for wrong in ([1, 5], [[1, 5], [1, 2, 3], 3], [0, 1, 1]):
        with pytest.raises(UserError, match="model.window=.*or 3 of them"):
            per_layer(wrong, 3, "model.window")


def test_dilation_of_each_axis():
    conv = Conv(1, 1, (2, 3), dilation=(3, 2), padding="valid", rngs=nnx.Rngs(0))
    x = jnp.arange(42.0).reshape(1, 6, 7, 1) ** 2 % 11
    kernel = np.asarray(conv.kernel[...])[..., 0, 0]
    expected = sum(
        kernel[i, j] * x[:, 3 * i : 3 * i + 3, 2 * j : 2 * j + 3]
        for i in range(2)
        for j in range(3)
    )
    np.testing.assert_allclose(conv(x), expected, rtol=1e-5, atol=1e-6)
