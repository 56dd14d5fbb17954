"""The dispatches that are under way: enough to keep the devices busy, and no more.

Python runs ahead of the devices. Each dispatch leaves a copy of the sums that it made,
and the one some places back is waited for: the queue never runs empty, as it would if
all were waited for, and never grows.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import jax

# XLA lets 32 programs be under way on a CPU device, and a step is two, with its batch.
# One more would wait on a thread that another device may need for the all-reduce that
# all wait for: one step in several thousand hung.
AHEAD = {"cpu": 10}
AHEAD_ELSEWHERE = 16


class Queue:
    """The sums of dispatches that may still be under way, oldest first.

    Args:
      ahead: how many; None: what the platform of the default device admits.
    """

    def __init__(self, ahead: int | None = None):
        platform = jax.default_backend()
        self.ahead = AHEAD.get(platform, AHEAD_ELSEWHERE) if ahead is None else ahead
        self._waiting: deque[Any] = deque()

    def push(self, sums: Any) -> Any | None:
        """Adds a dispatch; returns the sums of the one `ahead` places back, if any.

        Waits for that one, and for no later one.
        """
        self._waiting.append(sums)
        if len(self._waiting) <= self.ahead:
            return None
        return jax.device_get(self._waiting.popleft())

    def drain(self) -> Any:
        """Waits for all dispatches and returns the sums of the last."""
        last = jax.device_get(self._waiting[-1])
        self._waiting.clear()
        return last
