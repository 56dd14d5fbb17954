"""A job taken by several processes: the first holds its lock, the others follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from research.distributed import hosts
from research.jobs.lock import Held
from research.jobs.status import attempt


class Following:
    """What a process that is not the first does of an `Attempt`: nothing."""

    def progress(self, step: int, total: int, batch_size: int) -> None:
        """Leaves it to the first process to tell."""


@contextmanager
def together(
    folder: str | Path,
    take: Callable[[str | Path], AbstractContextManager[Any]] = attempt,
) -> Iterator[Any]:
    """As `take`, of which the first process alone holds the lock and tells.

    Args:
      folder: the run folder.
      take: `attempt`, or `held` where there is nothing to tell.

    Yields:
      What `take` does, such as what to tell of progress; others follow.

    Raises:
      Held: as `take`, in all processes.
    """
    if not hosts.leads():
        if not hosts.agreed(False):
            raise Held(f"{folder}: the first process did not get this job")
        yield Following()
    else:
        taken = False
        try:
            with take(folder) as job:
                taken = True
                hosts.agreed(True)
                yield job
        finally:
            if not taken:
                hosts.agreed(False)
    hosts.barrier("done")  # for all to see that it is
