"""Trials of whether a step commutes with shifts of its map, whole and fractional."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf, isnan

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from research.errors import UserError
from research.evals.engine.tolerance import Tolerance
from research.nn.signal import fractional_shift
from research.types import LogitMaps, Logits, Map, Stride

ODD = 0.381966  # pixels: a shift that no grid contains
Trial = tuple[Stride, tuple[float, float]]  # shifts along the axes, the deviations


def smallest_period(
    trials: Sequence[Trial], axis: int, tolerance: Tolerance, name: str
) -> tuple[int | None, list[float]]:
    """Returns the first shift that a step commutes with, and the deviations until then.

    Args:
      trials: from the smallest shift on.
      axis: 0 for height, 1 for width.
      tolerance: of the arithmetic.
      name: of the step, for the error.

    Returns:
      The shift in pixels of the map, None if there is none, and what was found of each
      shift that was tried.

    Raises:
      UserError: as `commutes`.
    """
    found = []
    for shifts, deviations in trials:
        found.append(deviations[axis])
        if commutes(deviations[axis], tolerance, name):
            return shifts[axis], found
    return None, found


def commutes(deviation: float, tolerance: Tolerance, name: str) -> bool:
    """Decides whether a step commutes.

    Args:
      deviation: of the step, as a fraction of its RMS; ∞ where it cannot commute.
      tolerance: of the arithmetic.
      name: of the step, for the error.

    Raises:
      UserError: it is neither clearly rounding nor clearly a border.
    """
    if tolerance.commuting < deviation < tolerance.border:
        raise UserError(
            f"{name} deviates from commuting with shifts by {deviation:.1e} of its "
            f"RMS: rounding ({tolerance.arithmetic}) takes up to "
            f"{tolerance.commuting:.1e}, a border at least {tolerance.border:.1e}; "
            "give precision.eval=highest or eval.orbit.method=brute, and leave "
            "explorer out of eval"
        )
    return deviation <= tolerance.commuting


def try_commuting(
    f: Callable[..., Array], x: Map, stride: Stride, shifts: Stride | None = None
) -> tuple[Map | Logits | LogitMaps, tuple[float, float]]:
    """Returns f(x), and for each axis how far f(T_p x) is from T_{p/s} f(x).

    For logits, which have no positions, the outer T is the identity.

    Args:
      f: the step.
      x: its input.
      stride: s of the step.
      shifts: p, multiples of the stride; None: the stride.

    Returns:
      f(x), and for each axis the largest difference as a fraction of the RMS of f(x);
      ∞ where p does not divide the size, or the differences are no numbers.
    """
    rows, columns = stride if shifts is None else shifts
    y, found = deviations(f, x, stride, ([rows], [columns]))
    sizes = zip(x.shape[1:3], (rows, columns), found, strict=True)
    by_rows, by_columns = (one if n % p == 0 else inf for n, p, one in sizes)
    return y, (by_rows, by_columns)


def try_fractions(
    f: Callable[..., Array], x: Map, stride: Stride, grid: Sequence[int]
) -> tuple[float, float]:
    """Returns for each axis how far f(T_d x) is from T_{d/s} f(x), for fractions d.

    They are one position of the grid, and a fraction that no grid contains: the
    Nyquist bin, which a shift by ½ takes away, and shifts by less do not, is found out.

    Args:
      f: the step.
      x: its input.
      stride: s of the step.
      grid: positions in a pixel of `x`; ∞ is returned for an axis of whole pixels.
    """
    moves = [[] if fine == 1 else [1 / fine, ODD] for fine in grid]
    if not any(moves):
        return inf, inf
    rows, columns = deviations(f, x, stride, (moves[0], moves[1]))[1]
    return rows, columns


def deviations(
    f: Callable[..., Array],
    x: Map,
    stride: Stride,
    moves: tuple[Sequence[float | int], Sequence[float | int]],
) -> tuple[Map | Logits | LogitMaps, list[float]]:
    """Returns f(x), and the largest deviation over the moves of each axis, or ∞.

    Args:
      f: the step.
      x: its input.
      stride: s of the step.
      moves: pixels of `x`, along height and along width; ∞ is returned for none.
    """
    offsets = [(0, 0), *((d, 0) for d in moves[0]), *((0, d) for d in moves[1])]
    whole = all(float(d).is_integer() for d in (*moves[0], *moves[1]))
    y = f(x, np.array(offsets, np.int32 if whole else np.float32))
    outer = [(axis, d / stride[axis]) for axis in (0, 1) for d in moves[axis]]
    still, gaps = compare(y, len(x), tuple(outer))
    gaps = np.asarray(gaps).tolist()
    found = [inf, inf]
    for axis in (0, 1):
        if still.ndim == 4:
            if still.shape[1 + axis] * stride[axis] != x.shape[1 + axis]:
                continue
        ours = [gap for gap, (of, _) in zip(gaps, outer, strict=True) if of == axis]
        if ours:
            found[axis] = inf if any(map(isnan, ours)) else max(ours)
    return still, found


@partial(jax.jit, static_argnums=(1, 2))
def compare(
    y: Array, batch: int, moves: tuple[tuple[int, float], ...]
) -> tuple[Map | Logits | LogitMaps, Float[Array, " moves"]]:
    """Returns f(x), and its largest difference from f(T x), moved back, for each T.

    Args:
      y: results for the unmoved map and for each moved one, of all examples in turn.
      batch: examples.
      moves: axis and positions of the result that a move of the map stands for.

    Returns:
      f(x), and the differences as fractions of its RMS, if that is not 0.
    """
    still, *moved = jnp.moveaxis(y.reshape(batch, -1, *y.shape[1:]), 1, 0)
    size = jnp.sqrt(jnp.mean(still**2))
    gaps = [
        jnp.abs(one - move(still, axis, distance)).max()
        for one, (axis, distance) in zip(moved, moves, strict=True)
    ]
    return still, jnp.array(gaps, jnp.float32) / jnp.where(size == 0, 1, size)


def move(
    y: Map | Logits | LogitMaps, axis: int, distance: float | int
) -> Map | Logits | LogitMaps:
    """Returns a map shifted along one axis, and logits as they are."""
    if y.ndim != 4:
        return y
    if float(distance).is_integer():
        return jnp.roll(y, int(distance), 1 + axis)
    offset = [distance, 0.0] if axis == 0 else [0.0, distance]
    return fractional_shift(y, jnp.tile(jnp.array(offset, jnp.float32), (len(y), 1)))
