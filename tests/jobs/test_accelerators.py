"""What there is to share out, as the drivers say it, and who gets what."""

import pytest
from fake_gpus import clear, gpu, install, nvidia, program

from research.errors import UserError
from research.jobs import accelerators
from research.jobs.accelerators import NoAccelerator, find, name_devices
from research.jobs.shares import MEMORY, Request


@pytest.fixture
def two(tmp_path, monkeypatch):
    nvidia(tmp_path, monkeypatch, gpu(0), gpu(1))


@pytest.fixture
def eight(tmp_path, monkeypatch):
    nvidia(tmp_path, monkeypatch, *map(gpu, range(8)))


def names(request, own=()):
    return [share.name for share in request.shares(dict(own))]


def test_nvidia_gpus_are_found_by_uuid(two):
    pool = find({})
    assert pool.variable == "CUDA_VISIBLE_DEVICES"
    assert pool.devices == ("GPU-5d5ba0d6-0", "GPU-5d5ba0d6-1")


def test_a_gpu_that_is_cut_up_is_its_parts(tmp_path, monkeypatch):
    part = "  MIG 3g.40gb     Device  {0}: (UUID: MIG-7d0-{0})"
    lines = [gpu(0), part.format(0), part.format(1), gpu(1)]
    nvidia(tmp_path, monkeypatch, *lines)
    assert find({}).devices == ("MIG-7d0-0", "MIG-7d0-1", "GPU-5d5ba0d6-1")


@pytest.mark.parametrize(
    "listed, devices",
    [
        ("1", ("1",)),
        ("3, 5", ("3", "5")),
        ("GPU-5d5ba0d6-1", ("GPU-5d5ba0d6-1",)),
        ("MIG-a,MIG-b", ("MIG-a", "MIG-b")),
        ("0,-1,1", ("0",)),  # as CUDA reads it
        ("", None),
        ("-1", None),
        ("NoDevFiles", None),
    ],
)
def test_what_the_launch_itself_was_given_is_all_there_is(two, listed, devices):
    environment = {"CUDA_VISIBLE_DEVICES": listed}
    if devices is None:
        with pytest.raises(NoAccelerator, match=f"CUDA_VISIBLE_DEVICES={listed}"):
            find(environment)
    else:
        assert find(environment).devices == devices


@pytest.mark.parametrize("platforms, found", [("cpu", False), ("cuda,cpu", True)])
def test_only_what_jax_would_use_counts(two, platforms, found):
    if found:
        assert len(find({"JAX_PLATFORMS": platforms}).devices) == 2
    else:
        with pytest.raises(NoAccelerator, match="JAX_PLATFORMS=cpu"):
            find({"JAX_PLATFORMS": platforms})


def test_gpus_that_jax_cannot_reach_are_left_alone(tmp_path, monkeypatch):
    nvidia(tmp_path, monkeypatch, gpu(0))
    monkeypatch.setattr(accelerators, "installed_plugins", lambda: {"xla_other"})
    assert Request().shares({}) == []
    with pytest.raises(UserError, match="no plugin for it, make install EXTRAS=cuda"):
        Request(gpus=1).shares({})


@pytest.mark.parametrize(
    "text, reason",
    [
        ("echo NVIDIA-SMI has failed; exit 9", "status 9, NVIDIA-SMI has failed"),
        ("echo No devices were found", "nvidia-smi: lists none"),
        ("exec sleep 5", "timed out"),
    ],
)
def test_a_nvidia_smi_that_fails_means_no_gpus(tmp_path, monkeypatch, text, reason):
    nvidia(tmp_path, monkeypatch, gpu(0))
    program(tmp_path, "nvidia-smi", text)
    monkeypatch.setattr(accelerators, "PATIENCE", 0.5)
    assert Request().shares({}) == []
    with pytest.raises(UserError, match=reason):
        Request(gpus=[0]).shares({})


def test_no_nvidia_smi_means_no_gpus(tmp_path, monkeypatch):
    clear(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    install(tmp_path, monkeypatch, "xla_cuda13")
    assert Request().shares({}) == []
    with pytest.raises(UserError, match="per_gpu=4: no accelerator .*smi: not found"):
        Request(per_gpu=4).shares({})


@pytest.fixture
def amd(tmp_path, monkeypatch):
    """A CPU and three GPUs, of which this container gets two."""
    clear(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    install(tmp_path, monkeypatch, "xla_rocm7")
    monkeypatch.setattr(accelerators, "KFD", tmp_path / "nodes")
    monkeypatch.setattr(accelerators, "DEV", tmp_path / "dev")
    (tmp_path / "dev/dri").mkdir(parents=True)
    for node, (units, minor) in enumerate([(0, 0), (256, 128), (256, 129), (256, 130)]):
        (tmp_path / "nodes" / str(node)).mkdir(parents=True)
        text = f"cpu_cores_count 1\nsimd_count {units}\ndrm_render_minor {minor}\n"
        (tmp_path / "nodes" / str(node) / "properties").write_text(text)
        if minor != 129:
            (tmp_path / f"dev/dri/renderD{minor}").touch()


def test_amd_gpus_are_counted_without_rocm(amd):
    shares = Request(per_gpu=2).shares({})
    given = [share.environment["ROCR_VISIBLE_DEVICES"] for share in shares]
    assert given == ["0", "1", "0", "1"]


def test_hip_chooses_among_what_the_rocm_runtime_leaves(amd, monkeypatch):
    monkeypatch.setenv("ROCR_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "1")
    (share,) = Request().shares({})
    assert share.environment["HIP_VISIBLE_DEVICES"] == "1"
    assert "ROCR_VISIBLE_DEVICES" not in share.environment  # it stays as it is


def test_one_job_at_a_time_has_a_tpu_host(tmp_path, monkeypatch):
    clear(monkeypatch)
    monkeypatch.setattr(accelerators, "DEV", tmp_path)
    monkeypatch.setattr(accelerators, "installed_plugins", lambda: {"libtpu"})
    assert Request().shares({}) == []
    for chip in range(4):
        (tmp_path / f"accel{chip}").touch()
    for request in (Request(), Request(gpus_per_job="all")):
        (share,) = request.shares({})
        assert not share.environment
    for given in ({"per_gpu": 2}, {"gpus_per_job": 2}, {"gpus": [0]}):
        with pytest.raises(UserError, match=f"{[*given][0]}=.*: one job has this TPU"):
            Request(**given).shares({})
    # By hand, as libtpu has it.
    assert Request().shares({"TPU_VISIBLE_CHIPS": "{slot}"}) == []


@pytest.mark.parametrize("gpus", ["auto", 1, 5, [3], [6, 0, 2]])
@pytest.mark.parametrize("per_gpu", [1, 3])
def test_each_device_has_as_many_jobs_as_asked_for(eight, gpus, per_gpu):
    shares = Request(gpus=gpus, per_gpu=per_gpu).shares({})
    given = [share.environment["CUDA_VISIBLE_DEVICES"] for share in shares]
    chosen = {"auto": range(8), 1: [0], 5: range(5)}.get(str(gpus), gpus)
    chosen = range(gpus) if isinstance(gpus, int) else chosen
    expected = [f"GPU-5d5ba0d6-{index}" for index in chosen]
    assert sorted(given) == sorted(expected * per_gpu)
    assert given[: len(expected)] == expected, "the first ones share a device"
    for share in shares:
        assert share.memory == pytest.approx(MEMORY / per_gpu)


@pytest.mark.parametrize("number, jobs", [(2, 4), (4, 2), (8, 1), ("all", 1)])
def test_a_job_may_have_several_devices(eight, number, jobs):
    shares = Request(gpus_per_job=number).shares({})
    given = [share.environment["CUDA_VISIBLE_DEVICES"].split(",") for share in shares]
    assert len(given) == jobs and {len(one) for one in given} == {8 // jobs}
    assert len({device for one in given for device in one}) == 8
    assert {share.memory for share in shares} == {MEMORY}


def test_devices_are_chosen_among_what_the_launch_sees(eight, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6,2,4")
    shares = Request(gpus=[2, 0]).shares({})
    given = [share.environment["CUDA_VISIBLE_DEVICES"] for share in shares]
    assert given == ["4", "6"]


def test_a_uuid_may_be_cut_short_where_it_is_clear(two):
    assert names(Request(gpus=["GPU-5d5ba0d6-1"])) == ["GPU 1"]
    with pytest.raises(UserError, match="takes each once of 0 "):
        Request(gpus=["GPU-5d5b"]).shares({})


def test_jobs_given_their_devices_by_hand_are_not_given_others(two):
    own = {"CUDA_VISIBLE_DEVICES": "{slot}"}
    assert Request().shares(own) == []
    with pytest.raises(UserError, match=r"environment\.CUDA_VISIBLE_DEVICES gives"):
        Request(per_gpu=2).shares(own)


@pytest.mark.parametrize(
    "given, words",
    [
        ({"gpus": 3}, "gpus=3: takes auto or at most 2"),
        ({"gpus": -1}, "gpus=-1: takes an integer of at least 0"),
        ({"gpus": "two"}, "gpus=two: takes auto, how many, or a list"),
        ({"gpus": [9]}, r"gpus=\[9\]: takes each once of 0 \(GPU-5d5ba0d6-0\), 1 "),
        ({"gpus": [0, 0]}, r"gpus=\[0, 0\]: takes each once of"),
        ({"gpus": ["GPU-none"]}, r"gpus=\['GPU-none'\]: takes each once of"),
        ({"gpus": 0, "per_gpu": 2}, "gpus=0: takes at least 1 with per_gpu"),
        ({"per_gpu": 0}, "per_gpu=0: takes an integer of at least 1"),
        ({"gpus_per_job": 0}, "gpus_per_job=0: takes an integer of at least 1, or all"),
        ({"gpus_per_job": "some"}, "gpus_per_job=some: takes an integer"),
        ({"gpus_per_job": 3}, "gpus_per_job=3: takes a divisor of 2, the GPUs"),
        ({"per_gpu": 2, "gpus_per_job": "all"}, "per_gpu=2: takes 1 with hydra"),
    ],
)
def test_mistakes_name_the_key(two, given, words):
    with pytest.raises(UserError, match=f"^hydra.launcher.{words}"):
        Request(**given).shares({})


def test_a_job_knows_what_its_devices_are_called(two):
    assert names(Request()) == ["GPU 0", "GPU 1"]
    for share in Request().shares({}):
        assert name_devices(share.environment) == share.name
    given = {"CUDA_VISIBLE_DEVICES": "3"}  # by Slurm or Ray
    assert name_devices(given) == "CUDA_VISIBLE_DEVICES=3"
    assert name_devices({}) == ""
