"""A real Slurm of one node: `make test-slurm`.

Six jobs, of which one raises, one is killed -9, one is preempted by SIGUSR2 and one
requeued by scontrol; the launcher is killed -9, too. The others, and after a second
launch the killed one, end as in an undisturbed sweep, and every row is there once.
"""

import os
import signal
import subprocess
import time

import pytest
from chaos import ONE_DEVICE, compare, sweep
from cluster import NoSlurm, install, slurm

from research.jobs import overview
from research.jobs.status import read

pytestmark = pytest.mark.slurm
RAISES, KILLED, PREEMPTED, REQUEUED = 9, 0, 1, 2  # seeds
EPOCHS = 25  # of three steps


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    try:
        install()
    except NoSlurm as error:
        pytest.exit(str(error), 1)  # one line
    with slurm(tmp_path_factory.mktemp("slurm")) as environment:
        yield os.environ | ONE_DEVICE | environment


def command(root, *more):
    own = ["hydra/launcher=slurm", "hydra.launcher.poll_seconds=1", "seed=0,1,2,3,4,9"]
    return [*sweep(root, 5, EPOCHS), *own, *more]


@pytest.fixture
def launched():
    """Starts launchers that do not outlive a failing test."""
    started = []

    def start(line, environment):
        process = subprocess.Popen(
            line, env=environment, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


def folder(root, seed):
    (found,) = [path for path in (root / "chaos").glob(f"*seed={seed},*")]
    return found


def until(condition, launcher):
    end = time.monotonic() + 120
    while not condition():
        assert launcher.poll() is None, "the launcher has ended"
        assert time.monotonic() < end
        time.sleep(0.02)


def training(path):
    known = read(path)
    return known is not None and known.state == "running" and known.step > 0


def slurm_job(path):
    """ARRAY_TASK, as in the status."""
    return read(path).owner.rpartition(" ")[2]


def number(path, cluster):
    """The plain number of a task: scancel of Slurm 22 takes ARRAY_TASK for ARRAY."""
    line = ["squeue", "--noheader", "--array", "--format=%i %A"]
    found = subprocess.run(line, env=cluster, capture_output=True, text=True).stdout
    return dict(map(str.split, found.splitlines()))[slurm_job(path)]


def test_a_sweep_on_slurm(cluster, launched, tmp_path):
    whole, root = tmp_path / "whole", tmp_path / "slurm"
    launcher = launched(command(root), cluster)
    until(lambda: len(list((root / "chaos").glob("*/slurm.json"))) == 6, launcher)
    launcher.kill()  # the jobs stay in the queue, and the same command finds them
    launcher = launched(command(root), cluster)
    plan, shared, submission = (launcher.stderr.readline() for _ in range(3))
    assert shared == "all: experiment=chaos,train.epochs=25\n"
    assert "6 jobs: " in plan and ": 0 jobs submitted, " in submission, submission
    raises, killed, preempted, requeued = (
        folder(root, seed) for seed in (RAISES, KILLED, PREEMPTED, REQUEUED)
    )

    until(lambda: training(killed), launcher)
    os.kill(int(read(killed).owner.split()[1].rstrip(",")), signal.SIGKILL)

    until(lambda: training(preempted), launcher)
    job = slurm_job(preempted)
    signalled = ["scancel", "--signal=USR2", number(preempted, cluster)]
    with subprocess.Popen(signalled, env=cluster) as scancel:
        until(lambda: read(preempted).state == "preempted", launcher)
        scancel.kill()  # it repeats the signal: the answer was that the job is ending
    assert "SIGUSR2; saved at step" in read(preempted).error
    assert not (preempted / "done.json").exists()

    until(lambda: training(requeued), launcher)
    requeue = ["scontrol", "requeue", slurm_job(requeued)]
    subprocess.run(requeue, env=cluster, check=True)

    _, errors = launcher.communicate(timeout=150)
    assert launcher.returncode == 2, errors
    assert "2 of 6 jobs left no result (2 failed)" in errors, errors
    known = {
        line.name.split(",")[1]: line.status for line in overview.jobs(root / "chaos")
    }
    done = dict.fromkeys((f"seed={seed}" for seed in range(1, 5)), "done")
    failed = {"seed=9": "failed", "seed=0": "failed"}
    assert {name: one.state for name, one in known.items()} == done | failed
    assert read(raises).error.startswith("data.train_examples=99999")
    assert "Slurm job" in read(killed).error
    assert [known[f"seed={seed}"].attempts for seed in range(5)] == [1, 2, 2, 1, 1]
    assert slurm_job(preempted) == job  # requeued, not submitted anew

    again = subprocess.run(
        command(root, "retry=failed"), env=cluster, capture_output=True, text=True
    )
    assert "4 done already, 2 failed: run again" in again.stderr, again.stderr
    assert again.returncode == 2 and "1 of 2 jobs left no result" in again.stderr
    assert read(killed).state == "done" and read(killed).attempts == 2
    subprocess.run(sweep(whole, 5, EPOCHS), env=os.environ | ONE_DEVICE, check=True)
    assert compare(whole, root) == 5


@pytest.mark.parametrize(
    "asked, devices",
    [
        ("hydra.launcher.gpus_per_job=1", {"0", "1"}),
        ("hydra.launcher.accelerators=2", {"0,1"}),  # the whole host
        ("+hydra.launcher.sbatch.gres=shard:2", {"0", "1"}),
    ],
)
def test_slurm_shows_a_job_its_own_gpus(cluster, tmp_path, asked, devices):
    line = sweep(tmp_path, 2, 1, "hydra/launcher=slurm", asked)
    subprocess.run(line, env=cluster, check=True)
    known = [one.status for one in overview.jobs(tmp_path)]
    assert [one.state for one in known] == ["done"] * 2
    seen = {one.device.removeprefix("CUDA_VISIBLE_DEVICES=") for one in known}
    assert seen and seen <= devices, known
