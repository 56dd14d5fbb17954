"""The base of evaluators: frozen parameters, a check before training, measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, get_type_hints

from research.annotations import accepts, describe
from research.data.split import Split
from research.errors import UserError
from research.evals.engine.embedding import gives_embeddings
from research.evals.measurement import Measurement


@dataclass(frozen=True)
class Evaluator:
    """Measures a classifier, or a network of ours, on a split.

    The fields of a subclass are its parameters, one for each key of its YAML. It checks
    their values in `__post_init__`, so that a wrong one is refused when the config is
    built, and in `check`, which computes nothing and which a run calls before it
    trains, what depends on the network or the examples.

    Attributes:
      name: in `conf/eval/`, for errors: `eval.NAME.batch=0`.
      labelled: measures whose rows compare with labels: of data without these they are
        left out, or, if nothing would be left, `check` refuses the data.
      takes_embeddings: whether it measures models that give embeddings, not logits.
    """

    name: ClassVar[str]
    labelled: ClassVar[tuple[str, ...]] = ()
    takes_embeddings: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Takes lists of a config as tuples and its mappings as dicts.

        Raises:
          UserError: a field's value is not in the range of its annotation.
        """
        hints = get_type_hints(type(self), include_extras=True)
        for field in fields(self):
            value = freeze(getattr(self, field.name))
            object.__setattr__(self, field.name, value)
            if not accepts(hint := hints[field.name], value):
                raise self.refusal(field.name, value, describe(hint))

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses what it cannot measure.

        Args:
          predict: what is to be measured, trained or not.
          split: the examples.

        Raises:
          UserError: names the key to change.
        """

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields measurements one at a time, each computed when it is asked for."""
        raise NotImplementedError

    def require_answers(self, predict: Callable[..., Any]) -> None:
        """Refuses a model whose vectors are embeddings, if it compares logits.

        Raises:
          UserError: names the evaluator that takes them.
        """
        if gives_embeddings(predict) and not self.takes_embeddings:
            raise UserError(
                f"eval={self.name} compares logits, and predict gives embeddings: use "
                "eval=embedding, or adapter.answers=logits if that is what they are"
            )

    def require_labels(self, split: Split) -> None:
        """Refuses examples without one label each.

        Raises:
          UserError: names the evaluator and what the data have.
        """
        if "label" not in split.arrays:
            raise UserError(
                f"eval={self.name} compares with labels, and the data have only "
                f"{', '.join(split.arrays)}: leave {self.name} out of eval"
            )

    def require_room(
        self, key: str, value: Any, reach: tuple[float | int, float | int], split: Split
    ) -> None:
        """Refuses shifts as large as the images, of which zeros leave nothing.

        Along an axis of one pixel nothing is shifted.

        Args:
          key: of the parameter.
          value: of the parameter, for the error.
          reach: the largest shift down and right, pixels.
          split: the examples.

        Raises:
          UserError: names the key and the largest shifts.
        """
        height, width = split.images.shape[1:3]
        pairs = zip(reach, (height, width), strict=True)
        if any(pixels >= length > 1 for pixels, length in pairs):
            raise self.refusal(
                key,
                value,
                f"shifts of up to {height - 1} pixels down and {width - 1} right for "
                f"images of {height}×{width}",
            )

    def refusal(self, key: str, value: Any, accepted: str) -> UserError:
        """Returns the error for a parameter: `eval.NAME.KEY=VALUE: takes …`."""
        shown = list(value) if isinstance(value, tuple) else value
        return UserError(f"eval.{self.name}.{key}={shown}: takes {accepted}")


def freeze(value: Any) -> Any:
    """Returns sequences as tuples and mappings as dicts, all the way down."""
    if isinstance(value, Mapping):
        return {key: freeze(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(map(freeze, value))
    return value
