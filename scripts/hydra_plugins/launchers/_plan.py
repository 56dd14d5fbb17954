"""A job of a launch: its config, its folder, what is done with it, how it ends."""

from __future__ import annotations

import dataclasses
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from omegaconf import DictConfig

from research.config import check_config
from research.errors import UserError
from research.jobs import status
from research.jobs.lock import holder
from research.progress import say
from research.runs.identity import flatten
from research.runs.identity_keys import Kind, classify, decides
from research.runs.outcome import find_stored, is_done, is_trained

REFUSED = "refused"  # the decision about a job with a mistake in its config
POLL = 1.0  # seconds between two looks at jobs that others run


@dataclasses.dataclass(frozen=True)
class Plan:
    """A job of this launch.

    Attributes:
      number: in the sweep.
      overrides: that make it.
      cfg: its config.
      folder: its run folder.
      mistake: in its config, so that it is not to run; None for none.
    """

    number: int
    overrides: tuple[str, ...]
    cfg: DictConfig
    folder: Path
    mistake: UserError | None = None

    @property
    def done(self) -> bool:
        """Whether its result is there, in its folder or in the store."""
        return is_done(self.folder, self.cfg) or find_stored(self.cfg) is not None

    @property
    def decision(self) -> str:
        """What this launch does with it, and why."""
        if self.mistake is not None:
            return REFUSED
        retry = self.cfg.get("retry", "all")
        known = status.observe(self.folder)
        if self.done:
            return "done already"
        if known is not None and known.state == status.FAILED:
            return "failed: left alone" if retry == "none" else "failed: run again"
        if retry == "failed":
            return "not failed: left alone"
        if holder(self.folder) is not None:
            return "run by others"
        if is_trained(self.folder, self.cfg):
            return "measured"
        return "resumed" if (self.folder / "checkpoints").exists() else "started"


def find_mistake(cfg: DictConfig) -> UserError | None:
    """Returns what is wrong with the config of a job, if anything is."""
    try:
        check_config(cfg, cfg.hydra.job.config_name)
    except UserError as mistake:
        return mistake
    return None


def require_own_folders(jobs: Sequence[Plan]) -> None:
    """Refuses jobs that are not the same and would have one folder.

    One would be run in the name of both: what they differ in names no run.

    Raises:
      UserError: names the overrides, and the folder.
    """
    first: dict[Path, Plan] = {}
    for job in jobs:
        other = first.setdefault(job.folder, job)
        if other is not job and are_different(other.cfg, job.cfg):
            words = sorted({*other.overrides} ^ {*job.overrides})
            raise UserError(
                f"{' '.join(words)}: these jobs would have one folder, {job.folder}, "
                "since none of that names a run; give a list, such as eval=[accuracy,"
                "shift], or the command once for each, if need be with another name=…"
            )


def are_different(one: DictConfig, other: DictConfig) -> bool:
    """Whether two configs differ in more than why their jobs are run."""
    a, b = flatten(one), flatten(other)
    differing = (key for key in a.keys() | b.keys() if a.get(key) != b.get(key))
    return any(decides(key) or classify(key) is not Kind.REQUEST for key in differing)


def await_others(jobs: Sequence[Plan]) -> list[Plan]:
    """Waits for jobs that others run; returns those that were killed or stopped."""
    for job in jobs:
        other = holder(job.folder)
        if other is not None:
            say(f"{job.folder}: run by {other}: waiting for it")
        while holder(job.folder) is not None:
            time.sleep(POLL)
    ends = {status.DONE, status.FAILED}
    known = [(job, status.read(job.folder) or status.Status()) for job in jobs]
    return [job for job, found in known if not job.done and found.state not in ends]


def record_end(folder: Path, how: str) -> None:
    """Writes down the end of a job that could not do so itself."""
    known = status.read(folder)
    if known is None or known.ended or holder(folder) is not None:
        return
    if how:
        failed = dataclasses.replace(known, state=status.FAILED, error=how)
        status.write(folder, failed)
    elif known.state == status.QUEUED:  # a script that keeps no status
        (folder / "status.json").unlink()
        with suppress(OSError):  # it holds something
            folder.rmdir()


def describe_exit(job: Plan, code: int) -> str:
    """Returns how a process ended, or "" where it ended well."""
    killed = code < 0
    text = f"killed by {signal.Signals(-code).name}" if killed else f"status {code}"
    return f"{text}; see {job.folder}/log.txt" if code else ""


def describe_end(job: Plan, end: str) -> str:
    """Returns how a job stands after its process ended."""
    other = holder(job.folder)
    if other is not None:
        return f"left to {other}"
    record_end(job.folder, end)
    known = status.read(job.folder)
    if known is None:
        return end or "ended"
    return f"{known.state}: {known.error}" if known.error else known.state


def describe_refused(refused: Sequence[Plan], jobs: int) -> str:
    """Returns what to tell of the jobs with a mistake in their configs."""
    found = list(dict.fromkeys(str(job.mistake) for job in refused))
    return f"{len(refused)} of {jobs} jobs refused: {'; '.join(found)}"


def describe_lost(lost: Sequence[Plan], ran: Sequence[Plan], sweep: Path) -> str:
    """Returns what to tell of the jobs that left no result."""
    found = [(job, status.observe(job.folder) or status.Status()) for job in lost]
    counts = Counter(known.state for _, known in found)
    parts = ", ".join(f"{n} {state}" for state, n in counts.items())
    job, known = found[0]
    return (
        f"{len(lost)} of {len(ran)} jobs left no result ({parts}), such as "
        f"{job.folder.name}: {known.error}; `python scripts/status.py {sweep}` shows "
        "all, and the same command runs them again, with retry=failed only those that "
        "failed"
    )
