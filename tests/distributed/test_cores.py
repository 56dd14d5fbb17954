"""As many virtual devices and threads as the process has cores, on any system."""

import os
from math import inf

import pytest

from research import cores as module
from research.cores import count_cores, read_quota
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
    monkeypatch.setattr(module, "QUOTAS", ())
    monkeypatch.setenv("XLA_FLAGS", "")
    assert count_cores() == cores
    devices.use_virtual_cpus()
    assert f"device_count={cores} " in os.environ["XLA_FLAGS"]


@pytest.mark.parametrize(
    "text, period, cores",
    [
        ("250000 100000", None, 3),
        ("10000 100000", None, 1),
        ("max 100000", None, inf),
        ("400000", "100000", 4),
        ("-1", "100000", inf),
        ("400000", None, inf),
        ("", None, inf),
    ],
)
def test_a_container_has_the_cores_that_its_time_is_worth(
    tmp_path, monkeypatch, text, period, cores
):
    path = tmp_path / "quota"
    path.write_text(text)
    if period is not None:
        (tmp_path / module.PERIOD).write_text(period)
    assert read_quota(path) == cores
    assert read_quota(tmp_path / "none") == inf
    everything = count_cores()
    monkeypatch.setattr(module, "QUOTAS", (path,))
    assert count_cores() == min(everything, cores)
