"""What is asked of Slurm and of Ray for each job, with stand-ins for both."""

import os
import sys
from types import ModuleType, SimpleNamespace

import pytest
from chaos import ROOT
from fake_gpus import program

from research.errors import UserError
from research.files.atomic import write_json
from research.jobs.job import Job

sys.path.append(str(ROOT / "scripts"))  # where Hydra finds the launchers
from hydra_plugins.launchers import slurm as slurm_launcher  # noqa: E402
from hydra_plugins.launchers.ray import Ray  # noqa: E402
from hydra_plugins.launchers.slurm import Slurm  # noqa: E402


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """An sbatch that keeps what it is given in submitted.sh."""
    keep = f'cp "$1" {tmp_path}/submitted.sh; echo Submitted batch job 7'
    place = program(tmp_path, "sbatch", keep)
    program(tmp_path, "srun", "exit 1")
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")


@pytest.fixture
def importable(tmp_path, monkeypatch):
    """Packages that can be found, whether they are installed or not."""
    for name in ("submitit", "ray"):
        (tmp_path / f"{name}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("key", ["gpus_per_job", "accelerators"])
@pytest.mark.parametrize("number", [0, 1, 8])
def test_slurm_is_asked_for_the_gpus_of_a_job(slurm, importable, key, number):
    asked = Slurm(**{key: number}).parameters.get("gpus_per_node")
    assert asked == (number or None)


@pytest.mark.slurm  # with submitit
def test_slurm_reads_it_so(slurm, tmp_path):
    pytest.importorskip("submitit")
    launcher = Slurm(gpus_per_job=8, sbatch={"account": "mine"})
    launcher.sweep = tmp_path
    launcher.command = lambda job, cpus: Job(job.folder, "job.py", (), cpus)
    launcher.submit([SimpleNamespace(folder=tmp_path)])
    asked = {
        line.removeprefix("#SBATCH --")
        for line in (tmp_path / "submitted.sh").read_text().splitlines()
        if line.startswith("#SBATCH")
    }
    # All eight are those of the only task, which needs no binding of its own.
    own = {"gpus-per-node=8", "nodes=1", "account=mine"}
    assert own <= asked, asked


@pytest.fixture
def launcher(slurm, tmp_path):
    """A launcher whose jobs run `job.py`."""
    pytest.importorskip("submitit")

    def make(**given):
        made = Slurm(poll_seconds=0, **given)
        made.sweep = tmp_path
        made.command = lambda job, cpus: Job(job.folder, "job.py", (), cpus)
        return made

    return make


def jobs(folder, count):
    folders = [folder / str(number) for number in range(count)]
    return [SimpleNamespace(folder=one, done=True) for one in folders]


@pytest.mark.slurm
def test_what_slurm_refuses_is_one_line(launcher, tmp_path):
    program(
        tmp_path, "sbatch", "echo 'error: invalid partition\nspecified' >&2; exit 1"
    )
    with pytest.raises(UserError) as caught:
        launcher(partition="none").submit(jobs(tmp_path, 2))
    said = str(caught.value)
    assert "sbatch refuses the jobs (" in said and "invalid partition specified" in said
    assert "\n" not in said and not list(tmp_path.glob("*/slurm.json"))


@pytest.mark.slurm
def test_no_array_has_more_tasks_than_slurm_takes(launcher, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm_launcher, "ARRAY", 4)
    keep = f'grep -o "array=.*" "$1" >> {tmp_path}/arrays; wc -l < {tmp_path}/arrays'
    program(tmp_path, "sbatch", f"echo Submitted batch job $({keep})")
    many = jobs(tmp_path, 10)
    launcher(parallel=7).submit(many)
    arrays = (tmp_path / "arrays").read_text().split()
    assert arrays == ["array=0-3%2", "array=0-2%2", "array=0-2%2"]
    names = [slurm_launcher.read_submitted(one.folder) for one in many]
    assert len(set(names)) == 10 and names[:4] == ["1_0", "2_0", "3_0", "1_1"]


def test_a_silent_slurm_has_not_lost_its_jobs(
    slurm, importable, tmp_path, monkeypatch, capsys
):
    """The queue that is empty at last has been asked for four times."""
    count = f"echo x >> {tmp_path}/asked; case $(wc -l < {tmp_path}/asked) in"
    program(tmp_path, "squeue", f"{count} 1) exit 1;; 2) echo 7_0;; 3) exit 1;; esac")
    made = Slurm(poll_seconds=0)
    made.sweep = tmp_path
    made.submit = lambda jobs: pytest.fail("it is in the queue already")
    (job,) = jobs(tmp_path, 1)
    write_json(job.folder / slurm_launcher.NOTE, {"job": "7_0"})
    assert made.execute([job]) == {}
    assert len((tmp_path / "asked").read_text().split()) == 4
    assert "0 jobs submitted, 1 queued" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given, words",
    [
        ({"gpus_per_job": 1, "accelerators": 2}, "accelerators=2: the older name of"),
        ({"gpus_per_job": -1}, "gpus_per_job=-1: takes an integer of at least 0"),
        ({"gpus_per_job": "two"}, "gpus_per_job=two: takes an integer of at least 0"),
        ({"accelerators": 0.5}, "accelerators=0.5: takes an integer of at least 0"),
    ],
)
def test_mistakes_for_slurm_name_the_key(slurm, importable, given, words):
    with pytest.raises(UserError, match=f"hydra.launcher.{words}"):
        Slurm(**given)


@pytest.fixture
def ray(monkeypatch, importable):
    """A Ray that keeps the options of `ray.remote` and the jobs that it would run."""
    fake = ModuleType("ray")
    fake.options, fake.jobs = [], []

    def remote(**options):
        fake.options.append(options)
        return lambda function: SimpleNamespace(remote=fake.jobs.append)

    fake.is_initialized = lambda: True
    fake.remote = remote
    fake.wait = lambda waiting, num_returns: (waiting[:num_returns], [])
    fake.get = lambda handle: 0
    fake.exceptions = ModuleType("ray.exceptions")
    fake.exceptions.RayError = RuntimeError
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setitem(sys.modules, "ray.exceptions", fake.exceptions)
    return fake


@pytest.mark.parametrize(
    "gpus, memory", [(0, 0), (None, 0), (0.25, 0.225), (1, 0.9), (8, 0.9)]
)
def test_a_fraction_of_a_gpu_is_that_of_its_memory(ray, monkeypatch, gpus, memory):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    launcher = Ray(None, {}, {"num_cpus": 2, "num_gpus": gpus})
    launcher.command = lambda job, cpus, memory: Job(job.folder, "x", (), cpus, memory)
    launcher.execute([SimpleNamespace(folder=ROOT / "none")])
    (options,), (job,) = ray.options, ray.jobs
    assert options["num_gpus"] == gpus and options["max_calls"] == 1
    assert job.cpus == 2 and job.memory == pytest.approx(memory)


@pytest.mark.parametrize("gpus", [-1, 1.5, "one", True])
def test_mistakes_for_ray_name_the_key(importable, gpus):
    with pytest.raises(
        UserError, match=f"hydra.launcher.remote.num_gpus={gpus}: takes"
    ):
        Ray(None, {}, {"num_gpus": gpus})
