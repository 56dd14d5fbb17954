import os
import re
import runpy
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_runs import fake_run, fake_sweep

from research.evals.measurement import Measurement
from research.runs.rows import write_measurements

# OmegaConf, not we, calls a config a typing.MutableMapping.
pytestmark = pytest.mark.filterwarnings(
    "ignore::beartype.roar.BeartypeDecorHintPep585DeprecationWarning"
)

SCRIPTS = Path(__file__).parent.parent / "scripts"
FIGURES = {"tradeoff", "distance", "curves"}
KINDS = {".png", ".svg", ".pdf", ".txt", "_figure.tex"}


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


def test_a_figure_for_paper_has_its_caption_beside_it(report, sweep, tmp_path):
    words = ("figure=tradeoff", "style=paper", f"out={tmp_path}/o")
    status, out, _ = report(f"runs={sweep}", *words)
    assert status == 0 and "tradeoff_figure.tex" in out
    vector = {f"tradeoff{kind}" for kind in KINDS - {".png"}}
    assert files(tmp_path / "o") == vector
    assert "2 seeds" in (tmp_path / "o/tradeoff.txt").read_text()
    assert "2 seeds" not in (tmp_path / "o/tradeoff.svg").read_text()
    status, _, err = report(f"runs={sweep}", "style=poster")
    assert status == 2 and err.count("\n") == 1
    assert err.startswith("error: style=poster: takes screen or paper")


def test_the_style_is_of_the_figures_of_claims_too(report, tmp_path):
    """A report of experiments composes its config anew."""
    choices = {"setting": "smoke/mnist"}
    fake_run(tmp_path / "runs", "one", choices=choices, overrides=["seed=0"])
    seen = []
    import research.report.writing as module

    def write_all(*given, style="screen"):
        seen.append(style)
        return module.Written([tmp_path])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "write_all", write_all)
        assert report("runs=runs", "style=paper")[0] == 0
    assert seen == ["paper"]


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


def test_runs_of_label_maps_get_figures_of_these(report, tmp_path):
    folder = fake_run(tmp_path / "runs", "downsample=max,seed=0")
    (folder / "eval/shift.jsonl").unlink()
    kept = {name: np.zeros((2, 4, 4), np.uint8) for name in ("map", "predictions")}
    kept["images"] = np.zeros((2, 4, 4, 1), np.uint8)
    protocol, draws = "consistency_linear", {"max_shift": 3, "draws": 5}
    row = partial(Measurement.of_examples, examples=np.full(9, 0.9))
    rows = [
        row("segmentation", "mean_iou"),
        row(protocol, "agreement", params=draws),
        row(protocol, "agreement", params={"distance": 1}),
        row("consistency_circular", "agreement", params={"distance": 1}),
        row("neighbours", "flips", arrays=kept),
    ]
    facts = {"run": folder.name, "seed": 0, "commit": "0"}
    write_measurements(folder, "consistency", rows, facts, "test")
    status, out, _ = report(f"runs={folder}", f"out={tmp_path}/o")
    assert status == 0 and "left out" not in out
    names = ("segmentation", "maps_tradeoff", "consistency", "curves")
    drawn = {f"{name}{kind}" for name in names for kind in KINDS}
    assert files(tmp_path / "o") == drawn | {"table.md", "table.csv", "table.tex"}


def test_every_figure_that_has_rows_is_drawn(report, tmp_path):
    folder = fake_run(tmp_path / "runs", "downsample=max,seed=0")
    shifts = {"map": np.ones((4, 4))}
    row = Measurement.of_examples("orbit", "agreement", np.ones(9), arrays=shifts)
    facts = {"run": folder.name, "seed": 0, "commit": "0"}
    write_measurements(folder, "orbit", [row], facts, "test")
    status, out, _ = report("runs=runs")
    assert status == 0 and "orbit.png" in out
    assert {f"{name}.png" for name in {*FIGURES, "orbit"}} == {
        name for name in files(tmp_path / "runs") if name.endswith(".png")
    }
    left_out = [line for line in out.splitlines() if line.startswith("left out")]
    assert [line.partition(":")[2][:5] for line in left_out] == [" page"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["runs=nowhere"], "error: runs=nowhere: no such folder"),
        (["runs=."], "error: runs=.: no rows in any finished run there"),
        (["runs=one", "figure=tradeoff"], "error: tradeoff: no rows of circular"),
        (["runs=one", "figure=nothing"], "error: figure=nothing: no such option"),
        (["runs=one", "figure=[]"], "error: nothing is chosen; give figure=…, table"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(report, tmp_path, words, reason):
    if "runs=one" in words:
        (fake_run(tmp_path, "one") / "eval/shift.jsonl").unlink()
    status, _, err = report(*words)
    assert status == 2
    assert err.startswith(reason) and err.count("\n") == 1


def test_times_that_are_damaged_are_one_line(report, tmp_path):
    fake_run(tmp_path, "one")
    (tmp_path / "pooling.json").write_text('{"rows": [')
    status, _, err = report("runs=.", "table=summary")
    assert status == 2 and err.count("\n") == 1
    assert err.startswith(
        "error: pooling.json is damaged: it holds no JSON object; run"
    )


@pytest.mark.parametrize("chosen", [[], ["table=summary"], ["figure=curves"]])
def test_a_file_that_cannot_be_written_is_not_left_out(report, tmp_path, chosen):
    """Part of a report beside the note that the rest has no place is no success."""
    fake_run(tmp_path, "one")
    for name in ("table.md", "curves.png"):
        (tmp_path / "o" / name).mkdir(parents=True)
    status, _, err = report("runs=one", "out=o", *chosen)
    assert status == 2 and err.count("\n") == 1
    assert err.startswith("error: cannot write o/") and "out=…" in err


def test_unfinished_runs_only_when_asked(report, tmp_path):
    fake_run(tmp_path, "one", done=False)
    assert report("runs=one", "table=summary")[0] == 2
    status, out, _ = report("runs=one", "table=summary", "done_only=false")
    assert status == 0 and "left out" not in out


def test_runs_that_are_left_out_are_named(report, tmp_path):
    fake_run(tmp_path / "runs", "one")
    fake_run(tmp_path / "runs", "two", seed=1, done=False)
    waiting = tmp_path / "runs" / "waiting"  # of a sweep, and not begun
    waiting.mkdir()
    (waiting / "status.json").write_text('{"state": "queued"}')
    empty = fake_run(tmp_path / "runs", "three", seed=2)
    for file in ("eval/shift.jsonl", "metrics.jsonl"):
        (empty / file).unlink()
    status, out, _ = report("runs=runs", "table=summary", f"out={tmp_path}/o")
    assert status == 0
    left_out = [line for line in out.splitlines() if line.startswith("left out")]
    assert left_out == [
        "left out: 2 runs, such as runs/two, not finished; done_only=false takes them, "
        "too",
        "left out: 1 run, such as runs/three, without rows",
    ]


def test_a_point_counts_once_however_often_it_lies_there(report, tmp_path):
    """Two spellings of one config, a copy of a folder, and one with fewer rows."""
    kept = fake_run(tmp_path / "runs", "default", choices={"downsample": "max"})
    fake_run(tmp_path / "runs", "aps", preset="aps")
    fewer = fake_run(tmp_path / "runs", "an,other,spelling")
    rows = (fewer / "eval/shift.jsonl").read_text().splitlines(keepends=True)
    (fewer / "eval/shift.jsonl").write_text("".join(rows[:-1]))
    shutil.copytree(kept, tmp_path / "backup" / "default")
    (tmp_path / "runs" / "backup").symlink_to(tmp_path / "backup")
    status, out, err = report()
    assert (status, err) == (2, "error: runs=outputs/runs: no such folder; give one "
        "that scripts/train.py made, such as runs=outputs/runs\n")  # fmt: skip
    (tmp_path / "outputs").mkdir()
    (tmp_path / "runs").rename(tmp_path / "outputs/runs")
    status, out, err = report("table=summary")
    assert (status, err) == (0, "")
    table = pd.read_csv(tmp_path / "outputs/runs/table.csv").set_index("arm")
    assert list(table.index) == ["aps", "max"] and list(table["seeds"]) == [1, 1]
    left_out = [line for line in out.splitlines() if line.startswith("left out")]
    assert left_out == [
        "left out: 2 runs of the same config and seed as another, such as "
        "outputs/runs/an,other,spelling, the same as outputs/runs/backup/default"
    ]


def test_a_reason_is_given_once(report, tmp_path):
    (fake_run(tmp_path, "one") / "eval/shift.jsonl").unlink()
    rows = '{"protocol": "x"}\n'
    status, _, err = report("runs=one", "figure=[tradeoff,tradeoff,distance]")
    assert status == 2 and err.count("no rows of circular agreement;") == 0
    (tmp_path / "one/eval/shift.jsonl").write_text(rows)
    status, _, err = report("runs=one")
    line = "error: one/eval/shift.jsonl, line 1: it has no run; mend or remove that "
    assert (status, err) == (2, f"{line}line\n")


@pytest.mark.slow  # draws every format
def test_names_that_a_format_could_take_for_its_own(report, tmp_path):
    names = ["a|b", "[/x]", "$x", "größe_%"]
    for name in names:
        fake_run(tmp_path / "runs", name, choices={"downsample": name})
    status, out, _ = report("runs=runs")
    assert status == 0
    for name in names:
        assert name in out
    lines = (tmp_path / "runs/table.md").read_text().splitlines()
    bars = [len(re.findall(r"(?<!\\)\|", line)) for line in lines[: 2 + len(names)]]
    assert len(set(bars)) == 1 and r"a\|b" in lines[-3 - 2 :][0] + "".join(lines)
    assert "$x" in (tmp_path / "runs/tradeoff.svg").read_text()


@pytest.mark.slow  # a process for each script
@pytest.mark.parametrize("script", ["report", "status", "pack"])
@pytest.mark.parametrize("terminal", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}])
def test_a_terminal_of_few_letters_stops_no_script(tmp_path, script, terminal):
    fake_run(tmp_path, "größe=1", choices={"downsample": "größe"})
    words = {
        "report": [f"runs={tmp_path}", "table=summary"],
        "status": [str(tmp_path)],
        "pack": [f"runs={tmp_path}", f"out={tmp_path}/größer"],
    }
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / f"{script}.py"), *words[script]],
        capture_output=True,
        env=os.environ | terminal,
    )
    assert done.returncode == 0, done.stderr
    assert b"gr" in done.stdout + done.stderr
    saved = {"report": "table.md", "pack": "größer/store.json"}
    assert script not in saved or (tmp_path / saved[script]).is_file()


@pytest.mark.slow  # a report of claims
def test_the_pool_of_runs_is_built_once_a_report(report, tmp_path, monkeypatch):
    """Seventeen figures, a table, a picture and a page ask for it."""
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
    assert len(left_out) == 18
    none, *others = left_out
    assert none == "left out: verdicts: no rows of any claim; run an experiment=…"
    assert all(re.match(r"left out: (\w+): no rows of \1;", one) for one in others)
    made = {"page.html", *(f"verdicts.{kind}" for kind in "md tex csv".split())}
    assert files(tmp_path / "o") == made


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
