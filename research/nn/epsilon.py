"""What is added under a root, by the dtype in which its derivative is returned.

The published constants are those of float32. There and in bfloat16, which reaches as
far, they stay as they are, bit by bit. Float16 ends at 65,504: the derivative of a
normalisation by the root of 10⁻¹² is up to 10⁶, and overflows.
"""

from __future__ import annotations

import jax.numpy as jnp

# The least that may be added. Float16: the inverse of its root is 1,024, which leaves
# gradients a factor of 64; and it is a number of float16. Of the others: the least one.
LEAST = {
    "float16": 2.0**-20,
    "bfloat16": 2.0**-126,
    "float32": 2.0**-126,
    "float64": 2.0**-1022,
}


def epsilon(published: float, dtype: jnp.dtype) -> float:
    """Returns the constant, or the least one that the dtype takes.

    Args:
      published: ε of float32.
      dtype: of the map, and so of its gradient.
    """
    return max(published, LEAST[jnp.dtype(dtype).name])
