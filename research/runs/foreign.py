"""Classifiers that were not trained here: `predict=module:function`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from research.errors import UserError

LARGEST = np.finfo(np.float32).max / 2  # the difference of two is still finite


def find_function(path: str) -> Callable[..., Any]:
    """Returns the function at `module:function`, from images to logits.

    Raises:
      UserError: there is none.
    """
    module, colon, name = path.partition(":")
    if not all(part.isidentifier() for part in module.split(".")):
        raise UserError(f"predict={path}: give predict=module:function")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"predict={path}: {error}; give predict=module:function, importable from "
            "here (PYTHONPATH=. for a file in this folder)"
        ) from None
    if not colon or not callable(found):
        raise UserError(f"predict={path}: give predict=module:function")
    try:
        inspect.signature(found).bind(None)
    except ValueError:  # nothing is known of some that are written in C
        pass
    except TypeError as error:
        raise UserError(
            f"predict={path}: takes a function of one argument, the images ({error})"
        ) from None
    return found


@dataclass(frozen=True)
class Foreign:
    """A classifier of somebody else's, whose answers are checked before they count.

    What the function raises is raised as it is: it is a bug of its own.

    Attributes:
      function: images (batch, height, width, channels) in [0, 1] → logits.
      path: `module:function`, for errors.
      classes: of the data, and so the columns of its logits; None: any answer will do.
    """

    function: Callable[..., Any]
    path: str
    classes: int | None

    def __call__(self, images: Any) -> Any:
        """Returns the answer of the function; logits as a float32 array of their own.

        A function may fill the same array at each call, while the answer to the last
        batch is still to be read.

        Raises:
          UserError: it returns nothing, no numbers, numbers that are not finite, or
            logits of other classes than the data's.
        """
        answer = self.function(images)
        if answer is None:
            raise self.refusal("nothing", len(images))
        if self.classes is None:
            return answer
        try:
            logits = np.asarray(answer)
        except (TypeError, ValueError, RuntimeError) as error:
            what = f"a {type(answer).__name__} that is no array ({error})"
            raise self.refusal(what, len(images)) from None
        if logits.shape != (len(images), self.classes):
            raise self.refusal(f"an array {logits.shape}", len(images))
        if not is_real(logits.dtype):
            raise self.refusal(f"an array of {logits.dtype}", len(images))
        largest = np.abs(logits.astype(np.float64)).max()
        if not largest <= LARGEST:
            raise self.refusal(f"NaN or more than {LARGEST:.0e}", len(images))
        return np.array(logits, np.float32)

    def refusal(self, what: str, count: int) -> UserError:
        """Returns the error for an answer that is none to `count` images."""
        if self.classes is None:
            wanted = "an answer to each is wanted"
        else:
            wanted = (
                f"finite logits {(count, self.classes)} are wanted; return one column "
                f"for each of the data.classes={self.classes} classes, in their order"
            )
        return UserError(
            f"predict={self.path}: returned {what} for {count} images, {wanted}"
        )


def is_real(dtype: np.dtype) -> bool:
    """Whether numbers of a dtype can be logits: of any library, and true or false."""
    kinds = (jnp.floating, jnp.integer, jnp.bool_)
    return any(jnp.issubdtype(dtype, kind) for kind in kinds)
