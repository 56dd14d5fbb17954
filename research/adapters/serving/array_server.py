"""Answers arrays that come through stdin with arrays through stdout.

Each message is its length as eight bytes, little-endian, and then an array in NumPy's
own format, or a line of JSON. Nothing is unpickled, and no port is opened. What a
library prints goes to stderr, so that it cannot come between. An exception is the last
message.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
from collections.abc import Callable
from typing import IO, Any

import numpy as np

LENGTH = struct.Struct("<Q")
LONGEST = 400  # characters of an error

Call = Callable[[np.ndarray], Any]


def send(stream: IO[bytes], content: bytes) -> None:
    """Writes one message."""
    stream.write(LENGTH.pack(len(content)) + content)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Returns the next message, None where there is none any more."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    return stream.read(length)


def pack(array: np.ndarray) -> bytes:
    """Returns an array in NumPy's format."""
    packed = io.BytesIO()
    np.save(packed, np.ascontiguousarray(array), allow_pickle=False)
    return packed.getvalue()


def unpack(content: bytes) -> np.ndarray:
    """Returns the array of a message."""
    return np.load(io.BytesIO(content), allow_pickle=False)


def serve(load: Callable[[str], tuple[dict[str, Any], Call]]) -> None:
    """Loads a model, says what it takes, and answers until stdin ends.

    Args:
      load: `load(path) → (description, call)`: what a model takes, in JSON's types, and
        a function from images (batch, height, width, channels) to an array.
    """
    given, taken = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.excepthook = lambda kind, error, trace: send(taken, describe(error))
    description, call = load(sys.argv[1])
    send(taken, json.dumps({"model": description}).encode())
    while (content := receive(given)) is not None:
        answer = pack(np.asarray(call(unpack(content))))
        send(taken, b"{}")
        send(taken, answer)


def describe(error: BaseException) -> bytes:
    """Returns an exception as a message: in one line, and which module is missing."""
    words = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    return json.dumps({"error": words, "missing": missing}).encode()
