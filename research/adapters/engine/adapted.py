"""A model that was made elsewhere, loaded and described, with its preprocessing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from research.adapters.engine.description import Description
from research.adapters.engine.options import Answers
from research.adapters.engine.preprocess import Pixels, preprocess
from research.errors import UserError

USUAL = {  # of ImageNet's training images, which many networks were given
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}


@dataclass(frozen=True)
class Adapted:
    """Images in [0, 1] → what the model answers.

    Attributes:
      run: preprocessed images (B, H, W, C) float32 → its answer, in any library.
      description: of the model.
      faults: what `run` raises where images are of a size or kind that the model does
        not take; None: it is not called to find out.
      resize: whether images of another size than the model's are scaled.
      batch: images a call at most, since the maps of one may take 100 MiB; None: all.
      path: `predict`, for errors.
    """

    run: Callable[[Any], Any]
    description: Description
    faults: tuple[type[Exception], ...] | None = None
    resize: bool = False
    batch: int | None = 64
    path: str = ""

    @property
    def answers(self) -> Answers:
        """What its vectors are."""
        return self.description.answers

    def __call__(self, images: Pixels) -> Any:
        """Returns the answers to images (B, H, W, C), float32 in [0, 1]."""
        size = self.batch or len(images)
        if len(images) <= size:
            return self.run(preprocess(images, self.description))
        parts = [images[at : at + size] for at in range(0, len(images), size)]
        return np.concatenate(
            [np.asarray(self.run(preprocess(one, self.description))) for one in parts]
        )

    def fit(self, shape: Sequence[int]) -> Adapted:
        """Returns it with what a call tells of its answers; it must take the images.

        Args:
          shape: (height, width, channels) of an image.

        Raises:
          UserError: it takes images of another size, channels or kind.
        """
        *size, channels = shape
        known = self.description
        if known.size not in (None, tuple(size)) and not self.resize:
            raise self.refuse_size(shape)
        if known.channels not in (None, channels) and channels != 1:
            raise UserError(
                f"predict={self.path}: takes images of {known.channels} channels; set "
                f"data.shape={show([*size, known.channels])}"
            )
        for key in ("mean", "std"):
            taken = {1, channels if known.channels is None else known.channels}
            if (values := getattr(known, key)) is None:
                raise UserError(
                    f"predict={self.path}: says nothing of how its images are "
                    f"standardised; give adapter.preprocess.{key}=[…], such as "
                    f"{show(USUAL[key])}"
                )
            if (count := len(values)) not in taken:
                raise UserError(
                    f"adapter.preprocess.{key}: has {count} values; takes one, or one "
                    f"for each of {max(taken)} channels"
                )
        if self.faults is None:
            return self
        try:
            answer = np.asarray(self(np.zeros((2, *shape), np.float32)))
        except self.faults as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"predict={self.path}: fails on images of data.shape={show(shape)} "
                f"({reason}); set data.shape to what it takes, or "
                "adapter.preprocess.size=[HEIGHT,WIDTH] with "
                "adapter.preprocess.resize=true"
            ) from error
        if answer.ndim < 2 or len(answer) != 2:
            what = f"an array {answer.shape}" if answer.ndim else "no array"
            raise UserError(
                f"predict={self.path}: returned {what} for 2 images, and logits or "
                "embeddings (2, columns) are wanted"
            )
        if answer.ndim > 2:  # at every pixel
            return self
        return replace(self, description=replace(known, outputs=answer.shape[1]))

    def refuse_size(self, shape: Sequence[int]) -> UserError:
        """Returns the error for images that the model does not take as they are."""
        *size, channels = shape
        own = self.description.size or ()
        return UserError(
            f"predict={self.path}: takes images of {show(own)}, and data.shape="
            f"{show(shape)}: set data.shape={show([*own, channels])}, or "
            "adapter.preprocess.resize=true to scale each image, or "
            f"adapter.preprocess.size={show(size)} if the network takes that"
        )


def show(numbers: Sequence[Any]) -> str:
    """Returns a list as the command line takes it: `[224,224,3]`."""
    return f"[{','.join(map(str, numbers))}]"
