"""What made a result: commit, versions, devices, seed and command."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import jax
from jax.extend.backend import get_backend
from omegaconf import DictConfig, OmegaConf

from research import config

SOURCES = (":/", ":(top,exclude)outputs")  # what git calls changed there is results
ACCELERATORS = ("jax-cuda", "jax-rocm", "libtpu", "nvidia-cudnn", "nvidia-cuda-runtime")
DRIVER = Path("/proc/driver/nvidia/version")
LIBRARIES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def describe(
    cfg: DictConfig, folder: Path, *, choices: Mapping[str, str], command: str
) -> dict[str, Any]:
    """Returns the provenance of a run."""
    return {
        "run": folder.name,
        "commit": git("rev-parse", "HEAD"),
        "dirty": is_dirty(),
        "command": command,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "backend": describe_backend(),
        "precision": OmegaConf.to_container(cfg.precision),
        "deterministic": cfg.deterministic,
        "machine": f"{platform.machine()} {platform.system()}",
        "seed": cfg.seed,
        "choices": dict(choices),
    }


def describe_backend() -> dict[str, Any]:
    """Returns what computes: platform, versions as JAX knows them, XLA's flags."""
    backend = get_backend()
    facts = {
        "platform": backend.platform,
        "version": " ".join(backend.platform_version.split()),
        "processes": jax.process_count(),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }
    packages = {
        str(one.name): one.version
        for one in distributions()
        if str(one.name).startswith(ACCELERATORS)
    }
    driver = {"driver": DRIVER.read_text().splitlines()[0]} if DRIVER.exists() else {}
    return facts | {"packages": dict(sorted(packages.items()))} | driver


def find_commit() -> str:
    """Returns the commit of this code, `…-dirty` if it was changed since."""
    return git("rev-parse", "HEAD") + ("-dirty" if is_dirty() else "")


def is_dirty() -> bool:
    """Whether this checkout differs from its commit."""
    return bool(git("status", "--porcelain", "--", *SOURCES))


def git(*words: str) -> str:
    """Returns what git says of this checkout, or nothing where there is none."""
    answer = subprocess.run(
        ["git", *words], cwd=config.CONF, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()
