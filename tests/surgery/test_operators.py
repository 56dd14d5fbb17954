"""The compiled downsamplers of a replacement, without any network."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from research.downsample.sample import Random
from research.surgery.replacement import Operators, Replacement


def test_what_is_kept_from_one_size_to_the_next_holds_no_tracer():
    operators = Operators(Replacement(sample=Random))
    for size in (9, 12):
        x = jnp.arange(2.0 * size**2).reshape(1, 2, size, size)
        y = operators((3, 3), x, x)
        np.testing.assert_array_equal(y, x[:, :, ::3, ::3])
    held = jax.tree.leaves(nnx.state(operators._build((3, 3))))
    assert held and not any(isinstance(one, jax.core.Tracer) for one in held)
