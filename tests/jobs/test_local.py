"""The local launcher: each job with its share of the machine, and no share idle."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from chaos import ONE_DEVICE, ROOT, sweep
from fake_gpus import LOG, clear, gpu, nvidia
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import call

from research.jobs import overview
from research.jobs.accelerators import GIVEN, installed_plugins
from research.jobs.job import FRACTION, Job

sys.path.append(str(ROOT / "scripts"))  # where Hydra finds the launchers
from hydra_plugins.launchers import local  # noqa: E402


class Clock:
    """Jobs that take some turns of the launcher's, and the laws they must keep."""

    def __init__(self, launcher, turns, most):
        self.launcher, self.turns, self.most = launcher, turns, most
        self.names = {}  # and what that is called
        self.left = {}  # job → turns
        self.devices = {}  # job → what it was given
        launcher.command = lambda job, **share: SimpleNamespace(
            start=lambda **environment: self.start(job.number, share, environment)
        )

    def start(self, number, share, environment):
        self.names[number] = environment[GIVEN]
        load = self.loads()
        least = min(load.count(share.name) for share in self.launcher.slots)
        assert load.count(environment[GIVEN]) == least, "another device was free"
        self.left[number] = self.turns[number]
        self.devices[number] = environment["CUDA_VISIBLE_DEVICES"].split(",")
        assert share["cpus"] >= 1 and share["memory"] > 0

        code = -9 * (number % 2)  # every other one is killed
        return SimpleNamespace(
            poll=lambda: None if self.left[number] > 0 else code,
            returncode=code,
            terminate=lambda: None,  # of a failing test
            wait=lambda: None,
        )

    def loads(self):
        return [self.names[number] for number, left in self.left.items() if left > 0]

    def tick(self, _):
        running = [number for number, left in self.left.items() if left > 0]
        loads = [device for number in running for device in self.devices[number]]
        assert all(loads.count(device) <= self.most for device in loads)
        if len(self.left) < len(self.turns):  # some wait
            assert len(running) == len(self.launcher.slots)
        for number in running:
            self.left[number] -= 1


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        nvidia(tmp_path_factory.mktemp("four"), patch, *map(gpu, range(4)))
        yield patch


@given(
    turns=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    jobs=st.none() | st.integers(1, 20),
    shared=st.sampled_from([(1, 1), (3, 1), (1, 2), (1, "all")]),
)
@settings(deadline=None, max_examples=40)
def test_no_share_is_idle_while_jobs_wait_and_none_is_too_full(
    four, tmp_path_factory, turns, jobs, shared
):
    per_gpu, gpus_per_job = shared
    launcher = local.Local(jobs, "auto", per_gpu, gpus_per_job)
    launcher.sweep, launcher.slots = "sweep", launcher.places()
    each = 4 if gpus_per_job == "all" else gpus_per_job
    shares = 4 * per_gpu // each
    assert len(launcher.slots) == min(shares, jobs or shares)
    clock = Clock(launcher, turns, per_gpu)
    four.setattr(local, "time", SimpleNamespace(sleep=clock.tick))
    root = tmp_path_factory.getbasetemp() / "none"
    plans = [
        SimpleNamespace(number=number, folder=root / str(number), done=False)
        for number in range(len(turns))
    ]
    ends = launcher.execute(plans)
    assert len(ends) == len(clock.left) == len(turns), "a job was lost, or ran twice"
    assert all("SIGKILL" in ends[plan.folder] for plan in plans[1::2])
    assert {len(set(given)) for given in clock.devices.values()} == {each}
    first = [one.name for one in launcher.slots[: len(turns)]]
    assert set(clock.names.values()) == set(first)


def test_without_gpus_the_cores_are_shared(monkeypatch, tmp_path):
    clear(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    cores = len(os.sched_getaffinity(0))
    for jobs in (None, 1, 2, 5):
        places = local.Local(jobs).places()
        assert len(places) == (jobs or cores)
        assert not any(place.environment or place.memory for place in places)


def test_no_gpus_keeps_jobs_off_them(four):
    places = local.Local(3, 0).places()
    assert [one.environment for one in places] == [{"JAX_PLATFORMS": "cpu"}] * 3


def test_what_the_user_has_set_wins(monkeypatch, tmp_path):
    new, old = FRACTION
    job = Job(tmp_path, "x", (), memory=0.9 / 4)
    assert job.complete({"A": "b"}) == {"A": "b", new: "0.225"}
    for own in ({new: ".3"}, {old: ".3"}):  # JAX refuses to start with both
        assert job.complete(own) == own
    assert Job(tmp_path, "x", ()).complete({}) == {}


@pytest.mark.parametrize("fractions", [{}, {FRACTION[1]: "0.5"}])
def test_a_job_of_a_cluster_keeps_the_devices_that_it_is_given(tmp_path, fractions):
    names = ["CUDA_VISIBLE_DEVICES", *FRACTION]
    script = tmp_path / "job.py"
    script.write_text(f"import os\nprint(*[os.environ.get(n) for n in {names}])\n")
    run = (
        "from pathlib import Path\nfrom research.jobs.job import Job\n"
        f"Job(Path('.'), {str(script)!r}, (), cpus=1, memory=.225)()"
    )
    bare = {name: value for name, value in os.environ.items() if name not in names}
    environment = bare | {"CUDA_VISIBLE_DEVICES": "3"} | fractions
    line = [sys.executable, "-c", run]
    said = subprocess.check_output(line, env=environment, text=True)
    fraction = "None 0.5" if fractions else "0.225 None"
    assert said.split() == ["3", *fraction.split()]


def test_real_jobs_share_out_gpus_which_the_launcher_leaves_alone(
    tmp_path, monkeypatch
):
    if installed_plugins():
        pytest.skip("JAX would look for these GPUs on the machine's own cards")
    nvidia(tmp_path, monkeypatch, gpu(0), gpu(1))
    log = tmp_path / "started.txt"
    warmups = "optim.schedule.warmup=9,0,0.1,0.2"  # the first outlasts the training
    line = sweep(tmp_path / "runs", 1, 1, "hydra/launcher=local", warmups)
    launcher = subprocess.Popen(
        line,
        env=os.environ | ONE_DEVICE | {LOG: str(log)},
        stderr=subprocess.PIPE,
        text=True,
    )
    _, errors = launcher.communicate(timeout=200)
    assert launcher.returncode == 2 and "1 of 4 jobs left no result" in errors, errors
    assert "2 at a time, on GPU 0; GPU 1" in errors
    started = [row.split(";") for row in log.read_text().splitlines()]
    assert str(launcher.pid) not in {pid for pid, *_ in started}, "it has started JAX"
    assert {tuple(row[1:]) for row in started} == {
        (f"GPU-5d5ba0d6-{index}", "0.900", f"GPU {index}") for index in range(2)
    }
    known = [one.status for one in overview.jobs(tmp_path / "runs")]
    assert sorted(one.state for one in known) == ["done"] * 3 + ["failed"]
    for device in ("GPU 0", "GPU 1"):
        times = [(one.started, one.updated) for one in known if one.device == device]
        assert len(times) == 2
        (_, first), (second, _) = sorted(times)
        assert first <= second, "two jobs were on one device"


@pytest.mark.parametrize(
    "override, words",
    [
        ("jobs=two", "hydra.launcher.jobs=two: takes an integer of at least 1 or null"),
        ("per_gpu=all", "hydra.launcher.per_gpu=all: takes an integer"),
        ("gpus=[9]", "hydra.launcher.gpus=[9]: takes each once of 0 (GPU-5d5ba0d6-0)"),
        ("gpus=true", "hydra.launcher.gpus=True: takes"),
    ],
)
def test_mistakes_get_one_line(tmp_path, monkeypatch, override, words):
    nvidia(tmp_path, monkeypatch, gpu(0), gpu(1))
    line = sweep(tmp_path, 1, 1, "hydra/launcher=local", f"hydra.launcher.{override}")
    status, error = call("train", *map(str, line[2:]))
    assert status == 2 and words in error, error
    assert error.count("\n") == 1 and not (tmp_path / "chaos").exists()


@pytest.mark.slow  # a process that composes all arms
def test_planning_the_points_of_a_claim_leaves_the_gpus_alone(tmp_path, monkeypatch):
    nvidia(tmp_path, monkeypatch, gpu(0))
    log = tmp_path / "started.txt"
    words = ["experiment=c2", "scale=smoke", "only=primary", "retry=failed"]
    script = [sys.executable, str(ROOT / "scripts" / "train.py"), *words]
    line = [*script, "hydra/launcher=local", f"root={tmp_path}/runs"]
    environment = os.environ | {LOG: str(log)}
    said = subprocess.run(line, env=environment, capture_output=True, text=True)
    assert said.returncode == 0 and "not failed: left alone" in said.stderr, said.stderr
    assert not log.exists(), "it has started JAX"
