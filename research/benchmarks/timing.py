"""Timing subjects against each other: interleaved rounds, medians, ratios by round.

Other programs slow all subjects of a round alike, so ratios are taken within a round.
"""

from __future__ import annotations

import ctypes
import gc
import math
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

STATM = Path("/proc/self/statm")
Subject = Callable[[], Any]  # does the work once; JAX arrays it returns are waited for
# Seconds that a turn lasts at least. An accelerator works off a queue: what it costs to
# dispatch one call, and to wait for it, is no part of its speed.
TURN = {"cpu": 0.0}
QUEUE = 0.05


@runtime_checkable
class Timed(Protocol):
    """A subject with a clock of its own."""

    def elapsed(self, calls: int) -> float:
        """Returns the seconds that some calls take, one after the other."""


@dataclass(frozen=True)
class Row:
    """How long a subject takes for a case.

    Attributes:
      case: what is done.
      subject: who does it.
      value: median over the rounds.
      low: least.
      high: most.
      unit: of these three.
      cpu: median processor time of all threads in milliseconds, which other programs
        lengthen less than they do time; PyTorch's threads spin while they wait.
      speed: median over the rounds of the reference's time by this one's; None where
        there is no reference.
      note: anything else that belongs to the row.
      rounds: the seconds of each round.
    """

    case: str
    subject: str
    value: float
    low: float
    high: float
    unit: str = "ms"
    cpu: float | None = None
    speed: float | None = None
    note: str = ""
    rounds: Sequence[float] = ()


def race(
    case: str,
    subjects: Mapping[str, Subject],
    *,
    rounds: int,
    reference: str = "PyTorch",
    scales: Mapping[str, float] | None = None,
    notes: Mapping[str, Callable[[float], str]] | None = None,
) -> list[Row]:
    """Times subjects in turn for some rounds, after a warm-up round.

    Each subject runs twice per turn and only the second run counts: the first refills
    the caches and outlasts the previous subject's threads, which may spin for a while
    after their work (PyTorch's do). Every other round runs in reverse, so that the same
    subject does not always follow them. On an accelerator a run is many calls, which
    are waited for once, and their mean counts.

    Args:
      case: what they do.
      subjects: by name.
      rounds: at least 1.
      reference: the subject whose time is divided by the others'.
      scales: factor on the times of a subject that does only a part of the work.
      notes: makes a subject's note of its median time in seconds.

    Returns:
      One row a subject.
    """
    scales, notes = scales or {}, notes or {}
    for work in subjects.values():
        jax.block_until_ready(work())
    calls = {name: count_calls(work) for name, work in subjects.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in subjects}
    for turn in range(rounds):
        order = list(subjects.items())
        for name, work in order if turn % 2 == 0 else reversed(order):
            jax.block_until_ready(work())
            times[name].append(seconds(work, calls[name]))
    taken = {
        name: np.array(values) * scales.get(name, 1.0) for name, values in times.items()
    }
    rows = []
    for name, values in taken.items():
        wall, cpu = values.T
        speed = None
        if reference in taken:
            speed = float(np.median(taken[reference][:, 0] / wall))
        rows.append(
            Row(
                case=case,
                subject=name,
                value=1e3 * float(np.median(wall)),
                low=1e3 * float(wall.min()),
                high=1e3 * float(wall.max()),
                cpu=1e3 * float(np.median(cpu)),
                speed=speed,
                note=notes[name](float(np.median(wall))) if name in notes else "",
                rounds=tuple(wall.tolist()),
            )
        )
    return rows


def count_calls(work: Subject) -> int:
    """Returns how many calls fill a turn on the device that JAX computes on."""
    turn = TURN.get(jax.default_backend(), QUEUE)
    return max(1, math.ceil(turn / seconds(work)[0])) if turn else 1


def seconds(work: Subject, calls: int = 1) -> tuple[float, float]:
    """Returns how long a call takes, by the clock and of the processors.

    Args:
      work: is called and then waited for; its own clock counts if it is `Timed`.
      calls: at least 1, whose mean is taken.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    if isinstance(work, Timed):
        elapsed = work.elapsed(calls)
    else:
        for _ in range(calls):
            done = work()
        jax.block_until_ready(done)
        elapsed = time.perf_counter() - wall
    return elapsed / calls, (time.process_time() - cpu) / calls


def peak_memory(work: Subject) -> float:
    """Returns by how much the process grows at most while a subject works, in MiB.

    Freed memory is returned to the system first: its reuse would go unseen.
    NaN where the system does not say (Linux does).
    """
    if not STATM.exists():
        return math.nan
    jax.block_until_ready(work())
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before, done = resident_bytes(), threading.Event()
    peaks = [before]

    def watch() -> None:
        while not done.wait(0.001):
            peaks.append(resident_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        jax.block_until_ready(work())
        peaks.append(resident_bytes())
    finally:
        done.set()
        watcher.join()
    return (max(peaks) - before) / 2**20


def resident_bytes() -> int:
    """Returns the bytes of this process that are in memory."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def exponent(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Returns b of the power law value ∝ size^b that fits best, by least squares."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
