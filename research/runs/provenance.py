"""What made a result: commit, versions, devices, arithmetic, seed and command."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import jax
from jax.extend.backend import get_backend
from omegaconf import DictConfig

from research import config
from research.nn.precision import Precision

SOURCES = (":/", ":(top,exclude)outputs")  # what git calls changed there is results
# An accelerator's own packages: CUDA, cuDNN, JAX's plugins, a TPU's library.
PLUGINS = re.compile(r"(nvidia|jax[-_](cuda|rocm)\w*|libtpu|rocm)([-_].*)?")
DRIVER = Path("/proc/driver/nvidia/version")
LIBRARIES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def describe(
    cfg: DictConfig, folder: Path, *, choices: Mapping[str, str | None], command: str
) -> dict[str, Any]:
    """Returns the provenance of a run."""
    return {
        "run": folder.name,
        "commit": find_head(),
        "dirty": is_dirty(),
        "command": command,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
        **describe_devices(),
        "precision": asdict(Precision.of(cfg)),
        "deterministic": cfg.get("deterministic", False),
        "machine": f"{platform.machine()} {platform.system()}",
        "seed": cfg.seed,
        "choices": dict(choices),
    }


def describe_devices() -> dict[str, Any]:
    """Returns what computes here, as far as JAX and its packages know.

    Returns:
      `backend`; `device`, its kind, and `devices`, how many; `platform_version`, with
      CUDA's; `driver`, NVIDIA's, if there is one; `accelerator`, the versions of
      installed packages such as cuDNN's; and `xla_flags`.
    """
    driver = DRIVER.read_text().splitlines()[0] if DRIVER.is_file() else None
    return {
        "backend": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "platform_version": get_backend().platform_version,
        "driver": driver,
        "accelerator": dict(find_plugins()),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }


@cache
def find_plugins() -> Mapping[str, str]:
    """Returns the packages of accelerators that are installed, with their versions.

    Reading what is installed takes a third of a second, as long as a small run.
    """
    named = ((one.metadata["Name"], one.version) for one in distributions())
    return {name: number for name, number in named if PLUGINS.fullmatch(name or "")}


def find_commit() -> str:
    """Returns the commit of this code, `…-dirty` if it was changed since."""
    return find_head() + ("-dirty" if is_dirty() else "")


def find_head() -> str:
    """Returns the commit of this checkout; of a copy without one, what COMMIT says."""
    return git("rev-parse", "HEAD") or os.environ.get("COMMIT", "")


def is_dirty() -> bool:
    """Whether this checkout differs from its commit."""
    return bool(git("status", "--porcelain", "--", *SOURCES))


def git(*words: str) -> str:
    """Returns what git says of this checkout, or nothing where there is none."""
    if shutil.which("git") is None:
        return ""
    answer = subprocess.run(
        ["git", *words], cwd=config.CONF, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()
