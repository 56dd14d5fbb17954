"""Margins of adaptive samplers: near a tie, rounding may choose another phase."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from research.downsample.lowpass import Lowpass
from research.downsample.sample import Follow, Sampler
from research.downsample.trace import Weights
from research.evals.engine.modules import in_inference
from research.evals.engine.predictor import Predictor, Stored, Unit
from research.types import Images, Map


def margins(
    predict: Callable[..., Any], images: Stored | Unit, *, batch: int = 512
) -> Float[np.ndarray, " examples"] | None:
    """Returns the smallest margin of each image over all adaptive samplers.

    A margin is (first − second) / |first| of the scores of the phases
    (`Sampler.margin`); 0 is a tie.

    Args:
      predict: any classifier.
      images: (N, H, W, C).
      batch: images a call.

    Returns:
      (N,), or None if nothing in `predict` chooses a phase.
    """
    if not isinstance(predict, nnx.Module) or not find_choosing(in_inference(predict)):
        return None
    return Predictor(Margins(predict), batch=batch).logits(images)[:, 0]


@runtime_checkable
class Sampling(Protocol):
    """A module with a sampler: a downsampler, an anchor."""

    sample: Sampler


def find_choosing(module: nnx.Module) -> list[Sampling]:
    """Returns the parts whose sampler chooses its phase by the map."""
    parts = [part for _, part in nnx.iter_modules(module)]
    sampling = [one for one in parts if isinstance(one, Sampling)]
    return [
        one
        for one in sampling
        if isinstance(one.sample, Sampler) and not one.sample.fixed
    ]


class Margins(nnx.Module):
    """images (B, H, W, C) → (B, 1), the smallest margin in a network.

    Args:
      network: with at least one downsampler that chooses.
    """

    def __init__(self, network: nnx.Module):
        self.network = network

    def __call__(self, images: Images) -> Float[Array, "batch 1"]:
        """Returns the margins."""
        found: list[Array] = []
        for part in find_choosing(self.network):
            part.sample = Recorder(part.sample, found.append)
        self.network(images)
        return jnp.stack(found, 1).min(1, keepdims=True)


class Recorder(Sampler):
    """A sampler that records its margins.

    Args:
      sampler: does the sampling.
      record: takes the margins (B,) of each call.
    """

    fixed = False

    def __init__(self, sampler: Sampler, record: Callable[[Array], None]):
        self.stride = sampler.stride
        self.sampler = sampler
        self.record = record

    def __call__(self, reduced: Map, lowpass: Lowpass) -> tuple[Map, Follow]:
        """Samples."""
        self.record(self.sampler.margin(reduced, lowpass))
        return self.sampler(reduced, lowpass)

    def trace(self, reduced: Map, lowpass: Lowpass) -> tuple[Map, Weights | None]:
        """Samples, and says by which phases."""
        self.record(self.sampler.margin(reduced, lowpass))
        return self.sampler.trace(reduced, lowpass)
