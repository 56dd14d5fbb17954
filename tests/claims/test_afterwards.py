"""What pages tell that was computed when a verdict was known comes from the rows."""

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import recompute

from research import claims, config
from research.claims import c8, c10
from research.claims.arms import name
from research.claims.crossing import find_crossing
from research.claims.estimate import estimate
from research.claims.measure import (
    ACCURACY,
    MOVED,
    SPEED,
    STEADY,
    less,
    only,
    proportion,
)
from research.report.documents import judged
from research.runs.tables import read_rows
from research.stats import bootstrap_mean, t_interval

ROOT = Path(__file__).parents[2]
STORE = ROOT / "outputs/reference"
EXAMPLES = "accuracy/accuracy/examples"
pytestmark = pytest.mark.slow  # reads and matches all runs that are kept


@cache
def open_pool():
    return judged.open_pool(STORE, config.compose_flat)


def effect(of, contrast):
    """Returns the mean over seeds of a contrast of a claim's arms, and its interval."""
    test = estimate(open_pool(), claims.load()[of], contrast, (0.0, 0.0)).test
    return np.array([test.mean, test.interval.low, test.interval.high])


def values(of, arm, measure=ACCURACY):
    """Returns seed → what an arm measures: the accuracy in per cent."""
    found = open_pool().values(claims.load()[of], only(arm, measure))[arm]
    return {seed: one.value for seed, one in found.items()}


def write(numbers, digits):
    """Returns `1.27 [1.21, 1.33]`."""
    mean, low, high = (f"{one:.{digits}f}".replace("-", "−") for one in numbers)
    return f"{mean} [{low}, {high}]"


def unpack(store, wanted):
    """Returns (run, key) → array, of those kept in a store that are wanted."""
    kept = pd.read_parquet(store / "predictions.parquet")
    return {
        (one.path.rpartition("/")[2], one.key): recompute.unpack(one)
        for one in kept.itertuples(index=False)
        if wanted(one)
    }


def read(page):
    """Returns the text of a claim's page, without line breaks."""
    return re.sub(r"\s+", " ", (ROOT / f"docs/results/{page}.md").read_text())


def test_adaptive_phases_on_a_flattened_map():
    found = effect(
        "b3", less(name("max", "flatten"), name("max_aps", "flatten"), MOVED)
    )
    assert write(np.exp(found), 2) in read("b4")


def test_adaptive_phases_agree_less_on_all_images():
    pair = less(name("max_aps", "flatten"), name("max_blur", "flatten"), STEADY)
    assert f"phases agree {-effect('b2', pair)[0]:.1f} points less" in read("b2")


def test_what_brightness_does_to_capsules():
    brighter = proportion("accuracy", "brightness", "accuracy", amount=0.2)
    capsules, convolutions, *moved = (
        f"{effect('c10', only(arm, brighter))[0]:.0f}"
        for arm in (c10.CAPSULES, c10.CNN, c10.CAPSULES_MOVED, c10.CNN_MOVED)
    )
    assert "right in {} % and convolutions in {} %".format(*moved) in read("c10")
    assert f"({capsules} and {convolutions} % if trained on centred" in read("c10")


def test_bare_strides_of_equal_weights():
    rows = read_rows(STORE / "checks_weights", True)
    tested = rows[(rows["protocol"] == "accuracy") & (rows["split"] == "test")]
    tested = tested[tested["measure"] == "accuracy"]
    for setting, images in (("few_300", "300 images"), ("few", "1,000 images")):
        own = tested[tested["path"].str.endswith(f"setting=cpu.{setting}")]
        seeds = own["path"].str.extract(r"seed=(\d+)")[0].astype(int)
        strides = dict(zip(seeds, 100 * own["value"], strict=True))
        pooled = values("c2", f"max, {images}")
        found = np.array([pooled[seed] - strides[seed] for seed in sorted(pooled)])
        interval = t_interval(found)
        assert write((found.mean(), interval.low, interval.high), 1) in read("c2")
        pair = less(f"bare stride, {images}", f"no downsampling, {images}", ACCURACY)
        assert write(effect("c2", pair), 1) in read("c2")


def test_what_a_larger_probe_reads():
    rows = read_rows(STORE / "checks_places", True)
    rows = rows[rows["protocol"] == "offset"]
    rows = rows[[one["weights"] == "trained" for one in rows["params"]]]
    maxima, strides = (
        100 * rows[rows["downsample"] == one].sort_values("seed")["value"].to_numpy()
        for one in ("max", "decimate")
    )
    assert len(maxima) == len(strides) == 5
    for one in (maxima, strides):
        assert f"{one.mean():.1f} %" in read("c8")
    interval = t_interval(strides - maxima)
    numbers = ((strides - maxima).mean(), interval.low, interval.high)
    assert f"{write(numbers, 1)} points more" in read("c8")


def test_what_probes_and_reconstructions_of_c8_read():
    arms = (c8.POOLED, *reversed(c8.OTHERS.values()))
    trained, untrained = (
        [f"{np.mean([*values('c8', arm, of).values()]):.1f}" for arm in arms]
        for of in (c8.PLACE, c8.UNTRAINED)
    )
    assert all(f"{one} %" in read("c8") for one in trained)
    assert "{}, {} and {} %".format(*untrained) in read("c8")
    for known, said in (
        (False, "the error is {} % of"),
        (True, "with them it is {} %"),
    ):
        error = np.mean([*values("c8", c8.POOLED, c8.ERROR[known]).values()])
        assert said.format(f"{error:.0f}") in read("c8")


def test_what_the_images_of_c7_hang_on():
    sizes = {300: "300", 1000: "1,000", 3000: "3,000", 10000: "10,000"}
    curves = {
        arm: {n: values("c7", f"{arm}, {said} images") for n, said in sizes.items()}
        for arm in ("max", "no downsampling")
    }

    def cross(arm, seed, more=0.0):
        curve = {n: one[seed] + more * (n < 10000) for n, one in curves[arm].items()}
        return find_crossing(curve, 95.0)

    ends = []
    for more in (0.0, 0.3):
        found = [cross("no downsampling", i) - cross("max", i, more) for i in range(10)]
        ends.append(2 ** t_interval(np.array(found)).high)
    assert f"{ends[0]:.2f}] times the images" in read("c7")
    assert f".3 points more accurate there, the interval would reach {ends[1]:.2f}" in (
        read("c7")
    )
    fewest, most = (f(2 ** cross("max", i) for i in range(10)) for f in (min, max))
    assert round(fewest, -1) == 770 and round(most, -1) == 1250
    pair = less("max, 3,000 images", "no downsampling, 3,000 images", SPEED)
    assert write(2 ** effect("c7", pair), 1) in read("c7")


def test_where_bare_strides_lose_the_marks():
    """By the place of the first mark, along the pair, modulo the stride of 4."""
    split = config.build(config.compose("setting=cpu/marks").data).split("test")
    places = np.array([find_first_mark(one[..., 0]) for one in split.images]) % 4
    cases = pd.read_csv(STORE / "cases.csv")
    (line,) = cases[(cases["id"] == "C6") & (cases["question"] == "the stride")].index
    runs = json.loads(cases["evidence"][line])["runs"]
    kept = unpack(STORE, lambda one: one.key == EXAMPLES)
    right = {
        arm: np.mean([kept[run, EXAMPLES] for run in seeds.values()], 0)
        for arm, seeds in runs.items()
    }
    assert right["two max poolings"].min() > 0.99
    shares = [right["two bare strides"][places == place].mean() for place in range(4)]
    worst = int(np.argmin(shares))
    others = right["two bare strides"][places != worst].mean()
    said = f"{100 * others:.1f} % of the test images; at the fourth on "
    assert f"{said}{100 * shares[worst]:.1f} %" in read("c6")


def find_first_mark(image):
    """Returns the row or column of the mark from which 14 pixels on is the other."""
    plus = np.zeros(image.shape)
    plus[[0, 0, 1, 0, -1], [0, 1, 0, -1, 0]] = 1
    spectrum = np.fft.fft2(image.astype(float)) * np.fft.fft2(plus).conj()
    two = np.argsort(np.fft.ifft2(spectrum).real.ravel())[-2:]
    rows, columns = np.unravel_index(two, image.shape)
    along = columns if rows[0] == rows[1] else rows
    first, other = along
    return int(first if (other - first) % len(image) == 14 else other)


def test_sizes_are_compared_photograph_by_photograph():
    kept = unpack(STORE / "photographs", lambda one: one.file == "window")
    moves = [f"window,distance={one}/agreement/examples" for one in range(1, 17)]
    small, large = (
        np.stack(
            [
                kept[f"predict=efficientnet_lite\\:{size},study=photographs", one]
                for one in moves
            ]
        )
        for size in (0, 2)
    )
    near = bootstrap_mean(100 * (large - small)[0], bounds=None)
    far = bootstrap_mean(100 * (large - small)[1:].mean(0), bounds=None)
    said = f"[{near.low:.0f}, {near.high:.0f}]"
    assert f"is {100 * (large - small)[0].mean():.1f} points {said}" in read("b8")
    said = f"[−{-far.low:.0f}, {far.high:.0f}]"
    assert f"it is {100 * (large - small)[1:].mean():.0f} points {said}" in read("b8")
