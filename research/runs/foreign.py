"""Classifiers that were not trained here: `predict=module:function`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

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


@dataclass(frozen=True)
class Foreign:
    """A classifier of somebody else's, whose answers are looked at before they count.

    Attributes:
      function: images (batch, height, width, channels) in [0, 1] → logits.
      path: `module:function`, for errors.
      classes: of the data, and so the columns of its logits; None: any answer will do.
    """

    function: Callable[..., Any]
    path: str
    classes: int | None

    def __call__(self, images: Any) -> Any:
        """Returns the answer of the function.

        Raises:
          UserError: it returns nothing, or logits of other classes than the data's.
        """
        answer = self.function(images)
        shape = tuple(getattr(answer, "shape", None) or np.shape(answer))
        wanted = (len(images), self.classes)
        if answer is None or (self.classes is not None and shape != wanted):
            got = "nothing" if answer is None else f"an array {shape}"
            raise UserError(
                f"predict={self.path}: returned {got} for {len(images)} images, "
                f"logits {wanted} are wanted; return one column for each of the "
                f"data.classes={self.classes} classes, in their order"
            )
        return answer
