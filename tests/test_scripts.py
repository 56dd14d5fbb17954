"""The real scripts, as a user runs them: status, output, and what is left on disk."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from compiled import as_users_do
from flax import nnx
from in_process import call

from research.files.lines import read_lines
from research.runs.run import load
from research.training.checkpoint import Checkpoints

ROOT = Path(__file__).parent.parent
TIMES = ("examples_per_second", "input_wait")  # differ from run to run
TINY = [
    "model.widths=[4,4,4]",
    "data.train_examples=96",
    "train.epochs=2",
    "train.batch_size=32",
    "eval=accuracy",
]


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """A folder in which the digits are prepared once."""
    return tmp_path_factory.mktemp("data")


def command(script, *overrides):
    return [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *overrides]


def run(script, *overrides, cwd=ROOT, status=0, env=None):
    done = subprocess.run(
        command(script, *overrides),
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == status, done.stderr[-2000:]
    return done


def mistake(*overrides):
    """Calls a script that must refuse with one line on stderr; returns the line."""
    status, error = call("train", *overrides)
    assert status == 2, error
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


@pytest.fixture(scope="session")
def runs(tmp_path_factory, digits):
    """A small sweep, compiled as for users, and the arguments that made it."""
    root = tmp_path_factory.mktemp("outputs")
    arguments = ["-m", f"root={root}", f"data.dir={digits}", *TINY]
    arguments += ["downsample=max,blur", "eval=[accuracy,shift]", "seed=0,1"]
    arguments += ["eval.shift.distances=2"]
    run("train", *arguments, env=as_users_do())
    return root, arguments


def folders(root):
    return sorted(path.parent for path in root.rglob("done.json"))


def test_a_run_folder_holds_what_is_promised(runs):
    found = folders(runs[0])
    assert len(found) == 4
    for folder in found:
        provenance = json.loads((folder / "provenance.json").read_text())
        assert provenance["run"] == folder.name
        assert {"commit", "versions", "device", "seed", "choices"} <= set(provenance)
        assert provenance["choices"]["downsample"] in {"max", "blur"}
        rows = read_lines(folder / "eval" / "accuracy.jsonl")
        assert rows[0]["split"] == "test" and rows[0]["n"] == 360
        assert len(read_lines(folder / "metrics.jsonl")) == 2
        assert load(folder)[0].seed == provenance["seed"]


def test_a_repeated_sweep_finds_everything_done(runs):
    before = {path: path.stat().st_mtime_ns for path in runs[0].rglob("*.json*")}
    assert "4 jobs: 4 done already\n" in run("train", *runs[1]).stderr
    assert before == {
        path: path.stat().st_mtime_ns for path in runs[0].rglob("*.json*")
    }


def test_a_folder_of_another_config_is_left_alone(runs):
    folder = folders(runs[0])[0]
    line = mistake(f"hydra.run.dir='{folder}'", "seed=7", *TINY)
    assert "another config" in line and "name=" in line
    assert load(folder)[0].seed != 7


def test_saved_runs_are_evaluated_again(runs):
    folder = folders(runs[0])[0]
    first = (folder / "eval" / "accuracy.jsonl").read_bytes()
    (folder / "eval" / "accuracy.jsonl").unlink()
    words = [f"run_dir={folder}", "eval=accuracy"]
    run("evaluate", *words, cwd=folder, env=as_users_do())
    again = (folder / "eval" / "accuracy.jsonl").read_bytes()
    assert again.replace(b"-dirty", b"") == first  # of a checkout with changes
    assert not list(folder.glob("outputs/data"))  # the run's own data were found


def test_a_foreign_classifier_is_evaluated(tmp_path, digits):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def ink(images):\n"
        "    total = np.asarray(images).sum((1, 2, 3))\n"
        "    return np.stack([total * 0] * 9 + [total - 20], 1)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    overrides = ["predict=mine:ink", f"root={tmp_path}", f"data.dir={digits}"]
    subprocess.run(
        command("evaluate", *overrides, "eval=shift"), env=environment, check=True
    )
    (path,) = tmp_path.rglob("shift.jsonl")
    agreement = [
        row["value"]
        for row in read_lines(path)
        if row["protocol"] == "circular" and row["measure"] == "agreement"
    ]
    assert agreement and all(value == 1 for value in agreement)  # ink does not move


def test_an_evaluation_prints_its_values_and_those_of_a_new_protocol(tmp_path, digits):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "from dataclasses import dataclass\n"
        "from research.evals.evaluator import Evaluator\n"
        "from research.evals.measurement import Measurement\n"
        "def ink(images):\n"
        "    total = np.asarray(images).sum((1, 2, 3))\n"
        "    return np.stack([total, *[0 * total] * 9], 1)\n"
        "@dataclass(frozen=True)\n"
        "class Doubled(Evaluator):\n"
        "    name = 'doubled'\n"
        "    def __call__(self, predict, split):\n"
        "        same = predict(split.images[:7] / 255.0).argmax(1) == 0\n"
        "        yield Measurement.of_examples('twice', 'stays', same)\n"
        "        yield Measurement('twice', 'factor', 2, 7)\n"
    )
    (tmp_path / "conf/eval").mkdir(parents=True)
    option = "doubled:\n  _target_: mine.Doubled\n"
    (tmp_path / "conf/eval/doubled.yaml").write_text(option)
    words = ["predict=mine:ink", f"root={tmp_path}", f"data.dir={digits}"]
    words += ["eval=[accuracy,doubled]", "--config-dir", str(tmp_path / "conf")]
    done = subprocess.run(
        command("evaluate", *words),
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    heading, *lines = done.stdout.splitlines()
    assert heading == "predict=mine:ink, split=test:"
    interval = r"0\.\d+ \[0\.\d+, 0\.\d+\]"
    assert re.fullmatch(rf"  accuracy/accuracy +{interval}  n=360", lines[0])
    assert re.fullmatch(r"  twice/stays   1 \[0\.\d+, 1\]  n=7", lines[-2])
    assert lines[-1] == "  twice/factor  2  n=7"


def test_a_report_is_drawn(runs, tmp_path):
    run("report", f"runs={runs[0]}", f"out={tmp_path}")
    assert {"tradeoff", "curves", "distance"} <= {
        p.stem for p in tmp_path.glob("*.png")
    }


def parameters(folder):
    return [
        np.asarray(x) for x in jax.tree.leaves(nnx.state(load(folder)[1], nnx.Param))
    ]


def there(folder, pattern):
    try:
        return any(folder.rglob(pattern))
    except FileNotFoundError:  # a temporary folder went while we looked
        return False


@pytest.fixture(scope="session")
def whole(tmp_path_factory, digits):
    """A run that nobody disturbs, and the arguments that made it."""
    folder = tmp_path_factory.mktemp("whole")
    arguments = [*TINY, f"data.dir={digits}", "downsample=max", "seed=3"]
    arguments.append("train.checkpoint_seconds=0")
    run("train", f"hydra.run.dir={folder}", *arguments)
    return folder, arguments


SLOW = pytest.mark.slow  # the same once more, at another moment or by another signal
OTHERS = [
    pytest.param(one, marks=SLOW) for one in ("2.sha256", "4.sha256", "done.json")
]


@pytest.mark.slow  # trains, and is killed, and trains
@pytest.mark.parametrize("moment", ["4*tmp*", *OTHERS])
def test_kill_9_at_any_moment_and_resume_bit_by_bit(tmp_path, whole, moment):
    undisturbed, arguments = whole
    folder = tmp_path / "killed"
    line = command("train", f"hydra.run.dir={folder}", *arguments)
    process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not there(folder, moment) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.kill()
    process.wait()
    run("train", f"hydra.run.dir={folder}", *arguments)
    for a, b in zip(parameters(undisturbed), parameters(folder), strict=True):
        np.testing.assert_array_equal(a, b)
    rows = [
        [{k: v for k, v in row.items() if k not in TIMES} for row in lines]
        for lines in (read_lines(f / "metrics.jsonl") for f in (undisturbed, folder))
    ]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    "numbers",
    [
        [signal.SIGCONT, signal.SIGUSR1, signal.SIGTERM],
        pytest.param([signal.SIGTERM], marks=SLOW),
    ],
)
def test_a_signal_saves_and_says_how_to_go_on(tmp_path, digits, numbers):
    arguments = [f"hydra.run.dir={tmp_path}", f"data.dir={digits}", *TINY]
    arguments += ["train.epochs=2000"]
    process = subprocess.Popen(
        command("train", *arguments), stderr=subprocess.PIPE, text=True
    )
    while not (tmp_path / "metrics.jsonl").is_file() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(1)
    for number in numbers:
        process.send_signal(number)
    _, error = process.communicate(timeout=120)
    stopped = [number for number in numbers if number != signal.SIGCONT]
    assert process.returncode - 128 in stopped
    assert "saved at step" in error and "Traceback" not in error
    assert Checkpoints(tmp_path / "checkpoints").steps()
    assert not (tmp_path / "done.json").exists()


@pytest.mark.slow  # a real run, twice
@pytest.mark.parametrize(
    "number", [signal.SIGHUP, pytest.param(signal.SIGUSR2, marks=SLOW)]
)
def test_a_signal_while_evaluators_measure_ends_the_run_which_goes_on(
    tmp_path, digits, number
):
    arguments = [f"hydra.run.dir={tmp_path}", f"data.dir={digits}", *TINY]
    slow = ["eval=[accuracy,orbit]", "eval.orbit.method=brute"]
    process = subprocess.Popen(
        command("train", *arguments, *slow), stderr=subprocess.PIPE, text=True
    )
    while not there(tmp_path, "accuracy*") and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(number)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "the same command goes on from there" in error and "Traceback" not in error
    assert not (tmp_path / "done.json").exists()
    saved = Checkpoints(tmp_path / "checkpoints").steps()
    run("train", *arguments)
    assert Checkpoints(tmp_path / "checkpoints").steps() == saved


@pytest.mark.parametrize(
    "overrides, words",
    [
        (["model=cholett"], ["did you mean chollet"]),
        (["model.padding=circlar"], ["circlar", "circular"]),
        (["data=mnist"], ["python scripts/prepare.py data=mnist"]),
        (["data.shape=[9,9,1]"], ["9"]),
        (["train.batch_size=99999"], ["train.batch_size=99999"]),
        (["model.widths=[4,4,4,4,4]", "model.poolings=5"], ["stage", "map"]),
        (["downsample.stride=0"], ["downsample.stride"]),
        (["train.dtype=float99"], ["train.dtype=float99", "bfloat16"]),
        (["train.epochs=0"], ["train.epochs=0"]),
        (["loss=margin"], ["loss=margin", "model=capsnet"]),
        (["optim.schedule.warmup=9"], ["optim.schedule.warmup=9", "train.epochs="]),
        (["split=tset"], ["split=tset", "validation"]),
        (["split=validation"], ["split=validation", "data.validation_examples=0"]),
    ],
    ids=lambda x: str(x[0]),
)
def test_mistakes_get_one_line(tmp_path, digits, overrides, words):
    line = mistake(f"root={tmp_path}", f"data.dir={digits}", *TINY, *overrides)
    assert all(word in line for word in words), line
    left = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert not left, "half-written"


def test_a_mistake_ends_a_process_as_it_ends_a_call(tmp_path):
    words = [f"root={tmp_path}", *TINY, "model=cholett"]
    assert run("train", *words, status=2).stderr == mistake(*words)


@pytest.mark.slow  # a sweep
def test_a_mistake_in_one_job_spares_the_others(tmp_path, digits):
    arguments = ["-m", f"root={tmp_path}", f"data.dir={digits}", *TINY]
    error = run("train", *arguments, "train.batch_size=99999,32", status=2).stderr
    assert "train.batch_size=99999" in error and "Traceback" not in error
    assert len(folders(tmp_path)) == 1


@pytest.mark.parametrize("words", [[], ["-m"]])
@pytest.mark.parametrize("place", ["file", "loop", "gone/below"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path, words, place):
    """A file, a ring of links, or a link to where nothing can be made."""
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("/proc/nothing")
    before = sorted(tmp_path.rglob("*"))
    if place == "file":
        words = [*words, "hydra.run.dir=${root}", "hydra.sweep.dir=${root}"]
    line = mistake(*words, f"root={tmp_path / place}", *TINY)
    assert (
        f"cannot write {tmp_path / place.partition('/')[0]}" in line
        and "root=…" in line
    )
    assert sorted(tmp_path.rglob("*")) == before
