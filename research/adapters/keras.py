"""Keras models: `predict=keras:FILE.keras`, in an environment that has TensorFlow.

Many Keras models scale pixels themselves, from 0…255: then `adapter.preprocess.std` is
0.00392157, one 255th.
"""

from __future__ import annotations

from pathlib import Path

from research.adapters.engine.adapted import Adapted
from research.adapters.engine.remote import load_remote
from research.adapters.engine.suggest import suggest
from research.errors import UserError

SUFFIX = ".keras"


def load(address: str, *, python: str | None = None) -> Adapted:
    """Returns the model of a file; one with code in it, as in a Lambda, is refused.

    Args:
      address: a file that `model.save` wrote in Keras's own format.
      python: see `research.adapters.engine.options.Options`.

    Raises:
      UserError: there is no such file, it is of an older format, or TensorFlow is
        missing.
    """
    path, predict = Path(address), f"predict=keras:{address}"
    if path.suffix != SUFFIX:
        raise UserError(
            f"{predict}: takes a {SUFFIX} file; older formats may hold code, so load "
            "the model where it comes from and save it anew by "
            f"model.save('NAME{SUFFIX}')"
        )
    if not path.is_file():
        found = sorted(one.name for one in path.parent.glob(f"*{SUFFIX}"))
        near = suggest(path.name, found)
        raise UserError(f"{predict}: no such file (in {path.parent} {near})")
    return load_remote("serve_keras.py", path, python, predict)
