"""What JAX will compute on, asked before it starts, when some settings are due."""

from __future__ import annotations

from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import jax

CHOICE = "jax_platforms"  # the setting, of JAX_PLATFORMS at first
# Device files of accelerators, below /dev: NVIDIA's, also under Windows; AMD's; TPUs.
ACCELERATORS = ("nvidia[0-9]*", "dxg", "kfd", "accel*", "vfio/[0-9]*")


def will_be_cpu(folder: str | Path = "/dev") -> bool:
    """Returns whether JAX is going to compute on the CPU.

    JAX_PLATFORMS decides if it is set. Otherwise an accelerator needs both its device
    file and one of JAX's plugins: JAX passes over a plugin without a device.

    Args:
      folder: of the device files.
    """
    chosen = getattr(jax.config, CHOICE)
    if chosen:
        return chosen.split(",")[0] == "cpu"
    files = (path for name in ACCELERATORS for path in Path(folder).glob(name))
    return next(files, None) is None or not has_plugin()


def has_plugin() -> bool:
    """Returns whether JAX can use anything but the CPU, if it is there."""
    packages = map(find_spec, ("jax_plugins", "libtpu"))
    return any(packages) or bool(entry_points(group="jax_plugins"))
