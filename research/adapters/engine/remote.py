"""Models in a Python environment of their own, asked through pipes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from research.adapters import serving
from research.adapters.engine.adapted import Adapted
from research.adapters.engine.description import Description
from research.adapters.serving.array_server import pack, receive, send, unpack
from research.errors import UserError

PATIENCE = 5  # seconds that a process has to end in


class RemoteError(RuntimeError):
    """What the model raised there."""


class Remote:
    """A process that holds a model; it ends with this object.

    Args:
      script: of `research.adapters.serving`.
      path: of the model.
      python: what runs it; None: this Python.
      predict: the key and its value, for errors.

    Raises:
      UserError: there is no such Python, or the model cannot be loaded there.
    """

    def __init__(self, script: str, path: Path, python: str | None, predict: str):
        runner = python or sys.executable
        if shutil.which(runner) is None:
            raise UserError(
                f"adapter.python={runner}: no such program; takes the python of an "
                "environment that has TensorFlow, such as ENV/bin/python"
            )
        self.predict, self.runner = predict, runner
        file = Path(serving.__path__[0]) / script
        self.process = subprocess.Popen(
            [runner, str(file), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._stop = weakref.finalize(self, stop, self.process)
        head = self.read()
        if "error" in head:
            self._stop()
            missing = head.get("missing")
            remedy = (
                f"{runner} -m pip install tensorflow, or adapter.python=PATH of an "
                "environment that has it"
                if missing
                else "takes what the library itself has saved"
            )
            raise UserError(f"{predict}: {head['error']}; {remedy}")
        self.description: dict[str, Any] = head["model"]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns the answers to images (B, H, W, C).

        Raises:
          RemoteError: the model fails on them.
          UserError: the process has ended.
        """
        if self.process.stdin is None or self.process.stdin.closed:
            raise self.ended()
        try:
            send(self.process.stdin, pack(images))
        except BrokenPipeError:
            raise self.ended() from None
        head = self.read()
        if "error" in head:
            self._stop()
            raise RemoteError(head["error"])
        return unpack(self.receive())

    def read(self) -> dict[str, Any]:
        """Returns the next message in JSON."""
        return json.loads(self.receive())

    def receive(self) -> bytes:
        """Returns the next message; raises UserError: the process has ended."""
        content = None
        if self.process.stdout is not None:
            content = receive(self.process.stdout)
        if content is None:
            raise self.ended()
        return content

    def ended(self) -> UserError:
        """Returns the error for a process that is no more."""
        self._stop()
        return UserError(
            f"{self.predict}: {self.runner} has ended with status "
            f"{self.process.returncode}; what it said is above"
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process by ending its input."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):  # it has ended with something unread
                pipe.close()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def load_remote(script: str, path: Path, python: str | None, predict: str) -> Adapted:
    """Returns a model of another environment; see `Remote`."""
    remote = Remote(script, path, python, predict)
    shape = remote.description["shape"]
    if len(shape) != 4:
        raise UserError(f"{predict}: takes an input {shape}; wanted are images")
    _, height, width, channels = shape
    size = None if height is None or width is None else (height, width)
    known = Description(size=size, channels=channels)
    return Adapted(remote, known, (RemoteError,))
