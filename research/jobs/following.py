"""A job run by several processes: the first holds its lock, the others follow it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from research.distributed import hosts
from research.jobs.lock import Held
from research.jobs.status import attempt


class Follower:
    """Stands in for an `Attempt` in every process but the first: it writes nothing."""

    def progress(self, step: int, total: int, batch_size: int) -> None:
        """Does nothing: the first process reports progress for all."""


@contextmanager
def lead_or_follow(
    folder: str | Path,
    take: Callable[[str | Path], AbstractContextManager[Any]] = attempt,
) -> Iterator[Any]:
    """Does what `take` does, with the lock held by the first process alone.

    Args:
      folder: the run folder.
      take: `attempt`, or `hold` where there is no progress to report.

    Yields:
      What `take` yields, such as an `Attempt`; in other processes a `Follower`.

    Raises:
      Held: as `take`, in all processes.
    """
    if not hosts.leads():
        if not hosts.agree_on(False):
            raise Held(f"{folder}: the first process did not get this job")
        yield Follower()
    else:
        taken = False
        try:
            with take(folder) as job:
                taken = True
                hosts.agree_on(True)
                yield job
        finally:
            if not taken:
                hosts.agree_on(False)
    hosts.barrier("done")  # for all to see that it is
