"""SavedModels of TensorFlow: `predict=saved_model:DIR`, in an environment with it."""

from __future__ import annotations

from pathlib import Path

from research.adapters.engine.adapted import Adapted
from research.adapters.engine.remote import load_remote
from research.errors import UserError

GRAPH = "saved_model.pb"


def load(address: str, *, python: str | None = None) -> Adapted:
    """Returns the signature `serving_default` of a folder, of one input and output.

    Args:
      address: the folder, with saved_model.pb in it.
      python: see `research.adapters.engine.options.Options`.

    Raises:
      UserError: there is no such folder, or TensorFlow is missing.
    """
    path, predict = Path(address), f"predict=saved_model:{address}"
    if not (path / GRAPH).is_file():
        what = f"has no {GRAPH}" if path.is_dir() else "no such folder"
        raise UserError(f"{predict}: {what}; takes what tf.saved_model.save wrote")
    return load_remote("serve_saved_model.py", path, python, predict)
