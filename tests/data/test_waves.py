"""Signals as maps of height 1: what they are, and that a network trains on them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from building import load

from research import config
from research.data.builders.waves import FORMS, draw
from research.errors import UserError
from research.runs import read_rows
from research.transforms.shifts import along

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_periodic_in_its_range(form):
    turns = np.linspace(0, 1, 1000, endpoint=False)
    wave = form(turns)
    assert wave.min() >= -1 and wave.max() <= 1 and np.ptp(wave) > 1.9
    assert abs(wave.mean()) < 2e-3


def test_the_shape_of_the_wave_is_all_that_differs():
    """Mean and spectrum's strongest line do not tell classes; the shape does."""
    images = np.stack([draw("train", number) for number in range(800)])
    assert images.shape == (800, 1, 64, 1) and images.dtype == np.uint8
    np.testing.assert_array_equal(draw("train", 3), images[3])
    assert (draw("test", 3) != images[3]).any()
    signals = images[:, 0, :, 0] / 127.5 - 1
    lines = np.abs(np.fft.rfft(signals))[:, 1:].argmax(1) + 1
    for label in range(4):
        assert set(lines[label::4]) == set(range(2, 8))
    # Third harmonic of a square wave: a third of the first; a sine has none.
    spectrum = np.abs(np.fft.rfft(signals))
    share = [
        np.mean(
            [
                spectrum[i, 3 * lines[i]] / spectrum[i, lines[i]]
                for i in range(k, 800, 4)
            ]
        )
        for k in range(4)
    ]
    assert share[0] < 0.12 < share[2] + 0.1 and share[1] > 0.25


def test_mean_and_deviation_are_those_of_its_config(tmp_path):
    images = load("waves", dir=tmp_path).split("train").images / 255
    cfg = config.compose("data=waves").data
    assert abs(images.mean() - cfg.mean[0]) < 1e-4
    assert abs(images.std() - cfg.std[0]) < 1e-4


def test_another_shape_is_refused(tmp_path):
    with pytest.raises(UserError, match="shape"):
        load("waves", dir=tmp_path, shape=[1, 32, 1])


@pytest.mark.parametrize("size", [(1, 9), (9, 1)])
def test_offsets_keep_their_distance_along_the_axis_there_is(size):
    offsets = np.array([[2, -3], [3, 1], [-3, 3], [0, 3]])
    turned = along(offsets, size)
    axis = size.index(9)
    np.testing.assert_array_equal(turned[:, axis], [-3, 3, -3, 3])
    assert not turned[:, 1 - axis].any()
    np.testing.assert_array_equal(along(offsets, (9, 9)), offsets)


@pytest.mark.slow  # a real training and its evaluation
def test_a_tiny_network_trains_on_signals_and_is_measured(tmp_path):
    """The command of the documentation, from data to rows."""
    chosen = ["model=tiny", "data=waves", "downsample=aps", "downsample.stride=[1,2]"]
    small = ["data.train_examples=64", "train.epochs=1", "train.batch_size=32"]
    places = [f"root={tmp_path}", f"data.dir={tmp_path}/data"]
    evals = "eval=[shift,orbit,maximum,fidelity]"
    line = [sys.executable, ROOT / "scripts/train.py", *chosen, *small, *places, evals]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = read_rows(tmp_path / "runs")
    assert np.isfinite(rows["value"]).all()
    agreement = rows[rows["measure"] == "agreement"].set_index("protocol")["value"]
    assert (agreement[["circular", "orbit"]] == 1).all()
    assert {"maximum_bias", "fidelity"} <= set(rows["measure"])
