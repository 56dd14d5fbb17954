from functools import partial

import numpy as np
import pytest
from flax import nnx

from research.data.split import Split
from research.downsample import Downsample, keep
from research.downsample.reduce import Max
from research.downsample.sample import Energy
from research.evals.gallery import evaluate


@pytest.fixture(scope="module")
def measured():
    rng = np.random.default_rng(0)
    split = Split.labelled(
        rng.integers(0, 256, (2, 8, 8, 1)).astype(np.uint8), np.zeros(2, np.int32)
    )
    presets = {
        "none": keep,
        "decimate": Downsample,
        "max": partial(Downsample, reduce=partial(Max, padding="circular")),
        "aps": partial(Downsample, sample=Energy),
    }
    rows = evaluate(nnx.identity, split, presets=presets, example=1)
    return split, {row.params["preset"]: row for row in rows}


def test_what_follows_shifts_does_not_change(measured):
    _, rows = measured
    assert rows["none"].value == rows["aps"].value == 0
    assert rows["decimate"].value > 0.1 < rows["max"].value


def test_decimation_of_a_shift_shows_the_other_columns(measured):
    split, rows = measured
    image = split.images[1].astype(np.float32) / 255
    kept, other = image[::2, ::2], np.roll(image, 1, 1)[::2, ::2]
    arrays = rows["decimate"].arrays
    np.testing.assert_allclose(arrays["output"], kept)
    np.testing.assert_allclose(arrays["shifted"], other)
    nearest = min(
        np.linalg.norm(other - kept), np.linalg.norm(other - np.roll(kept, 1, 1))
    )
    assert rows["decimate"].value == pytest.approx(
        nearest / np.linalg.norm(kept), rel=1e-5
    )
