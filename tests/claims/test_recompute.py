"""An independent script finds what the report tells, and what somebody changed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import recompute
from pools import Made, compose
from scipy.stats import t

from research import claims
from research.claims.measure import Flips, Measure
from research.report.results import Results
from research.report.tables import cases, forms
from research.runs.pack import pack
from research.stats import combine_any, combine_every, three_way

ROOT = Path(__file__).parents[2]
CLAIMS = claims.load()
SCRIPT = ROOT / "tests/claims/recompute.py"
REFERENCE = ROOT / "outputs/reference"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A packed store of C3, C4 and, for want of seeds undecided, C9; and its cases."""
    folder = tmp_path_factory.mktemp("store")
    for name in ("c3", "c4", "c9"):
        made, seeds = Made(CLAIMS[name]), range(8 if name == "c9" else 10)
        for question in CLAIMS[name].questions.values():
            for contrast in question.contrasts:
                for place, arm in enumerate(contrast.arms):
                    if isinstance(contrast.measure, Flips):
                        made.flips(arm, contrast.measure.shift, 0.3 - 0.05 * place)
                    for measure in (contrast.measure, contrast.minus):
                        if isinstance(measure, Measure):
                            made.values(arm, measure, 90.0 - place, 0.3, seeds)
        made.on_disk(folder / "runs" / name)
    pack(folder / "runs", folder / "store")
    found = cases.tabulate(Results.read(folder / "store", compose=compose))
    forms.save(found, folder / "store" / "cases")
    return folder / "store"


def run(folder):
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)], capture_output=True, text=True
    )


def test_it_agrees_with_the_report(store):
    done = run(store)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[0]) > 40  # C3 alone has four cases of five numbers


@pytest.mark.slow  # recomputes everything, several times
@pytest.mark.parametrize("column", ["effect", "high", "p", "adjusted", "n"])
def test_it_finds_what_was_changed(store, tmp_path, column):
    for file in store.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "cases.csv").unlink()
    table = pd.read_csv(store / "cases.csv")
    row = table[(table["family"] == "confirmatory") & table["effect"].notna()].index[0]
    table[column] = table[column].astype(float)
    table.loc[row, column] = table.loc[row, column] * 1.01 + 0.001
    table.to_csv(tmp_path / "cases.csv", index=False)
    done = run(tmp_path)
    assert done.returncode == 1 and "told" in done.stdout, column


def test_it_uses_none_of_the_code_that_it_checks():
    lines = SCRIPT.read_text().splitlines()
    used = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert used == {"functools", "json", "math", "sys", "pathlib", "numpy", "pandas"}


def test_its_own_statistics_are_those_of_scipy():
    for df in (1, 4, 9, 29):
        for at in (-2.5, -0.1, 0.0, 0.7, 12.0):
            assert recompute.upper_tail(at, df) == pytest.approx(t.sf(at, df), rel=1e-6)
        assert recompute.quantile(df) == pytest.approx(t.ppf(0.975, df), rel=1e-6)
    rng = np.random.default_rng(0)
    for rule, together in (("every", combine_any), ("most", combine_every)):
        for means in ((2, 2, 2), (2, 2, 0), (2, 2, -2), (0, 0, 0)):
            cases = [three_way(rng.normal(one, 0.3, 10), 1.0) for one in means]
            sides = [(one.p_plus, one.p_minus, one.p_equal) for one in cases]
            assert recompute.combine(sides, rule) == pytest.approx(together(cases).p)
    found = recompute.holm([("a", 0.004), ("b", 0.001), ("c", 0.5)], 9)
    assert found == {"b": pytest.approx(0.009), "a": pytest.approx(0.032), "c": 1.0}


def test_the_committed_verdicts_agree_with_the_committed_rows():
    if not (REFERENCE / "cases.csv").exists():
        assert not (REFERENCE / "verdicts.csv").exists()
        return
    assert recompute.main(REFERENCE) == []
    assert np.isfinite(pd.read_csv(REFERENCE / "cases.csv")["effect"]).any()
