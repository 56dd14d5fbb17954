"""ConvNeXt and its alias-free form: what moves with the image, and what does not."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from research import config
from research.nn.signal import fractional_shift

SIDE = 16
SMALL = ["model.widths=[8,12]", "model.depths=[1,1]", "model.layer_scale=1"]
AFC = ["model=afc_tiny", "model.padding=circular", *SMALL]
CONVNEXT = ["model=convnext_tiny", "model.padding=circular", *SMALL]


def build(*overrides):
    cfg = config.compose(*overrides)
    network = config.build(cfg.model)(
        (SIDE, SIDE, 3),
        10,
        downsample=config.build(cfg.downsample),
        mean=(0.4, 0.5, 0.6),
        std=(0.2, 0.2, 0.3),
        rngs=nnx.Rngs(1),
    )
    network.eval()
    return network


@partial(jax.jit, static_argnums=0)
def apply(graph, state, images):
    return nnx.merge(graph, state)(images)


def logits(network, images):
    return apply(*nnx.split(network), images)


def noise(count=4, seed=3):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.uniform(size=(count, SIDE, SIDE, 3)), jnp.float32)


def band_limited(images):
    """Images without the bins at ±n/2, which half a pixel would destroy."""
    half = jnp.full((len(images), 2), 0.5)
    return fractional_shift(fractional_shift(images, half), -half)


def offsets(count, seed=4):
    draws = np.random.default_rng(seed).uniform(-SIDE, SIDE, (count, 2))
    return jnp.asarray(draws, jnp.float32)


def change(network, images, *, times=6):
    """The largest over fractional shifts, in standard deviations of the logits."""
    still = logits(network, images)
    moved = [
        logits(network, fractional_shift(images, offsets(len(images), seed)))
        for seed in range(times)
    ]
    return max(float(jnp.abs(one - still).max()) for one in moved) / float(still.std())


def test_agreement_under_fractional_shifts_is_exact():
    assert change(build(*AFC), band_limited(noise())) < 1e-4


@pytest.mark.slow  # a real training
def test_trained_it_is_exact_too():
    network = build(*AFC)
    images, labels = noise(16), jnp.arange(16) % 10
    graph, params, rest = nnx.split(network, nnx.Param, ...)

    @jax.jit
    def descend(params):
        def objective(params):
            scores = nnx.merge(graph, params, rest)(images)
            losses = optax.softmax_cross_entropy_with_integer_labels(scores, labels)
            return losses.mean()

        loss, slope = jax.value_and_grad(objective)(params)
        return jax.tree.map(lambda p, g: p - 0.02 * g, params, slope), loss

    losses = []
    for _ in range(4):
        params, loss = descend(params)
        losses.append(float(loss))
    assert losses[-1] < losses[0]
    trained = nnx.merge(graph, params, rest)
    assert change(trained, band_limited(noise())) < 1e-4
    still, moved = (
        logits(trained, x).argmax(-1)
        for x in (noise(), fractional_shift(noise(), offsets(4)))
    )
    np.testing.assert_array_equal(still, moved)


def test_the_nyquist_bin_of_an_image_does_no_harm_before_the_first_lowpass():
    """Only linear parts come before it, and it takes that bin away."""
    assert change(build(*AFC), noise()) < 1e-4


@pytest.mark.parametrize(
    "other",
    [
        "model/activation=gelu",
        "model/norm=layer",
        "downsample=decimate",
        "downsample=blur",
        "model/head=gmp",
    ],
)
def test_each_part_is_needed(other):
    assert change(build(*AFC, other), band_limited(noise())) > 1e-3


def test_padding_by_zeros_breaks_it():
    zeros = [o.replace("circular", "zero") for o in AFC]
    assert change(build(*zeros), band_limited(noise())) > 1e-3


def test_convnext_is_not_alias_free():
    assert change(build(*CONVNEXT), band_limited(noise())) > 1e-2


@pytest.mark.parametrize(
    "part", ["model/norm=batch", "model.activation.upsampling=1.5"]
)
def test_other_parts_are_as_exact(part):
    assert change(build(*AFC, part), band_limited(noise())) < 1e-4


def test_each_stage_commutes_with_fractions_of_its_stride():
    network = build(*AFC)
    x = network.standardize(band_limited(noise()))
    d = offsets(len(x))
    for stage in network.stages:
        y = stage(x)
        ratio = np.array(stage.stride)
        gap = stage(fractional_shift(x, d)) - fractional_shift(y, d / ratio)
        assert float(jnp.abs(gap).max() / jnp.sqrt(jnp.mean(y**2))) < 1e-5, stage
        x = y


def test_decimated_valid_patches_are_disjoint():
    network = build("model=convnext_tiny", *SMALL)
    conv, down = network.stages[:2]
    x = noise(1)
    patches = x.reshape(1, SIDE // 2, 2, SIDE // 2, 2, 3).transpose(0, 1, 3, 2, 4, 5)
    want = jnp.einsum("bhwijc,ijco->bhwo", patches, conv.kernel[...])
    np.testing.assert_allclose(down.after(conv, x), want, atol=1e-5)
    assert [s[0] for s in network.map_shapes((SIDE, SIDE, 3))][-1] == SIDE // 4
