"""A measurement: one value, its interval, and the values behind it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from research.stats import bootstrap_mean, percentile_interval


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One value that an evaluator yields.

    Attributes:
      protocol: what was done to the images: `accuracy`, `circular`, `zero`, `orbit`, ….
      measure: what was measured: `accuracy`, `agreement`, `mac`, ….
      value: the result; a proportion lies in [0, 1], it is never in per cent.
      n: how many examples it is a mean over.
      params: the protocol's parameters, in JSON's types.
      low: lower end of the 95 % interval, or None.
      high: upper end, or None.
      interval: how the interval was made, or "".
      method: how the value was computed where there are several ways to (`closed form`,
        `brute force`).
      arrays: per-example values, kept beside the rows.
    """

    protocol: str
    measure: str
    value: float | int
    n: int
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    low: float | int | None = None
    high: float | int | None = None
    interval: str = ""
    method: str = ""
    arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_examples(
        cls,
        protocol: str,
        measure: str,
        examples: Any,
        *,
        params: Mapping[str, Any] | None = None,
        bounds: tuple[float, float] | None = (0.0, 1.0),
        method: str = "",
        arrays: Mapping[str, np.ndarray] | None = None,
    ) -> Measurement:
        """Returns the mean over examples with its 95 % interval.

        Args:
          protocol: see the class.
          measure: see the class.
          examples: (n,) one value per example, in any library's array; kept in
            `arrays["examples"]`.
          params: see the class.
          bounds: the least and the largest value of an example; None: it has no end.
          method: see the class.
          arrays: further per-example values to keep.
        """
        examples = np.asarray(examples)
        low, high, how = bootstrap_mean(examples, bounds=bounds)
        return cls(
            protocol,
            measure,
            float(examples.mean(dtype=np.float64)) if examples.size else math.nan,
            examples.shape[0],
            params=dict(params or {}),
            low=low if how else None,
            high=high if how else None,
            interval=how,
            method=method,
            arrays={"examples": examples} | dict(arrays or {}),
        )

    @classmethod
    def of_draws(
        cls,
        protocol: str,
        measure: str,
        value: float,
        draws: Float[np.ndarray, " resamples"],
        n: int,
        *,
        params: Mapping[str, Any] | None = None,
        arrays: Mapping[str, np.ndarray] | None = None,
    ) -> Measurement:
        """Returns a statistic of sums over examples with its 95 % interval.

        Args:
          protocol: see the class.
          measure: see the class.
          value: the statistic of all examples.
          draws: of resampled ones (`research.stats.resample_sums`).
          n: how many examples.
          params: see the class.
          arrays: see the class.
        """
        low, high, how = percentile_interval(draws)
        return cls(
            protocol,
            measure,
            value,
            n,
            params=dict(params or {}),
            low=low if how else None,
            high=high if how else None,
            interval=how,
            arrays=dict(arrays or {}),
        )

    @property
    def key(self) -> str:
        """Names the measurement within its file: `circular,max_shift=3/agreement`."""
        return format_key(self.protocol, self.params, self.measure)


def format_key(protocol: str, params: Mapping[str, Any], measure: str) -> str:
    """Returns `circular,max_shift=3/agreement`: a row's name within its file."""
    given = [f"{name}={value}" for name, value in sorted(params.items())]
    return f"{','.join([protocol, *given])}/{measure}"
