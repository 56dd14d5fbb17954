"""The elementwise maximum and ℓp norm of maps, with derivatives that cost little.

What JAX derives of the maximum divides for each value, and of the norm more than that.
"""

from __future__ import annotations

from functools import partial
from functools import reduce as fold

import jax
import jax.numpy as jnp

from research.types import Map


@jax.custom_jvp
def maximum(a: Map, b: Map) -> Map:
    """Returns the larger one of each pair; equal ones share the gradient."""
    return jnp.maximum(a, b)


@maximum.defjvp
def _maximum_jvp(
    primals: tuple[Map, Map], tangents: tuple[Map, Map]
) -> tuple[Map, Map]:
    (a, b), (slope_a, slope_b) = primals, tangents
    share = jnp.where(a > b, 1, jnp.where(a < b, 0, jnp.full_like(a, 0.5)))
    return jnp.maximum(a, b), share * slope_a + (1 - share) * slope_b


def largest(sizes: list[Map]) -> Map:
    """Returns the largest size of each window, and 1 for a window of zeros.

    For scaling homogeneous functions: it prevents overflow and changes neither the
    result nor its gradient, since the scale is a constant to the gradient.
    """
    top = jax.lax.stop_gradient(fold(jnp.maximum, sizes))
    return jnp.where(top == 0, 1, top)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def lp_norm(values: list[Map], p: int | float) -> Map:
    """Returns (Σ|v|^p)^(1/p), elementwise over some maps.

    The values are scaled by the largest first, so that no power overflows. The
    derivative is ±(|v|/norm)^(p−1), and 0 where all values are.
    """
    sizes = [jnp.abs(value) for value in values]
    scale = largest(sizes)
    powers = [(size / scale) ** p for size in sizes]
    total = sum(powers[1:], powers[0])
    empty = total == 0
    return jnp.where(empty, 0, scale * jnp.where(empty, 1, total) ** (1 / p))


@lp_norm.defjvp
def _lp_norm_jvp(
    p: int | float, primals: tuple[list[Map]], tangents: tuple[list[Map]]
) -> tuple[Map, Map]:
    ((values,), (slopes,)) = primals, tangents
    norm = lp_norm(values, p)
    scale = jnp.where(norm == 0, 1, norm)
    terms = [
        jnp.sign(value) * jnp.abs(value / scale) ** (p - 1) * slope
        for value, slope in zip(values, slopes, strict=True)
    ]
    return norm, sum(terms[1:], terms[0])
