"""Classifiers that were not trained here: `predict=module:function`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from research.errors import UserError


def find_function(path: str) -> Callable[..., Any]:
    """Returns the function at `module:function`, from images to logits.

    Raises:
      UserError: there is none.
    """
    module, colon, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"predict={path}: {error}; give predict=module:function, importable from "
            "here (PYTHONPATH=. for a file in this folder)"
        ) from None
    if not colon or not callable(found):
        raise UserError(f"predict={path}: give predict=module:function")
    return found
