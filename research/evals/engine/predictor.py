"""One way to evaluate any classifier on arrays of any length, with perturbations."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, UInt8

from research.distributed import devices, hosts
from research.errors import UserError
from research.types import Images, Logits

Stored = UInt8[np.ndarray, "examples height width channels"]  # 0…255
Unit = Float[np.ndarray, "examples height width channels"]  # in [0, 1]
Perturb = Callable[..., Images]  # perturb(images, *per-example arguments)


class Predictor:
    """Turns `images → logits` into `arrays of any length, perturbation → logits`.

    Batches are sharded over the devices and dispatched from Python. The last one is
    filled up and its surplus cut off again: no example is lost, none counts twice.
    Several processes share out the examples, and each gets all results.

    A module is run in inference mode, jitted with its state as an argument; the module
    itself is not touched. Networks of one structure share compilations, whatever the
    perturbation: that is a program of its own. Any other callable (PyTorch, NumPy, …)
    is called as it is, with writable NumPy arrays (batch, H, W, C), float32 in [0, 1],
    and its result converted.

    Args:
      predict: an NNX module, or any callable; images in [0, 1] go in, normalisation is
        its own.
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
        self._run = self._foreign
        if isinstance(predict, nnx.Module):
            self._graph, state = nnx.split(inference(predict))
            self._state = devices.replicate(nnx.as_pure(state), self.mesh)
            self._run = self._module

    @classmethod
    def of(
        cls, predict: Callable[..., Any] | Predictor, *, batch: int = 512
    ) -> Predictor:
        """Returns a predictor of `predict`, or `predict` itself if it is one."""
        return predict if isinstance(predict, cls) else cls(predict, batch=batch)

    def logits(
        self,
        images: Stored | Unit,
        perturb: Perturb | None = None,
        *arguments: np.ndarray,
    ) -> Float[np.ndarray, "examples classes"]:
        """Returns the logits of all images.

        Args:
          images: (N, H, W, C), uint8 or float in [0, 1].
          perturb: applied to the float images before the classifier. One object for one
            perturbation (a module-level function, an equal dataclass): it is what the
            compilation is remembered by.
          *arguments: of the perturbation, each with N rows.

        Returns:
          (N, K), float32.

        Raises:
          UserError: there are no images, or the classifier does not return finite or
            infinite numbers of shape (batch, K).
        """
        if not len(images):
            raise UserError("no images to evaluate; choose another split=…")
        return hosts.shared(partial(self._logits, perturb), images, *arguments)

    def _logits(
        self, perturb: Perturb | None, images: np.ndarray, *arguments: np.ndarray
    ) -> np.ndarray:
        count = len(images)
        # All batches have one size, so that there is one compilation.
        size = min(self.batch, -(-count // self.mesh.size) * self.mesh.size)
        results: list[Any] = []
        for start in range(0, count, size):
            stop = start + size
            rows = [filled(part[start:stop], size) for part in (images, *arguments)]
            results.append(self._run(perturb, *devices.shard(rows, self.mesh)))
            if len(results) > 1:  # two batches are under way, not all of them
                results[-2] = self._checked(results[-2], size)
        results[-1] = self._checked(results[-1], size)
        return np.concatenate(results)[:count]

    def _module(self, perturb: Perturb | None, images: Array, *rest: Array) -> Logits:
        images = prepared(perturb, images, *rest)
        return forward(self._graph, self._state, images)

    def _foreign(self, perturb: Perturb | None, images: Array, *rest: Array) -> Any:
        # A copy, because JAX lends its arrays read-only and PyTorch warns of those.
        return self.predict(np.array(prepared(perturb, images, *rest)))

    def _checked(self, result: Any, size: int) -> np.ndarray:
        logits = np.asarray(result, np.float32)
        if logits.ndim != 2 or len(logits) != size or np.isnan(logits).any():
            what = "NaN" if np.isnan(logits).any() else f"an array {logits.shape}"
            raise UserError(
                f"predict: {type(self.predict).__name__} returned {what} for {size} "
                f"images; logits ({size}, classes) are wanted"
            )
        return logits


def inference(module: nnx.Module) -> nnx.Module:
    """Returns a copy in inference mode, which shares the arrays of the module."""
    copy = nnx.merge(*nnx.split(module))
    copy.eval()
    return copy


def filled(rows: np.ndarray, size: int) -> np.ndarray:
    """Repeats the last row until there are `size` of them."""
    surplus = size - len(rows)
    return np.concatenate([rows, np.repeat(rows[-1:], surplus, 0)]) if surplus else rows


@partial(jax.jit, static_argnums=0)
def prepared(perturb: Hashable, images: Array, *arguments: Array) -> Images:
    """Converts stored images to float32 in [0, 1] and perturbs them."""
    whole = jnp.issubdtype(images.dtype, jnp.integer)
    images = images.astype(jnp.float32) / (255 if whole else 1)
    return images if perturb is None else perturb(images, *arguments)


@partial(jax.jit, static_argnums=0)
def forward(graph: nnx.GraphDef, state: Any, images: Images) -> Logits:
    """Returns the logits of images, for a module taken apart."""
    return nnx.merge(graph, state)(images)
