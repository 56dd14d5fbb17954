"""What is published says what the committed rows say."""

from pathlib import Path

import pytest

from research.config import compose_flat
from research.report.figures import verdicts
from research.report.tables.table import save
from research.runs.tables import read_metrics, read_rows, read_runs

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "outputs" / "reference"


@pytest.fixture(scope="module")
def runs():
    return read_runs(REPORT / "runs")


def test_the_committed_table_is_that_of_the_committed_rows(runs, tmp_path):
    tables = runs, read_rows(REPORT / "runs"), read_metrics(REPORT / "runs")
    made = verdicts.table(*tables, compose=compose_flat)
    save(made, tmp_path / "verdicts")
    name = "verdicts.md"
    assert (tmp_path / name).read_text() == (REPORT / name).read_text(), (
        "REPORT=only scripts/reproduce.sh cpu draws it anew"
    )


def test_the_readme_holds_the_committed_table(runs):
    text = (ROOT / "README.md").read_text()
    table = (REPORT / "verdicts.md").read_text().partition("\n\n")[0]
    assert table in text
    assert f"`scripts/reproduce.sh cpu`, {len(runs)} runs:" in text


def test_every_run_is_of_a_clean_checkout(runs):
    assert not runs["dirty"].any()
    assert runs["commit"].str.len().eq(40).all()
