"""Calibration: whether a network is right as often as it says. Pure NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from research.tasks.metrics import confidence, correct, predictions

Logits = Float[np.ndarray, "examples classes"]
Labels = Int[np.ndarray, " examples"]

COLDEST, HOTTEST = 1e-3, 1e3  # temperatures


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy in equal bins (l, u] of the top-1 probability.

    Attributes:
      count: (bins,) examples in each.
      confidence: (bins,) mean probability of the prediction; NaN in an empty bin.
      accuracy: (bins,) share that is right; likewise.
    """

    count: Int[np.ndarray, " bins"]
    confidence: Float[np.ndarray, " bins"]
    accuracy: Float[np.ndarray, " bins"]

    @classmethod
    def of(cls, logits: Logits, labels: Labels, bins: int = 15) -> Reliability:
        """Bins the examples by their confidence.

        Args:
          logits: (N, K).
          labels: (N,).
          bins: how many between 0 and 1.
        """
        sure = np.clip(confidence(logits, predictions(logits)), 0, 1)
        place = np.searchsorted(np.linspace(0, 1, bins + 1), sure, side="left") - 1
        place = np.clip(place, 0, bins - 1)
        count = np.bincount(place, minlength=bins)
        right = correct(logits, labels)
        with np.errstate(invalid="ignore"):
            means = [np.bincount(place, one, bins) / count for one in (sure, right)]
        return cls(count, *means)

    @property
    def error(self) -> float:
        """The expected calibration error, Σ_b n_b/n·|acc_b − conf_b|, in [0, 1].

        It is biased upward, the more so the fewer examples there are: compare only
        errors of as many examples.

        References:
          C. Guo et al., On Calibration of Modern Neural Networks, ICML 2017,
          arXiv:1706.04599.
        """
        gaps = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float(self.count @ gaps / self.count.sum())


def fit_temperature(logits: Logits, labels: Labels) -> float:
    """Returns the T > 0 with the least cross-entropy of softmax(z/T).

    The loss is convex in 1/T, with the derivative mean(E_p z − z_y), whose zero is
    found by bisection of log T between .001 and 1000: one of these ends where every
    example is right, or the network is worse than chance.

    Args:
      logits: (N, K) of examples that were not trained on.
      labels: (N,).

    References:
      C. Guo et al., ICML 2017, arXiv:1706.04599, section 4.2.
    """
    z = logits.astype(np.float64)
    z -= z.max(-1, keepdims=True)
    chosen = np.take_along_axis(z, labels[:, None], -1).mean()
    low, high = np.log(COLDEST), np.log(HOTTEST)
    for _ in range(60):
        middle = (low + high) / 2
        weights = np.exp(z * np.exp(-middle))
        expected = (weights * z).sum(-1) / weights.sum(-1)
        # Colder logits put more on the largest: too hot while they expect too little.
        low, high = (low, middle) if expected.mean() < chosen else (middle, high)
    return float(np.exp((low + high) / 2))
