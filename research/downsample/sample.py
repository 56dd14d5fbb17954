"""Sample: which of the s_h × s_w polyphase grids of a map to keep.

A sampler is `sample(reduced, lowpass) → (sampled, follow)`: it chooses by the reduced
map, filters it and keeps the chosen grid; `follow(companion)` does the same, by the
same choice, to another map of that size. So a residual shortcut is always taken on its
main branch's phase. Maps (B, H, W, C) become (B, ⌈H/s_h⌉, ⌈W/s_w⌉, C); sizes that the
stride does not divide are continued circularly, and equivariance is exact only where it
divides them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from research.downsample.lowpass import Lowpass
from research.downsample.noise import Noise
from research.downsample.reduce import Reduce
from research.downsample.trace import Weights, first_phase, mark_phases
from research.errors import UserError
from research.nn.convolution import convolve
from research.nn.layers import Conv
from research.nn.signal import continued, polyphase, take, widen
from research.types import Map, Range, Stride

Follow = Callable[[Map], Map]
Phases = Float[Array, "batch phases rows columns channels"]
Scores = Float[Array, "batch phases"]
Norm = Annotated[float | int, Range(1, infinite=True)]  # p of an ℓp norm


class Sampler(nnx.Module):
    """Base of all samplers.

    Args:
      features: channels of the map.
      stride: (s_h, s_w).
      rngs: for learned and random samplers.

    Attributes:
      follows: whether the choice follows shifts of the map.
    """

    follows = False

    def __init__(self, features: int, stride: Stride, *, rngs: nnx.Rngs):
        del features, rngs
        self.stride = stride

    @property
    def fixed(self) -> bool:
        """Whether phase (0, 0) is kept whatever the map: the rest is not computed."""
        return self.stride == (1, 1)

    def check(self, reduce: Reduce) -> None:
        """Raises UserError if the choice cannot follow shifts after this reduce."""

    def __call__(self, reduced: Map, lowpass: Lowpass) -> tuple[Map, Follow]:
        """Returns the sampled map, and what samples its companions alike."""
        raise NotImplementedError

    def hold(self, reduced: Map, lowpass: Lowpass) -> Follow:
        """Returns what it does to this map, with choices, weights and filters held.

        It maps maps of the reduced map's size linearly, but for a constant.
        """
        return self(reduced, lowpass)[1]

    def trace(self, reduced: Map, lowpass: Lowpass) -> tuple[Map, Weights | None]:
        """Returns the sampled map, and the weight of each phase in it.

        None: a sampler of this kind keeps no phase as a whole.
        """
        sampled = self(reduced, lowpass)[0]
        return sampled, first_phase(len(reduced), self.stride) if self.fixed else None

    def margin(self, reduced: Map, lowpass: Lowpass) -> Float[Array, " batch"]:
        """How clearly a phase won: (first − second) / |first| of each example's scores.

        Near 0 two phases tie, and rounding may decide: equivariance holds above about
        1e-6. A sampler that chooses without the map cannot tie, and returns 1.
        """
        del lowpass
        return jnp.ones(reduced.shape[0])


class First(Sampler):
    """x[:, ::s_h, ::s_w]: what strided layers do.

    Free: what is dropped is not computed. It commutes with shifts by multiples of the
    stride only.
    """

    fixed = True

    def __call__(self, reduced: Map, lowpass: Lowpass) -> tuple[Map, Follow]:
        """Returns the first phase, filtered at the kept positions only."""
        follow = lowpass.adapt(reduced, self.stride)
        return follow(reduced), follow


class All(Sampler):
    """Space-to-depth: every phase, stacked into channels, then a 1×1 convolution to C.

    The convolution decides what is dropped; it commutes with shifts by multiples of the
    stride only. s_h·s_w·C² + C parameters, and as many multiply-adds a kept
    position. A companion has no convolution of its own and takes the mean of its
    phases.

    Args:
      features: channels C.
      stride: (s_h, s_w).
      rngs: initialises the convolution (LeCun normal: no activation follows).

    References:
      R. Sunkara, T. Luo, No More Strided Convolutions or Pooling, ECML PKDD 2022,
      arXiv:2208.03641.
    """

    fixed = False

    def __init__(self, features: int, stride: Stride, *, rngs: nnx.Rngs):
        super().__init__(features, stride, rngs=rngs)
        self.conv = Conv(
            stride[0] * stride[1] * features,
            features,
            1,
            init=nnx.initializers.lecun_normal(),
            rngs=rngs,
        )

    def __call__(self, reduced: Map, lowpass: Lowpass) -> tuple[Map, Follow]:
        """Returns the convolution of all phases."""
        filtered = lowpass.adapt(reduced)
        y = self._mix(continued(filtered(reduced), self.stride))

        def follow(z: Map) -> Map:
            return polyphase(filtered(z), self.stride).mean(1)

        return y.astype(reduced.dtype), follow

    def hold(self, reduced: Map, lowpass: Lowpass) -> Follow:
        """Returns the convolution of all phases, after the filter of this map."""
        filtered = lowpass.adapt(reduced)
        return lambda z: self._mix(continued(filtered(z), self.stride))

    def _mix(self, x: Map) -> Map:
        """Returns the convolution of the stacked phases, without the stack.

        It is one whose windows are as large as the stride.
        """
        kernel = self.conv.kernel[...]
        window = kernel.reshape(*self.stride, x.shape[3], -1)
        y = convolve(x.astype(kernel.dtype), window, self.stride)
        return y if self.conv.bias is None else y + self.conv.bias[...]


class OnePhase(Sampler):
    """Keeps one phase for each example; subclasses say which."""

    def choose(self, reduced: Map, filtered: Map) -> Callable[[Phases], Map]:
        """Returns what picks the chosen phase of each example from all."""
        raise NotImplementedError

    def __call__(self, reduced: Map, lowpass: Lowpass) -> tuple[Map, Follow]:
        """Returns the chosen phase of the filtered map."""
        filter_ = lowpass.adapt(reduced)
        filtered = filter_(reduced)
        choice = self.choose(reduced, filtered)

        def sampled(x: Map) -> Map:
            return choice(polyphase(x, self.stride))

        return sampled(filtered), lambda z: sampled(filter_(z))

    def trace(self, reduced: Map, lowpass: Lowpass) -> tuple[Map, Weights | None]:
        """Returns the sampled map, and the weight of each phase in it."""
        filtered = lowpass.adapt(reduced)(reduced)
        choice = self.choose(reduced, filtered)
        weights = choice(mark_phases(len(reduced), self.stride))[:, 0, 0]
        return choice(polyphase(filtered, self.stride)), weights


class Random(OnePhase):
    """A uniformly drawn phase per example in training, the first when evaluating.

    The control for adaptive samplers: phases vary, whatever the map.

    Args:
      features: unused.
      stride: (s_h, s_w).
      rngs: the draws.
    """

    def __init__(self, features: int, stride: Stride, *, rngs: nnx.Rngs):
        super().__init__(features, stride, rngs=rngs)
        self.noise = Noise(rngs)

    @property
    def fixed(self) -> bool:
        """Whether evaluating."""
        return self.noise.deterministic or super().fixed

    def choose(self, reduced: Map, filtered: Map) -> Callable[[Phases], Map]:
        """Draws a phase for each example."""
        del filtered
        count = self.stride[0] * self.stride[1]
        index = jnp.zeros(reduced.shape[0], int)
        if not self.noise.deterministic:
            index = jax.random.randint(self.noise(), index.shape, 0, count)
        return partial(take, index=index)


class Scored(OnePhase):
    """Keeps the phase with the highest score; scores must not depend on positions."""

    follows = True

    def scores(self, reduced: Map, filtered: Map) -> Scores:
        """Returns one score per phase, in float32 at least."""
        raise NotImplementedError

    def choose(self, reduced: Map, filtered: Map) -> Callable[[Phases], Map]:
        """Chooses the highest score; of equal ones, the first."""
        scores = jax.lax.stop_gradient(self.scores(reduced, filtered))
        return partial(take, index=scores.argmax(1))

    def margin(self, reduced: Map, lowpass: Lowpass) -> Float[Array, " batch"]:
        """(first − second) / |first| of the scores; 1 where there is one phase only."""
        scores = self.scores(reduced, lowpass(reduced))
        if scores.shape[1] == 1:
            return jnp.ones_like(scores[:, 0])
        first, second = jax.lax.top_k(scores, 2)[0].T
        return (first - second) / jnp.maximum(
            jnp.abs(first), jnp.finfo(first.dtype).tiny
        )


class Energy(Scored):
    """Adaptive polyphase sampling (APS): the phase with the largest norm.

    The norm is over (H, W, C), per example. A circular shift permutes the phases and
    rolls each, which leaves norms as they are: with a stride that divides the map,
    everything circular and no tie, it commutes with **all** shifts up to a shift of the
    output. No parameters; the dense map and its squares.

    The choice is made after the reduce and before the lowpass, and taken from the
    filtered map, as published. Of the norms, inf ties most: on normal maps of 16×16×4
    always after max, 19 % after stochastic, 23 % after median of 3×3, 1 % of 2×2 (these
    are refused); and on sparse maps after any reduce over windows.

    Args:
      features: unused.
      stride: (s_h, s_w).
      norm: p of the ℓp norm, at least 1: 2 as published; inf is the largest |x|.
      rngs: unused.

    Raises:
      UserError: a norm below 1; an infinite norm after a reduce that repeats values.

    References:
      A. Chaman, I. Dokmanić, Truly Shift-Invariant Convolutional Neural Networks, CVPR
      2021, arXiv:2011.14214.
    """

    def __init__(
        self, features: int, stride: Stride, *, norm: Norm = 2, rngs: nnx.Rngs
    ):
        super().__init__(features, stride, rngs=rngs)
        if isinstance(norm, str) or not norm >= 1:
            raise UserError(
                f"downsample.sample.norm={norm}: takes a number of at least 1, or inf"
            )
        self.norm = int(norm) if float(norm).is_integer() else norm

    def check(self, reduce: Reduce) -> None:
        """Refuses ℓ∞ where neighbouring windows return the same largest value."""
        if self.norm == jnp.inf and self.stride != (1, 1) and reduce.repeats:
            raise UserError(
                f"downsample.sample.norm=inf after reduce "
                f"{type(reduce).__name__.lower()}: windows of different phases can "
                "hold the same largest value (after max they always do): phases tie, "
                "and the choice does not follow shifts; use downsample.sample.norm=2|1 "
                "or a downsample/reduce that mixes values"
            )

    def scores(self, reduced: Map, filtered: Map) -> Scores:
        """Returns Σ|x|^p of each phase (max |x| for inf)."""
        del filtered
        sizes = jnp.abs(widen(reduced))
        if self.norm == jnp.inf:
            return polyphase(sizes.max(-1, keepdims=True), self.stride).max((2, 3, 4))
        powers = (sizes**self.norm).sum(-1, keepdims=True)
        return polyphase(powers, self.stride).sum((2, 3, 4))
