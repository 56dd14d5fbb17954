"""The pictures of what was measured: that they show the rows and arrays they say."""

import numpy as np
import pytest
from fake_runs import fake_run
from matplotlib.image import AxesImage
from matplotlib.text import Text

from research.errors import UserError
from research.evals.measurement import Measurement
from research.report.figures import (
    fragile,
    layers,
    location,
    orbit,
    receptive,
    scramble,
    style,
)
from research.runs.rows import named, write_measurements
from research.runs.tables import read_metrics, read_rows, read_runs

ARMS = ("decimate", "aps")
PARTS = ("Conv", "Downsample", "Conv")
EXAMPLES = 40


def examples(rng, protocol, measure, chance, **more):
    drawn = rng.random(EXAMPLES) < chance
    return Measurement.of_examples(protocol, measure, drawn, **more)


def of_scramble(rng):
    for grid in (1, 2, 4):
        yield examples(
            rng, "patch", "accuracy", 0.9 / grid, params={"grid": [grid] * 2}
        )
    yield examples(rng, "pixel", "accuracy", 0.5, params={"block": [2, 2]})


def of_layers(rng):
    for shift in (1, 2):
        for index, part in enumerate(PARTS):
            stride = [1, 2, 2][index]
            grid = "on" if shift % stride == 0 else "off"
            params = {"index": index, "part": part, "stride": [stride] * 2}
            params |= {"shift": [shift] * 2, "grid": grid}
            yield examples(rng, "layers", "error", 0.3, params=params)


def of_location(rng):
    for objects in (1, 2):
        for index, part in enumerate(("pixels", *PARTS), -1):
            for weights in ("none",) if index < 0 else ("trained", "untrained"):
                params = {"index": index, "part": part, "weights": weights}
                value = 0.9 - 0.1 * index - (weights == "untrained") * 0.3
                yield Measurement(
                    "location", "r2", value, 9, params=params | {"objects": objects}
                )


def of_orbit(rng):
    shifts = rng.random((6, 8))
    shifts[0, 0] = 1
    yield examples(rng, "orbit", "agreement", 0.8, arrays={"map": shifts})


def of_receptive(rng):
    for index, part in enumerate(PARTS):
        params = {"index": index, "part": part}
        field = rng.random((7, 7))
        yield Measurement(
            "receptive", "size", 3.5, 9, params=params, arrays={"map": field}
        )


def of_fragile(rng):
    kept = {
        "images": rng.integers(0, 256, (3, 6, 8, 1), np.uint8),
        "offsets": np.array([[0, 1], [-1, 1], [1, 0]]),
        "unshifted": np.array([1, 2, 3]),
        "shifted": np.array([4, 5, 6]),
        "p_unshifted": np.array([0.91, 0.92, 0.93]),
        "p_shifted": np.array([0.61, 0.62, 0.63]),
    }
    yield examples(rng, "fragile", "agreement", 0.8, arrays=kept)


KINDS = {
    "scramble": (scramble, of_scramble),
    "layers": (layers, of_layers),
    "location": (location, of_location),
    "orbit": (orbit, of_orbit),
    "receptive": (receptive, of_receptive),
    "fragile": (fragile, of_fragile),
}


PICTURES = ("orbit", "receptive", "fragile")  # drawn from arrays


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    for preset in ARMS:
        for seed in (0, 1):
            name = f"downsample={preset},seed={seed}"
            folder = fake_run(root, name, preset=preset, seed=seed)
            facts = {"run": name, "seed": seed, "commit": "0"}
            rng = np.random.default_rng([seed, len(preset)])
            for kind, (_, measure) in KINDS.items():
                write_measurements(folder, kind, measure(rng), facts, "test")
                if kind in PICTURES:
                    other = named(kind, "validation", own="test")
                    write_measurements(folder, other, measure(rng), facts, "validation")
    return read_runs(root), read_rows(root), read_metrics(root)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_drawn_and_saved(tables, kind, tmp_path):
    figure = KINDS[kind][0].draw(*tables)
    shown = {text.get_text() for text in figure.findobj(Text)}
    assert all(any(arm in text for text in shown) for arm in ARMS)
    written = style.save(figure, tmp_path / kind)
    assert all(path.stat().st_size > 1000 for path in written)


@pytest.mark.parametrize("kind", PICTURES)
def test_the_arrays_are_those_of_the_split(tables, kind):
    def pictures(split):
        found = KINDS[kind][0].draw(*tables, split=split).findobj(AxesImage)
        return [np.asarray(image.get_array()) for image in found]

    test, validation = pictures("test"), pictures("validation")
    assert len(test) == len(validation) > 0
    pairs = zip(test, validation, strict=True)
    assert not any(np.array_equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("kind", KINDS)
def test_without_rows_it_says_what_to_measure(tables, kind):
    runs, rows, metrics = tables
    none = rows[rows["protocol"] == "accuracy"]
    with pytest.raises(UserError, match="no rows of .*eval="):
        KINDS[kind][0].draw(runs, none, metrics)


def drawn(axes):
    """Arm → heights of its line."""
    lines = {bar.get_label(): bar.lines[0] for bar in axes.containers}
    return {arm: np.array(line.get_ydata(), float) for arm, line in lines.items()}


def test_lines_are_means_over_seeds_at_the_right_ticks(tables):
    runs, rows, _ = tables
    left, right = scramble.draw(*tables).axes
    ticks = [label.get_text() for label in left.get_xticklabels()]
    assert ticks == ["1×1", "2×2", "4×4"]
    patch = rows[(rows["protocol"] == "patch") & (rows["downsample"] == "aps")]
    for tick, side in enumerate((1, 2, 4)):
        of = patch[[given["grid"] == [side, side] for given in patch["params"]]]
        assert drawn(left)["aps"][tick] == pytest.approx(of["value"].mean())
    assert len(drawn(right)["aps"]) == 1


def test_stages_are_named_and_pixels_come_first(tables):
    panels = location.draw(*tables).axes
    ticks = [label.get_text() for label in panels[0].get_xticklabels()]
    assert ticks == ["pixels", "1 Conv", "2 Downsample", "3 Conv"]
    trained, untrained = drawn(panels[0])["aps"], drawn(panels[1])["aps"]
    np.testing.assert_allclose(trained, [1.0, 0.9, 0.8, 0.7])
    np.testing.assert_allclose(untrained, [1.0, 0.6, 0.5, 0.4])


def test_the_map_has_no_shift_in_the_middle(tables):
    figure = orbit.draw(*tables)
    maps = [axes for axes in figure.axes if axes.get_images()]
    for axes in maps[: len(ARMS)]:
        (image,) = axes.get_images()
        shown = np.asarray(image.get_array())
        assert shown.shape == (6, 8)
        assert shown[3, 4] == 100
        left, right, bottom, top = image.get_extent()
        assert left + 4 == top + 3 == -0.5  # the pixel [3, 4] stands around (0, 0)
        assert (right - left, bottom - top) == (8, 6)


def test_a_pair_is_an_image_and_its_shift(tables):
    figure = fragile.draw(*tables, images=2)
    line = [axes for axes in figure.axes if axes.get_images()][:4]
    still, moved = (np.asarray(axes.get_images()[0].get_array()) for axes in line[2:4])
    np.testing.assert_array_equal(moved, np.roll(still, (-1, 1), (0, 1)))
    assert line[2].get_title() == "2: 92 %"
    assert line[3].get_title() == "↗ 5: 62 %"


def test_fields_are_of_the_last_stages(tables):
    figure = receptive.draw(*tables, stages=2)
    titles = [axes.get_title() for axes in figure.axes if axes.get_images()]
    assert titles == ["2 Downsample\n3.5 px", "3 Conv\n3.5 px"] * 2
