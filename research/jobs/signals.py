"""Signals by which people and schedulers stop a job, and what they find it doing.

While a network trains they are held back, to be asked for between two steps; anywhere
else they end the process at once, for files are whole or absent. Schedulers differ in
what they send, and in which order: SIGTERM, SIGUSR1 or SIGUSR2 before the end, SIGXCPU
at a limit of time, SIGHUP when a terminal closes. Untouched, each of them would kill.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

STOP = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGXCPU,
)
AGAIN = 0.01  # seconds until a signal that went unheard is sent again


class Terminated(SystemExit):
    """A signal came where nothing had to be saved first; the status is 128 + it."""

    def __init__(self, number: int):
        super().__init__(128 + number)
        self.number = signal.Signals(number)

    def __str__(self) -> str:
        return f"stopped by {self.number.name}"


def terminate(number: int, frame: FrameType | None) -> None:
    """Ends this process as Ctrl-C does, so that its status and its lock are right."""
    raise Terminated(number)


def terminate_on_signals() -> None:
    """Lets the signals that would kill end this process by `Terminated`.

    What somebody ignores stays ignored, as SIGHUP under nohup, and so does a handler
    that somebody has set, as submitit has.
    """
    sys.unraisablehook = partial(send_again, otherwise=sys.unraisablehook)
    for number in STOP:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, terminate)


def send_again(unraisable: Any, otherwise: Callable[[Any], Any]) -> None:
    """Sends a signal again that came while Python ignores what is raised.

    It does so in callbacks of the garbage collector, such as JAX's, and in `__del__`.

    Args:
      unraisable: as `sys.unraisablehook` takes it.
      otherwise: the hook for anything else.
    """
    match unraisable.exc_value:
        case Terminated(number=number):
            pass
        case KeyboardInterrupt():
            number = signal.SIGINT
        case _:
            otherwise(unraisable)
            return
    later = threading.Timer(AGAIN, os.kill, (os.getpid(), number))
    later.daemon = True
    later.start()


def is_handled(handler: Any) -> bool:
    """Whether a handler is a scheduler's: neither ours nor Python's own."""
    return callable(handler) and handler not in (terminate, signal.default_int_handler)


@contextmanager
def caught_signals() -> Iterator[Callable[[], signal.Signals | None]]:
    """Holds signals back until the work in hand is in a state worth saving.

    Yields:
      A function that returns the signal to stop for, or None. Of several, that is the
      first for which a scheduler has its own handler, which may requeue the job; if
      there is none, the first that came. Outside the main thread, where Python delivers
      no signals, it always returns None.
    """
    received: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(signal.Signals(number))

    before = {
        number: signal.signal(number, note)
        for number in STOP
        if signal.getsignal(number) != signal.SIG_IGN
    }

    def choose() -> signal.Signals | None:
        handled = (number for number in received if is_handled(before[number]))
        return next(handled, received[0] if received else None)

    try:
        yield choose
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def pass_on(number: signal.Signals) -> None:
    """Leaves a signal to the scheduler's own handler, now that the run is saved.

    submitit's requeues the job.
    """
    if is_handled(signal.getsignal(number)):
        signal.raise_signal(number)
