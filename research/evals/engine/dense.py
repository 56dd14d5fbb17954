"""Answers at every pixel: networks that give them, refusals, and their label maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Integer

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.modules import apply, in_inference
from research.evals.engine.predictor import Perturb, Predictor, Stored, Unit
from research.tasks.segmentation import Segmentation
from research.tasks.task import Task
from research.types import Images

BYTES = 256  # classes that fit one
LabelMaps = Integer[np.ndarray, "examples height width"]


def answer_shape(predict: Callable[..., Any], split: Split) -> tuple[int, ...] | None:
    """Returns the shape of the answer to an image; computes nothing.

    Args:
      predict: what is to be measured.
      split: whose images it takes.

    Returns:
      (K,) of logits, (H, W, K) of such at every pixel; None where the answer is no
      single array, or only a call would tell: of what is no module.
    """
    if not isinstance(predict, nnx.Module):
        return None
    graph, state = nnx.split(in_inference(predict))
    image = jax.ShapeDtypeStruct((1, *split.images.shape[1:]), jnp.float32)
    answer = apply.eval_shape(graph, nnx.as_pure(state), image)
    return answer.shape[1:] if isinstance(answer, jax.ShapeDtypeStruct) else None


def require_one_answer(predict: Callable[..., Any], split: Split, name: str) -> None:
    """Refuses a network that answers at every pixel.

    Args:
      predict: what is to be measured.
      split: whose images it takes.
      name: of the evaluator, for the error.

    Raises:
      UserError: the evaluator is of one answer an image.
    """
    shape = answer_shape(predict, split)
    if shape is not None and len(shape) != 1:
        raise UserError(
            f"eval={name} is of one answer an image, and this network answers at every "
            f"pixel: leave {name} out of eval; eval=segmentation and eval=consistency "
            "measure label maps"
        )


def require_label_maps(
    predict: Callable[..., Any], split: Split, task: Task, name: str
) -> Segmentation:
    """Returns the task, which must be of label maps, as the answers must.

    Args:
      predict: what is to be measured.
      split: whose images it takes.
      task: of the answers.
      name: of the evaluator, for the error.

    Raises:
      UserError: the task or the network is of one answer an image.
    """
    if not isinstance(task, Segmentation):
        raise UserError(
            f"eval={name} compares label maps: set task=segmentation, or leave {name} "
            "out of eval"
        )
    shape = answer_shape(predict, split)
    if shape is not None and shape[:-1] != split.images.shape[1:3]:
        raise UserError(
            f"eval={name} takes an answer for each of {split.images.shape[1:3]} "
            f"pixels, and this network's have the shape {shape}: use a model that goes "
            "up again (model=unet, fcn or segnet)"
        )
    return task


class Labeller:
    """Label maps of arrays of any length: the class with the largest logit.

    It is taken where the logits are, which for a whole set may be larger than memory.

    Args:
      predict: images → logits of every pixel; a module, or any other callable.
      batch: examples a call.
    """

    def __init__(self, predict: Callable[..., Any], *, batch: int):
        wrapped = (
            Labelling(predict)
            if isinstance(predict, nnx.Module)
            else label_foreign(predict)
        )
        self.predictor = Predictor(wrapped, batch=batch)

    def __call__(
        self,
        images: Stored | Unit,
        perturb: Perturb | None = None,
        *arguments: np.ndarray,
    ) -> tuple[LabelMaps, int]:
        """Returns the maps (N, H, W) and the number of classes; see `Predictor`.

        Raises:
          UserError: the answers are not one array of logits for each pixel.
        """
        answers = self.predictor.outputs(images, perturb, *arguments)
        return answers["labels"], int(answers["classes"][0])


class Labelling(nnx.Module):
    """A network whose outputs are label maps.

    Args:
      network: stays as it is; the parameters are shared.
    """

    def __init__(self, network: nnx.Module):
        self.network = network

    def __call__(self, images: Images) -> dict[str, Array]:
        """Returns `labels` (B, H, W), `classes` (B,), and the largest logits (B,)."""
        return take_labels(self.network(images), images, jnp)


def label_foreign(predict: Callable[..., Any]) -> Callable[..., Any]:
    """Returns what `Labelling` does, of any other callable."""

    def label(images: Any) -> dict[str, Any]:
        return take_labels(np.asarray(predict(images)), images, np)

    return label


def take_labels(logits: Any, images: Any, numbers: Any) -> dict[str, Any]:
    """Returns the largest of the logits of each pixel, and the class that has it.

    Args:
      logits: (B, H, W, K).
      images: (B, H, W, C).
      numbers: NumPy, or JAX's.

    Raises:
      UserError: the logits have another shape.
    """
    if logits.ndim != 4 or logits.shape[:3] != images.shape[:3]:
        raise UserError(
            f"predict returned an array {logits.shape} for images {images.shape}; "
            "logits of every pixel, (images, height, width, classes), are wanted"
        )
    count, *_, classes = logits.shape
    kind = numbers.uint8 if classes <= BYTES else numbers.int32
    return {
        "labels": logits.argmax(-1).astype(kind),
        "classes": numbers.full(count, classes, numbers.int32),
        "peak": logits.max((1, 2, 3)),  # NaN if any logit is, which is then refused
    }
