"""Polyphase upsampling: values go back to the phase that they were kept from."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from flax import nnx

from research.downsample import Downsample
from research.downsample.lowpass import Identity, Lowpass
from research.downsample.trace import Trace
from research.downsample.upsample import Upsample, insert_zeros, require_phase
from research.types import Map, Positive


class Polyphase(Upsample):
    """U_k: y[s·m + k] = gain·x[m] and zeros elsewhere, with the phase k of the trace.

    If the downsampler's choice follows shifts (`energy`, `learned`), down and up
    together commute with **all** circular shifts of a map that the stride divides,
    although neither does alone. With `learned` in training it is Σ_k p_k·U_k, by the
    weights p of the downsampler's own draw. With a fixed phase it is zero insertion,
    and the control.

    With a binomial lowpass and gain 1 this is APS-U, whose means fall to 1/s² a level;
    with gain s² it is LPU. Free, but for the lowpass.

    Args:
      features: channels.
      downsample: of the same level.
      gain: factor of the values; None: s_h·s_w, which keeps the mean.
      lowpass: as in `Upsample`.
      rngs: as in `Upsample`.

    Raises:
      UserError: the downsampler keeps no phase as a whole.

    References:
      A. Chaman, I. Dokmanić, Truly Shift-Equivariant Convolutional Neural Networks with
      Adaptive Polyphase Upsampling, Asilomar 2021, arXiv:2105.04040; R. A. Rojas-Gomez
      et al., Learnable Polyphase Sampling for Shift Invariant and Equivariant
      Convolutional Networks, NeurIPS 2022, arXiv:2210.08001.
    """

    def __init__(
        self,
        features: int,
        downsample: Downsample,
        *,
        gain: Positive | None = 1.0,
        lowpass: Callable[..., Lowpass] = Identity,
        rngs: nnx.Rngs,
    ):
        super().__init__(features, downsample, lowpass=lowpass, rngs=rngs)
        require_phase(downsample, "polyphase")
        self.gain = prod(self.stride) if gain is None else gain

    def expand(self, x: Map, trace: Trace) -> Map:
        """Returns the values on their phase."""
        assert trace.phase is not None  # `require_phase` saw to it
        return self.gain * insert_zeros(x, self.stride, trace.phase)
