"""Learnable polyphase sampling: a small network chooses the grid."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import jax
from flax import nnx
from jaxtyping import Array, Float

from research.downsample.lowpass import Lowpass
from research.downsample.noise import Noise
from research.downsample.sample import Phases, Sampler, Scored, Scores
from research.errors import UserError, one_of
from research.nn.convolution import convolve
from research.nn.layers import Conv, Undecayed
from research.nn.signal import pad, polyphase, widen
from research.types import Count, Map, OneOf, Positive, Stride


class Learned(Scored):
    """Learnable polyphase sampling (LPS): a small network scores each phase.

    score = mean over (H, W, C) of conv3–relu–conv3, circular and shared by the phases,
    in float32. Training mixes the phases by Gumbel-softmax(score / τ); evaluation keeps
    the highest, exactly as equivariant as `Energy`. It can learn which phase serves the
    task.

    The mean of a circular convolution is the mean of its input times the sum of its
    taps, which is how the second convolution is computed, at no cost. (It has no bias,
    which would be the same for all phases.) 9·C·hidden·2 + hidden
    parameters, 9·C·hidden multiply-adds a position. They take no weight decay.

    Args:
      features: channels C.
      stride: (s_h, s_w).
      select: score the map `before` the lowpass or `after` it, as the published code
        does.
      temperature: τ.
      hidden: channels between the convolutions; None: C.
      rngs: initialises the convolutions (He normal); the Gumbel noise.

    Raises:
      UserError: another `select`; a temperature that is not positive.

    References:
      R. A. Rojas-Gomez, T.-Y. Lim, A. G. Schwing, M. N. Do, R. A. Yeh, Learnable
      Polyphase Sampling for Shift Invariant and Equivariant Convolutional Networks,
      NeurIPS 2022, arXiv:2210.08001.
    """

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        select: Annotated[str, OneOf(("before", "after"))] = "after",
        temperature: Positive = 1.0,
        hidden: Count | None = None,
        rngs: nnx.Rngs,
    ):
        super().__init__(features, stride, rngs=rngs)
        if temperature <= 0:
            raise UserError(
                f"downsample.sample.temperature={temperature}: takes a positive number"
            )
        key = "downsample.sample.select"
        self.after_lowpass = one_of(("before", "after"), select, key) == "after"
        self.temperature = temperature
        width = hidden or features
        conv = partial(Conv, padding="circular", param=Undecayed, rngs=rngs)
        self.first = conv(features, width)
        self.second = conv(width, features, bias=False)
        self.noise = Noise(rngs)

    def scores(self, reduced: Map, filtered: Map) -> Scores:
        """Returns the logit of each phase."""
        source = filtered if self.after_lowpass else reduced
        phases = widen(polyphase(source, self.stride))
        x = phases.reshape(-1, *phases.shape[2:])
        first, second = widen(self.first.kernel[...]), widen(self.second.kernel[...])
        assert self.first.bias is not None  # it was built with one
        bias = widen(self.first.bias[...])
        x = convolve(pad(x, 3, "circular"), first, (1, 1)) + bias
        means = jax.nn.relu(x).mean((1, 2))
        logits = means @ second.sum((0, 1)).mean(-1)
        return logits.reshape(phases.shape[:2])

    def choose(self, reduced: Map, filtered: Map) -> Callable[[Phases], Map]:
        """Mixes the phases in training, keeps the best when evaluating."""
        if self.noise.deterministic:
            return super().choose(reduced, filtered)
        logits = self.scores(reduced, filtered)
        logits += jax.random.gumbel(self.noise(), logits.shape, logits.dtype)
        return partial(mix, weights=jax.nn.softmax(logits / self.temperature))


def mix(phases: Phases, weights: Scores) -> Map:
    """Returns Σ_p weights[b, p] · phases[b, p]."""
    total = (widen(phases) * weights[:, :, None, None, None]).sum(1)
    return total.astype(phases.dtype)


class Convex(Learned):
    """`Learned` that mixes the phases by softmax(score / τ) in evaluation, too.

    The published code's "convex" selection. What `Tips` is for channels this is for
    whole maps, and it shows what is wrong with both: the weights are exact, they follow
    their phases under every shift, and yet the mixture commutes with multiples of the
    stride alone, because a shift moves the phases by different amounts. For comparison;
    shapes and cost are those of `Learned`.
    """

    def choose(self, reduced: Map, filtered: Map) -> Callable[[Phases], Map]:
        """Mixes the phases: in training with noise, without it when evaluating."""
        if not self.noise.deterministic:
            return super().choose(reduced, filtered)
        weights = jax.nn.softmax(self.scores(reduced, filtered) / self.temperature)
        return partial(mix, weights=weights)

    def margin(self, reduced: Map, lowpass: Lowpass) -> Float[Array, " batch"]:
        """Returns 1: nothing is chosen, so nothing ties."""
        return Sampler.margin(self, reduced, lowpass)
