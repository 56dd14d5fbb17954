"""One way to evaluate any classifier on arrays of any length, with perturbations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, UInt8

from research.distributed import devices
from research.errors import UserError
from research.evals.engine.batches import Kept, map_rows
from research.evals.engine.modules import apply, in_inference, take_apart
from research.tasks.task import Outputs
from research.types import Images

Stored = UInt8[np.ndarray, "examples height width channels"]  # 0…255
Unit = Float[np.ndarray, "examples height width channels"]  # in [0, 1]
Perturb = Callable[..., Images]  # perturb(images, *per-example arguments)


class Predictor:
    """Turns `images → outputs` into `arrays of any length, perturbation → outputs`.

    Batches are sharded over the devices and dispatched from Python
    (`research.evals.engine.batches`).

    A module is run in inference mode, jitted with its state as an argument; the module
    itself is not touched. Networks of one structure share compilations, whatever the
    perturbation: that is a program of its own. Any other callable (PyTorch, NumPy, …)
    is called as it is, with writable NumPy arrays (batch, H, W, C), float32 in [0, 1],
    and its results converted.

    Args:
      predict: an NNX module, or any callable; images in [0, 1] go in, normalisation is
        its own. Logits, or any tree of arrays with a row for each image, come out.
      batch: examples a call; the mesh takes the largest number of devices dividing it.

    Raises:
      UserError: `batch` is below 1.
    """

    def __init__(self, predict: Callable[..., Any], *, batch: int = 512):
        if batch < 1:
            raise UserError(f"eval.….batch={batch}: a batch holds at least 1 example")
        self.predict = predict
        self.batch = batch
        self.mesh = devices.mesh(batch)
        self._kept = Kept(self.mesh)
        self._run = self._foreign
        if isinstance(predict, nnx.Module):
            self._parts = take_apart(in_inference(predict), self.mesh)
            self._run = self._module

    @classmethod
    def of(
        cls, predict: Callable[..., Any] | Predictor, *, batch: int = 512
    ) -> Predictor:
        """Returns a predictor of `predict`, or `predict` itself if it is one."""
        if isinstance(predict, Predictor):
            return predict
        return cls(predict, batch=batch)

    def outputs(
        self,
        images: Stored | Unit,
        perturb: Perturb | None = None,
        *arguments: np.ndarray,
        views: int | None = None,
    ) -> Outputs:
        """Returns what the network makes of all images.

        Images that cannot be written to, as those of a split, stay on the devices for
        the next call.

        Args:
          images: (N, H, W, C), uint8 or float in [0, 1].
          perturb: applied to the float images before the network. One object for one
            perturbation (a module-level function, an equal dataclass): it is what the
            compilation is remembered by.
          *arguments: of the perturbation, each with N rows.
          views: how many images the perturbation makes of each, which follow each
            other; None: one.

        Returns:
          A tree of NumPy arrays with N rows, of at most 32 bits; with `views`, it is of
          arrays (N, views, …).

        Raises:
          UserError: there are no images, or what comes out has not one row per image,
            or a NaN.
        """
        if not len(images):
            raise UserError("no images to evaluate; choose another split=…")
        size = self.batch
        if views is not None:  # as many images a call of the network as otherwise
            size = max(1, size // views // self.mesh.size) * self.mesh.size
        return map_rows(
            partial(self._run, perturb),
            images,
            *arguments,
            batch=size,
            mesh=self.mesh,
            fetch=partial(self._fetch, views),
            under_way=2,
            place=self._kept,
            counts=views or 1,
        )

    def logits(
        self,
        images: Stored | Unit,
        perturb: Perturb | None = None,
        *arguments: np.ndarray,
    ) -> Float[np.ndarray, "examples classes"]:
        """Returns the outputs where they are logits, (N, K) in float32.

        Args:
          images: as for `outputs`.
          perturb: likewise.
          *arguments: likewise.

        Raises:
          UserError: they are not one array (N, K); or as `outputs` says.
        """
        outputs = self.outputs(images, perturb, *arguments)
        if not isinstance(outputs, np.ndarray) or outputs.ndim != 2:
            shapes = ", ".join(str(leaf.shape) for leaf in jax.tree.leaves(outputs))
            raise UserError(
                f"predict: {type(self.predict).__name__} returned {shapes} for "
                f"{len(images)} images; logits ({len(images)}, classes) are wanted"
            )
        return outputs.astype(np.float32, copy=False)

    def _module(self, perturb: Perturb | None, images: Array, *rest: Array) -> Any:
        return apply(*self._parts, prepare(perturb, images, *rest))

    def _foreign(self, perturb: Perturb | None, images: Array, *rest: Array) -> Any:
        # A copy, because JAX lends its arrays read-only and PyTorch warns of those.
        return self.predict(np.array(prepare(perturb, images, *rest)))

    def _fetch(self, views: int | None, result: Any, count: int) -> Outputs:
        size = count * (views or 1)
        outputs = jax.tree.map(narrow, result)
        for leaf in jax.tree.leaves(outputs) or [np.empty(())]:
            rows = leaf.ndim > 0 and len(leaf) == size
            if not rows:
                raise refusal(self.predict, f"an array {leaf.shape}", size)
            require_numbers(self.predict, leaf)
        if views is None:
            return outputs
        return jax.tree.map(lambda x: x.reshape(count, views, *x.shape[1:]), outputs)


def require_numbers(predict: Callable[..., Any], answers: np.ndarray) -> None:
    """Refuses NaN, which has a class like any other answer, and always the same.

    Args:
      predict: what answered.
      answers: a row for each image.

    Raises:
      UserError: there is one.
    """
    if answers.dtype == np.float32 and np.isnan(answers).any():
        raise refusal(predict, "NaN", len(answers))


def refusal(predict: Callable[..., Any], what: str, size: int) -> UserError:
    """Returns the error for a classifier whose answers are none.

    Args:
      predict: the classifier.
      what: it returned.
      size: how many images it was given.
    """
    return UserError(
        f"predict: {type(predict).__name__} returned {what} for {size} images; logits "
        f"({size}, classes), or arrays with a row for each image, are wanted"
    )


def narrow(array: Any) -> np.ndarray:
    """Returns an array of any library in NumPy: floats as float32, int64 as int32."""
    array = np.asarray(array)
    if jnp.issubdtype(array.dtype, jnp.floating):
        return array.astype(np.float32, copy=False)
    return array.astype(np.int32) if array.dtype == np.int64 else array


@partial(jax.jit, static_argnums=0)
def prepare(perturb: Perturb | None, images: Array, *arguments: Array) -> Images:
    """Converts stored images to float32 in [0, 1] and perturbs them."""
    whole = jnp.issubdtype(images.dtype, jnp.integer)
    images = images.astype(jnp.float32) / (255 if whole else 1)
    return images if perturb is None else perturb(images, *arguments)
