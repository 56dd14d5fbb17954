"""The mean flip rate: sequences of frames, on classifiers whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from known import PLACE, ink, measure, pixel, split, table

from research import config
from research.data.split import Split
from research.errors import UserError
from research.evals.sequences import Sequences
from research.runs.rows import write_measurements
from research.transforms.corruptions.geometry import rotate, scale, tilt, translate
from research.transforms.corruptions.noise import add_gaussian_noise
from research.transforms.corruptions.sequence import FrameSequence, Redrawn, Varied
from research.transforms.corruptions.weather import brighten_value

ALL = config.evals(config.compose("eval=sequences"))["sequences"]
SPLIT = split()
SEEDS = np.arange(len(SPLIT))
NOISE = {"gaussian_noise", "shot_noise"}
RANDOM = {*NOISE, "motion_blur", "snow"}


def rate(rows, kind, frames, measure="flip_rate"):
    return rows[f"sequence,frames={frames},kind={kind}/{measure}"]


def rows_of(kinds, predict, images=SPLIT, **options):
    return table(measure(Sequences(kinds, **options), predict, images))


def test_the_ten_kinds_of_sixteen_frames():
    others = {"zoom_blur", "brightness", "translate", "rotate", "tilt", "scale"}
    assert set(ALL.kinds) == RANDOM | others
    assert {kind for kind, one in ALL.kinds.items() if not one.consecutive} == NOISE
    assert {one.frames for one in ALL.kinds.values()} == {16}


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (3, 20, 24, 3)).astype(np.uint8)


@pytest.mark.parametrize("kind", ALL.kinds)
def test_frames_change_and_are_drawn_alike_in_any_batch(kind, pictures):
    sequence, seeds = ALL.kinds[kind], np.array([7, 8, 9])
    frames = [sequence(pictures, seeds, frame) for frame in (3, 15)]
    assert (frames[0] != frames[1]).any((1, 2, 3)).all()
    np.testing.assert_array_equal(sequence(pictures, seeds, 15), frames[1])
    alone = sequence(pictures[1:2], seeds[1:2], 15)
    np.testing.assert_array_equal(alone, frames[1][1:2])
    other = sequence(pictures[1:2], seeds[:1], 15)
    assert (alone != other).any() == (kind in RANDOM)


@pytest.mark.parametrize("kind", sorted(NOISE))
def test_noise_is_independent_from_frame_to_frame(kind):
    gray = np.full((1, 64, 64, 3), 128, np.uint8)
    sequence, seeds = ALL.kinds[kind], np.array([5])
    np.testing.assert_array_equal(sequence(gray, seeds, 0), gray)
    one, two = (sequence(gray, seeds, frame) - 128.0 for frame in (1, 2))
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 5 / np.sqrt(one.size)
    assert one.std() == pytest.approx(two.std(), rel=0.1)


def test_what_is_drawn_stays_from_frame_to_frame():
    sequence = Varied(add_gaussian_noise, 4, first=[0.05], last=[0.2])
    gray = np.full((1, 64, 64, 3), 128, np.uint8)
    one, two = (sequence(gray, SEEDS[:1], frame) - 128.0 for frame in (0, 3))
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.98


@pytest.mark.parametrize(
    "corrupt, amount",
    [(translate, [0, 0]), (rotate, [0]), (tilt, [0]), (scale, [1]), (rotate, [33])],
)
def test_who_stands_still_never_flips(corrupt, amount):
    still = {"still": Varied(corrupt, 4, first=amount, last=amount)}
    assert all(row.value == 0 for row in rows_of(still, pixel).values())


def test_arguments_change_evenly():
    path = Varied(translate, 16, first=[0, -7], last=[0, 8])
    assert [path.arguments(i) for i in range(16)] == [(0, d) for d in range(-7, 9)]
    np.testing.assert_array_equal(path(SPLIT.images, SEEDS, 7), SPLIT.images)


def test_a_pixel_flips_where_its_neighbours_differ():
    kinds = {"translate": Varied(translate, 9, first=[0, -3], last=[0, 5])}
    rows = rows_of(kinds, pixel, batch=8)
    y, x = PLACE
    path = np.array([SPLIT.images[:, y, x - d, 0] > 127 for d in range(-3, 5)])
    path = np.concatenate([path, np.zeros_like(path[:1])])  # 4 − 5 is outside
    flips = path[1:] != path[:-1]
    one = rate(rows, "translate", 9)
    np.testing.assert_allclose(one.arrays["examples"], flips.mean(0))
    np.testing.assert_allclose(one.arrays["steps"], flips.mean(1))
    # of two classes, a flip moves each by one place
    top = rate(rows, "translate", 9, "top5_distance")
    np.testing.assert_allclose(top.arrays["steps"], 2 * flips.mean(1))


def test_brightness_crosses_a_threshold_once():
    values = np.arange(20, 200, 10)
    grays = np.tile(values[:, None, None, None], (1, 4, 4, 3)).astype(np.uint8)
    grays = Split.labelled(grays, np.zeros(len(grays), np.int32))
    kinds = {"brightness": Varied(brighten_value, 11, first=[0], last=[0.4])}
    rows = rows_of(kinds, ink, grays)
    crosses = (values <= 127) & (values + 0.4 * 255 >= 128)
    assert 0 < crosses.mean() < 1
    found = rate(rows, "brightness", 11).arrays["examples"]
    np.testing.assert_allclose(found, crosses / 10)


class Scripted(FrameSequence):
    """Gives all pixels the values of a list, frame by frame."""

    values = (0, 255, 255, 255, 0)

    def check(self, key):
        pass

    def __call__(self, images, seeds, frame):
        return np.full_like(images, self.values[frame])


@pytest.mark.parametrize(
    "consecutive, steps", [(True, [1, 0, 0, 1]), (False, [1, 1, 1, 0])]
)
def test_frames_are_compared_with_the_one_before_or_with_the_first(consecutive, steps):
    kind = type("Kind", (Scripted,), {"consecutive": consecutive})
    rows = rows_of({"scripted": kind(translate, 5)}, ink)
    one = rate(rows, "scripted", 5)
    np.testing.assert_array_equal(one.arrays["steps"], steps)
    assert one.value == np.mean(steps)


def test_noise_flips_as_often_as_it_differs_from_the_image():
    gray = Split.labelled(
        np.full((40, 8, 12, 1), 120, np.uint8), np.zeros(40, np.int32)
    )
    sequence = Redrawn(add_gaussian_noise, 50, arguments=[0.05])
    one = rate(rows_of({"noise": sequence}, pixel, gray), "noise", 50)
    # P(120 + 0.05·255·z ≥ 128); against the frame before it would be 2p(1 − p) = 0.39
    assert one.value == pytest.approx(0.265, abs=0.03)


def test_an_example_has_its_rates_in_any_batch_and_any_company():
    kinds = {kind: ALL.kinds[kind] for kind in ("gaussian_noise", "motion_blur")}
    values = np.random.default_rng(0).integers(110, 145, SPLIT.images.shape)
    near = Split.labelled(values.astype(np.uint8), SPLIT.labels)
    whole = rows_of(kinds, pixel, near)
    assert all(row.value > 0 for row in whole.values())
    for company in ({"batch": 4}, {"examples": 5, "batch": 4}):
        found = rows_of(kinds, pixel, near, **company)
        assert found.keys() == whole.keys()
        for key, row in found.items():
            expected = whole[key].arrays["examples"][: row.n]
            np.testing.assert_array_equal(row.arrays["examples"], expected)


def test_the_mean_flip_rate_is_the_mean_over_kinds(tmp_path):
    rows = rows_of(ALL.kinds, pixel, examples=7)
    for measured, mean in (("flip_rate", "mfr"), ("top5_distance", "mt5d")):
        each = [row for row in rows.values() if row.measure == measured]
        (of_all,) = (row for row in rows.values() if row.measure == mean)
        assert [row.params["kind"] for row in each] == of_all.params["kinds"]
        expected = np.mean([row.arrays["examples"] for row in each], 0)
        np.testing.assert_allclose(of_all.arrays["examples"], expected)
        assert of_all.n == 7 and 0 < of_all.value
    assert {row.protocol for row in rows.values()} == {"sequence"}
    facts = {"run": "one", "seed": 0, "commit": "0"}
    written = write_measurements(tmp_path, "sequences", rows.values(), facts, "test")
    assert len(written) == 22


@pytest.mark.parametrize(
    "key, value, answer",
    [
        ("rotate.last", [1, 2], r"\.rotate\.last=\[1, 2\]: takes degrees \(a number\)"),
        ("scale.first", [-1], r"\.scale\.first=\[-1\]: takes factor \(a number above"),
        ("tilt.last", [1, 2], r"\.tilt\.last=\[1, 2\]: takes as many as first=\[-30\]"),
        ("motion_blur.last", [5, 1.5, 9], r"\.motion_blur, between .* radius \(an int"),
        ("shot_noise.arguments", [0], r"\.shot_noise\.arguments=\[0\]: takes photons"),
    ],
)
def test_arguments_that_a_kind_does_not_take_are_refused(key, value, answer):
    kind, _, field = key.partition(".")
    wrong = {kind: replace(ALL.kinds[kind], **{field: value})}
    with pytest.raises(UserError, match=rf"^eval\.sequences\.kinds{answer}"):
        Sequences(wrong)
