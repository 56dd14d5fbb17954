"""Layers have derivatives of any order and direction, compiled, on the fast path."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.nn.cpu import convolution, onednn
from research.nn.layers import BatchNorm, Conv, ConvNormAct
from research.nn.whitening import Whiten

LAYERS = {
    "convolution": lambda rngs: Conv(4, 6, rngs=rngs),
    "circular": lambda rngs: Conv(4, 6, padding="circular", rngs=rngs),
    "dilated": lambda rngs: Conv(4, 6, dilation=2, rngs=rngs),
    "block": lambda rngs: ConvNormAct(4, 6, norm=BatchNorm, act=jnp.tanh, rngs=rngs),
    "whitening": lambda rngs: Whiten(4, act=jnp.tanh),
}


def derivatives(layer):
    """Forwards, backwards, and each of them of the gradient, compiled."""
    graph, params, rest = nnx.as_pure(nnx.split(layer, nnx.Param, ...))

    def loss(params, x):
        return jnp.sum(nnx.merge(graph, params, nnx.as_pure(rest))(x) ** 2)

    def along(function):
        return lambda *at: jax.jvp(function, at, at)[1]

    slope = jax.grad(loss, (0, 1))

    def steepness(params, x):
        return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(slope(params, x)))

    def everything(params, x):
        found = (loss, slope, jax.grad(steepness, (0, 1)))
        return [(f(params, x), along(f)(params, x)) for f in found]

    return jax.jit(everything), params


@pytest.mark.slow  # compiles derivatives of every layer
@pytest.mark.skipif(not onednn.available(), reason="this jaxlib has no oneDNN call")
@pytest.mark.parametrize("kind", LAYERS)
def test_layers_are_differentiable_to_any_order(kind, monkeypatch):
    monkeypatch.setattr(convolution, "WORTH", 0)
    layer = LAYERS[kind](nnx.Rngs(0))
    layer.train()
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 4))
    found = []
    for fast in (True, False):
        with convolution.enabled(fast):
            compute, params = derivatives(layer)
            text = compute.lower(params, x).as_text()
            assert (onednn.TARGET in text) == fast
            found.append(jax.tree.leaves(compute(params, x)))
    for ours, theirs in zip(*found, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4 * scale)
