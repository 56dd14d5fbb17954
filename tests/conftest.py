"""Runs every test on virtual CPU devices, with shapes and types checked at run time."""

import gc
import mmap
import os
import signal
import tempfile
from pathlib import Path

import compiled
import jax
from jaxtyping import install_import_hook

from research.distributed import devices

ROOT = Path(__file__).parent.parent
CACHE = ROOT / "outputs/.cache/jax"
PROCESS = Path("/proc/self")

# Compiling takes most of the time, and this way a quarter of it; so it does in scripts
# that tests run in processes of their own, unless given `compiled.as_users_do`.
os.environ.update(compiled.QUICKLY)
jax.config.update("jax_disable_most_optimizations", True)
devices.add_flags(compiled.FLAGS)

os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))  # of scripts, too
devices.use_virtual_cpus(2)
devices.use_compilation_cache(CACHE)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MPLCONFIGDIR", tempfile.gettempdir())

# What a shell starts in the background ignores ^C, and so would all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

install_import_hook("research", "beartype.beartype")


def pytest_collection_finish():
    """Has the garbage collector pass over all that is imported, and come less often.

    Tracing makes very many objects that live: a tenth of the time went into them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_runtest_teardown(item, nextitem):
    """Forgets compiled programs when they are many or large, between two modules."""
    if (nextitem is None or nextitem.path != item.path) and is_full():
        jax.clear_caches()
        gc.collect()


def is_full():
    """Whether this process nears a limit; only Linux tells.

    Each program takes memory maps, of which Linux lets a process have 65,530: one more
    is a segmentation fault. And a machine has a worker for each core, often with no
    more than 4 GB.
    """
    if not PROCESS.exists():
        return False
    with (PROCESS / "maps").open() as maps:
        count = sum(1 for _ in maps)
    pages = int((PROCESS / "statm").read_text().split()[1])
    return count > 20_000 or pages * mmap.PAGESIZE > 2 * 2**30
