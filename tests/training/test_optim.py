"""Optimisers: what decays, and how the learning rate goes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from research import config
from research.errors import UserError
from research.nn.layers import Undecayed
from research.training import optim


def test_weight_decay_spares_biases_norms_and_undecayed():
    class Parts(nnx.Module):
        def __init__(self):
            self.kernel = nnx.Param(jnp.ones((2, 2)))
            self.free = Undecayed(jnp.ones((2, 2)))
            self.bias = nnx.Param(jnp.ones(2))

    params = nnx.state(Parts(), nnx.Param)
    chain = optim.build(
        direction=optax.identity,
        learning_rate=1.0,
        schedule=optim.constant,
        weight_decay=0.1,
        steps_per_epoch=1,
        epochs=1,
    )
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = chain.update(zeros, chain.init(params), params)
    moved = {name: float(jnp.abs(updates[name][...]).max()) for name in updates}
    assert moved == pytest.approx({"kernel": 0.1, "free": 0.0, "bias": 0.0})


@pytest.mark.parametrize(
    "words",
    [
        ["model=chollet"],
        ["model=local"],
        ["model=resnet20"],
        ["model=capsnet_small"],
        ["model=vit_tiny", "model.class_token=true"],
    ],
    ids=lambda words: words[0],
)
def test_weight_decay_is_of_the_kernels_of_every_network(words):
    """Whatever their axes: a locally connected layer's biases have three."""
    cfg = config.compose(*words)
    shapes = nnx.eval_shape(lambda: config.network(cfg, rngs=nnx.Rngs(0)))
    decayed = nnx.to_flat_state(optim.decay_mask(nnx.state(shapes, nnx.Param)))
    for path, does in decayed:
        assert does == (path[-1] in {"kernel", "matrices"}), path


def test_schedules():
    cosine = optim.cosine(1.0, steps_per_epoch=10, epochs=4, warmup=1)
    rates = [float(cosine(step)) for step in (0, 5, 10, 25, 40)]
    assert rates == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0], abs=1e-6)
    steps = optim.piecewise(1.0, steps_per_epoch=10, epochs=4, at=[0.5, 0.75])
    assert [float(steps(s)) for s in (19, 20, 30)] == pytest.approx([1, 0.1, 0.01])
    assert float(optim.constant(0.3, steps_per_epoch=1, epochs=1)(9)) == pytest.approx(
        0.3
    )


@pytest.mark.parametrize("warmup", [-1, 1.96, 2, 2.5])
def test_a_warm_up_that_never_ends_is_refused(warmup):
    words = rf"optim\.schedule\.warmup={warmup} with train\.epochs=2"
    with pytest.raises(UserError, match=words):
        optim.cosine(1.0, steps_per_epoch=10, epochs=2, warmup=warmup)
    nearly = optim.cosine(1.0, steps_per_epoch=10, epochs=2, warmup=1.9)
    assert max(float(nearly(step)) for step in range(20)) == pytest.approx(1)


@pytest.mark.parametrize("decoupled", [False, True])
def test_decoupled_decay_bypasses_the_direction(decoupled):
    chain = optim.build(
        direction=partial(optax.scale, 10.0),
        learning_rate=1.0,
        schedule=optim.constant,
        weight_decay=0.1,
        decoupled=decoupled,
        steps_per_epoch=1,
        epochs=1,
    )
    params = {"w": jnp.ones((2, 2))}
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = chain.update(zeros, chain.init(params), params)
    np.testing.assert_allclose(updates["w"], -0.1 if decoupled else -1.0, rtol=1e-6)


def make_chain(**more):
    return optim.build(
        direction=optax.identity,
        learning_rate=1.0,
        schedule=partial(optim.cosine, warmup=1),
        steps_per_epoch=10,
        epochs=4,
        **more,
    )


def test_a_gradient_is_clipped_by_the_norm_of_all_of_it():
    params = {"a": jnp.ones(2), "b": jnp.ones(1)}
    grads = {"a": jnp.array([3.0, 0.0]), "b": jnp.array([4.0])}  # of norm 5
    for clip, factor in ((None, 1.0), (10.0, 1.0), (1.0, 0.2)):
        chain = make_chain(clip=clip)
        state = chain.init(params)
        for _ in range(11):  # at the tenth step the rate is at its peak
            updates, state = chain.update(grads, state, params)
        np.testing.assert_allclose(updates["a"], [-3 * factor, 0], rtol=1e-5)
        np.testing.assert_allclose(updates["b"], [-4 * factor], rtol=1e-5)


def test_the_rates_of_a_chain_are_those_of_its_steps():
    chain, params = make_chain(), {"a": jnp.ones(1)}
    state, moved = chain.init(params), []
    for _ in range(40):
        updates, state = chain.update(params, state, params)
        moved.append(-float(updates["a"][0]))
    np.testing.assert_allclose(optim.read_rates(chain, 40), moved, atol=1e-6)
    assert optim.read_rates(optax.sgd(0.1), 40) is None
