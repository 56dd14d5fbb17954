"""How many of the machine's cores this process may use."""

from __future__ import annotations

import os


def count_cores() -> int:
    """Returns the cores that this process may run on, as a scheduler has chosen.

    Where the system keeps no such account, as macOS does not, all that there are.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
