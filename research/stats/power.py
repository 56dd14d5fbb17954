"""How likely a claim is to be decided, and how many seeds it takes.

The chances of the outcomes of `three_way`, for normal differences with mean θ and
standard deviation σ. Given s = uσ, the mean is normal, so each chance is one integral
over the density of u, √(χ²_ν/ν), with t the quantile of the interval:

- superior: ∫ Φ((θ − high)√n/σ − t·u) f(u) du, the noncentral t; inferior alike;
- equivalent: ∫ [Φ((high − θ)√n/σ − t·u) − Φ((low − θ)√n/σ + t·u)]₊ f(u) du (Owen 1965).

At ten seeds, and at the first step of Holm's rule over nine claims, whose interval has
99.44 %, a difference has 80 % power only if it clears its margin by 1.46 σ, and "no
difference" only if σ is below .61 of the margin (at 95 %: 1.00 σ and .87).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from research.stats.interval import LEVEL, tails
from research.stats.three_way import Margin, margin_ends

POWER = 0.8
MOST = 10_000  # seeds
NODES = 200  # of the quadrature
EDGE = 1e-12  # share of the density beyond each end of the quadrature

Nodes = Float[np.ndarray, " nodes"]
Chance = Callable[[Nodes], Nodes]  # of u


class Power(NamedTuple):
    """Chances of the outcomes."""

    superior: float
    inferior: float
    equivalent: float

    @property
    def decided(self) -> float:
        """The chance of any outcome but undetermined."""
        return sum(self)


def find_power(
    effect: float, sd: float, seeds: int, margin: Margin, *, level: float = LEVEL
) -> Power:
    """Returns the chance of each outcome of `three_way`.

    Args:
      effect: θ, the mean of the differences, in their unit.
      sd: σ of the differences over seeds, positive; see `bound_sd`.
      seeds: n, at least 2.
      margin: see `three_way`.
      level: of the interval; see `first_step_level` for claims of a family.

    Raises:
      ValueError: sd is not positive, or there are fewer than two seeds.
    """
    if not sd > 0 or seeds < 2:
        raise ValueError(f"needs sd > 0 and two seeds, not sd {sd} and {seeds} seeds")
    from scipy.special import ndtr, stdtrit
    from scipy.stats import chi

    df, scale = seeds - 1, seeds**0.5 / sd
    t = stdtrit(df, tails(level)[1])
    below, above = ((end - effect) * scale for end in margin_ends(margin))
    least, most = chi.ppf([EDGE, 1 - EDGE], df) / df**0.5

    def expect(chance: Chance, end: float) -> float:
        points, weights = find_nodes()
        u = least + (end - least) * (points + 1) / 2
        density = chi.pdf(u * df**0.5, df) * df**0.5
        return float(weights @ (chance(u) * density) * (end - least) / 2)

    # Beyond this u the interval is wider than the margins are apart.
    widest = np.clip((above - below) / (2 * t), least, most)
    return Power(
        expect(lambda u: ndtr(-above - t * u), most),
        expect(lambda u: ndtr(below - t * u), most),
        expect(lambda u: ndtr(above - t * u) - ndtr(below + t * u), widest),
    )


@functools.cache
def find_nodes() -> tuple[Nodes, Nodes]:
    """Returns points in (−1, 1) and weights of Gauss and Legendre's quadrature."""
    return np.polynomial.legendre.leggauss(NODES)


def count_seeds(
    effect: float,
    sd: float,
    margin: Margin,
    *,
    power: float = POWER,
    level: float = LEVEL,
) -> int | None:
    """Returns the fewest seeds that decide a claim with a given chance.

    An effect beyond a margin is decided as superior or inferior, one between the
    margins as equivalent.

    Returns:
      n ≥ 2; None where 10,000 seeds do not suffice, as at a margin, and where the
      spread is not known (sd 0 or NaN).
    """

    def suffices(seeds: int) -> bool:
        return find_power(effect, sd, seeds, margin, level=level).decided >= power

    if not sd > 0 or not suffices(MOST):
        return None
    low, high = 1, MOST  # low does not suffice, high does
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def find_clearance(seeds: int, *, power: float = POWER, level: float = LEVEL) -> float:
    """Returns by how many σ a difference must clear its margin to be decided."""
    from scipy.optimize import brentq

    def excess(clearance: float) -> float:
        return find_power(clearance, 1.0, seeds, 0.0, level=level).superior - power

    return float(brentq(excess, 0, 1e4))


def find_widest_sd(seeds: int, *, power: float = POWER, level: float = LEVEL) -> float:
    """Returns σ, in margins δ, up to which no difference is found to be equivalent."""
    from scipy.optimize import brentq

    def excess(sd: float) -> float:
        return find_power(0.0, sd, seeds, 1.0, level=level).equivalent - power

    return float(brentq(excess, 1e-4, 1e2))


def may_stay_undetermined(
    effect: float,
    sd: float,
    seeds: int,
    margin: Margin,
    *,
    power: float = POWER,
    level: float = LEVEL,
) -> bool:
    """Returns whether a claim, by its pilot, is decided less often than wanted.

    Args:
      effect: mean of the pilot's differences.
      sd: of the pilot's differences. Where it is 0 or NaN the answer is True: the
        seeds cannot say how uncertain they are.
      seeds: that will be run.
      margin: see `three_way`.
      power: chance of being decided that is enough.
      level: of the interval; see `first_step_level`.
    """
    if not sd > 0:
        return True
    return find_power(effect, sd, seeds, margin, level=level).decided < power


def bound_sd(sd: float, seeds: int, *, confidence: float = POWER) -> float:
    """Returns the upper confidence bound of σ, s·√(ν/χ²_ν), to plan with (Browne 1995).

    A pilot of three seeds may be off by far: its bound at 80 % is 2.1 s.
    """
    from scipy.special import chdtri

    df = seeds - 1
    return float(sd * (df / chdtri(df, confidence)) ** 0.5) if df else np.inf
