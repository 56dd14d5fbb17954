"""How each job of a sweep stands, in `status.json` in its run folder.

Schedulers forget, and Slurm reports a job whose Python raised as completed; this
is our own record. The job itself writes it, so the record of a killed job is out of
date: `observe` checks who holds the lock before believing it.
"""

from __future__ import annotations

import dataclasses
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from research.errors import Interrupted, UserError
from research.files.atomic import damaged, read_json, write_json
from research.jobs.accelerators import name_devices
from research.jobs.lock import Lock, Lost, holder

QUEUED, RUNNING, DONE = "queued", "running", "done"
FAILED, PREEMPTED = "failed", "preempted"
STATES = (RUNNING, FAILED, PREEMPTED, QUEUED, DONE)  # the most urgent first
DONE_KINDS = {  # what `done.json` may say, as far as others read it
    "training": str,
    "evaluators": dict,
    "steps": int,
    "parameters": int,
    "seconds": float,
}
EVERY = 2.0  # seconds between two notes of progress


@dataclasses.dataclass(frozen=True)
class Status:
    """How a job stands.

    Attributes:
      state: `queued`, `running`, `done`, `failed` or `preempted` (stopped by a signal,
        saved; the same command goes on with it).
      owner: the process that runs it, or ran it last: pid and host.
      device: the accelerators that its launcher gave to it, or "".
      attempts: how often it was started.
      step: steps of training that are done.
      total: steps that there are; 0 while unknown.
      batch: examples a step.
      examples_per_second: of training, in the running attempt.
      queued: when it was planned; times are seconds since 1970.
      started: when the last attempt began.
      updated: when this was written.
      error: the last exception, in one line.
      traceback: of it, for a bug.
    """

    state: str = QUEUED
    owner: str = ""
    device: str = ""
    attempts: int = 0
    step: int = 0
    total: int = 0
    batch: int = 0
    examples_per_second: float = 0.0
    queued: float = 0.0
    started: float = 0.0
    updated: float = 0.0
    error: str = ""
    traceback: str = ""

    @property
    def ended(self) -> bool:
        """Whether nobody runs it and nobody is about to."""
        return self.state in {DONE, FAILED, PREEMPTED}


def read(folder: str | Path) -> Status | None:
    """Returns what `status.json` says, or None if there is none.

    Raises:
      UserError: the file is damaged.
    """
    path = Path(folder) / "status.json"
    remedy = "remove it: no result depends on it"
    try:
        found = read_json(path, remedy=remedy)
    except FileNotFoundError:
        return None
    kinds = {field.name: type(field.default) for field in dataclasses.fields(Status)}
    for name, value in found.items():
        if not is_of_kind(value, kinds.get(name)):
            raise damaged(path, f"{name}={value!r}", remedy)
    status = Status(**found)
    if status.state not in STATES:
        raise damaged(path, f"state={status.state!r}", remedy)
    return status


def done(folder: str | Path) -> dict[str, Any] | None:
    """Returns what `done.json` says, or None: the job is not done.

    Raises:
      UserError: the file is damaged.
    """
    path = Path(folder) / "done.json"
    remedy = "remove it, and the command of this run goes on from its last checkpoint"
    try:
        found = read_json(path, remedy=remedy)
    except FileNotFoundError:
        return None
    for name, kind in DONE_KINDS.items():
        if not is_of_kind(found.get(name, kind()), kind):
            raise damaged(path, f"{name}={found[name]!r}", remedy)
    if not all(isinstance(one, str) for one in found.get("evaluators", {}).values()):
        raise damaged(path, f"evaluators={found['evaluators']!r}", remedy)
    return found


def is_of_kind(value: Any, kind: type | None) -> bool:
    """Whether a value that was read has a type; an integer is a float, too."""
    if isinstance(value, bool) or kind is None:
        return False
    return isinstance(value, int | float if kind is float else kind)


def write(folder: str | Path, status: Status) -> Status:
    """Writes a status, atomically, and returns it with the time in `updated`."""
    status = dataclasses.replace(status, updated=time.time())
    write_json(Path(folder) / "status.json", dataclasses.asdict(status))
    return status


def observe(folder: str | Path) -> Status | None:
    """Returns how a job really stands, or None if it was never planned."""
    status = read(folder)
    if status is not None and status.state == RUNNING and holder(folder) is None:
        status = read(folder)  # it may have ended while we looked
        if status is not None and status.state == RUNNING:
            status = dataclasses.replace(
                status,
                state=FAILED,
                error=f"{status.owner} died without a word: killed, or out of memory",
            )
    if done(folder) is not None and not broke_after_training(folder):
        status = dataclasses.replace(status or Status(), state=DONE, error="")
    return status


def broke_after_training(folder: str | Path) -> bool:
    """Whether the last attempt failed at a finished run: other evaluators, say."""
    last = read(folder)
    return last is not None and last.state in {FAILED, PREEMPTED}


def queue(folder: str | Path) -> None:
    """Notes that a job is planned, unless somebody runs it."""
    if holder(folder) is None:
        planned = dataclasses.replace(
            read(folder) or Status(),
            state=QUEUED,
            queued=time.time(),
            error="",
            traceback="",
        )
        write(folder, planned)


class Attempt:
    """One attempt at a job; it keeps the status up to date.

    Args:
      folder: the run folder.
      lock: of it.
    """

    def __init__(self, folder: Path, lock: Lock):
        self.folder, self.lock = folder, lock
        before = read(folder) or Status()
        running = dataclasses.replace(
            before,
            state=RUNNING,
            owner=str(lock.owner),
            device=name_devices(os.environ),
            attempts=before.attempts + 1,
            examples_per_second=0.0,
            started=time.time(),
            error="",
            traceback="",
        )
        self.status = write(folder, running)
        self._first: tuple[int, float] | None = None

    def progress(self, step: int, total: int, batch_size: int) -> None:
        """Notes that `step` of `total` steps are done; cheap, for every step.

        Raises:
          Lost: another process has taken the job.
        """
        self.lock.check()
        now = time.time()
        first, since = self._first = self._first or (step, now)
        ends = step == total
        if now - self.status.updated < EVERY and step != first and not ends:
            return
        rate = (step - first) * batch_size / (now - since) if step > first else 0.0
        running = dataclasses.replace(
            self.status,
            step=step,
            total=total,
            batch=batch_size,
            examples_per_second=rate,
        )
        self.status = write(self.folder, running)

    def end(self, state: str, error: BaseException | None = None) -> None:
        """Notes how it ended."""
        text, trace = describe_error(error)
        ended = dataclasses.replace(
            self.status, state=state, error=text, traceback=trace
        )
        self.status = write(self.folder, ended)


@contextmanager
def attempt(folder: str | Path) -> Iterator[Attempt]:
    """Runs a job as its only owner, and notes how it ends.

    A mistake in a job that nobody planned, found before anything was written, leaves
    nothing behind. Where another has taken the lock of a process that was silent for
    long, status and lock are that one's and stay.

    Args:
      folder: the run folder.

    Yields:
      The attempt, to which the job reports its progress.

    Raises:
      Held: another process runs the job.
      Lost: another process has taken it meanwhile.
    """
    folder = Path(folder)
    planned = read(folder) is not None  # raises before anything is written
    lock = Lock(folder)
    running = None
    try:
        running = Attempt(folder, lock)
        yield running
    except Lost:
        raise
    except (SystemExit, KeyboardInterrupt) as stop:
        if running is not None and lock.is_ours():
            running.end(PREEMPTED, stop)
        lock.release()
        raise
    except BaseException as error:
        if not lock.is_ours():
            raise
        known = planned or (folder / "config.yaml").exists()
        if running is not None and known:
            running.end(FAILED, error)
            lock.release()
        else:
            if not known:
                (folder / "status.json").unlink(missing_ok=True)
            lock.remove()
            with suppress(OSError):  # nothing was written: nothing is left behind
                folder.rmdir()
        raise
    if lock.is_ours():
        running.end(DONE)
    lock.remove()


def describe_error(error: BaseException | None) -> tuple[str, str]:
    """Returns an exception in one line, and its traceback if it is a bug."""
    if error is None:
        return "", ""
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, UserError | Interrupted):
        return text, ""
    if not isinstance(error, Exception):
        return f"stopped: {type(error).__name__} {text}", ""
    trace = "".join(traceback.format_exception(error))
    return f"{type(error).__name__}: {text}", trace
