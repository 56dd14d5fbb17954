"""Batch normalisation is Flax's: values, gradients, running averages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.nn.layers import BatchNorm


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("offset", [0.0, 10.0])
def test_batch_norm_is_that_of_flax(training, offset):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(offset, 2.0, (6, 5, 4, 3)), jnp.float32)
    given = jnp.asarray(rng.normal(size=x.shape), jnp.float32)
    ours = BatchNorm(3, rngs=nnx.Rngs(0))
    theirs = nnx.BatchNorm(3, momentum=0.9, epsilon=1e-5, rngs=nnx.Rngs(0))
    found = []
    for norm in (ours, theirs):
        norm.scale[...], norm.bias[...] = jnp.arange(1.0, 4.0), jnp.arange(3.0)
        norm.mean[...], norm.var[...] = jnp.arange(3.0) - 1, jnp.arange(2.0, 5.0)
        norm.set_attributes(use_running_average=not training)
        graph, *state = nnx.split(norm, nnx.Param, ...)
        params, rest = map(nnx.as_pure, state)

        def loss(params, x, graph=graph, rest=rest):
            norm = nnx.merge(graph, params, rest)
            y = norm(x)
            return (y * given).sum(), (y, norm.mean[...], norm.var[...])

        both = jax.value_and_grad(loss, (0, 1), has_aux=True)(params, x)
        found.append(jax.tree.leaves(both))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_batch_norm_computes_in_float32_and_returns_what_it_was_given():
    norm = BatchNorm(2, rngs=nnx.Rngs(0))
    x = jnp.full((4, 4, 4, 2), 1000.0, jnp.bfloat16)
    x = x.at[0].add(8)  # E[x²] is 10⁶, the variance 12: bfloat16 cannot hold both
    y = norm(x)
    assert y.dtype == jnp.bfloat16 and norm.var.dtype == jnp.float32
    np.testing.assert_allclose(y[0].astype(jnp.float32), np.sqrt(3), rtol=0.02)


def test_a_seed_and_a_checkpoint_mean_the_same_as_with_the_norm_of_flax():
    ours, theirs = nnx.Rngs(3), nnx.Rngs(3)
    states = [
        nnx.state(norm(2, rngs=rngs))
        for norm, rngs in ((BatchNorm, ours), (nnx.BatchNorm, theirs))
    ]
    assert jax.tree.structure(states[0]) == jax.tree.structure(states[1])
    assert jnp.all(
        jax.random.key_data(ours.params()) == jax.random.key_data(theirs.params())
    )
