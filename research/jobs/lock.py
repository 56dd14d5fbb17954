"""A lock on a run folder: one process at a time, none for ever.

`lock/` in the run folder holds numbered files, and whoever made the highest is the
holder. A lock that is free, or whose holder is dead, is taken by making the
next number by a hard link, which the file system grants to one process only. A
number is never made
twice while the highest one stands, so those who take over at once cannot both succeed,
and one who was slow cannot take what another took meanwhile. Tested on one machine;
links and renames are atomic over NFS, too.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from research.errors import UserError
from research.files.atomic import (
    READABLE,
    damaged,
    read_json,
    unwritable,
    write_json,
)
from research.jobs.owner import SILENCE, Owner

REMEDY = "if nothing runs in the folder above, remove the lock"
BEAT = 15.0  # seconds between two heartbeats


class Held(UserError):
    """Another process runs the job."""


class Lost(UserError):
    """This process was silent for so long that another has taken its job."""


class Lock:
    """The lock of a run folder, held until `release` or `remove`.

    Args:
      folder: the run folder.

    Raises:
      Held: a process that lives holds it.
      UserError: the folder cannot be written.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder) / "lock"
        self.owner = Owner.current()
        try:
            self.number = self._take()
        except OSError as error:
            raise unwritable(self.folder, error) from error
        self.path = self.folder / str(self.number)
        for old in numbers(self.folder):
            if old < self.number:
                (self.folder / str(old)).unlink(missing_ok=True)
        self._beaten = time.time()
        self._over = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def is_ours(self) -> bool:
        """Whether nobody has taken it, as others may from one who was silent."""
        return max(numbers(self.folder), default=0) == self.number

    def check(self) -> None:
        """Makes sure that the lock is still ours; cheap, for every step.

        Raises:
          Lost: another process has taken it.
        """
        if time.time() - self._beaten < SILENCE / 2:
            return
        if not self.is_ours():
            raise Lost(
                f"{self.folder.parent}: this process was stopped for more than "
                f"{SILENCE:.0f} s and another has taken the job: left to it"
            )
        self._beaten = time.time()

    def release(self) -> None:
        """Lets others take it."""
        self._over.set()
        if self.path.exists():  # else it was taken
            write_json(self.path, dataclasses.asdict(self.owner) | {"released": True})

    def remove(self) -> None:
        """Releases the lock and removes its files: nothing is left to do here.

        If another has taken it meanwhile, what is there is that one's and stays.
        """
        self._over.set()
        if self.is_ours():
            shutil.rmtree(self.folder, ignore_errors=True)

    def _take(self) -> int:
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            last = max(numbers(self.folder), default=0)
            handle, name = tempfile.mkstemp(dir=self.folder, prefix=".")
            try:
                with os.fdopen(handle, "w") as file:
                    os.fchmod(handle, READABLE)
                    json.dump(dataclasses.asdict(self.owner), file)
                holder = living_owner(self.folder / str(last)) if last else None
                if holder is not None:
                    raise Held(f"{self.folder.parent} is being run by {holder}")
                os.link(name, self.folder / str(last + 1))
            except (FileExistsError, FileNotFoundError):
                continue  # another was faster, or has finished and removed it all
            finally:
                Path(name).unlink(missing_ok=True)
            if max(numbers(self.folder), default=0) == last + 1:
                return last + 1
            # The listing above was out of date: others have come and gone since.
            (self.folder / str(last + 1)).unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            try:
                os.utime(self.path)
                self._beaten = time.time()
            except OSError:  # taken from us, or out of reach: `check` will tell
                pass


@contextmanager
def hold(folder: str | Path) -> Iterator[Lock]:
    """Holds the lock of a folder while the context is open, then removes it.

    Args:
      folder: in which there is no more to train.

    Yields:
      The lock.

    Raises:
      Held: another process holds it.
    """
    lock = Lock(folder)
    try:
        yield lock
    finally:
        lock.remove()


def holder(folder: str | Path) -> Owner | None:
    """Returns the living process that holds a run folder, or None."""
    place = Path(folder) / "lock"
    last = max(numbers(place), default=0)
    return living_owner(place / str(last)) if last else None


def release_dead(folder: str | Path, job: str) -> None:
    """Releases a lock whose holder is known to be dead: its Slurm job has ended.

    Another machine cannot see that, except by the missing heartbeat, and late.

    Args:
      folder: the run folder.
      job: the Slurm job.
    """
    place = Path(folder) / "lock"
    path = place / str(max(numbers(place), default=0))
    if path.is_file():
        found = read_json(path, remedy=REMEDY)
        if found.get("job") == job:
            write_json(path, found | {"released": True})


def living_owner(path: Path) -> Owner | None:
    """Returns the process that made a lock file; None if it died or released it."""
    try:
        beaten = path.stat().st_mtime
        found = read_json(path, remedy=REMEDY)
    except FileNotFoundError:  # released and removed, or taken over, while we looked
        return None
    released = found.pop("released", False)
    try:
        owner = Owner(**found)
    except TypeError:  # other fields than an owner's
        raise damaged(path, "it names no process", REMEDY) from None
    if released:
        return None
    age = 0.0 if owner.is_local() else read_clock(path.parent) - beaten
    return owner if owner.lives(age) else None


def read_clock(folder: Path) -> float:
    """Returns the time by the clock of a folder's file system, which dates heartbeats.

    A machine's own clock may differ from it. It counts where nothing can be written.
    """
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".") as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()


def numbers(folder: Path) -> list[int]:
    """Returns the numbers of the lock files in a folder, which need not exist."""
    try:
        names = os.listdir(folder)
        return [int(name) for name in names if re.fullmatch("[1-9][0-9]*", name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
