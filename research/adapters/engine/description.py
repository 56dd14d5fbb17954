"""What a model says of itself: the images that it takes, and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from research.adapters.engine.options import Answers, Interpolation

PREPROCESSED = ("size", "crop", "interpolation", "mean", "std")


@dataclass(frozen=True)
class Description:
    """The images that a model takes, and what it answers.

    Attributes:
      size: (height, width) of an image; None: any.
      channels: of an image; None: any.
      mean: taken from the pixels in [0, 1], one value or one for each channel; None: it
        says nothing of it, and it must be given.
      std: by which they are divided after that; None: likewise.
      interpolation: of the scaling to `size`.
      crop: how much of each side is kept of an image that is scaled.
      answers: what its vectors are.
      outputs: how many logits, or features, a vector has; None: a call will tell.
      classes: names of the logits, synonyms with commas between; None: not known.
      device: where it runs.
    """

    size: tuple[int, int] | None = None
    channels: int | None = None
    mean: tuple[float, ...] | None = (0.0,)
    std: tuple[float, ...] | None = (1.0,)
    interpolation: Interpolation = "bicubic"
    crop: float = 1.0
    answers: Answers = "logits"
    outputs: int | None = None
    classes: tuple[str, ...] | None = None
    device: str = "cpu"

    def override(self, options: Mapping[str, Any]) -> Description:
        """Returns it with what the keys of `adapter` say in place of the model.

        Args:
          options: see `research.adapters.engine.options.Options`.
        """
        given: Mapping[str, Any] = options.get("preprocess") or {}
        found: dict[str, Any] = {
            key: value for key in PREPROCESSED if (value := given.get(key)) is not None
        }
        for key, kind in (("size", int), ("mean", float), ("std", float)):
            if key in found:
                found[key] = tuple(map(kind, found[key]))
        if "crop" in found:
            found["crop"] = float(found["crop"])
        if options.get("answers") is not None:
            found["answers"] = options["answers"]
        return replace(self, **found)
