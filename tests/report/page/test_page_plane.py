"""The plane of downsamplers: which runs make one, its cells, its main effects."""

import numpy as np
import pytest
from pages import PLANE, plane_run

from research.report.page.plane import find_planes
from research.report.results import Results
from research.runs.tables import read_rows
from research.stats import t_interval


def found(root):
    return find_planes(Results.read(root))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("plane")
    for seed in range(3):
        for cell in PLANE:
            plane_run(root, *cell, seed=seed)
    return root


def means(root, measure, **where):
    """Per-seed means over cells, from the rows by hand."""
    rows = read_rows(root)
    rows = rows[(rows["protocol"] == "circular") & (rows["measure"] == measure)]
    rows = rows[[given == {"max_shift": 3} for given in rows["params"]]]
    for axis, level in where.items():
        rows = rows[rows[f"downsample/{axis}"] == level]
    return rows.groupby("seed")["value"].mean().to_numpy()


def test_cells_and_main_effects_are_means_of_the_rows(whole):
    (plane,) = found(whole)
    assert plane["axes"] == {
        "reduce": ["identity", "max"],
        "lowpass": ["none", "binomial"],
        "sample": ["first", "energy"],
    }
    by_name = {one["name"]: one for one in plane["measures"]}
    assert {"accuracy", "agreement, circular shifts ≤ 3 px"} <= set(by_name)
    agreement = by_name["agreement, circular shifts ≤ 3 px"]
    assert len(agreement["cells"]) == 8
    cell = next(c for c in agreement["cells"] if c[:3] == ["max", "none", "energy"])
    of_cell = means(whole, "agreement", reduce="max", lowpass="none", sample="energy")
    assert cell[3] == pytest.approx(of_cell.mean(), abs=1e-6)
    assert plane["more"] == 0
    for level, value, low, high in agreement["effects"]["lowpass"]:
        per_seed = means(whole, "agreement", lowpass=level)
        assert value == pytest.approx(per_seed.mean(), abs=1e-6)
        np.testing.assert_allclose((low, high), t_interval(per_seed)[:2], atol=1e-6)
    assert "3 seeds" in agreement["caption"]


def test_interactions_are_what_main_effects_leave(whole):
    (plane,) = found(whole)
    agreement = plane["measures"][1]
    axes = ("reduce", "lowpass", "sample")
    per_seed = {
        cell: means(whole, "agreement", **dict(zip(axes, cell, strict=True)))
        for cell in PLANE
    }
    # Least squares with a column for each axis: the residual of the additive model.
    design = np.array(
        [
            [1, *(level in ("max", "binomial", "energy") for level in cell)]
            for cell in PLANE
        ],
        float,
    )
    values = np.array([per_seed[cell] for cell in PLANE])
    rest = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    got = {tuple(cell[:3]): cell[3:] for cell in agreement["interactions"]}
    for cell, residual in zip(PLANE, rest, strict=True):
        expected = (residual.mean(), *t_interval(residual)[:2])
        np.testing.assert_allclose(got[cell], expected, atol=2e-6)
    assert max(abs(value) for value, _, _ in got.values()) > 1e-3


def test_the_largest_block_without_gaps_is_the_plane(tmp_path):
    for cell in PLANE:
        if cell[2] == "energy":
            plane_run(tmp_path, *cell)
    plane_run(tmp_path, "max", "none", "first")
    plane_run(tmp_path, "average", "none", "first")
    plane_run(tmp_path, "lp", "none", "energy")
    (plane,) = found(tmp_path)
    assert plane["axes"] == {
        "reduce": ["identity", "max"],
        "lowpass": ["none", "binomial"],
        "sample": ["energy"],
    }
    assert plane["more"] == 3
    agreement = plane["measures"][1]
    value = {tuple(cell[:3]): cell[3] for cell in agreement["cells"]}
    assert len(value) == 4 and len(agreement["interactions"]) == 4
    assert agreement["effects"]["sample"] == []
    for level, mean, *_ in agreement["effects"]["lowpass"]:
        of_level = [value[reduce, level, "energy"] for reduce in ("identity", "max")]
        assert mean == pytest.approx(np.mean(of_level), abs=1e-6)


def test_effects_are_of_seeds_that_every_cell_has(tmp_path):
    for cell in PLANE:
        for seed in (0, 1) if cell == PLANE[0] else (0,):
            plane_run(tmp_path, *cell, seed=seed)
    (plane,) = found(tmp_path)
    accuracy = plane["measures"][0]
    rows = read_rows(tmp_path)
    rows = rows[(rows["measure"] == "accuracy") & (rows["seed"] == 0)]
    by_level = rows.groupby("downsample/reduce")["value"].mean()
    got = {level: value for level, value, *_ in accuracy["effects"]["reduce"]}
    assert got == pytest.approx(by_level.to_dict(), abs=1e-6)
    assert len(accuracy["interactions"]) == 8


def test_a_setting_that_varies_is_a_level_of_its_own(tmp_path):
    for reduce, lowpass, sample in PLANE:
        for taps in (3, 5) if lowpass == "binomial" else (None,):
            settings = {"taps": taps} if taps else {}
            config = {"downsample": {"stride": 2, "lowpass": settings}}
            root = tmp_path / str(taps)
            plane_run(root, reduce, lowpass, sample, config=config)
    (plane,) = found(tmp_path)
    assert plane["axes"]["lowpass"] == ["none", "binomial taps=3", "binomial taps=5"]


def test_what_differs_in_more_than_the_downsampler_is_another_plane(tmp_path):
    for padding in ("zero", "circular"):
        for cell in PLANE if padding == "zero" else PLANE[:6]:
            config = {"model": {"padding": padding}, "downsample": {"stride": 2}}
            plane_run(tmp_path / padding, *cell, config=config)
    first, second = found(tmp_path)
    assert first["title"] == "digits, chollet, zero padding"
    assert [len(one["measures"][0]["cells"]) for one in (first, second)] == [8, 4]


def test_lines_of_presets_are_no_plane(tmp_path):
    for reduce in ("identity", "max", "average", "lp"):
        plane_run(tmp_path, reduce, "none", "first")
    plane_run(tmp_path, "identity", "binomial", "first")
    assert found(tmp_path) == []
    plane_run(tmp_path, "max", "binomial", "first")
    (plane,) = found(tmp_path)
    assert plane["axes"]["reduce"] == ["identity", "max"]
    assert plane["more"] == 2


def test_two_runs_of_one_cell_and_seed_count_once(tmp_path):
    for cell in PLANE:
        plane_run(tmp_path / "a", *cell)
    once = found(tmp_path)
    for cell in PLANE:
        plane_run(tmp_path / "b", *cell)
    assert once and found(tmp_path) == once


def test_planes_of_one_title_name_what_sets_them_apart(tmp_path):
    for epochs in (2, 20):
        for index, cell in enumerate(PLANE):
            config = {"train": {"epochs": epochs}}
            path = plane_run(tmp_path / str(epochs), *cell, config=config)
            if index:  # a foreign classifier has no place in a plane
                config["predict"] = "mine:ink"
                plane_run(tmp_path / f"foreign-{epochs}", *cell, config=config)
            assert path.is_dir()
    ends = sorted(plane["title"].rpartition(", ")[2] for plane in found(tmp_path))
    assert ends == ["epochs=2", "epochs=20"]
