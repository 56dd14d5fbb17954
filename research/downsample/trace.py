"""What a downsampler hands to the upsampler of the same level."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from research.types import Stride

Weights = Float[Array, "_batch _phases"]
Switches = Int[Array, "_batch _height _width _channels"]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["phase", "switches"],
    meta_fields=["size"],
)
@dataclass(frozen=True)
class Trace:
    """Where the values of a downsampled map come from.

    Attributes:
      size: (H, W) of the map that went in.
      phase: weight of each of the s_h·s_w phases in each example: 1 for the one that
        was kept, and a mixture where a learned sampler trains. None where no phase is
        kept as a whole.
      switches: which element of the window at each position of the dense map is the
        maximum, counted row by row. None where nothing takes a maximum.
    """

    size: tuple[int, int]
    phase: Weights | None
    switches: Switches | None


def first_phase(batch: int, stride: Stride) -> Weights:
    """Returns the weights of phases for examples that all keep (0, 0)."""
    return jnp.zeros((batch, stride[0] * stride[1])).at[:, 0].set(1.0)


def mark_phases(batch: int, stride: Stride) -> Float[Array, "batch phases 1 1 marks"]:
    """Returns maps of one pixel, as phases, each of which says which phase it is.

    What a choice makes of them are the weights of the phases in it.
    """
    marked = jnp.eye(stride[0] * stride[1])[:, None, None]
    return jnp.broadcast_to(marked, (batch, *marked.shape))
