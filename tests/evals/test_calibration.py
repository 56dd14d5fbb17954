"""Calibration of classifiers whose answers are known, unshifted and shifted."""

import numpy as np
import pytest
from known import measure, pixel, split, table

from research.data.source import Dataset
from research.data.split import Split
from research.errors import UserError
from research.evals.calibration import Calibration
from research.tasks.calibration import Reliability, fit_temperature
from research.transforms.shifts import circular, zero

SPLIT, VALIDATION = split(seed=1), split(40, seed=2)
NOTHING = Split.labelled(SPLIT.images[:0], SPLIT.labels[:0])
ZERO = "calibration,border=zero,max_shift=2"


def dataset(validation):
    splits = {"validation": lambda: validation}
    return Dataset("marks", "1.0.0", (8, 12, 1), 2, splits)


def found(validation=NOTHING, predict=pixel, **more):
    settings = {"max_shift": 2, "draws": 3, "batch": 8} | more
    borders = {"circular": circular, "zero": zero}
    evaluator = Calibration(borders, dataset(validation), **settings)
    return table(measure(evaluator, predict, SPLIT))


def test_unshifted_it_is_that_of_the_logits():
    rows = found()
    logits = pixel(SPLIT.images / 255).astype(np.float32)
    expected = Reliability.of(logits, SPLIT.labels)
    one = rows["calibration/ece"]
    assert one.value == pytest.approx(expected.error) and one.interval == ""
    np.testing.assert_array_equal(one.arrays["count"], expected.count)
    p = 1 / (1 + np.exp(logits[:, ::-1] - logits))
    nll = -np.log(p[np.arange(len(p)), SPLIT.labels])
    np.testing.assert_allclose(rows["calibration/nll"].arrays["examples"], nll, 1e-5)


def test_the_probability_deviates_where_a_shift_flips():
    rows = found(draws=20)
    one = rows[f"{ZERO}/p_deviation"].arrays["examples"]
    low, high = 1 / (1 + np.exp([4, -4]))
    # of k of 20 draws with p high: a two-point distribution
    shares = np.arange(21) / 20
    possible = (high - low) * np.sqrt(shares * (1 - shares) * 20 / 19)
    assert np.abs(one[:, None] - possible).min(1).max() < 1e-6 and one.mean() > 0.1
    increase = rows[f"{ZERO}/ece"].value - rows["calibration/ece"].value
    assert rows[f"{ZERO}/ece_increase"].value == pytest.approx(increase)
    assert rows[f"{ZERO}/ece"].arrays["count"].sum() == 20 * len(SPLIT)


def test_who_does_not_move_has_no_increase():
    def constant(images):
        return np.tile([1.0, 0.0], (len(images), 1))

    rows = found(predict=constant)
    assert rows[f"{ZERO}/ece_increase"].value == pytest.approx(0, abs=1e-12)
    assert rows[f"{ZERO}/p_deviation"].value == 0


def test_a_temperature_comes_from_validation_examples_alone():
    rows = found(VALIDATION)
    logits = pixel(VALIDATION.images / 255).astype(np.float32)
    temperature = fit_temperature(logits, VALIDATION.labels)
    assert rows["calibration/temperature"].value == pytest.approx(temperature)
    assert rows["calibration/temperature"].n == len(VALIDATION)
    cooled = (pixel(SPLIT.images / 255) / temperature).astype(np.float32)
    expected = Reliability.of(cooled, SPLIT.labels).error
    assert rows["calibration,scaled=True/ece"].value == pytest.approx(expected)
    assert f"{ZERO},scaled=True/p_deviation" in rows


def test_without_validation_examples_a_row_says_so():
    rows = found()
    assert "data.validation_examples" in rows["calibration/skipped"].method
    assert not any("scaled" in key or "temperature" in key for key in rows)


@pytest.mark.parametrize("measured", [VALIDATION, VALIDATION.first(23)])
def test_what_is_measured_fits_no_temperature(measured):
    evaluator = Calibration({"zero": zero}, dataset(VALIDATION), max_shift=2, draws=2)
    rows = table(measure(evaluator, pixel, measured))
    assert "split=test" in rows["calibration/skipped"].method
    assert not any("scaled" in key or "temperature" in key for key in rows)


def test_one_draw_has_no_deviation():
    with pytest.raises(
        UserError, match=r"eval\.calibration\.draws=1: takes an integer of at least 2"
    ):
        found(draws=1)
