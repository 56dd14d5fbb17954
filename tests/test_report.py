import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from fake_runs import fake_run, fake_sweep

# OmegaConf, not we, calls a config a typing.MutableMapping.
pytestmark = pytest.mark.filterwarnings(
    "ignore::beartype.roar.BeartypeDecorHintPep585DeprecationWarning"
)

SCRIPTS = Path(__file__).parent.parent / "scripts"
FIGURES = {"tradeoff", "distance", "curves"}
KINDS = {".png", ".svg", ".pdf"}


@pytest.fixture
def report(monkeypatch, tmp_path, capsys):
    """Runs the script in this process; returns exit status, stdout, stderr."""
    monkeypatch.syspath_prepend(SCRIPTS)
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["scripts/report.py", *words])
        status = 0
        try:
            runpy.run_path(str(SCRIPTS / "report.py"), run_name="__main__")
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    return run


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return fake_sweep(tmp_path_factory.mktemp("sweep") / "demo", arms=["max", "aps"])


def files(folder):
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_everything_is_drawn_without_jax(sweep):
    """As a person runs it: a new process; into the folder of the runs."""
    code = (
        f"import sys, runpy; sys.path.insert(0, {str(SCRIPTS)!r}); "
        f"sys.argv[1:] = ['runs={sweep}']; "
        f"runpy.run_path({str(SCRIPTS / 'report.py')!r}, run_name='__main__'); "
        "assert not {'jax', 'flax'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    drawn = {f"{name}{kind}" for name in FIGURES for kind in KINDS}
    assert files(sweep) == drawn | {"table.md", "table.csv", "table.tex"}
    assert "accuracy (%)" in done.stdout


def test_one_figure_only(report, sweep, tmp_path):
    status, out, _ = report(f"runs={sweep}", "figure=tradeoff", f"out={tmp_path}/o")
    assert status == 0
    assert files(tmp_path / "o") == {f"tradeoff{kind}" for kind in KINDS}
    assert files(tmp_path) == set()  # Hydra leaves nothing behind
    assert "accuracy (%)" not in out


def test_the_table_only(report, sweep, tmp_path):
    status, out, _ = report(f"runs={sweep}", "table=summary", f"out={tmp_path}/o")
    assert status == 0
    assert files(tmp_path / "o") == {"table.md", "table.csv", "table.tex"}
    assert "100.00" in out


def test_what_has_no_rows_is_left_out_and_named(report, tmp_path):
    folder = fake_run(tmp_path / "runs", "downsample=max,seed=0")
    (folder / "eval/shift.jsonl").unlink()
    status, out, _ = report(f"runs={folder}", f"out={tmp_path}/o")
    assert status == 0
    assert files(tmp_path / "o") == {f"curves{kind}" for kind in KINDS}
    assert "left out: tradeoff: no rows of circular agreement" in out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["runs=nowhere"], "error: runs=nowhere: no such folder"),
        (["runs=."], "error: runs=.: no rows in any finished run there"),
        (["runs=one", "figure=tradeoff"], "error: tradeoff: no rows of circular"),
        (["runs=one", "figure=nothing"], "error: figure=nothing: no such option"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(report, tmp_path, words, reason):
    if "runs=one" in words:
        (fake_run(tmp_path, "one") / "eval/shift.jsonl").unlink()
    status, _, err = report(*words)
    assert status == 2
    assert err.startswith(reason) and err.count("\n") == 1


def test_unfinished_runs_only_when_asked(report, tmp_path):
    fake_run(tmp_path, "one", done=False)
    assert report("runs=one", "table=summary")[0] == 2
    status, out, _ = report("runs=one", "table=summary", "done_only=false")
    assert status == 0 and "left out" not in out


def test_runs_that_are_left_out_are_named(report, tmp_path):
    fake_run(tmp_path / "runs", "one")
    fake_run(tmp_path / "runs", "two", seed=1, done=False)
    empty = fake_run(tmp_path / "runs", "three", seed=2)
    for file in ("eval/shift.jsonl", "metrics.jsonl"):
        (empty / file).unlink()
    status, out, _ = report("runs=runs", "table=summary", f"out={tmp_path}/o")
    assert status == 0
    left_out = [line for line in out.splitlines() if line.startswith("left out")]
    assert left_out == [
        "left out: 1 run, such as runs/two, not finished; done_only=false takes them, "
        "too",
        "left out: 1 run, such as runs/three, without rows",
    ]


def test_the_pool_of_runs_is_built_once_a_report(report, tmp_path, monkeypatch):
    """Sixteen figures, a table, a picture and a page ask for it."""
    import research.report.results as module

    built = []

    def gather(*tables, **options):
        built.append(tables)
        return real(*tables, **options)

    real = module.gather
    monkeypatch.setattr(module, "gather", gather)
    choices = {"setting": "smoke/mnist"}
    fake_run(tmp_path / "runs", "one", choices=choices, overrides=["seed=0"])
    words = ("figure=[verdicts,claims]", "table=verdicts", "page=page")
    status, out, _ = report("runs=runs", *words, f"out={tmp_path}/o")
    assert status == 0 and len(built) == 1
    left_out = [line for line in out.splitlines() if line.startswith("left out: ")]
    assert len(left_out) == 16
    assert all(re.match(r"left out: (\w+): no rows of \1;", one) for one in left_out)
    made = {"page.html", *(f"verdicts.{kind}" for kind in "md tex csv".split())}
    assert files(tmp_path / "o") == made | {f"verdicts{kind}" for kind in KINDS}


def test_a_page_needs_something_to_show(report, sweep, tmp_path):
    status, _, err = report(f"runs={sweep}", "page=page", f"out={tmp_path}/o")
    assert status == 2 and err.startswith(
        "error: page: no verdicts, no rows of explorer"
    )


def test_the_page_only(report, tmp_path):
    for reduce in ("identity", "max"):
        for lowpass in ("none", "binomial"):
            choices = {"downsample/reduce": reduce, "downsample/lowpass": lowpass}
            choices |= {"downsample/sample": "first"}
            fake_run(tmp_path / "runs", f"{reduce},{lowpass}", choices=choices)
    status, out, _ = report("runs=runs", "page=page", f"out={tmp_path}/o")
    assert status == 0 and "page.html" in out
    assert files(tmp_path / "o") == {"page.html"}
