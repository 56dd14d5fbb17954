"""Whether two runs on the same GPU are equal bit by bit: the key `deterministic`.

On a CPU they are. Some of XLA's kernels for GPUs add in the order in which threads
happen to end, and of several kernels for one product the fastest of the day is taken.
With `deterministic=true` XLA leaves out the former, and keeps its choices of the latter
on disk, where a second process finds them.
"""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

import jax

from research.errors import UserError

EXCLUDE = "--xla_gpu_exclude_nondeterministic_ops"
CHOICES = "--xla_gpu_per_fusion_autotune_cache_dir"
YES = ("true", "1", "")  # as XLA reads flags; `--flag` alone is true

_jobs = count()  # that this process has prepared; the first starts JAX


def prepare(deterministic: bool, cache: Path) -> None:
    """Sets XLA's flags, before JAX starts, if results are to be deterministic.

    The choices of kernels lie with the compiled programs. Where JAX's compilation cache
    is on, it keeps them there by itself; where it is off, the flag says where. Flags
    that the user has set in XLA_FLAGS win.

    Args:
      deterministic: whether they are.
      cache: folder of compiled programs.

    Raises:
      UserError: XLA_FLAGS contradict it, or an earlier job of this process has started
        JAX without the flags, on a GPU.
    """
    chosen = read_flags(os.environ.get("XLA_FLAGS", ""))
    late = next(_jobs) > 0 and EXCLUDE not in chosen
    if deterministic and EXCLUDE in chosen and chosen[EXCLUDE] not in YES:
        raise UserError(
            f"XLA_FLAGS={EXCLUDE}={chosen[EXCLUDE]}: deterministic=true takes true; "
            "leave it out of XLA_FLAGS, or give deterministic=false"
        )
    if deterministic and late and jax.default_backend() != "cpu":
        raise UserError(
            "deterministic=true: takes a process of its own, and an earlier job of "
            "this one has started JAX without it; give hydra/launcher=local, a sweep "
            "of deterministic=true alone, or deterministic=false"
        )
    if deterministic:
        cache.mkdir(parents=True, exist_ok=True)
        ours = {EXCLUDE: "true", CHOICES: str((cache / "autotune").absolute())}
        added = [
            f"{flag}={value}" for flag, value in ours.items() if flag not in chosen
        ]
        flags = [os.environ.get("XLA_FLAGS", ""), *added]
        os.environ["XLA_FLAGS"] = " ".join(flags).strip()


def read_flags(text: str) -> dict[str, str]:
    """Returns the flags of a command line by name; one without a value has ""."""
    pairs = (word.partition("=") for word in text.split())
    return {name: value.lower() for name, _, value in pairs}
