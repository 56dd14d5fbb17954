"""Runs every test on virtual CPU devices, with shapes and types checked at run time."""

import os
import tempfile
from pathlib import Path

from jaxtyping import install_import_hook

from research import devices

ROOT = Path(__file__).parent.parent

devices.use_virtual_cpus(2)
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / "outputs/.cache/jax"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MPLCONFIGDIR", tempfile.gettempdir())

install_import_hook("research", "beartype.beartype")
