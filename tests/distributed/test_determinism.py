"""`deterministic=true`: XLA's flags, set before JAX starts or not at all."""

import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import jax
import pytest

from research.distributed import determinism
from research.errors import UserError

ROOT = Path(__file__).parents[2]
FLAG = "--xla_gpu_exclude_nondeterministic_ops"
CHOICES = "--xla_gpu_per_fusion_autotune_cache_dir"
PROGRAM = """
import json, os, sys
from research.distributed import devices
devices.prepare(sys.argv[1], deterministic=json.loads(sys.argv[2]))
import jax
print(json.dumps({
    "flags": os.environ["XLA_FLAGS"].split(),
    "cache": jax.config.jax_compilation_cache_dir,
    "kept": jax.config.jax_persistent_cache_enable_xla_caches,
    "sum": float(jax.jit(lambda x: x @ x)(jax.numpy.ones((4, 4))).sum()),
}))
"""


@pytest.fixture
def first(monkeypatch):
    """A process in which JAX has not started yet, as far as the module knows."""
    monkeypatch.setattr(determinism, "_jobs", count())
    monkeypatch.setenv("XLA_FLAGS", "--xla_one=1")


def flags():
    return os.environ["XLA_FLAGS"].split()


@pytest.mark.parametrize("cache", [None, "", "elsewhere"])
def test_a_fresh_process_starts_with_the_flags(tmp_path, cache):
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    environment |= {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    del environment["JAX_COMPILATION_CACHE_DIR"]
    if cache is not None:
        there = str(tmp_path / cache) if cache else ""
        environment["JAX_COMPILATION_CACHE_DIR"] = there
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path), "true"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert f"{FLAG}=true" in found["flags"]
    own = tmp_path / ".cache/jax"
    assert f"{CHOICES}={own / 'autotune'}" in found["flags"]
    assert (found["cache"] or "") == {None: str(own), "": ""}.get(
        cache, str(tmp_path / "elsewhere")
    )
    # JAX keeps the choices of kernels beside its programs, wherever these are.
    assert found["kept"] == CHOICES.removeprefix("--")
    assert found["sum"] == 64


def test_nothing_changes_without_it(first, tmp_path):
    determinism.prepare(False, tmp_path / "cache")
    assert flags() == ["--xla_one=1"]
    assert not (tmp_path / "cache").exists()


def test_flags_are_added_to_those_of_the_user(first, tmp_path):
    determinism.prepare(True, tmp_path)
    assert flags() == [
        "--xla_one=1",
        f"{FLAG}=true",
        f"{CHOICES}={tmp_path / 'autotune'}",
    ]
    determinism.prepare(True, tmp_path)  # the next job of the sweep
    assert len(flags()) == 3


@pytest.mark.parametrize("own", [FLAG, f"{FLAG}=true", f"{FLAG}=1", f"{CHOICES}=/mine"])
def test_flags_of_the_user_win(first, tmp_path, monkeypatch, own):
    monkeypatch.setenv("XLA_FLAGS", own)
    determinism.prepare(True, tmp_path)
    assert own in flags() and len(flags()) == 2


def test_a_flag_that_contradicts_is_refused(first, tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", f"--xla_one=1 {FLAG}=False")
    determinism.prepare(False, tmp_path)
    with pytest.raises(UserError, match=f"XLA_FLAGS={FLAG}=false: deterministic=true"):
        determinism.prepare(True, tmp_path)


@pytest.mark.parametrize("backend", ["gpu", "tpu", "cpu"])
def test_it_is_too_late_when_another_job_has_started_jax(
    first, tmp_path, monkeypatch, backend
):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    determinism.prepare(False, tmp_path)
    if backend == "cpu":  # deterministic as it is
        determinism.prepare(True, tmp_path)
        return
    with pytest.raises(UserError, match="deterministic=true: .*hydra/launcher=local"):
        determinism.prepare(True, tmp_path)
    assert flags() == ["--xla_one=1"], "nor may the next job believe that it is set"
    determinism.prepare(False, tmp_path)
