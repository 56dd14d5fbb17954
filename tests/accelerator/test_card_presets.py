"""Every downsampler and its gradient are those of the CPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from comparing import FLOAT32, difference, on_both
from flax import nnx

from research import config

pytestmark = pytest.mark.accelerator

PRESETS = sorted(
    path.stem
    for path in (config.CONF / "downsample").glob("*.yaml")
    if not path.stem.startswith("base")
)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_downsampler_and_its_gradient_are_those_of_the_cpu(preset, accelerator, note):
    cfg = config.compose("model=chollet", f"downsample={preset}")
    graph, state = nnx.split(config.downsample(cfg, 8, rngs=nnx.Rngs(0)))
    state, rng = nnx.as_pure(state), np.random.default_rng(0)
    x = rng.normal(size=(4, 16, 16, 8)).astype(np.float32)

    def forward(state, x):
        return nnx.merge(graph, state)(x)

    def both_ways(state, x, given):
        y, pull = jax.vjp(lambda x: forward(state, x), x)
        return y, pull(given)[0]

    shape = jax.eval_shape(forward, state, jnp.asarray(x)).shape
    given = rng.normal(size=shape).astype(np.float32)
    there, here = on_both(accelerator, both_ways, state, x, given)
    errors = [difference(*pair) for pair in zip(there, here, strict=True)]
    note(
        "downsample={}: value off by {:.2g}, gradient by {:.2g}".format(preset, *errors)
    )
    assert max(errors) < FLOAT32
