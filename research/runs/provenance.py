"""What made a result: commit, versions, devices, seed and command."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
from omegaconf import DictConfig

from research import config

SOURCES = (":/", ":(top,exclude)outputs")  # what git calls changed there is results
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
        "machine": f"{platform.machine()} {platform.system()}",
        "seed": cfg.seed,
        "choices": dict(choices),
    }


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
