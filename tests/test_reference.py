"""What is published says what the committed rows say."""

import subprocess
from pathlib import Path

import pytest

from research.config import compose_flat
from research.report.results import Results
from research.report.tables.forms import save
from research.report.tables.verdicts import tabulate
from research.runs import read_runs

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "outputs/reference/first"


@pytest.fixture(scope="module")
def runs():
    return read_runs(REPORT)


def test_the_committed_table_is_that_of_the_committed_rows(tmp_path):
    save(tabulate(Results.read(REPORT, compose=compose_flat)), tmp_path / "verdicts")
    name = "verdicts.md"
    assert (tmp_path / name).read_text() == (REPORT / name).read_text(), (
        "scripts/report.py runs=outputs/reference draws it anew"
    )


def test_the_pages_hold_the_committed_table(runs):
    text = (ROOT / "docs/results.md").read_text()
    table = (REPORT / "verdicts.md").read_text().partition("\n\n")[0]
    assert table in text
    assert f"{len(runs)}<!-- end --> runs" in text


def test_every_run_is_of_a_clean_checkout(runs):
    assert not runs["dirty"].any()
    assert runs["commit"].str.len().eq(40).all()


def test_what_is_published_is_small():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "outputs"], cwd=ROOT, capture_output=True, text=True
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    if not files:
        pytest.skip("no checkout of git")
    assert len(files) < 150
    assert sum(file.stat().st_size for file in files) < 20e6
