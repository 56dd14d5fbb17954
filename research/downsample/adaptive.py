"""The lowpass that adapts: it predicts its kernels from the map."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from research.downsample.lowpass import Filter, Lowpass
from research.errors import UserError
from research.nn.layers import BatchNorm, Conv
from research.nn.signal import at_least_one, pad, pair, widen
from research.nn.windows import windows
from research.types import Count, Map, Padding, Sides, Stride

Kernels = Float[Array, "batch rows columns groups taps"]


class Adaptive(Lowpass):
    """A k×k kernel per position and channel group, predicted from the map itself.

    conv k×k → norm → softmax over the k² taps of each group. (The published code takes
    one softmax over all groups·k² channels, so its kernels do not sum to 1; these do.)
    It can blur where a map would alias and keep edges elsewhere. k²·C·(groups·k²)
    weights and multiply-adds a kept position for the prediction, k² a value for the
    filter. In training the norm's statistics are those of the positions that are
    filtered.

    Args:
      features: channels C of the map.
      stride: unused.
      taps: k, or (k_h, k_w); k² stands for k_h·k_w.
      groups: a divisor of C; channels of a group share their kernels. A companion map
        is cut into as many groups.
      padding: of the prediction and of the filter.
      norm: factory `norm(channels, *, rngs)`.
      rngs: initialises the prediction.

    Raises:
      UserError: taps or groups below 1, or groups that do not divide the channels of
        the map, or of a companion.

    References:
      X. Zou, F. Xiao, Z. Yu, Y. J. Lee, Delving Deeper into Anti-aliasing in ConvNets,
      BMVC 2020, arXiv:2008.09604.
    """

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        taps: Sides = 3,
        groups: Count = 8,
        padding: Padding = "reflect",
        norm: Callable[..., nnx.Module] = BatchNorm,
        rngs: nnx.Rngs,
    ):
        del stride
        self.taps = pair(taps, "downsample.lowpass.taps")
        self.groups = at_least_one(groups, "downsample.lowpass.groups")
        self.padding = padding
        self._check(features, "map")
        outputs = groups * prod(self.taps)
        self.conv = Conv(
            features, outputs, self.taps, padding=padding, bias=False, rngs=rngs
        )
        self.norm = norm(outputs, rngs=rngs)

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the map through its own filter, at the kept positions."""
        return self.adapt(x, stride)(x)

    def adapt(self, x: Map, stride: Stride = (1, 1)) -> Filter:
        """Predicts the kernels from `x`, at the kept positions."""
        return partial(self._filter, self.kernels(x, stride), stride)

    def kernels(self, x: Map, stride: Stride = (1, 1)) -> Kernels:
        """Returns the k² taps of each group at each kept position, which sum to 1."""
        logits = widen(self.norm(self.conv(x, stride)))
        logits = logits.reshape(*logits.shape[:3], self.groups, prod(self.taps))
        return jax.nn.softmax(logits)

    def _filter(self, kernels: Kernels, stride: Stride, x: Map) -> Map:
        self._check(x.shape[-1], "companion")
        y = widen(pad(x, self.taps, self.padding, name="lowpass adaptive"))
        parts = windows(y, self.taps, stride)
        shape = parts[0].shape
        total = sum(
            kernels[..., tap, None] * part.reshape(*shape[:3], self.groups, -1)
            for tap, part in enumerate(parts)
        )
        return jnp.asarray(total, x.dtype).reshape(shape)

    def _check(self, channels: int, which: str) -> None:
        if channels % self.groups:
            raise UserError(
                f"lowpass adaptive: groups={self.groups} do not divide the {channels} "
                f"channels of the {which}; set downsample.lowpass.groups to a divisor"
            )
