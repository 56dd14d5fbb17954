"""The airbench network and its recipe, each part against its definition."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from research import config
from research.evals.orbit import orbit_logits
from research.models.airbench import fixed_scale, pass_through
from research.nn.layers import count_parameters
from research.nn.whitening import EPSILON, Whiten, extract_patches
from research.training.groups import build, label
from research.training.optim import triangle

RNG = np.random.default_rng(0)
TINY = ["experiment=airbench", "model.widths=[8,16,16]"]


def make(*words):
    network = config.network(config.compose(*TINY, *words), rngs=nnx.Rngs(0))
    network.eval()
    return network


def test_its_parameters_are_as_many_as_published():
    cfg = config.compose("experiment=airbench")
    network = nnx.eval_shape(lambda: config.network(cfg, rngs=nnx.Rngs(0)))
    assert count_parameters(network) == 1_971_352
    shapes = [shape[0] for shape in network.map_shapes((32, 32, 3))]
    assert [shapes[0], shapes[1], *shapes[3::4]] == [32, 31, 15, 7, 3]


@pytest.mark.parametrize("preset", ["max", "max_blur", "strided", "max_aps", "ideal"])
def test_a_downsampler_takes_the_place_of_each_pooling(preset):
    network = make(f"downsample={preset}", "model.padding=circular")
    shapes = [shape[0] for shape in network.map_shapes((32, 32, 3))]
    assert shapes[3::4] == [16, 8, 4]


def test_with_circular_borders_adaptive_phases_commute_with_every_shift():
    network = make("downsample=max_aps", "model.padding=circular")
    images = RNG.random((2, 32, 32, 3), np.float32)
    orbits = orbit_logits(network, images)
    assert orbits.shape[1:3] == (8, 8)
    shifted = network(jnp.roll(images, (5, 18), (1, 2)))
    np.testing.assert_allclose(orbits[:, 5, 2], shifted, atol=1e-4 * orbits.std())
    spread = orbits.reshape(2, 64, 10)
    np.testing.assert_allclose(spread, spread[:, :1] + 0 * spread, atol=1e-5)


def test_whitened_patches_are_uncorrelated_up_to_epsilon():
    mixing = RNG.normal(size=(3, 3))
    images = (RNG.normal(size=(64, 9, 9, 3)) @ mixing).astype(np.float32)
    images[:, 1:] = (images[:, 1:] + images[:, :-1]) / 2  # rows are correlated
    layer = Whiten(3, act=lambda x: x)
    layer.initialize_from(jnp.asarray(images))
    kernel = np.asarray(layer.kernel[...])
    assert kernel.shape == (2, 2, 3, 24)
    np.testing.assert_array_equal(kernel[..., 12:], -kernel[..., :12])
    patches = extract_patches(images, 2).astype(np.float64)
    covariance = patches.T @ patches / len(patches)  # about zero, not about the mean
    values = np.linalg.eigvalsh(covariance)[::-1]
    directions = kernel[..., :12].reshape(12, 12)
    found = directions.T @ covariance @ directions
    np.testing.assert_allclose(found, np.diag(values / (values + EPSILON)), atol=1e-4)
    whitened = np.asarray(layer(jnp.asarray(images)))[..., :12].reshape(-1, 12)
    np.testing.assert_allclose(whitened, patches @ directions, atol=1e-3)


def test_the_kernels_of_the_whitening_come_from_the_images_and_are_not_trained():
    network = make()
    before = np.asarray(network.stages[0].kernel[...])
    network.initialize_from(jnp.asarray(RNG.random((16, 32, 32, 3), np.float32)))
    assert not np.array_equal(before, network.stages[0].kernel[...])
    trained = [path for path, _ in nnx.to_flat_state(nnx.state(network, nnx.Param))]
    assert ("stages", 0, "bias") in trained and ("stages", 0, "kernel") not in trained


def test_the_first_outputs_of_a_convolution_are_its_inputs():
    kernel = pass_through(jax.random.key(0), (3, 3, 4, 6))
    x = jnp.asarray(RNG.normal(size=(2, 5, 5, 4)), jnp.float32)
    y = jax.lax.conv_general_dilated(
        x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(y[..., :4], x, rtol=1e-6)
    rest = np.abs(kernel[..., 4:])
    assert 0.8 / 6 < rest.max() <= 1 / 6  # ±1/√36
    narrow = pass_through(jax.random.key(0), (3, 3, 6, 4))
    assert (np.asarray(narrow) != 0).sum() == 4


def test_the_norm_has_no_gain_and_averages_the_unbiased_variance():
    layer = fixed_scale(3, rngs=nnx.Rngs(0))
    x = jnp.asarray(RNG.normal(2, 3, size=(4, 2, 2, 3)), jnp.float32)
    y = layer(x)
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1, atol=1e-5)
    wide = np.asarray(x).reshape(-1, 3)
    np.testing.assert_allclose(layer.mean[...], 0.4 * wide.mean(0), rtol=1e-5)
    np.testing.assert_allclose(
        layer.var[...], 0.6 + 0.4 * wide.var(0, ddof=1), rtol=1e-5
    )
    assert [path[-1] for path, _ in nnx.to_flat_state(nnx.state(layer, nnx.Param))] == [
        "bias"
    ]


def test_the_rate_rises_and_falls_along_lines():
    rate = triangle(1.0, steps_per_epoch=48, epochs=10)
    assert rate(0) == pytest.approx(0.2) and rate(480) == pytest.approx(0.07)
    wanted = np.interp(np.arange(481), [0, 110, 480], [0.2, 1, 0.07])
    found = [float(rate(step)) for step in range(481)]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_groups_are_the_biases_of_norms_the_early_ones_and_the_others():
    params = nnx.state(make(), nnx.Param)
    groups = {path: name for path, name in nnx.to_flat_state(label(params))}
    assert groups.pop(("stages", 0, "bias")) == "early"
    norms = {path for path, name in groups.items() if name == "norm"}
    assert norms == {path for path in groups if path[-2:] == ("norm", "bias")}
    assert len(norms) == 6 and set(groups.values()) == {"norm", "other"}


def test_the_sum_over_a_batch_and_its_mean_are_one_optimiser():
    """Nesterov's SGD as PyTorch writes it, on the sum, against ours on the mean."""
    batch, rate, decay, factor, momentum = (
        1024,
        11.5 / 1024 / (1 + 1 / 0.15),
        0.1,
        64,
        0.85,
    )
    network = make()
    params = nnx.state(network, nnx.Param)
    optimizer = build(
        direction=lambda: optax.trace(momentum, nesterov=True),
        learning_rate=rate * batch,
        schedule=lambda peak, **_: optax.constant_schedule(peak),
        weight_decay=decay,
        norm_factor=factor,
        early_epochs=1,
        steps_per_epoch=2,
        epochs=2,
    )
    groups = [name for _, name in nnx.to_flat_state(label(params))]
    ours, state = params, optimizer.init(params)
    theirs = [np.float64(leaf) for leaf in jax.tree.leaves(params)]
    buffers = [np.zeros_like(leaf) for leaf in theirs]
    for step in range(4):
        mean = jax.tree.map(lambda p: 1e-3 * jnp.sin(p * (step + 1)), ours)  # noqa: B023
        gradients = [batch * np.float64(leaf) for leaf in jax.tree.leaves(mean)]
        updates, state = optimizer.update(mean, state, ours)
        ours = optax.apply_updates(ours, updates)
        for i, name in enumerate(groups):
            if name == "early" and step >= 2:
                continue
            own = rate * (factor if name == "norm" else 1)
            gradient = gradients[i] + decay / own * theirs[i]
            buffers[i] = momentum * buffers[i] + gradient
            theirs[i] = theirs[i] - own * (gradient + momentum * buffers[i])
    for mine, other in zip(jax.tree.leaves(ours), theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)
