import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fake_runs import fake_run, fake_sweep
from rich.console import Console

from research.errors import UserError
from research.report.results import Results
from research.report.tables import forms
from research.report.tables.summary import tabulate


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    root = fake_sweep(tmp_path_factory.mktemp("runs"), arms=["max", "aps"])
    return tabulate(Results.read(root)).set_index("arm", drop=False)


def test_summary_has_a_line_per_arm_with_means_and_costs(summary):
    assert list(summary.index) == ["aps", "max"]
    aps = summary.loc["aps"]
    assert aps["agreement, circular ≤ 3 px"] == 1
    # Both runs agree on all 360 examples: each has the exact interval of 360 of 360.
    assert aps["agreement, circular ≤ 3 px low"] == pytest.approx(0.025 ** (1 / 360))
    assert aps["agreement, circular ≤ 3 px interval"] == (
        "Clopper–Pearson over examples"
    )
    assert (aps["parameters"], aps["seconds"], aps["seeds"]) == (93322, 13.0, 2)
    low, value, high = (
        summary.loc["max", f"accuracy{s}"] for s in (" low", "", " high")
    )
    assert low < value < high


def test_what_was_not_measured_has_no_column_or_a_dash(tmp_path):
    fake_run(tmp_path, "one")
    fake_run(tmp_path, "two", preset="aps", done=False)
    results = Results.read(tmp_path, done_only=False)
    rows = results.rows
    not_zero = rows[rows["protocol"] != "zero"]
    made = tabulate(replace(results, rows=not_zero))
    assert not [name for name in made if "zero" in name]
    assert "Circular compares" not in made.attrs["caption"]
    some = rows[(rows["protocol"] != "zero") | (rows["downsample"] == "max")]
    made = tabulate(replace(results, rows=some))
    shown = forms.to_text(made).set_index("arm")
    assert shown.loc["aps", "agreement, zero ≤ 3 px (%)"] == "–"
    assert shown.loc["aps", "parameters"] == "–"
    with pytest.raises(UserError, match="no rows of zero agreement"):
        tabulate(replace(results, rows=rows[:0]))


def test_of_fractional_shifts_the_finest_have_a_column(tmp_path):
    fake_run(tmp_path, "one")
    results = Results.read(tmp_path)
    zero = results.rows["protocol"] == "zero"
    shifts = results.rows[zero & (results.rows["measure"] == "agreement")]
    grids = [
        shifts.assign(
            protocol="fractional",
            value=value,
            params=[{**one, "upsampling": u} for one in shifts["params"]],
        )
        for u, value in ((2, 0.5), (4, 0.25))
    ]
    made = tabulate(replace(results, rows=pd.concat([results.rows, *grids])))
    assert made["agreement, fractional ≤ 3 px in 1/4 px"].tolist() == [0.25]
    assert "Circular compares" in made.attrs["caption"]


def test_cells():
    made = pd.DataFrame(
        {"arm": ["a"], "x": [0.97204], "x low": [0.951], "x high": [1.0]}
        | {"x interval": ["t"], "count": [1234567], "seconds": [0.25], "n": [3]}
    )
    assert forms.to_text(made).to_dict("records") == [
        {
            **{"arm": "a", "x (%)": "97.20 [95.1, 100]"},
            **{"count": "1,234,567", "seconds": "0.2"},
        }
    ]


def test_the_terminal_form_fits_80_columns_and_loses_nothing(summary):
    file = io.StringIO()
    wide = summary.replace({"arm": {"max": "space_to_depth"}})
    Console(file=file, width=80).print(forms.to_rich(wide))
    text = file.getvalue()
    header, (first, second) = text.splitlines()[:3], text.splitlines()[4:8:2]
    assert header[-1].split()[-3:] == ["parameters", "seconds", "seeds"]
    assert first.split()[-3:] == ["93,322", "13", "2"]
    assert second.startswith("space_to_depth ")
    assert "360 examples, 2 seeds. Brackets: 95 %" in text
    assert "Circular compares two shifted views" in " ".join(text.split())


def test_saved_forms(summary, tmp_path):
    markdown, tex, csv = forms.save(summary, tmp_path / "table")
    again = pd.read_csv(csv)
    assert list(again) == list(summary)
    np.testing.assert_allclose(again["accuracy"], summary["accuracy"])
    lines = markdown.read_text().splitlines()
    assert lines[2].startswith("| aps | ") and lines[5].startswith("360 examples")
    assert len({line.count("|") for line in lines[:4]}) == 1
    rows = [line for line in tex.read_text().splitlines() if line.endswith(r"\\")]
    assert (
        len({line.count(" & ") for line in rows}) == 1 and len(rows) == len(summary) + 1
    )
