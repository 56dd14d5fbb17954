"""The keys of `adapter` in conf/eval.yaml: how somebody else's model is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict

from research.types import Count, Finite, Interpolation, Length, Positive, Range

Answers = Literal["logits", "embeddings"]
Kept = Annotated[float | int, Range(0, 1, above=True)]  # of each side


class Preprocessing(TypedDict, total=False):
    """What is done to an image before the network; null: as the model itself says.

    Attributes:
      size: (height, width) that the network takes.
      resize: whether images of another size are scaled and cut to it; refused if not.
      crop: how much of each side is kept of an image that is scaled, from the centre.
      interpolation: of the scaling, antialiased as Pillow does it.
      mean: taken from the pixels in [0, 1], one value or one for each channel.
      std: by which they are divided after that.
    """

    size: Annotated[Sequence[Count], Length(2, 2, "height, width")] | None
    resize: bool
    crop: Kept | None
    interpolation: Interpolation | None
    mean: Annotated[Sequence[Finite], Length()] | None
    std: Annotated[Sequence[Positive], Length()] | None


class Options(TypedDict, total=False):
    """All keys; a kind takes some of them.

    Attributes:
      answers: whether the model's vectors are logits or embeddings.
      class_names: file of the names of its classes, one a line; or `imagenet`.
      labels: `names`: columns by the names of the data's classes; `order`: in order.
      preprocess: see `Preprocessing`.
      device: where it runs: `cpu`, `cuda`, `cuda:1`, `mps`.
      arguments: keywords of the factory.
      weights: file of its weights.
      texts: of a model of images and texts, one for each class.
      python: of an environment that has TensorFlow.
    """

    answers: Answers | None
    class_names: str | None
    labels: Literal["names", "order"] | None
    preprocess: Preprocessing
    device: str | None
    arguments: Mapping[str, Any] | None
    weights: str | None
    texts: Annotated[Sequence[str], Length()] | None
    python: str | None
