"""Which operators of a network are replaced, and by what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from research.downsample import Downsample
from research.downsample.lowpass import Identity, Lowpass
from research.downsample.sample import First, Sampler
from research.errors import UserError
from research.types import Count, Map, Stride

Kind = Literal["pooling", "convolution"]
FirstMap = Float[Array, "_batch _channels _height _width"]  # as PyTorch has them


@dataclass(frozen=True)
class Replacement:
    """Downsampling is reduce → lowpass → sample, and the first is the network's own.

    A max pooling becomes its maximum at every position, a strided convolution itself at
    stride 1, with the same weights; lowpass and sample follow, at the stride that it
    had. With no lowpass and the first phase the network is what it was.

    Attributes:
      lowpass: factory of a lowpass; see `research.downsample.lowpass`.
      sample: factory of a sampler; see `research.downsample.sample`.
      which: the kinds that are replaced: `all`, or one of them.
      max_stride: larger strides are those of patches, and stay.

    References:
      R. Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019,
      arXiv:1904.11486 (the rule: max → blur → subsample, conv → blur → subsample).
    """

    lowpass: Callable[..., Lowpass] = Identity
    sample: Callable[..., Sampler] = First
    which: Literal["all", "pooling", "convolution"] = "all"
    max_stride: Count = 4

    def __post_init__(self) -> None:
        """Refuses parts that would have to be trained.

        Raises:
          UserError: names the part.
        """
        parts = self.build((2, 2))
        for name, part in (("lowpass", parts.lowpass), ("sample", parts.sample)):
            if jax.tree.leaves(nnx.state(part, nnx.Param)):
                raise UserError(
                    f"replace.{name}={type(part).__name__.lower()}: has weights of its "
                    "own, which nobody has trained for this network; takes a part "
                    f"without any, such as downsample/{name}@replace.{name}="
                    f"{'binomial' if name == 'lowpass' else 'energy'}"
                )

    def takes(self, kind: Kind, stride: Stride) -> bool:
        """Whether an operator of a kind and stride is replaced."""
        fits = stride != (1, 1) and max(stride) <= self.max_stride
        return fits and self.which in ("all", kind)

    def build(self, stride: Stride, channels: int = 8) -> Downsample:
        """Returns the downsampler of a stride, in evaluation mode.

        Args:
          stride: (s_h, s_w).
          channels: of the map; parts without weights do not depend on them.
        """
        built = Downsample(
            channels,
            stride,
            lowpass=self.lowpass,
            sample=self.sample,
            rngs=nnx.Rngs(0),
        )
        built.eval()
        return built


class Operators:
    """The compiled downsamplers of a replacement, of maps (B, C, H, W).

    Args:
      replacement: says what follows what the network computes.
    """

    def __init__(self, replacement: Replacement):
        self._build = cache(replacement.build)
        self._alone = jax.jit(self._downsample, static_argnums=0)
        self._led = jax.jit(self._follow, static_argnums=0)
        self.chooses = not self._build((2, 2)).sample.fixed

    def __call__(self, stride: Stride, x: FirstMap, leader: FirstMap) -> FirstMap:
        """Returns a downsampled map, (B, C, ⌈H/s_h⌉, ⌈W/s_w⌉).

        Args:
          stride: (s_h, s_w).
          x: (B, C, H, W).
          leader: the map of this size whose phase it takes, if phases are chosen; or
            itself.

        Raises:
          UserError: the map does not suit the lowpass, or the leader has another size.
        """
        self._build(stride)  # here: built while JAX traces it would keep tracers
        if leader is x or not self.chooses:
            return self._alone(stride, x)
        return self._led(stride, x, leader)

    def _downsample(self, stride: Stride, x: FirstMap) -> FirstMap:
        return to_first(self._build(stride)(to_last(x)))

    def _follow(self, stride: Stride, x: FirstMap, leader: FirstMap) -> FirstMap:
        _, y = self._build(stride)(to_last(leader), to_last(x))
        return to_first(y)


def to_last(x: FirstMap) -> Map:
    """(B, C, H, W) → (B, H, W, C)."""
    return jnp.moveaxis(x, 1, 3)


def to_first(x: Map) -> FirstMap:
    """(B, H, W, C) → (B, C, H, W)."""
    return jnp.moveaxis(x, 3, 1)
