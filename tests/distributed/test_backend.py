"""Which backend JAX will choose, and that only a CPU's process never shrinks."""

from types import SimpleNamespace

import jax
import pytest

from research.distributed import backend, devices


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Returns a function that makes device files and installs plugins, or not."""

    def make(*files, plugin, platforms=None):
        for name in files:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        monkeypatch.setattr(backend, "has_plugin", lambda: plugin)
        config = SimpleNamespace(jax_platforms=platforms)
        monkeypatch.setattr(backend, "jax", SimpleNamespace(config=config))
        return backend.will_be_cpu(tmp_path)

    return make


@pytest.mark.parametrize("file", ["nvidia0", "accel0", "vfio/0", "kfd", "dxg"])
@pytest.mark.parametrize("plugin", [True, False])
def test_an_accelerator_needs_its_device_and_a_plugin(machine, file, plugin):
    assert machine(file, plugin=plugin) == (not plugin)


@pytest.mark.parametrize("file", ["null", "nvidiactl", "vfio/vfio"])
def test_other_files_are_no_accelerators(machine, file):
    assert machine(file, plugin=True)


@pytest.mark.parametrize(
    "platforms, cpu",
    [("cpu", True), ("cpu,cuda", True), ("cuda", False), ("tpu,cpu", False)],
)
@pytest.mark.parametrize("files", [(), ("nvidia0",)])
def test_the_users_choice_wins(machine, platforms, cpu, files):
    assert machine(*files, plugin=True, platforms=platforms) == cpu


def test_the_answer_is_what_jax_chose_here():
    assert backend.will_be_cpu() == (jax.default_backend() == "cpu")


@pytest.mark.parametrize("cpu", [True, False])
def test_only_the_process_of_a_cpu_is_tuned_for_one(cpu, tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(backend, "will_be_cpu", lambda: cpu)
    monkeypatch.setattr(devices, "keep_freed_memory", lambda: done.append("kept"))
    monkeypatch.setattr(devices, "keep_barriers", lambda: done.append("barriers"))
    monkeypatch.setattr(devices, "use_virtual_cpus", lambda: None)
    monkeypatch.setattr(devices, "use_compilation_cache", lambda folder: None)
    devices.prepare(tmp_path)
    assert done == ["kept", "barriers"] * cpu
