"""One holder at a time, whoever is killed; the dead are replaced at once."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from research.jobs import owner
from research.jobs.lock import Held, Lock, Lost, hold, holder, numbers, release_dead
from research.jobs.owner import SILENCE, Owner

HOLD = """
import sys, time
from research.jobs.lock import Lock
Lock(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""

# Takes the lock again and again; inside, a file that must not be there is made. It ends
# by release or, as often, by dying with the lock in its hand.
CONTEND = """
import os, random, sys, time
from research.jobs.lock import Held, Lock
folder, seed = sys.argv[1], int(sys.argv[2])
draw, entered = random.Random(seed), 0
end = time.time() + float(sys.argv[3])
while time.time() < end:
    try:
        lock = Lock(folder)
    except Held:
        continue
    inside = os.open(f"{folder}/inside", os.O_CREAT | os.O_EXCL)
    entered += 1
    time.sleep(draw.random() * 0.002)
    os.unlink(f"{folder}/inside")
    if draw.random() < 0.2:
        print(entered, flush=True)
        os.kill(os.getpid(), 9)
    lock.release()
print(entered, flush=True)
"""


def holding(folder):
    """A process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_one_holds_it_and_is_named(tmp_path):
    first = Lock(tmp_path)
    with pytest.raises(Held, match=f"pid {os.getpid()}"):
        Lock(tmp_path)
    first.release()
    second = Lock(tmp_path)
    assert holder(tmp_path) == second.owner
    second.remove()
    assert holder(tmp_path) is None and not list(tmp_path.iterdir())


def test_held_for_a_while_it_leaves_nothing_and_takes_nothing_of_others(tmp_path):
    with pytest.raises(ZeroDivisionError), hold(tmp_path):
        with pytest.raises(Held, match=f"pid {os.getpid()}"), hold(tmp_path):
            pass
        assert numbers(tmp_path / "lock") == [1]
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
    with hold(tmp_path) as lock:
        lock.path.rename(lock.path.with_name("2"))  # as if another had taken it
    assert numbers(tmp_path / "lock") == [2]


def test_the_lock_of_a_killed_process_is_taken_at_once(tmp_path):
    process = holding(tmp_path)
    with pytest.raises(Held, match=f"pid {process.pid}"):
        Lock(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, but unburied
    assert holder(tmp_path) is None
    started = time.monotonic()
    Lock(tmp_path).release()
    assert time.monotonic() - started < SILENCE / 10
    process.communicate()


def test_a_stopped_process_keeps_its_lock(tmp_path):
    process = holding(tmp_path)
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(Held):
        Lock(tmp_path)
    process.kill()
    process.communicate()


def pretend(folder, **changes):
    """Leaves the lock of another process."""
    (folder / "lock").mkdir()
    other = dataclasses.asdict(dataclasses.replace(Owner.current(), **changes))
    path = folder / "lock" / "7"
    path.write_text(json.dumps(other))
    return path


def test_a_pid_that_was_used_again_is_no_holder(tmp_path):
    pretend(tmp_path, started="1")
    Lock(tmp_path)
    assert numbers(tmp_path / "lock") == [8]


def test_elsewhere_the_heartbeat_decides(tmp_path):
    path = pretend(tmp_path, host="far", kernel="another", pid=1)
    with pytest.raises(Held, match="pid 1 on far"):
        Lock(tmp_path)
    past = time.time() - SILENCE - 5
    os.utime(path, (past, past))
    assert holder(tmp_path) is None
    Lock(tmp_path)


def test_a_wrong_clock_of_ours_buries_nobody(tmp_path, monkeypatch):
    """Heartbeats are dated by the file system, and so is the look at them."""
    path = pretend(tmp_path, host="far", kernel="another", pid=1)
    now = time.time()
    for wrong in (now + 10 * SILENCE, now - 10 * SILENCE):
        monkeypatch.setattr("time.time", lambda wrong=wrong: wrong)
        os.utime(path, (now, now))
        assert holder(tmp_path).host == "far"
        os.utime(path, (now - SILENCE - 5,) * 2)
        assert holder(tmp_path) is None
    assert (
        numbers(path.parent) == [7] == [int(one.name) for one in path.parent.iterdir()]
    )


def test_everybody_may_read_who_holds_it(tmp_path):
    lock = Lock(tmp_path)
    assert lock.path.stat().st_mode & 0o777 == 0o644
    lock.release()
    assert lock.path.stat().st_mode & 0o777 == 0o644


def test_a_requeued_slurm_job_takes_its_own_lock(tmp_path, monkeypatch):
    pretend(tmp_path, kernel="another", job="42", restarts=0)
    with pytest.raises(Held, match="Slurm job 42"):
        Lock(tmp_path)
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    with pytest.raises(Held):  # a second process of the same job
        Lock(tmp_path)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert Lock(tmp_path).owner.restarts == 1


def test_a_job_that_slurm_says_is_over_holds_nothing(tmp_path):
    pretend(tmp_path, kernel="another", job="42_1")
    release_dead(tmp_path, "42_2")
    assert holder(tmp_path).job == "42_1"
    release_dead(tmp_path, "42_1")
    assert holder(tmp_path) is None
    Lock(tmp_path)


def test_who_was_silent_for_long_finds_out(tmp_path, monkeypatch):
    lock = Lock(tmp_path)
    lock.check()
    monkeypatch.setattr(owner, "start_time", lambda pid: "")  # others think it is dead
    Lock(tmp_path)
    lock.check()  # not silent for long: no look at the disk
    lock._beaten -= SILENCE
    with pytest.raises(Lost, match="left to it"):
        lock.check()


def test_never_two_at_once_under_kill_9(tmp_path):
    seconds, entered, killed = 3.0, 0, 0
    end = time.monotonic() + seconds
    line = [sys.executable, "-c", CONTEND, str(tmp_path)]
    seeds = iter(range(10_000))

    def start():
        left = max(end - time.monotonic(), 0)
        arguments = [*line, str(next(seeds)), str(left)]
        return subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    running = [start() for _ in range(6)]
    while running:
        process = running.pop(0)
        if process.poll() is None:
            running.append(process)
            time.sleep(0.005)
            continue
        output, errors = process.communicate()
        assert process.returncode in {0, -signal.SIGKILL}, errors
        entered += int(output)
        if process.returncode:
            killed += 1
            if time.monotonic() < end:
                running.append(start())
    assert not (tmp_path / "inside").exists()
    assert entered > 20 and killed > 3, (entered, killed)
    assert Path(tmp_path / "lock").is_dir()
