"""Reliability against loops over bins, and temperatures against a search."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from research.tasks.calibration import HOTTEST, Reliability, fit_temperature
from research.tasks.metrics import cross_entropy


def answers(examples=400, classes=4, seed=0, heat=1.0):
    """Logits, and labels drawn from softmax(logits / heat)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (examples, classes)).astype(np.float32)
    p = np.exp(logits / heat) / np.exp(logits / heat).sum(-1, keepdims=True)
    labels = (p.cumsum(-1) < rng.random((examples, 1))).sum(-1).clip(max=classes - 1)
    return logits, labels.astype(np.int32)


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_the_error_is_the_sum_over_bins(bins):
    logits, labels = answers()
    p = np.exp(logits.astype(float)) / np.exp(logits.astype(float)).sum(-1)[:, None]
    sure, right = p.max(-1), p.argmax(-1) == labels
    expected = 0.0
    for b in range(bins):
        inside = (sure > b / bins) & (sure <= (b + 1) / bins)
        if inside.any():
            gap = right[inside].mean() - sure[inside].mean()
            expected += inside.mean() * abs(gap)
    found = Reliability.of(logits, labels, bins)
    assert found.error == pytest.approx(expected, abs=1e-12)
    assert found.count.sum() == len(labels)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    even = np.zeros((3, 2), np.float32)  # ½ for each class
    found = Reliability.of(even, np.zeros(3, np.int32), bins=4)
    assert list(found.count) == [0, 3, 0, 0]
    assert found.error == 0.5


def test_who_knows_its_chances_errs_by_little():
    honest = Reliability.of(*answers(20_000)).error
    boastful = Reliability.of(*answers(20_000, heat=3.0)).error
    assert honest < 0.02 < 0.2 < boastful


@pytest.mark.parametrize("heat", [0.5, 1.0, 3.0])
def test_the_temperature_has_the_least_loss(heat):
    logits, labels = answers(3000, heat=heat)

    def loss(log):
        return cross_entropy((logits / np.exp(log)).astype(np.float32), labels).mean()

    best = np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(best, rel=1e-3)
    assert found == pytest.approx(heat, rel=0.2)


def test_the_temperature_ends_where_the_loss_has_no_minimum():
    logits, _ = answers(50)
    right, wrong = logits.argmax(-1), logits.argmin(-1)
    assert fit_temperature(logits, right.astype(np.int32)) < 2e-3
    assert fit_temperature(logits, wrong.astype(np.int32)) > HOTTEST / 2
