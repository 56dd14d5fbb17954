"""SIGTERM and SIGINT as something to ask about, rather than something that strikes."""

from __future__ import annotations

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
      *numbers: the signals; SIGTERM and SIGINT if none are given.

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
        number: signal.signal(number, note)
        for number in numbers or (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
