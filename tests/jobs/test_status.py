"""What a job says of itself is right, or recognised as out of date."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from research.errors import Interrupted, UserError
from research.jobs import overview, status
from research.jobs.job import Job
from research.jobs.lock import Held, Lock, holder
from research.jobs.objective import objective
from research.jobs.owner import start_time
from research.jobs.status import Status, attempt, observe, queue, read, write

RUN = """
import sys, time
from research.jobs.status import attempt
with attempt(sys.argv[1]) as job:
    job.progress(3, 10, 32)
    print("running", flush=True)
    time.sleep(60)
"""


def test_an_attempt_that_ends_leaves_its_status_and_no_lock(tmp_path):
    with attempt(tmp_path) as job:
        assert (
            read(tmp_path).state == "running" and str(os.getpid()) in job.status.owner
        )
        job.progress(1, 2, 32)
        with pytest.raises(Held), attempt(tmp_path):
            pass
        job.progress(2, 2, 32)
    known = read(tmp_path)
    assert (known.state, known.step, known.total, known.attempts) == ("done", 2, 2, 1)
    assert known.examples_per_second > 0 and known.ended
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_a_mistake_in_a_job_that_nobody_planned_leaves_nothing(tmp_path):
    with pytest.raises(UserError), attempt(tmp_path / "run"):
        raise UserError("no such thing")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_mistake_in_a_planned_job_is_its_last_error(tmp_path):
    queue(tmp_path)
    with pytest.raises(UserError), attempt(tmp_path):
        raise UserError("no such\n thing")
    known = read(tmp_path)
    assert (known.state, known.error, known.traceback) == (
        "failed",
        "no such thing",
        "",
    )
    queue(tmp_path)
    assert (read(tmp_path).state, read(tmp_path).error) == ("queued", "")


def test_a_bug_leaves_its_traceback(tmp_path):
    with pytest.raises(ZeroDivisionError), attempt(tmp_path):
        (tmp_path / "config.yaml").touch()
        raise ZeroDivisionError("oh")
    known = observe(tmp_path)
    assert (known.state, known.error) == ("failed", "ZeroDivisionError: oh")
    assert "test_status.py" in known.traceback and holder(tmp_path) is None


def test_who_is_told_to_stop_is_preempted(tmp_path):
    with pytest.raises(SystemExit), attempt(tmp_path):
        raise Interrupted(signal.SIGTERM, 7)
    assert read(tmp_path).state == "preempted" and "step 7" in read(tmp_path).error
    with attempt(tmp_path) as job:
        assert job.status.attempts == 2 and not job.status.error


def test_a_killed_job_is_seen_as_failed(tmp_path):
    line = [sys.executable, "-c", RUN, str(tmp_path)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "running\n"
        queue(tmp_path)  # of another launch: no business of its
        assert observe(tmp_path).state == "running" and observe(tmp_path).step == 3
        process.kill()
    assert read(tmp_path).state == "running"  # nobody could write
    known = observe(tmp_path)
    assert known.state == "failed" and f"pid {process.pid}" in known.error
    assert "died without a word" in known.error


def test_who_lost_its_lock_says_no_more(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="another has taken"), attempt(tmp_path) as job:
        with monkeypatch.context() as patch:
            patch.setattr("research.jobs.owner.start_time", lambda pid: "")
            Lock(tmp_path)
        taken = write(tmp_path, Status(owner="another"))
        job.lock._beaten -= 1000
        job.progress(1, 2, 32)
    assert read(tmp_path) == taken
    assert "released" not in (tmp_path / "lock" / "2").read_text()


@pytest.mark.parametrize("error", [None, ZeroDivisionError, KeyboardInterrupt])
def test_what_another_has_taken_stays_however_the_first_ends(
    tmp_path, monkeypatch, error
):
    with suppress(ZeroDivisionError, KeyboardInterrupt), attempt(tmp_path):
        with monkeypatch.context() as patch:
            patch.setattr("research.jobs.owner.start_time", lambda pid: "")
            second = Lock(tmp_path)
        taken = write(tmp_path, Status(state="running", owner="another"))
        if error is not None:
            raise error
    assert read(tmp_path) == taken and second.is_ours()
    assert "released" not in second.path.read_text()


def test_progress_is_noted_now_and_then(tmp_path):
    with attempt(tmp_path) as job:
        job.progress(1, 1000, 32)
        for step in range(2, 1000):
            job.progress(step, 1000, 32)
        assert read(tmp_path).step < 999 or status.EVERY < 0.1
        job.progress(1000, 1000, 32)
        assert read(tmp_path).step == 1000


def planned(folder, **fields):
    write(folder, Status(**fields))


def test_the_table_tells_what_runs_what_is_left_and_what_went_wrong(tmp_path):
    now = time.time()
    planned(tmp_path / "a,x=1", state="done", started=now - 100)
    (tmp_path / "a,x=1" / "done.json").write_text("{}")
    planned(tmp_path / "a,x=2", state="failed", error="ValueError: [oh]")
    planned(tmp_path / "a,x=3", state="queued")
    with attempt(tmp_path / "a,x=4") as job:
        job.status = dataclasses.replace(job.status, examples_per_second=50.0)
        planned(tmp_path / "a,x=4", **dataclasses.asdict(job.status) | FIELDS)
        lines = overview.jobs(tmp_path)
        line = [sys.executable, "scripts/status.py", str(tmp_path)]
        shown = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    states = {one.name: one.status.state for one in lines}
    assert list(states.values()) == ["done", "failed", "queued", "running"]
    assert lines[3].left == 90 * 10 / 50
    assert (
        195 < overview.estimate_remaining(lines) < 205
    )  # 100 s for what waits, 100 for x=4
    for word in ("4 jobs: 1 done, 1 failed", "3 min left", "10/100", "[oh]", "18 s"):
        assert word in shown, shown
    assert "x=2" in shown and "a,x=2" not in shown  # what all have is said once


def test_jobs_stand_below_one_another_where_a_table_does_not_fit(tmp_path):
    name = "downsample=max_blur,model=resnet20,seed=1"
    error = "the loss is not finite at step 12; try a lower optim.learning_rate"
    planned(tmp_path / name, state="failed", error=error, step=10, total=100)
    planned(tmp_path / name.replace("=1", "=2"), state="queued")
    line = [sys.executable, "scripts/status.py", str(tmp_path)]
    narrow = os.environ | {"COLUMNS": "40", "TERM": "xterm", "PYTHONUNBUFFERED": "1"}
    terminal, end = os.openpty()
    with subprocess.Popen([*line, "--once"], stdout=end, env=narrow) as job:
        os.close(end)
        shown = b""
        with suppress(OSError):  # the other end is closed
            while part := os.read(terminal, 4096):
                shown += part
        assert job.wait() == 0
    os.close(terminal)
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())
    _, *lines = text.replace("\r", "").splitlines()  # below the heading
    assert all(len(one) <= 40 for one in lines)
    assert any(one.startswith("failed  10/100") for one in lines)
    assert error.replace(" ", "") in "".join(lines).replace(" ", "")
    assert "  seed=2" in map(str.rstrip, lines)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"state": "odd"}', '{"step": "x"}', '{"x": 1}', '{"state": 1}'],
)
def test_a_broken_status_is_one_line_that_names_the_file(tmp_path, content):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "status.json").write_text(content)
    line = [sys.executable, "scripts/status.py", str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"{tmp_path}/run/status.json is damaged" in done.stderr


FIELDS = {"step": 10, "total": 100, "batch": 10}


def test_a_folder_without_jobs_gets_one_line(tmp_path):
    line = [sys.executable, "scripts/status.py", str(tmp_path)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert str(tmp_path) in done.stderr


def test_a_sweep_is_followed_line_by_line_until_it_has_ended(tmp_path):
    planned(tmp_path / "one", state="done", **FIELDS | {"step": 100})
    planned(tmp_path / "two", state="queued", **FIELDS | {"step": 0})
    code = "import sys, status; status.FOLLOWED = 0.05; sys.exit(status.main())"
    watching = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), "--watch"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": f"scripts:{os.environ.get('PYTHONPATH', '')}"},
    )
    with watching as job:
        first = job.stdout.readline()
        planned(tmp_path / "two", state="failed", **FIELDS)
        rest = job.stdout.read().splitlines()
        assert job.wait() == 0
    assert first.endswith("2 jobs: 1 done, 1 queued; 100 of 200 steps\n")
    assert rest[-1].endswith("2 jobs: 1 done, 1 failed; 110 of 200 steps")


@pytest.mark.parametrize("words", [[], ["outputs", "--all"], ["a", "b"]])
def test_wrong_words_are_one_line(words):
    line = [sys.executable, "scripts/status.py", *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ") and "--help" in done.stderr


@pytest.mark.parametrize("name", ["nowhere", "a file"])
def test_a_sweep_that_is_no_folder_is_said_to_be_none(tmp_path, name):
    (tmp_path / "a file").write_text("")
    with pytest.raises(UserError, match=f"{name}: no such folder; give the folder of"):
        overview.jobs(tmp_path / name)


def test_an_objective_is_the_last_of_its_rows(tmp_path):
    rows = '{"step": 1, "split": "validation", "loss": 3.0}\n'
    (tmp_path / "metrics.jsonl").write_text(rows + rows.replace("3.0", "2.0"))
    assert objective(tmp_path, "validation.loss") == 2.0
    assert objective(tmp_path, None) is None
    with pytest.raises(UserError, match=r"objective=validation.los: .*validation.loss"):
        objective(tmp_path, "validation.los")
    with pytest.raises(UserError, match="objective=train.loss: .* holds: nothing; for"):
        objective(tmp_path / "untrained", "train.loss")


def test_a_job_stops_when_its_launcher_is_killed(tmp_path):
    script = tmp_path / "sleep.py"
    script.write_text(
        "import time\n"
        "from research.jobs.job import stop_with_launcher\n"
        "stop_with_launcher()\n"
        "print('up', flush=True)\n"
        "time.sleep(60)\n"
    )
    code = (
        "import pathlib, sys, time\n"
        "from research.jobs.job import Job\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "child = Job(folder, str(folder / 'sleep.py'), ()).start()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    line = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as launcher:
        child = int(launcher.stdout.readline())
        log, end = tmp_path / "log.txt", time.monotonic() + 30
        while "up" not in (log.read_text() if log.exists() else ""):
            assert time.monotonic() < end
            time.sleep(0.01)
        launcher.kill()
    while start_time(child):
        assert time.monotonic() < end, "an orphan"
        time.sleep(0.01)


def test_a_job_has_its_share_of_the_devices(tmp_path):
    flag = "--xla_force_host_platform_device_count"
    job = Job(tmp_path, "x", (), cpus=3)
    assert job.complete({"A": "b"}) == {"A": "b", "XLA_FLAGS": f"{flag}=3"}
    assert Job(tmp_path, "x", ()).complete({}) == {}
    own = {"XLA_FLAGS": f"{flag}=7"}  # the user's word
    assert job.complete(own) == own


def test_a_finished_job_that_failed_since_is_failed(tmp_path):
    """Its training is done; other evaluators, asked for later, could not measure."""
    with attempt(tmp_path):
        pass
    (tmp_path / "done.json").write_text("{}")
    assert observe(tmp_path).state == "done"
    (tmp_path / "config.yaml").touch()
    with pytest.raises(UserError), attempt(tmp_path):
        raise UserError("cannot measure that")
    assert observe(tmp_path).state == "failed"
    assert observe(tmp_path).error == "cannot measure that"


def test_a_refused_job_leaves_no_folder(tmp_path):
    folder = tmp_path / "refused"
    with pytest.raises(UserError), attempt(folder):
        raise UserError("wrong value")
    assert not folder.exists()
