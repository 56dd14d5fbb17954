"""Reduce: a dense (stride-1) summary of each k×k neighbourhood.

Every reduce is a dense part `reduce(x, stride=(1, 1))`: (B, H, W, C) → (B, H, W, C), or
(B, H−k+1, W−k+1, C) under `valid` padding; with a stride, ⌈·/s⌉ of these positions.
Windows pad ⌊(k−1)/2⌋ left/top and ⌈(k−1)/2⌉ right/bottom. The result has the dtype of
the map; sums and powers are computed in float32 at least.

A new reduce is a `Window` with one method, `summary`.
"""

from __future__ import annotations

from functools import reduce as fold
from typing import Annotated, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import nnx

from research.downsample.trace import Switches
from research.errors import UserError
from research.nn.extremes import lp_norm, maximum
from research.nn.layers import Conv
from research.nn.median import median
from research.nn.signal import pad, pair, widen
from research.nn.windows import are_disjoint, cells, slide, windows
from research.types import Map, Padding, Range, Sides, Stride


@runtime_checkable
class Reduce(Protocol):
    """A dense part that summarises neighbourhoods."""

    @property
    def repeats(self) -> bool:
        """Whether neighbouring windows can return one and the same value of the map.

        The largest value of all phases may then be the same.
        """
        ...

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the summaries, at the kept positions."""
        ...


class Window(nnx.Module):
    """Base of the reduces over a window.

    Args:
      features: channels of the map (unused: every channel is reduced alike).
      stride: of the downsampler (unused: sampling is the sampler's).
      window: k, or (k_h, k_w).
      padding: `valid`, `zero`, `reflect` or `circular`.
      rngs: for random and learned reduces.

    Attributes:
      fill: what `zero` padding means.
      copies: whether a summary is one of the values, not a mixture of them.
    """

    fill = 0.0
    copies = False

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        window: Sides = 2,
        padding: Padding = "valid",
        rngs: nnx.Rngs,
    ):
        del features, stride, rngs
        self.window = pair(window, "downsample.reduce.window")
        self.padding = padding

    def summary(self, values: list[Map]) -> Map:
        """Returns one value for each window.

        Args:
          values: element i of every window, for each i: (B, H', W', C) each, in
            float32.
        """
        raise NotImplementedError

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the summaries, at the kept positions."""
        values = windows(widen(self.padded(x)), self.window, stride)
        return self.summary(values).astype(x.dtype)

    def padded(self, x: Map) -> Map:
        """Pads so that a window at every position keeps the size."""
        name = f"reduce {type(self).__name__.lower()}"
        return pad(x, self.window, self.padding, fill=self.fill, name=name)

    @property
    def repeats(self) -> bool:
        """Whether a value of the map can be the summary of several windows."""
        return self.copies and self.window != (1, 1)


class Separable(Window):
    """A summary of a window that is the summary of its rows' summaries.

    Two short passes: k_h + k_w − 2 operations a value instead of k_h·k_w − 1.
    """

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the summaries, at the kept positions."""
        y = widen(self.padded(x))
        if are_disjoint(self.window, stride):
            values, across = cells(y, self.window, stride), self.window[1]
            columns = [self.summary(values[column::across]) for column in range(across)]
            return self.summary(columns).astype(x.dtype)
        for axis in (1, 2):
            y = self.summary(slide(y, self.window[axis - 1], stride[axis - 1], axis))
        return y.astype(x.dtype)


class Max(Separable):
    """max over the window: the pooling of most networks up to VGG. `zero` means −∞.

    It keeps the presence of a feature and drops its place. 2(k−1) comparisons a value.

    References:
      D. Scherer, A. Müller, S. Behnke, Evaluation of Pooling Operations in
      Convolutional Architectures for Object Recognition, ICANN 2010.
    """

    fill = -jnp.inf
    copies = True

    def summary(self, values: list[Map]) -> Map:
        """Returns the largest value; equal ones share the gradient."""
        return fold(maximum, values)

    def switches(self, x: Map) -> Switches:
        """Returns which element of the window at each position is the largest.

        Elements are counted row by row; of equal ones it is the first.
        """
        values = windows(widen(self.padded(x)), self.window, (1, 1))
        return jnp.stack(values).argmax(0)


class Average(Separable):
    """Σx / k² over the window; `zero` padding counts as values of 0.

    A box filter: the oldest pooling (without its learned gain), and the least aliased
    of the fixed ones after the binomial blur. 2(k−1) additions a value.

    References:
      Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-Based Learning Applied to
      Document Recognition, Proc. IEEE 86(11), 1998.
    """

    def summary(self, values: list[Map]) -> Map:
        """Returns the mean."""
        return sum(values[1:], values[0]) / len(values)


class Median(Window):
    """The median of the window; of an even count, the mean of the two middle values.

    Robust to single outliers: the third order statistic beside the maximum and the
    mean. It needs no sort, only minima and maxima: 8 a value at k=2, 40 at k=3, about
    k⁴/2 at larger k.

    References:
      M. McGuire, A Fast, Small-Radius GPU Median Filter, ShaderX6, 2008, for the
      selection.
    """

    copies = True

    def summary(self, values: list[Map]) -> Map:
        """Returns the middle; equal values share the gradient."""
        return median(values)


class Lp(Window):
    """(Σ|x|^p)^(1/p) over the window: p=1 sums, p→∞ tends to the maximum of |x|.

    Values are scaled by the window's largest |x| first, so that no power overflows; the
    gradient of an all-zero window is 0. k² powers and one root a value.

    Args:
      features: as in `Window`.
      stride: as in `Window`.
      p: at least 1; 2 is the energy of complex cells.
      window: as in `Window`.
      padding: as in `Window`.
      rngs: as in `Window`.

    Raises:
      UserError: p is below 1 or infinite.

    References:
      P. Sermanet, S. Chintala, Y. LeCun, Convolutional Neural Networks Applied to House
      Numbers Digit Classification, ICPR 2012, arXiv:1204.3968.
    """

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        p: Annotated[float | int, Range(1)] = 2,
        window: Sides = 2,
        padding: Padding = "valid",
        rngs: nnx.Rngs,
    ):
        super().__init__(features, stride, window=window, padding=padding, rngs=rngs)
        if isinstance(p, str) or not 1 <= p < jnp.inf:
            raise UserError(
                f"downsample.reduce.p={p}: takes a number of at least 1; for p=inf use "
                "downsample/reduce=max"
            )
        # an integer power is a few products, any other a logarithm and an exponential
        self.p = int(p) if float(p).is_integer() else p

    def summary(self, values: list[Map]) -> Map:
        """Returns the ℓp norm."""
        return lp_norm(values, self.p)


class Convolution(nnx.Module):
    """A learned k×k convolution C → C with its activation, in place of pooling.

    With (none, first) this is the strided convolution that replaces pooling in the
    All-CNN; it adds k²·C² + C parameters and as many multiply-adds a value.

    Args:
      features: channels C.
      stride: unused: sampling is the sampler's.
      window: k, 3 in the publication, or (k_h, k_w).
      padding: border mode of the convolution.
      rngs: initialises the kernel (He normal).

    References:
      J. T. Springenberg et al., Striving for Simplicity, ICLR workshop 2015,
      arXiv:1412.6806.
    """

    repeats = False

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        window: Sides = 3,
        padding: Padding = "valid",
        rngs: nnx.Rngs,
    ):
        del stride
        sizes = pair(window, "downsample.reduce.window")
        self.conv = Conv(features, features, sizes, padding=padding, rngs=rngs)

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns relu(conv(x)), at the kept positions."""
        return jax.nn.relu(self.conv(x, stride)).astype(x.dtype)
