"""Signals held back, to be asked for between two steps of the work.

SIGTERM and SIGINT; and in a Slurm job SIGUSR2, by which Slurm and submitit announce
that the job's time is up or its place wanted.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def caught_signals(
    *numbers: signal.Signals,
) -> Iterator[Callable[[], signal.Signals | None]]:
    """Holds signals back until the work in hand is in a state worth saving.

    Args:
      *numbers: the signals; those that ask a job to stop here if none are given.

    Yields:
      A function that returns the first signal that came, or None. Outside the main
      thread, where Python delivers no signals, it always returns None.
    """
    received: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(signal.Signals(number))

    before = {
        number: signal.signal(number, note) for number in numbers or stop_signals()
    }
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_signals() -> tuple[signal.Signals, ...]:
    """Returns the signals that ask a job to save and stop."""
    slurm = (signal.SIGUSR2,) if "SLURM_JOB_ID" in os.environ else ()
    return (signal.SIGTERM, signal.SIGINT, *slurm)
