"""The elementwise median of arrays, by minima and maxima alone, and its derivative."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from research.types import Map


@jax.custom_jvp
def median(values: list[Map]) -> Map:
    """Returns the elementwise median of maps, the mean of the two middle ones if even.

    The derivative goes to the values equal to a middle one, found by comparison;
    differentiating the minima and maxima takes 16 times as long for nine values.
    """
    held = middle_values(values)
    return sum(held[1:], held[0]) / len(held)


@median.defjvp
def _median_jvp(
    primals: tuple[list[Map]], tangents: tuple[list[Map]]
) -> tuple[Map, Map]:
    ((values,), (slopes,)) = primals, tangents
    held = middle_values(values)
    slope = jnp.zeros_like(held[0])
    for middle in held:
        hits = [value == middle for value in values]
        count = sum(hit.astype(slope.dtype) for hit in hits)
        moved = [jnp.where(hit, d, 0) for hit, d in zip(hits, slopes, strict=True)]
        slope += sum(moved[1:], moved[0]) / count
    return sum(held[1:], held[0]) / len(held), slope / len(held)


def middle_values(values: list[Map]) -> list[Map]:
    """Returns, elementwise, the one or two middle ones of the values.

    The extremes of any ⌊n/2⌋+2 of n values are neither of the middle ones: drop them,
    take in the next value, and so on until only the middle is left.
    """
    start = len(values) // 2 + 2
    held, waiting = values[:start], values[start:]
    while len(held) > 2:
        held = drop_extremes(held) + waiting[:1]
        waiting = waiting[1:]
    return held


def drop_extremes(values: list[Map]) -> list[Map]:
    """Returns, elementwise, all values but one smallest and one largest."""
    rest = []
    low = values[0]
    for value in values[1:]:
        rest.append(jnp.maximum(low, value))
        low = jnp.minimum(low, value)
    kept = []
    high = rest[0]
    for value in rest[1:]:
        kept.append(jnp.minimum(high, value))
        high = jnp.maximum(high, value)
    return kept
