"""What a program for CPUs holds in memory is the same map; others hold nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.nn.cpu.materialize import materialize

X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 4, 3)), jnp.float32)


def chain(x):
    """Two readers of one map, which XLA would compute it for twice."""
    y = materialize(jnp.tanh(x))
    return (y[:, ::-1].transpose(0, 2, 1, 3) * 2).sum(0), y.sum((1, 2))


def plain(x):
    y = jnp.tanh(x)
    return (y[:, ::-1].transpose(0, 2, 1, 3) * 2).sum(0), y.sum((1, 2))


@pytest.mark.parametrize("flag, kept", [("cse_barrier_expander", True), ("", False)])
def test_xla_keeps_the_barrier_if_it_is_asked_to(flag, kept):
    options = {"xla_disable_hlo_passes": flag} if flag else {}
    compiled = jax.jit(chain).lower(X).compile(options)
    assert ("opt-barrier" in compiled.as_text()) == kept
    jax.tree.map(np.testing.assert_allclose, compiled(X), plain(X))


@pytest.mark.parametrize("platforms", [("cuda",), ("tpu",), ("cpu", "cuda")])
def test_only_a_program_for_cpus_has_one(platforms):
    traced = jax.jit(chain).trace(X)
    barrier = "optimization_barrier"
    assert barrier in traced.lower(lowering_platforms=("cpu",)).as_text()
    assert barrier not in traced.lower(lowering_platforms=platforms).as_text()


def test_gradients_are_held_too_and_derivatives_are_those_of_the_identity():
    def loss(function, x):
        return sum((y**3).sum() for y in function(x))

    ours, theirs = (
        jax.jit(jax.grad(lambda x, f=function: loss(f, x)))
        for function in (chain, plain)
    )
    assert ours.lower(X).as_text().count("optimization_barrier") == 2
    np.testing.assert_allclose(ours(X), theirs(X), rtol=1e-5, atol=1e-6)
    tangents = [jax.jvp(function, (X,), (X,)) for function in (chain, plain)]
    jax.tree.map(np.testing.assert_allclose, *tangents)
    mapped = [jax.vmap(function)(X[None]) for function in (chain, plain)]
    jax.tree.map(np.testing.assert_allclose, *mapped)
