"""The pictures of what was measured: that they show the rows and arrays they say."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from matplotlib.image import AxesImage
from matplotlib.text import Text
from measured import ARMS, KINDS, PICTURES, measured_runs

from research.errors import UserError
from research.report.figures import (
    aliasing,
    calibration,
    distance,
    flip,
    fragile,
    layers,
    lie,
    location,
    orbit,
    receptive,
    scramble,
    segmentation,
    shifts,
    spatial,
    style,
    tradeoff,
)
from research.report.results import Results
from research.report.words import WORDS

NAME = WORDS["aps"]
MAPS = {"protocol": "consistency_linear", "score": "mean_iou"}
DRAW = {
    "aliasing": aliasing.draw,
    "calibration": calibration.draw,
    "flip": flip.draw,
    "fragile": fragile.draw,
    "layers": layers.draw,
    "lie": lie.draw,
    "location": location.draw,
    "orbit": orbit.draw,
    "fractional_orbit": partial(orbit.draw, protocol="fractional_orbit"),
    "receptive": receptive.draw,
    "scramble": scramble.draw,
    "shifts": shifts.draw,
    "spatial": spatial.draw,
    "window": partial(distance.draw, protocols=["window"]),
    "consistency": partial(
        distance.draw, protocols=["consistency_circular", "consistency_linear"]
    ),
}

DRAW["segmentation"] = partial(tradeoff.draw, **MAPS)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results.read(measured_runs(tmp_path_factory.mktemp("runs")))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_drawn_and_saved(results, kind, tmp_path):
    figure = DRAW[kind](results)
    shown = {" ".join(text.get_text().split()) for text in figure.findobj(Text)}
    assert all(any(WORDS[arm] in text for text in shown) for arm in ARMS)
    written = style.save(figure, tmp_path / kind)
    assert all(path.stat().st_size > 1000 for path in written)


@pytest.mark.parametrize("kind", PICTURES)
def test_the_arrays_are_those_of_the_split(results, kind):
    def pictures(split):
        found = DRAW[kind](results, split=split).findobj(AxesImage)
        return [np.asarray(image.get_array()) for image in found]

    test, validation = pictures("test"), pictures("validation")
    assert len(test) == len(validation) > 0
    pairs = zip(test, validation, strict=True)
    assert not any(np.array_equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("kind", KINDS)
def test_without_rows_it_says_what_to_measure(results, kind):
    none = results.rows[results.rows["protocol"] == "accuracy"]
    with pytest.raises(UserError, match="no rows of .*eval="):
        DRAW[kind](replace(results, rows=none))


def drawn(axes):
    """Arm → heights of its line."""
    lines = {bar.get_label(): bar.lines[0] for bar in axes.containers}
    return {arm: np.array(line.get_ydata(), float) for arm, line in lines.items()}


def test_lines_are_means_over_seeds_at_the_right_ticks(results):
    rows = results.rows
    left, right = scramble.draw(results).axes
    ticks = [label.get_text() for label in left.get_xticklabels()]
    assert ticks == ["1×1", "2×2", "4×4"]
    patch = rows[(rows["protocol"] == "patch") & (rows["downsample"] == "aps")]
    for tick, side in enumerate((1, 2, 4)):
        of = patch[[given["grid"] == [side, side] for given in patch["params"]]]
        assert drawn(left)[NAME][tick] == pytest.approx(of["value"].mean())
    assert len(drawn(right)[NAME]) == 1


def test_stages_are_named_and_pixels_come_first(results):
    panels = location.draw(results).axes
    ticks = [label.get_text() for label in panels[0].get_xticklabels()]
    assert ticks == ["pixels", "1 Conv", "2 Downsample", "3 Conv"]
    trained, untrained = drawn(panels[0])[NAME], drawn(panels[1])[NAME]
    np.testing.assert_allclose(trained, [1.0, 0.9, 0.8, 0.7])
    np.testing.assert_allclose(untrained, [1.0, 0.6, 0.5, 0.4])


def test_the_map_has_no_shift_in_the_middle(results):
    figure = orbit.draw(results)
    maps = [axes for axes in figure.axes if axes.get_images()]
    for axes in maps[: len(ARMS)]:
        (image,) = axes.get_images()
        shown = np.asarray(image.get_array())
        assert shown.shape == (6, 8)
        assert shown[3, 4] == 100
        left, right, bottom, top = image.get_extent()
        assert left + 4 == top + 3 == -0.5  # the pixel [3, 4] stands around (0, 0)
        assert (right - left, bottom - top) == (8, 6)


def test_a_map_of_answers_is_pale_where_an_image_keeps_its_own(results):
    figure = shifts.draw(results, image=1)
    image, moves, *maps = [axes for axes in figure.axes if axes.get_images()]
    shown = np.arange(48, 96).reshape(6, 8)
    np.testing.assert_array_equal(image.get_images()[0].get_array(), shown)
    tiles = np.asarray(moves.get_images()[0].get_array())
    assert tiles.shape == (5 * 7 - 1, 5 * 9 - 1)
    np.testing.assert_array_equal(tiles[:6, :8], np.roll(shown, (-2, -2), (0, 1)))
    np.testing.assert_array_equal(tiles[-6:, -8:], np.roll(shown, (2, 2), (0, 1)))
    assert [axes.get_title() for axes in maps] == [
        f"{WORDS[arm]}\nkeeps 50 %" for arm in ARMS
    ]
    for axes in maps:
        codes = np.asarray(axes.get_images()[0].get_array())
        # Row 3 is no shift; an odd shift down has another answer.
        assert (codes[1::2] == 0).all() and (codes[::2] == 1).all()
    # Of both images that change an answer, the one with more of them.
    assert shifts.draw(results).axes[0].get_title() == "an image: 1"
    with pytest.raises(UserError, match=r"figure.shifts.image=3: takes 0 to 2"):
        shifts.draw(results, image=3)
    with pytest.raises(UserError, match=r"figure.shifts.arms=max: there are"):
        shifts.draw(results, arms=["max"])


def test_of_fractions_the_finest_grid_is_drawn_in_pixels(results):
    figure = orbit.draw(results, protocol="fractional_orbit")
    image = next(axes.get_images()[0] for axes in figure.axes if axes.get_images())
    shown = np.asarray(image.get_array())
    assert shown.shape == (18, 24) and shown[9, 12] == 100 and shown[0, 0] == 50
    left, right, bottom, top = image.get_extent()
    assert (right - left, bottom - top) == (8, 6)


def test_a_pair_is_an_image_and_its_shift(results):
    figure = fragile.draw(results, images=2)
    line = [axes for axes in figure.axes if axes.get_images()][:4]
    still, moved = (np.asarray(axes.get_images()[0].get_array()) for axes in line[2:4])
    np.testing.assert_array_equal(moved, np.roll(still, (-1, 1), (0, 1)))
    assert line[2].get_title() == "2: 92 %"
    assert line[3].get_title() == "↗ 5: 62 %"


def test_fields_are_of_the_last_stages(results):
    figure = receptive.draw(results, stages=2)
    titles = [axes.get_title() for axes in figure.axes if axes.get_images()]
    assert titles == ["2 Downsample\n3.5 px", "3 Conv\n3.5 px"] * 2


def test_flips_are_those_of_each_step(results):
    """The mean over seeds of what was kept, at the middle of each step."""
    figure = flip.draw(results)
    rows = results.select("flip", "flip_rate", "border", "direction", "reach")
    for axes, border in zip(figure.axes, ("circular", "zero"), strict=True):
        assert border in axes.get_title(loc="left")
        for line in axes.get_lines():
            ours = rows[
                (rows["arm"].map(WORDS) == line.get_label())
                & (rows["border"] == border)
            ]
            steps = [results.array(row, "steps") for _, row in ours.iterrows()]
            np.testing.assert_allclose(line.get_ydata(), np.mean(steps, 0))
            np.testing.assert_allclose(line.get_xdata(), [-1.5, -0.5, 0.5, 1.5])


def test_a_reliability_diagram_leaves_empty_bins_out(results):
    figure = calibration.draw(results)
    assert len(figure.axes) == 3
    for axes in figure.axes:
        drawn = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
        for arm in ARMS:
            np.testing.assert_allclose(drawn[WORDS[arm]], [[0.5, 0.4], [0.9, 0.95]])


def test_label_maps_stand_under_their_arm_with_the_flips_below(results):
    figure = segmentation.draw(results, images=2, seed=1)
    shown = [
        np.asarray(axes.get_images()[0].get_array())
        for axes in figure.axes
        if axes.get_images()
    ]
    rows = results.select("neighbours", "flips")
    rows = rows[rows["seed"] == 1]
    kept = [
        {
            name: results.array(row, name)
            for name in ("images", "masks", "predictions", "map")
        }
        for _, row in rows.iterrows()
    ]
    columns = 1 + len(kept)
    for index in range(2):
        upper = shown[2 * index * columns : (2 * index + 1) * columns]
        lower = shown[(2 * index + 1) * columns : (2 * index + 2) * columns]
        np.testing.assert_array_equal(upper[0], kept[0]["images"][index, ..., 0])
        np.testing.assert_array_equal(lower[0], kept[0]["masks"][index])
        for arm, arrays in enumerate(kept, 1):
            np.testing.assert_array_equal(upper[arm], arrays["predictions"][index])
            np.testing.assert_array_equal(lower[arm], arrays["map"][index])
    titles = [axes.get_title().partition("\n")[0] for axes in figure.axes[1:columns]]
    assert titles == list(rows["arm"].map(WORDS))
    with pytest.raises(UserError, match="seed=7: there are rows of 0, 1"):
        segmentation.draw(results, seed=7)


@pytest.mark.parametrize("score", ["mean_iou", "boundary_iou"])
def test_the_tradeoff_of_label_maps_is_of_their_rows(results, score):
    (axes,) = tradeoff.draw(results, **(MAPS | {"score": score})).axes
    assert "linear shifts ≤ 3 px" in axes.get_xlabel() and "IoU" in axes.get_ylabel()
    rows = results.labelled_rows
    found = rows[(rows["measure"] == score) & (rows["arm"] == "aps")]
    heights = {bar.lines[0].get_ydata()[0] for bar in axes.containers}
    assert any(np.isclose(one, found["value"].mean()) for one in heights)
