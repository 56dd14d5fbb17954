"""As many virtual devices and threads as the process has cores, on any system."""

import os

import pytest

from research.cores import count_cores
from research.distributed import devices


def test_a_process_that_is_kept_to_one_core_has_one():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert count_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert count_cores() == len(before)


@pytest.mark.parametrize("known, cores", [(8, 8), (None, 1)])
def test_a_system_without_affinities_has_all_of_its_cores(monkeypatch, known, cores):
    """macOS; where a training began with a traceback."""
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: known)
    monkeypatch.setenv("XLA_FLAGS", "")
    assert count_cores() == cores
    devices.use_virtual_cpus()
    assert f"device_count={cores} " in os.environ["XLA_FLAGS"]
