"""One attempt at a job by several processes: the first takes it, the others follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from research import hosts
from research.sweep.lock import Held
from research.sweep.status import Attempt, attempt


class Following:
    """What a process that is not the first does of an `Attempt`: nothing."""

    def progress(self, step: int, total: int, batch_size: int) -> None:
        """Leaves it to the first process to tell."""


@contextmanager
def together(folder: str | Path) -> Iterator[Attempt | Following]:
    """As `attempt`, of which the first process alone holds the lock and tells.

    Args:
      folder: the run folder.

    Yields:
      What to tell of progress.

    Raises:
      Held: as `attempt`, in all processes.
    """
    if not hosts.leads():
        if not hosts.agreed(False):
            raise Held(f"{folder}: the first process did not get this job")
        yield Following()
    else:
        taken = False
        try:
            with attempt(folder) as job:
                taken = True
                hosts.agreed(True)
                yield job
        finally:
            if not taken:
                hosts.agreed(False)
    hosts.barrier("done")  # for all to see that it is
