"""What the C library does with memory that a program on the CPU has freed."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache

MALLOC = {  # name: (option, value) of mallopt
    "M_MMAP_MAX": (-4, 0),  # no memory of its own for a large block
    "M_TRIM_THRESHOLD": (-1, -1),  # nothing is given back
    "M_TOP_PAD": (-2, 64 * 2**20),  # bytes, that the heap grows by
    "M_ARENA_MAX": (-8, 1),  # one heap for all threads: others are cut up
}


@cache
def keep_freed_memory() -> None:
    """Has the C library keep freed memory for the next step, where it is glibc.

    Otherwise each map of a step is mapped anew by the kernel, page by page: a third of
    the processors' time. On two cores this halves a step of `vit_tiny` and takes a
    fifth off one of ResNet-20. The process never shrinks below its peak size. If the
    user has set MALLOC_MMAP_MAX_ or GLIBC_TUNABLES, nothing is changed.
    """
    chosen = {"MALLOC_MMAP_MAX_", "GLIBC_TUNABLES"} & os.environ.keys()
    if chosen or platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    for option, value in MALLOC.values():
        library.mallopt(option, value)
