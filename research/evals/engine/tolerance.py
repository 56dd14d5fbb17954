"""How far rounding may take two ways to one result apart, by the precision asked for.

Shifts commute with a step up to rounding, and a border that does not wrap is far more
than that. How far rounding goes depends on the factors of products: float32 on a CPU,
whatever is asked, and elsewhere what `precision.eval` says.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax

from research.nn import precision


@dataclass(frozen=True)
class Tolerance:
    """Bounds of what rounding can do, by the relative error u of a product's factors.

    A factor is rounded alike in both ways (`precision.rounding_unit`), so that alone
    changes nothing. But a sum of float32 in another order can move a value over the
    edge between two roundings, and so a later product of the same step by some u of it.

    The figures: over 12 untrained networks × 2 to 12 downsamplers × 3 borders a step
    that commutes deviates by at most 1.8·10⁻⁶ of its RMS in float32, and by 1.1·10⁻³ =
    2.3u with the factors rounded as in TF32; one that does not by at least 1.6·10⁻²
    (the readout of capsules) and, of other kinds, .2. Over the 155 runs of the first
    edition the closed form's logits err by at most 1.4·10⁻⁶. Scores of phases are sums
    over a whole map, in which errors of single values average out.

    Attributes:
      arithmetic: precision and backend, in words.
      commuting: the largest deviation, as a fraction of the RMS, of a step that
        commutes with shifts: 10⁻⁴, or 8u.
      border: the smallest that a border causes: 10⁻³, or 24u. Between the two it cannot
        be known whether a step commutes.
      ties: relative margin below which rounding may choose another phase: 10⁻⁶, or u/4.
      closed_form: largest error of logits, as a fraction of their standard deviation:
        10⁻³, or 16u.
    """

    arithmetic: str
    commuting: float
    border: float
    ties: float
    closed_form: float


def current_tolerance() -> Tolerance:
    """Returns the tolerances of the precision and the backend that hold here."""
    name, backend = precision.current(), jax.default_backend()
    unit = precision.rounding_unit(name, backend)
    return Tolerance(
        arithmetic=f"precision.eval={name} on {backend}",
        commuting=max(1e-4, 8 * unit),
        border=max(1e-3, 24 * unit),
        ties=max(1e-6, unit / 4),
        closed_form=max(1e-3, 16 * unit),
    )
