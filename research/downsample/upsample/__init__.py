"""Upsampling: the way back, by what the downsampler of the same level has kept.

One file per member. An upsampler is `upsample(x, trace) → map`, of the size that the
`trace` says: it expands the map to the finer grid, and a lowpass may follow, which
removes the images of the spectrum that zeros between values bring. Sizes that the
stride does not divide lose what lies beyond them.

May be imported by networks; it imports downsamplers, and no network.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx

from research.downsample import Downsample
from research.downsample.lowpass import Identity, Lowpass
from research.downsample.sample import First, OnePhase
from research.downsample.trace import Trace, Weights
from research.errors import UserError
from research.nn.signal import interleave
from research.types import Map


class Upsample(nnx.Module):
    """Base of all upsamplers: expand → lowpass → the size before downsampling.

    Args:
      features: channels of the map, which upsampling keeps.
      downsample: the downsampler of the same level, whose traces it will get.
      lowpass: factory of a dense part (`research.downsample.lowpass`) for the fine map.
      rngs: initialises learned parts.

    Raises:
      UserError: it cannot follow this downsampler.
    """

    def __init__(
        self,
        features: int,
        downsample: Downsample,
        *,
        lowpass: Callable[..., Lowpass] = Identity,
        rngs: nnx.Rngs,
    ):
        self.stride = downsample.stride
        self.lowpass = lowpass(features, self.stride, rngs=rngs)

    @property
    def support(self) -> tuple[int | None, int | None]:
        """How many rows and columns of the coarse map a value depends on; None: all.

        The trace and the lowpass aside.
        """
        return 1, 1

    def expand(self, x: Map, trace: Trace) -> Map:
        """Returns the map on the finer grid.

        Args:
          x: (B, h, w, C).
          trace: of the downsampler.

        Returns:
          (B, s_h·h, s_w·w, C), or any other size that begins at the same corner.
        """
        raise NotImplementedError

    def __call__(self, x: Map, trace: Trace) -> Map:
        """(B, h, w, C) → (B, H, W, C), with H×W the size before downsampling."""
        return fit(self.lowpass(self.expand(x, trace)), trace.size)


def fit(x: Map, size: tuple[int, int]) -> Map:
    """Returns the first rows and columns of a map, zeros where it has too few.

    It has too few behind windows without padding, which leave some positions out.
    """
    x = x[:, : size[0], : size[1]]
    missing = [there - here for there, here in zip(size, x.shape[1:3], strict=True)]
    if missing == [0, 0]:
        return x
    return jnp.pad(x, ((0, 0), *((0, more) for more in missing), (0, 0)))


def insert_zeros(x: Map, stride: tuple[int, int], phase: Weights) -> Map:
    """U_k: puts a map on phase k of a map of zeros, Σ_k phase[b, k]·U_k x[b].

    (U_k x)[s·m + k] = x[m]; (B, h, w, C) → (B, s_h·h, s_w·w, C).
    """
    weights = phase.astype(x.dtype)[:, :, None, None, None]
    return interleave(weights * x[:, None], stride)


def require_phase(downsample: Downsample, name: str) -> None:
    """Refuses a downsampler that keeps no phase as a whole.

    Args:
      downsample: of the same level.
      name: of the upsampler, as its option is called.

    Raises:
      UserError: values could go back to no place in particular.
    """
    fine = isinstance(downsample.sample, First | OnePhase)
    if not fine and downsample.stride != (1, 1):
        kind = type(downsample.sample).__name__.lower()
        raise UserError(
            f"upsample={name} puts values back on the phase that was kept, and "
            f"downsample/sample={kind} mixes phases: use "
            "downsample/sample=energy|learned|first or upsample=bilinear"
        )
