"""Pairs of arms on the images that both get right, against sums by hand."""

import numpy as np
import pytest
from fake_runs import fake_run

from research.errors import UserError
from research.evals.measurement import Measurement
from research.report.results import Results
from research.report.tables.forms import to_markdown
from research.report.tables.pairs import tabulate
from research.runs.rows import write_measurements
from research.stats import t_interval

N = 50
PATHS = ([0, 1], [1, 0])


def values(preset, seed):
    """Right or not, agreement, and flips along two paths, of each example."""
    rng = np.random.default_rng([seed, *preset.encode()])
    chance = {"max": 0.7, "aps": 0.8}.get(preset, 0.5)
    return rng.random(N) < chance, rng.random(N) < chance, rng.random((2, N)) < 0.3


def measured(root, *, presets=("max", "aps"), seeds=(0, 1, 2), flips=True):
    for preset in presets:
        for seed in seeds:
            name = f"downsample={preset},seed={seed}"
            folder = fake_run(root, name, preset=preset, seed=seed, examples=N)
            right, same, flipped = values(preset, seed)
            facts = {"run": name, "seed": seed, "commit": "0"}
            row = Measurement.of_examples
            write_measurements(
                folder,
                "shift",
                [
                    row("accuracy", "accuracy", right),
                    row("circular", "agreement", same, params={"max_shift": 3}),
                    row("circular", "agreement", ~same, params={"max_shift": 1}),
                ],
                facts,
                "test",
            )
            paths = {
                (border, index): {"border": border, "direction": path, "reach": [-7, 8]}
                for border in ("circular", "zero")
                for index, path in enumerate(PATHS)
            }
            found = [
                row("flip", "flip_rate", flipped[i] ^ (border == "zero"), params=params)
                for (border, i), params in paths.items()
            ]
            if flips:
                write_measurements(folder, "flip", found, facts, "test")
    return Results.read(root)


def of(table, measure):
    (line,) = table[table["measure"] == measure].to_dict("records")
    return line


def test_it_counts_what_both_get_right(tmp_path):
    table = tabulate(measured(tmp_path))
    masks = [values("max", s)[0] & values("aps", s)[0] for s in range(3)]
    for measure, pick in (
        ("agreement", lambda found: found[1]),
        ("flips", lambda found: found[2].mean(0)),
    ):
        line = of(table, measure)
        assert {line["first"], line["second"]} == {"max", "aps"} and line["seeds"] == 3
        assert line["both right"] == pytest.approx(np.mean(masks))
        assert line["n"] == min(mask.sum() for mask in masks)
        a, b = (
            np.array([pick(values(line[arm], s))[masks[s]].mean() for s in range(3)])
            for arm in ("first", "second")
        )
        assert line["of first"] == pytest.approx(a.mean())
        assert line["of second"] == pytest.approx(b.mean())
        low, high, how = t_interval(a - b)
        assert line["difference low"] == pytest.approx(low)
        assert line["difference high"] == pytest.approx(high)
        assert line["difference interval"] == how == "t over seeds"
        rates = (a.mean(), b.mean())
        if measure == "agreement":
            rates = (1 - a.mean(), 1 - b.mean())
        assert line["ratio"] == pytest.approx(rates[0] / rates[1])


def test_the_border_is_that_asked_for(tmp_path):
    table = tabulate(measured(tmp_path), border="zero")
    line = of(table, "flips")
    masks = [values("max", s)[0] & values("aps", s)[0] for s in range(3)]
    expected = [
        1 - values(line["first"], s)[2].mean(0)[masks[s]].mean() for s in range(3)
    ]
    assert line["of first"] == pytest.approx(np.mean(expected))
    assert list(table["measure"]) == ["flips"]


def test_one_seed_has_an_interval_over_examples(tmp_path):
    table = tabulate(measured(tmp_path, seeds=(0,), flips=False))
    how = of(table, "agreement")["difference interval"]
    assert how == "bootstrap over examples" and how in table.attrs["caption"]
    assert list(table["measure"]) == ["agreement"]
    assert " % |" in to_markdown(table) and "nan" not in to_markdown(table)


def test_every_pair_of_arms_has_its_lines(tmp_path):
    presets = ("max", "aps", "average")
    table = tabulate(measured(tmp_path, presets=presets, seeds=(0, 1)))
    pairs = {*zip(table["first"], table["second"], strict=True)}
    assert len(pairs) == 3 and len(table) == 6


def test_arms_without_a_seed_in_common_are_no_pair(tmp_path):
    measured(tmp_path, presets=("max",), seeds=(0,))
    results = measured(tmp_path, presets=("aps",), seeds=(1,))
    with pytest.raises(UserError, match="no two arms .* share a seed"):
        tabulate(results)
