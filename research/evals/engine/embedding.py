"""Embeddings: what a network makes of an image before it decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from research.evals.engine.predictor import Perturb, Predictor, Stored, Unit
from research.models.network import Network
from research.types import Images
from research.wrappers.wrapper import Wrapped

Vectors = Float[np.ndarray, "examples features"]


class Embedding(nnx.Module):
    """A network whose outputs are `logits`, (B, K), and the `embedding`, (B, C).

    The embedding is the mean over positions of the last map, whatever the readout does
    with that map.

    Args:
      network: stays as it is; the parameters are shared.
    """

    def __init__(self, network: Network):
        self.network = network

    def __call__(self, images: Images) -> dict[str, Array]:
        """Returns both."""
        last = jnp.asarray(self.network.standardize(images))
        for stage in self.network.stages:  # a readout may be all there is
            last = stage(last)
        logits = self.network.readout(last).astype(jnp.float32)
        return {"logits": logits, "embedding": last.mean((1, 2))}


def look_inside(predict: Callable[..., Any]) -> nnx.Module | None:
    """Returns what gives logits and embeddings; None of what is no network of ours.

    A network in a wrapper is looked into there: its embedding is the mean of those of
    the views.
    """
    if isinstance(predict, Wrapped):
        inner = look_inside(predict.network)
        return inner if inner is None else predict.around(inner)
    return Embedding(predict) if isinstance(predict, Network) else None


class Embedder:
    """Answers and embeddings of arrays of any length, in one pass for both.

    Args:
      predict: a network of ours, whose embedding is that of `Embedding`, in a wrapper
        or not; or any other `images → logits`, which has none.
      batch: examples a call.
    """

    def __init__(self, predict: Callable[..., Any], *, batch: int):
        inside = look_inside(predict)
        self.looks_inside = inside is not None
        self.predictor = Predictor.of(inside or predict, batch=batch)

    def __call__(
        self,
        images: Stored | Unit,
        perturb: Perturb | None = None,
        *arguments: np.ndarray,
    ) -> tuple[Float[np.ndarray, "examples classes"], Vectors | None]:
        """Returns logits and embeddings, None where there are none; see `Predictor`."""
        if not self.looks_inside:
            return self.predictor.logits(images, perturb, *arguments), None
        outputs = self.predictor.outputs(images, perturb, *arguments)
        return outputs["logits"], outputs["embedding"]


def gives_embeddings(predict: Callable[..., Any]) -> bool:
    """Whether the vectors of a model from elsewhere are embeddings, not logits."""
    return getattr(predict, "answers", "logits") == "embeddings"


def ask_embeddings(
    predict: Callable[..., Any], *, batch: int
) -> Callable[..., Vectors]:
    """Returns `ask(images, perturb, *arguments)`, the embeddings of all images.

    Args:
      predict: a network of ours, or a model whose vectors are embeddings.
      batch: examples a call.
    """
    if (inside := look_inside(predict)) is not None:
        outputs = Predictor(inside, batch=batch).outputs
        return lambda *arguments: outputs(*arguments)["embedding"]
    return Predictor.of(predict, batch=batch).logits  # arrays (N, features), too


def embedding_change(a: Vectors, b: Vectors) -> Float[np.ndarray, " examples"]:
    """Returns 1 − cosine of two embeddings, in [0, 2]; 0 of equal ones, zeros too.

    References:
      O. Shifman, Y. Weiss, Lost in Translation: Modern Neural Networks Still Struggle
      with Small Realistic Image Transformations, ECCV 2024, arXiv:2404.07153.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    sizes = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    cosine = np.divide((a * b).sum(-1), sizes, out=np.zeros(len(a)), where=sizes > 0)
    return np.where((a == b).all(-1), 0.0, 1 - np.clip(cosine, -1, 1))
