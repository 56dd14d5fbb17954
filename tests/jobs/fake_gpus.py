"""A machine's GPUs, of which there is nothing but what the drivers' programs print."""

import importlib.util
import os
from pathlib import Path

from research.jobs.accelerators import GIVEN, PLATFORMS
from research.jobs.job import FRACTION

LOG = "FAKE_GPUS_LOG"  # the file in which a process that starts JAX leaves a line
SEEN = ["CUDA_VISIBLE_DEVICES", FRACTION[0], GIVEN]  # what is in it, after the pid
# JAX imports such a package, and calls this, when it starts its backends.
PLUGIN = f"""
import os

def initialize():
    if "{LOG}" in os.environ:
        words = [str(os.getpid()), *(os.environ.get(name, "") for name in {SEEN})]
        with open(os.environ["{LOG}"], "a") as file:
            file.write(";".join(words) + "\\n")
"""


def clear(monkeypatch):
    """Removes what the environment of the tests says about accelerators."""
    names = {name for one in PLATFORMS for name in one.variables}
    for name in names | {"JAX_PLATFORMS", GIVEN, *FRACTION}:
        monkeypatch.delenv(name, raising=False)


def program(folder, name, text):
    """Writes a program of shell; returns its folder."""
    path = Path(folder) / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path.parent


def nvidia(folder, monkeypatch, *lines):
    """Makes a nvidia-smi that prints lines, and JAX's package for such GPUs."""
    clear(monkeypatch)
    text = "\n".join(lines)
    place = program(folder, "nvidia-smi", f"cat <<'END'\n{text}\nEND")
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    install(folder, monkeypatch, "xla_cuda13")


def install(folder, monkeypatch, plugin):
    """Installs a package by which JAX would reach accelerators."""
    package = Path(folder) / "site" / "jax_plugins" / plugin
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(package.parent.parent)
    assert importlib.util.find_spec("jax_plugins") is not None
    before = os.environ.get("PYTHONPATH", "")  # for processes of their own
    monkeypatch.setenv("PYTHONPATH", f"{package.parent.parent}:{before}")


def gpu(index):
    """A line of `nvidia-smi -L`, whose UUID ends in the index."""
    return f"GPU {index}: NVIDIA H100 80GB HBM3 (UUID: GPU-5d5ba0d6-{index})"
