"""`LAWS=200 pytest -m laws` draws 200 examples for each law instead of 20."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import HealthCheck, settings

settings.register_profile(
    "laws",
    max_examples=int(os.environ.get("LAWS", "20")),
    deadline=None,  # the first example of each shape compiles
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("laws")


@pytest.fixture
def maps():
    """Draws (batch, height, width, channels) of normal values."""

    def draw(*shape, seed=0):
        values = np.random.default_rng(seed).normal(size=shape)
        return jnp.asarray(values, jnp.float32)

    return draw


@pytest.fixture
def run():
    """Evaluates a module, compiled, in evaluation mode."""

    def evaluate(module, x, *args):
        module = nnx.clone(module)
        module.eval()
        return jax.tree.map(np.asarray, jax.jit(lambda x: module(x, *args))(x))

    return evaluate
