"""Models that were not trained here, whose answers are checked before they count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from omegaconf import DictConfig, OmegaConf

from research import config
from research.adapters.engine.description import Description
from research.adapters.engine.labels import choose_columns, short_name
from research.adapters.engine.loading import load_model
from research.adapters.engine.options import Answers
from research.errors import UserError
from research.runs.wrapping import choose_wrapper
from research.surgery.operation import count_replaced, operate
from research.tasks.classification import Classification
from research.wrappers.wrapper import WrappedFunction

LARGEST = np.finfo(np.float32).max / 2  # the difference of two is still finite


@dataclass(frozen=True)
class Foreign:
    """A model of somebody else's: a classifier, or one that gives embeddings.

    What the function raises is raised as it is: it is a bug of its own.

    Attributes:
      function: images (batch, height, width, channels) in [0, 1] → logits, or vectors.
      path: `predict`, for errors.
      classes: of the data, and so the columns of its logits; None: any number of them.
      columns: the model's logit for each class of the data; None: as they are.
      description: of the model, as far as it is known.
      vectors: whether the answer to an image is a vector; others are not checked here.
      replaced: how many of its operators of each kind were replaced.
    """

    function: Callable[..., Any]
    path: str
    classes: int | None
    columns: Sequence[int] | None = None
    description: Description = Description()
    vectors: bool = True
    replaced: Mapping[str, int] = field(default_factory=dict, hash=False)

    def __call__(self, images: Any) -> Any:
        """Returns the answer of the function; vectors as a float32 array of their own.

        A function may fill the same array at each call, while the answer to the last
        batch is still to be read.

        Raises:
          UserError: it returns nothing, no numbers, numbers that are not finite, or
            logits of other classes than the data's.
        """
        answer, count = self.function(images), len(images)
        if answer is None:
            raise self.refusal("nothing", count)
        if not self.vectors:
            return answer
        try:
            vectors = np.asarray(answer)
        except (TypeError, ValueError, RuntimeError) as error:
            what = f"a {type(answer).__name__} that is no array ({error})"
            raise self.refusal(what, count) from None
        rows = vectors.ndim == 2 and vectors.size and len(vectors) == count
        single = self.answers == "logits" and vectors.shape[-1:] == (1,)
        if not rows or single or self.width not in (None, vectors.shape[1]):
            raise self.refusal(f"an array {vectors.shape}", count)
        if not is_real(vectors.dtype):
            raise self.refusal(f"an array of {vectors.dtype}", count)
        largest = np.abs(vectors.astype(np.float64)).max()
        if not largest <= LARGEST:
            raise self.refusal(f"NaN or more than {LARGEST:.0e}", count)
        taken = vectors if self.columns is None else vectors[:, list(self.columns)]
        return np.array(taken, np.float32)

    @property
    def answers(self) -> Answers:
        """What its vectors are."""
        return self.description.answers

    @property
    def names(self) -> tuple[str, ...] | None:
        """Short names of the classes of its logits; None: not known."""
        known = self.description.classes
        if known is None or self.answers != "logits":
            return None
        columns = range(len(known)) if self.columns is None else self.columns
        return tuple(short_name(known[column]) for column in columns)

    @property
    def width(self) -> int | None:
        """How many columns the model's vectors have; None: any number."""
        if self.answers != "logits":
            return None
        if self.columns is None:
            return self.classes
        return len(self.description.classes or self.columns)

    def refusal(self, what: str, count: int) -> UserError:
        """Returns the error for an answer that is none to `count` images."""
        if self.answers != "logits":
            wanted = f"finite embeddings ({count}, features) are wanted"
        elif not self.vectors:
            wanted = "an answer to each is wanted"
        elif self.classes is None:
            wanted = f"finite logits ({count}, classes) of 2 classes or more are wanted"
        elif self.columns is not None:
            wanted = f"finite logits {(count, self.width)} are wanted, as it has names"
        else:
            wanted = (
                f"finite logits {(count, self.classes)} are wanted; return one column "
                f"for each of the data.classes={self.classes} classes, in their order"
            )
        return UserError(
            f"predict={self.path}: returned {what} for {count} images, {wanted}"
        )


def load_foreign(cfg: DictConfig) -> Foreign:
    """Loads the model of `predict`, which must take the data's images.

    In a wrapper it must take what that shows of them.

    Raises:
      UserError: there is none, it takes other images, or its classes are others; or the
        wrapper does not fit.
    """
    path, wrapper = str(cfg.predict), choose_wrapper(cfg)
    options: Any = OmegaConf.to_container(cfg.adapter, resolve=True)
    shape = tuple(cfg.data.shape)
    model, replacement = load_model(path, options), config.replacement(cfg)
    if replacement is not None:
        model = operate(model, replacement)
    model = model.fit(wrapper.shape(shape) if wrapper else shape)
    replaced = {} if replacement is None else count_replaced(model, replacement)
    known = model.description
    call = WrappedFunction(model, wrapper) if wrapper else model
    foreign = partial(Foreign, call, path, description=known, replaced=replaced)
    one_label = isinstance(config.task(cfg), Classification)
    if known.answers != "logits" or not one_label:
        return foreign(None, vectors=known.answers != "logits")
    names, how = None, cfg.adapter.labels
    if known.classes is not None or how == "names":
        names = config.data(cfg).names
    columns = choose_columns(path, names, known.classes, how=how)
    require_classes(path, known, cfg.data.classes, named=columns is not None)
    return foreign(cfg.data.classes, columns)


def require_classes(
    path: str, known: Description, classes: int | None, named: bool
) -> None:
    """Refuses logits of other classes than the data's, as far as their number is known.

    Data without labels take those of any.

    Args:
      path: `predict`.
      known: of the model.
      classes: of the data; None: they have no labels.
      named: whether they are found among the model's by name.

    Raises:
      UserError: names both numbers.
    """
    names, outputs = known.classes, known.outputs
    if names is not None and outputs is not None and len(names) != outputs:
        raise UserError(
            f"predict={path}: has {outputs} logits, and there are {len(names)} names "
            "for them; give adapter.class_names=FILE with a line for each"
        )
    if outputs is None and names is not None:
        outputs = len(names)
    if classes is not None and not named and outputs not in (None, classes):
        raise UserError(
            f"predict={path}: has {outputs} logits, and data.classes={classes}: choose "
            "data of its classes; or name the folders of the data's classes as the "
            "model does, whose names are adapter.class_names=FILE (or imagenet); or "
            "adapter.answers=embeddings if they are no logits"
        )


def is_real(dtype: np.dtype) -> bool:
    """Whether numbers of a dtype can be logits: of any library, and true or false."""
    kinds = (jnp.floating, jnp.integer, jnp.bool_)
    return any(jnp.issubdtype(dtype, kind) for kind in kinds)
