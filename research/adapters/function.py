"""Functions of this environment: `predict=module:function`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from research.adapters.engine.adapted import Adapted
from research.adapters.engine.description import Description
from research.adapters.engine.loading import kinds
from research.adapters.engine.suggest import suggest
from research.errors import UserError

FORM = "give predict=module:function"


def load(address: str) -> Adapted:
    """Returns the function at `module:function`, from images to logits or vectors.

    It gets images as they are, float32 (batch, height, width, channels) in [0, 1].

    Raises:
      UserError: there is none.
    """
    return Adapted(find_function(address), Description(), batch=None)


def find_function(path: str) -> Callable[..., Any]:
    """Returns the function at `module:function`.

    Raises:
      UserError: there is none, or it takes more than the images.
    """
    found = find_object(path, f"predict={path}")
    if not callable(found):
        raise UserError(f"predict={path}: {FORM}")
    try:
        inspect.signature(found).bind(None)
    except ValueError:  # nothing is known of some that are written in C
        pass
    except TypeError as error:
        raise UserError(
            f"predict={path}: takes a function of one argument, the images ({error})"
        ) from None
    return found


def find_object(path: str, predict: str) -> Any:
    """Returns what `module:name` names.

    Args:
      path: `module:name`.
      predict: for errors: `predict=torch:module:name`.

    Raises:
      UserError: there is none.
    """
    module, _, name = path.partition(":")
    form = f"{predict.removesuffix(path)}module:function"
    if not name or not all(part.isidentifier() for part in module.split(".")):
        raise UserError(f"{predict}: give {form}, or {list_kinds()}")
    try:
        found = importlib.import_module(module)
        if not hasattr(found, name):
            public = [one for one in vars(found) if not one.startswith("_")]
            raise UserError(
                f"{predict}: {module} has no {name} "
                f"({suggest(name, public)}); give {form}"
            )
        return getattr(found, name)
    except ImportError as error:
        raise UserError(
            f"{predict}: {error}; give {form}, importable from here (PYTHONPATH=. for "
            f"a file in this folder), or {list_kinds()}"
        ) from None


def list_kinds() -> str:
    """Returns the kinds of models in words, for errors."""
    return f"KIND:… of {', '.join(kinds())}"
