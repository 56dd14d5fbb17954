from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_runs import ARMS, fake_run, fake_sweep
from matplotlib.figure import Figure
from matplotlib.text import Text

from research.errors import UserError
from research.report.figures import curves, distance, style, tradeoff
from research.report.figures.labels import cost, label_points, overlap
from research.report.results import Results
from research.report.words import WORDS


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results.read(fake_sweep(tmp_path_factory.mktemp("runs")))


def points(axes):
    """Each error bar's label or order → its data and its reach up and down."""
    found = []
    for container in axes.containers:
        line, _, bars = container.lines
        found.append((line.get_xydata(), [bar.get_segments() for bar in bars]))
    return found


def texts(figure):
    """What a figure has written, as if each text were one line."""
    return {" ".join(text.get_text().split()) for text in figure.findobj(Text)}


def extents(axes):
    """(left, bottom, right, top) of each label in pixels, without its line."""
    renderer = axes.figure.canvas.get_renderer()
    return np.array([Text.get_window_extent(t, renderer).extents for t in axes.texts])


def test_tradeoff_draws_the_means_and_the_intervals(results):
    figure = tradeoff.draw(results)
    rows = results.rows
    (axes,) = figure.axes
    drawn = points(axes)
    assert len(drawn) == len(ARMS)
    of_max = rows[rows["downsample"] == "max"]
    is_accuracy = of_max["protocol"] == "accuracy"
    shifted = of_max["params"].map(lambda params: params == {"max_shift": 3})
    y = of_max[is_accuracy]
    x = of_max[shifted & (of_max["protocol"] == "circular")]
    expected = [x["value"].mean(), y["value"].mean()]
    position = list(results.arms["arm"].drop_duplicates()).index("max")
    (at,), (across, up) = drawn[position]
    np.testing.assert_allclose(at, expected)
    np.testing.assert_allclose(
        np.array(across)[0, :, 0], [x["low"].mean(), x["high"].mean()]
    )
    np.testing.assert_allclose(
        np.array(up)[0, :, 1], [y["low"].mean(), y["high"].mean()]
    )
    shown = texts(figure)
    assert {WORDS[arm] for arm in ARMS} <= shown
    assert any("360 examples, 2 seeds. Bars: 95 %" in text for text in shown)


def test_tradeoff_labels_do_not_overlap(results):
    (axes,) = tradeoff.draw(results).axes
    boxes = extents(axes)
    assert len(boxes) == len(ARMS)
    for i, box in enumerate(boxes):
        assert not overlap(box, boxes[:i]).any()


def test_names_at_one_place_are_drawn_apart():
    axes = Figure().subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    label_points(axes, {f"name {i}": (0.5, 0.5) for i in range(8)}, [])
    boxes = extents(axes)
    for i, box in enumerate(boxes):
        assert not overlap(box, boxes[:i]).any()


def test_cost_counts_what_is_shared_and_what_is_outside():
    box = np.array([0.0, 0, 4, 2])
    taken = np.array([[3.0, 1, 9, 9], [4, 0, 5, 1], [0, 0, 1, 1]])
    assert overlap(box, taken).tolist() == [1, 0, 1]
    assert cost(box, taken, np.array([0.0, 0, 3, 9])) == 2 + 2


def test_tradeoff_without_its_rows_says_what_to_measure(results):
    with pytest.raises(UserError, match="no rows of crop agreement at a max_shift"):
        tradeoff.draw(results, protocol="crop")
    with pytest.raises(UserError, match="max_shift=9: there are rows of 3"):
        tradeoff.draw(results, max_shift=9)


def test_distance_draws_every_arm_in_every_panel(results):
    rows = results.rows
    figure = distance.draw(results)
    left, right = figure.axes
    for axes, protocol in [(left, "circular"), (right, "zero")]:
        drawn = {c.get_label(): c.lines[0].get_xydata() for c in axes.containers}
        assert drawn.keys() == {WORDS[arm] for arm in ARMS}
        of = rows[(rows["protocol"] == protocol) & (rows["downsample"] == "max")]
        far = of[[params == {"distance": 6} for params in of["params"]]]
        x, y = drawn[WORDS["max"]][-1]
        assert axes.get_xticklabels()[round(x)].get_text() == "6"
        assert y == pytest.approx(far["value"].mean())
    (still,) = [c for c in left.containers if c.get_label() == WORDS["aps"]]
    assert np.allclose(still.lines[0].get_ydata(), 1)
    shown = texts(figure)
    assert {"(a) Circular shift", "(b) Shift, filled with zeros"} <= shown
    assert any("360 examples, 2 seeds" in text for text in shown)


def test_distance_leaves_out_a_panel_without_rows(results):
    rows = results.rows
    figure = distance.draw(replace(results, rows=rows[rows["protocol"] != "zero"]))
    assert len(figure.axes) == 1
    with pytest.raises(UserError, match="no rows of zero agreement at a distance"):
        accuracy = rows[rows["protocol"] == "accuracy"]
        distance.draw(replace(results, rows=accuracy))


def test_distance_says_when_panels_coincide(results):
    rows = results.rows
    words = "The panels agree in every value."
    assert not any(words in text for text in texts(distance.draw(results)))
    circular = rows[rows["protocol"] == "circular"]
    twice = pd.concat([circular, circular.assign(protocol="zero")])
    assert any(
        words in text for text in texts(distance.draw(replace(results, rows=twice)))
    )
    alone = distance.draw(replace(results, rows=circular))
    assert not any(words in text for text in texts(alone))


def test_curves_draw_the_mean_and_the_range_over_seeds(results):
    metrics = results.metrics
    figure = curves.draw(results)
    assert len(figure.axes) == 4  # train, validation × loss, accuracy
    of = metrics[(metrics["downsample"] == "max") & (metrics["split"] == "train")]
    last = of[of["epoch"] == 12]["loss"]
    (line,) = [li for li in figure.axes[0].lines if li.get_label() == WORDS["max"]]
    assert line.get_xydata()[-1].tolist() == [12, pytest.approx(last.mean())]
    bands = [c.get_paths()[0].vertices for c in figure.axes[0].collections]
    ends = [band[band[:, 0] == 12][:, 1] for band in bands]
    assert any(
        (min(end), max(end)) == pytest.approx((last.min(), last.max())) for end in ends
    )
    caption = "Examples an epoch: 1,280 train, 157 validation. Lines: mean of 2 seeds"
    assert any(caption in text for text in texts(figure))


def test_curves_of_one_epoch_are_points_with_their_range(tmp_path):
    for seed in range(2):
        fake_run(tmp_path, str(seed), seed=seed, epochs=1)
    for axes in curves.draw(Results.read(tmp_path)).axes:
        (point,) = axes.lines
        assert point.get_marker() not in ("", "None") and len(point.get_xdata()) == 1
        (spread,) = axes.collections
        ((low, high),) = (one[:, 1] for one in spread.get_segments())
        assert low < point.get_ydata()[0] < high


def test_curves_without_rows(results):
    with pytest.raises(UserError, match=r"no rows of train, validation, test in any"):
        curves.draw(replace(results, metrics=results.metrics[:0]))


def test_every_preset_has_a_look_of_its_own():
    conf = Path(__file__).parents[3] / "conf/downsample"
    presets = {path.stem for path in conf.glob("*.yaml")} - {"base", "base_keep"}
    assert presets <= set(style.PRESETS)
    assert len(set(style.PRESETS.values())) == len(style.PRESETS)


def test_a_preset_looks_the_same_in_any_company(tmp_path):
    for i, preset in enumerate(["max", "mine", "aps", "yours"]):
        fake_run(tmp_path, str(i), preset=preset, skill=(0.9, 0.9, 0.01))
    styles = style.style_arms(Results.read(tmp_path).arms)
    assert styles["max"][:2] == style.PRESETS["max"]
    assert styles["aps"][:2] == style.PRESETS["aps"]
    assert len({look[:2] for look in styles.values()}) == 4


def test_arms_of_one_preset_differ_by_line_or_by_colour(tmp_path):
    for model in ["tiny", "chollet"]:
        fake_run(tmp_path, model, choices={"model": model})
    styles = style.style_arms(Results.read(tmp_path).arms)
    assert len({look.color for look in styles.values()}) == 2
    fake_run(tmp_path, "aps", preset="aps")
    styles = style.style_arms(Results.read(tmp_path).arms)
    first, second = styles["max, chollet"], styles["max, tiny"]
    assert first.color == second.color == style.RED
    assert (first.filled, first.line) != (second.filled, second.line)


def test_saving_twice_gives_the_same_bytes(tmp_path):
    paths = []
    for folder in ["a", "b"]:
        figure, axes = style.create_axes("one", 1.0)
        axes.errorbar([0, 1], [0, 1], 0.1, label="max")
        style.add_legend(figure, axes)
        paths.append(style.save(figure, tmp_path / folder / "tradeoff"))
    assert [path.suffix for path in paths[0]] == [".png", ".svg", ".pdf"]
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_the_last_digits_of_the_layout_do_not_show(tmp_path, monkeypatch):
    paths = []
    for folder, noise in (("a", 0), ("b", 1e-13)):
        figure, axes = style.create_axes("one", 1.0)
        axes.plot([0, 1])
        place = (0.1234567, 0.2, 0.7 + noise, 0.7)
        lay_out = partial(axes.set_position, place)
        monkeypatch.setattr(figure, "draw_without_rendering", lay_out)
        paths.append(style.save(figure, tmp_path / folder / "line"))
    for first, second in zip(*paths, strict=True):
        assert first.read_bytes() == second.read_bytes()
