"""How many of the machine's cores this process may use."""

from __future__ import annotations

import os
from math import ceil, inf
from pathlib import Path

QUOTAS = ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
PERIOD = "cpu.cfs_period_us"  # beside the second, which has the quota alone


def count_cores() -> int:
    """Returns the cores that this process may use, as a scheduler has chosen.

    They are those that it may run on; where the system keeps no such account, as macOS
    does not, all that there are. In a container whose time is limited, as by
    Kubernetes' `limits.cpu`, no more than that time is worth.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return int(min([cores, *(read_quota(Path(path)) for path in QUOTAS)]))


def read_quota(path: Path) -> float:
    """Returns how many cores' time a container has, rounded up; infinity for no limit.

    Args:
      path: `cpu.max` of control groups, version 2, which reads `quota period` or
        `max period`, in µs; or `cpu.cfs_quota_us` of version 1, where −1 is no limit.
    """
    try:
        quota, *period = path.read_text().split()
        if not period:
            period = path.with_name(PERIOD).read_text().split()
        limit = int(quota) / int(period[0])
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or `max`
        return inf
    return max(1, ceil(limit)) if limit > 0 else inf
