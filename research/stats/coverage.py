"""How often nominal 95 % intervals hold what they estimate, by simulation.

    python -m research.stats.coverage [trials]

prints the coverage of Student's t on log flip rates at ten seeds, which must lie
between 93 and 97 %, and of the crossed bootstrap as it is. 2,000 trials take about five
minutes on one core and leave a standard error of half a point.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np

from research.stats.crossed import crossed_interval
from research.stats.flips import flip_ratio, log_flip_rate
from research.stats.seeds import t_interval

PAIRS = 8000  # of views: eight of each of 1,000 images


class Coverage(NamedTuple):
    """Shares of trials whose interval holds the truth.

    Attributes:
      crossed: of the bootstrap over seeds and examples; the truth is that of all seeds
        and all images.
      seeds: of Student's t over the seeds' means, of the same truth: it is short, as it
        does not know that other images would give another mean.
      same_images: of Student's t; the truth is that of all seeds and these images.
    """

    crossed: float
    seeds: float
    same_images: float


def cover_flip_ratio(
    agreement: float,
    *,
    ratio: float = 1.25,
    spread: float = 0.3,
    seeds: int = 10,
    trials: int = 2000,
    seed: int = 0,
) -> float:
    """Returns how often the interval of `flip_ratio` holds the true ratio of rates.

    Flips are beta-binomial: each arm and seed has its own rate, drawn with the mean of
    its arm and a coefficient of variation `spread`, and k is binomial given it. Shared
    draws would correlate arms, which pairing takes out; none are shared here.

    Args:
      agreement: 1 − the mean rate of arm B, in (0, 1).
      ratio: of the mean rates, A over B.
      spread: standard deviation of a rate over seeds, as a share of its mean.
      seeds: n of an interval.
      trials: intervals.
      seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    mean = (1 - agreement) * np.array([ratio, 1.0])[:, None, None]
    strength = (1 - mean) / (mean * spread**2) - 1  # a + b of the beta distribution
    shape = (2, trials, seeds)
    rates = rng.beta(mean * strength, (1 - mean) * strength, shape)
    logs = log_flip_rate(rng.binomial(PAIRS, rates), np.full(shape[1:], PAIRS))
    found = [flip_ratio(a, b).interval for a, b in zip(*logs, strict=True)]
    return float(np.mean([low <= ratio <= high for low, high, _ in found]))


def cover_crossed(
    seeds: int,
    *,
    examples: int = 200,
    share: float = 0.5,
    trials: int = 2000,
    resamples: int = 1000,
    seed: int = 0,
) -> Coverage:
    """Returns how often intervals of the mean of D[seed, example] hold the truth.

    D = a_seed + b_example + e, all normal; the variance of the mean is `share` due to
    the seeds, and due to the examples else, but for that of e, which is as large as
    that of b.

    Args:
      seeds: n.
      examples: of the test set, drawn anew in each trial.
      share: of the variance of the mean, in [0, 1].
      trials: intervals.
      resamples: of the bootstrap.
      seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    of_seeds, of_examples = (share * seeds) ** 0.5, ((1 - share) * examples) ** 0.5
    held = []
    for trial in range(trials):
        table = of_seeds * rng.standard_normal((seeds, 1))
        table = table + (images := of_examples * rng.standard_normal(examples))
        table += of_examples * rng.standard_normal((seeds, examples))
        crossed = crossed_interval(table, resamples=resamples, seed=trial)
        over_seeds = t_interval(table.mean(1))
        claims = (crossed, 0), (over_seeds, 0), (over_seeds, images.mean())
        held.append([one.low <= truth <= one.high for one, truth in claims])
    return Coverage(*np.mean(held, axis=0).tolist())


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("trials", nargs="?", type=int, default=2000)
    trials = parser.parse_args().trials
    print(f"t on log flip rates, 10 seeds, {PAIRS} pairs of views, {trials} trials")
    print("agreement  ratio  spread of rates  coverage")
    for agreement in (0.9, 0.995, 0.9995):
        for ratio in (1.0, 1.25):
            for spread in (0.1, 0.3, 0.6):
                found = cover_flip_ratio(
                    agreement, ratio=ratio, spread=spread, trials=trials
                )
                row = f"{agreement:9.2%}  {ratio:5.2f}  {spread:15.0%}"
                print(f"{row}  {found:8.1%}")
    print(f"\nmean over seeds × 200 images, {trials} trials")
    print("seeds  variance due to seeds  crossed bootstrap       t  t for these images")
    for seeds in (4, 8, 10, 16):
        for share in (0.2, 0.5, 0.9):
            one = cover_crossed(seeds, share=share, trials=trials)
            row = f"{seeds:5}  {share:21.0%}  {one.crossed:17.1%}  {one.seeds:6.1%}"
            print(f"{row}  {one.same_images:18.1%}")


if __name__ == "__main__":
    main()
