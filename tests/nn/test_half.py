"""In 16 bits no constant becomes 0 or ∞: values and gradients at 0, near it, at 1."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research import config
from research.models import airbench, vit
from research.models.capsule import lengths, route, squash
from research.models.readout import ClassMaps
from research.models.windows import Windows
from research.nn.attention import CrossCovariance
from research.nn.epsilon import LEAST, epsilon
from research.nn.layers import BatchNorm
from research.nn.norm import CHW2, LayerNorm
from research.nn.token_norm import TokenNorm
from research.nn.whitening import Whiten

pytestmark = pytest.mark.slow  # every layer and downsampler in every type

CONF = Path(config.CONF) / "downsample"
PRESETS = sorted(p.stem for p in CONF.glob("*.yaml") if not p.stem.startswith("base"))


def derive(function, x, dtype, parameters):
    """Values, and gradients for the parameters and for x, all in float32."""

    def total(parameters, x):
        y = function(parameters, x)
        return jnp.sum(y.astype(jnp.float32) ** 2 + y.astype(jnp.float32)), y

    gradient = jax.jit(jax.grad(total, argnums=(0, 1), has_aux=True))
    found = gradient(parameters, x.astype(dtype))
    return [np.asarray(leaf, np.float32) for leaf in jax.tree.leaves(found)]


def same_as_float32(function, size, dtype, parameters=()):
    """Compares with float32, at values of one size and at a map of that value."""
    noise = size * jax.random.normal(jax.random.key(0), (2, 4, 4, 8))
    for x in (noise, jnp.full_like(noise, size)):
        half, single = (
            derive(
                function,
                x.astype(dtype),  # the very same values
                kind,
                jax.tree.map(lambda leaf, kind=kind: leaf.astype(kind), parameters),
            )
            for kind in (dtype, jnp.float32)
        )
        for a, b in zip(half, single, strict=True):
            assert np.isfinite(a).all()
            scale = max(np.abs(b).max(), 1e-3)
            assert np.abs(a - b).max() <= 16 * float(jnp.finfo(dtype).eps) * scale


HALVES = pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
DTYPES = pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])


def assert_finite(module, dtype):
    """Values and gradients of a module, cast whole, in training and in evaluation.

    At maps of one value, at noise of that size, and at half of the images each.
    """
    calls = []
    for mode in (module.train, module.eval):
        mode()
        graph, parameters, rest = nnx.split(module, nnx.Param, ...)
        calls.append((graph, nnx.as_pure(rest)))

    def total(parameters, x):
        ys = [nnx.merge(g, parameters, nnx.as_pure(rest))(x) for g, rest in calls]
        wide = [y.astype(jnp.float32) for y in ys]
        uneven = jax.random.normal(jax.random.key(1), wide[0].shape)
        return sum(jnp.sum(y**2 + y * uneven) for y in wide), ys

    gradient = jax.jit(jax.grad(total, argnums=(0, 1), has_aux=True))
    cast = jax.tree.map(lambda leaf: leaf.astype(dtype), nnx.as_pure(parameters))
    noise = jax.random.normal(jax.random.key(0), (4, 4, 4, 8))
    for size in (0.0, 1e-3, 1.0):
        flat = jnp.full_like(noise, size)
        for x in (size * noise, flat, jnp.concatenate([size * noise[:2], flat[:2]])):
            for found in jax.tree.leaves(gradient(cast, x.astype(dtype))):
                assert jnp.isfinite(found).all()


@HALVES
@pytest.mark.parametrize("size", [0.0, 1e-3])
def test_capsules_are_those_of_float32(size, dtype):
    same_as_float32(lambda _, x: squash(x), size, dtype)
    same_as_float32(lambda _, x: lengths(x), size, dtype)
    same_as_float32(lambda _, x: route(x, 3), size, dtype)


class Sequences(nnx.Module):
    """A layer of sequences, made one of maps."""

    def __init__(self, layer):
        self.layer = layer

    def __call__(self, x):
        return self.layer(x.reshape(len(x), -1, x.shape[-1]))


class Alone(Sequences):
    """Windows that are chosen by the map itself."""

    def __call__(self, x):
        return self.layer(x, x)


LAYERS = {
    "batch": BatchNorm,
    "batch of airbench": airbench.fixed_scale,  # ε = 10⁻¹², whose root float16 lacks
    "layer": LayerNorm,
    "chw2": CHW2,
    "attention": lambda width, rngs: Sequences(vit.Attention(width, 2, rngs=rngs)),
    "whitening": lambda width, rngs: Whiten(width, padding="circular"),
    "class maps": lambda width, rngs: ClassMaps((4, 4, width), 3, rngs=rngs),
    "tokens": TokenNorm,
    "cross-covariance": lambda width, rngs: CrossCovariance(width, 2, rngs=rngs),
    "windows": lambda width, rngs: Alone(Windows(width, 2, (2, 2), (4, 4), rngs=rngs)),
}


@DTYPES
@pytest.mark.parametrize("layer", LAYERS)
def test_layers(dtype, layer):
    assert_finite(LAYERS[layer](8, rngs=nnx.Rngs(0)), dtype)


@DTYPES
@pytest.mark.parametrize("preset", PRESETS)
def test_downsamplers(preset, dtype):
    cfg = config.compose(f"downsample={preset}", "model.padding=circular")
    assert_finite(config.downsample(cfg, 8, rngs=nnx.Rngs(0)), dtype)


def test_running_variances_of_float16_are_no_zero_below_a_fraction_line():
    norm = airbench.fixed_scale(2, rngs=nnx.Rngs(0))
    norm.eval()
    for variable in (norm.mean, norm.var):
        variable[...] = jnp.zeros(2, jnp.float16)
    y = norm(jnp.full((1, 1, 1, 2), 1e-3, jnp.float16))
    assert jnp.isfinite(y).all() and y[0, 0, 0, 0] == pytest.approx(1.024, 1e-2)


def test_float32_takes_the_published_constants():
    half, brain, single = map(jnp.dtype, ("float16", "bfloat16", "float32"))
    for published in (1e-5, 1e-6, 1e-7, 1e-12):
        assert epsilon(published, single) == epsilon(published, brain) == published
        assert jnp.float16(epsilon(published, half)) > 0
    assert epsilon(1e-5, half) == 1e-5
    for name, least in LEAST.items():
        if name != "float64":  # of which JAX makes float32 unless it is asked
            assert jnp.isfinite(1 / jnp.sqrt(jnp.asarray(least, name)))
    norm = airbench.fixed_scale(2, rngs=nnx.Rngs(0))
    norm.eval()
    x = jax.random.normal(jax.random.key(0), (2, 3, 3, 2))
    plain = x * jax.lax.rsqrt(norm.var[...] + 1e-12)
    np.testing.assert_array_equal(norm(x), plain)
