"""In 16 bits no constant becomes 0 or ∞: values and gradients at 0 and near it."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research import config
from research.models.capsule import lengths, route, squash
from research.nn.layers import BatchNorm
from research.nn.norm import LayerNorm

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


DTYPES = pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
SIZES = pytest.mark.parametrize("size", [0.0, 1e-3])


@DTYPES
@SIZES
def test_capsules(size, dtype):
    same_as_float32(lambda _, x: squash(x), size, dtype)
    same_as_float32(lambda _, x: lengths(x), size, dtype)
    same_as_float32(lambda _, x: route(x, 3), size, dtype)


@DTYPES
@SIZES
@pytest.mark.parametrize("layer", [LayerNorm, BatchNorm])
def test_normalisations(size, dtype, layer):
    module = layer(8, rngs=nnx.Rngs(0))
    graph, parameters, rest = nnx.split(module, nnx.Param, ...)

    def call(parameters, x):
        return nnx.merge(graph, parameters, nnx.as_pure(rest))(x)

    noise = jax.random.normal(jax.random.key(0), (2, 4, 4, 8))
    for x in (size * noise, jnp.full_like(noise, size)):
        cast = jax.tree.map(lambda leaf: leaf.astype(dtype), nnx.as_pure(parameters))
        for found in derive(call, x, dtype, cast):
            assert np.isfinite(found).all()


@DTYPES
@SIZES
@pytest.mark.parametrize("preset", PRESETS)
def test_downsamplers(preset, size, dtype):
    cfg = config.compose(f"downsample={preset}", "model.padding=circular")
    down = config.downsample(cfg, 8, rngs=nnx.Rngs(0))
    graph, parameters, rest = nnx.split(down, nnx.Param, ...)
    rest = nnx.as_pure(rest)

    def call(parameters, x):
        return nnx.merge(graph, parameters, nnx.as_pure(rest))(x)

    noise = jax.random.normal(jax.random.key(0), (2, 4, 4, 8))
    cast = jax.tree.map(lambda leaf: leaf.astype(dtype), nnx.as_pure(parameters))
    for x in (size * noise, jnp.full_like(noise, size)):
        for found in derive(call, x, dtype, cast):
            assert np.isfinite(found).all()
