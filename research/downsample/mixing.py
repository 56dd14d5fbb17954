"""Reduces between the average and the maximum: soft, stochastic and mixed pooling."""

from __future__ import annotations

from functools import reduce as fold

import jax
import jax.numpy as jnp
from flax import nnx

from research.downsample.noise import Noise
from research.downsample.reduce import Average, Max, Window
from research.nn.extremes import largest
from research.nn.layers import Undecayed
from research.nn.signal import widen
from research.types import Map, Padding, Sides, Stride


class Soft(Window):
    """Σ x·e^x / Σ e^x over the window: an average that leans towards the maximum.

    k² exponentials a value.

    References:
      A. Stergiou, R. Poppe, G. Kalliatakis, Refining Activation Downsampling with
      SoftPool, ICCV 2021, arXiv:2101.00440.
    """

    def summary(self, values: list[Map]) -> Map:
        """Returns the exponentially weighted mean."""
        top = jax.lax.stop_gradient(fold(jnp.maximum, values))  # against overflow
        weights = [jnp.exp(value - top) for value in values]
        weighted = sum(w * v for w, v in zip(weights, values, strict=True))
        return jnp.asarray(weighted / sum(weights))


class Stochastic(Window):
    """Draws one element of the window, p_i ∝ relu(x_i); evaluation: Σ p_i x_i.

    All-zero windows give 0. A regulariser for relu maps, between average and max. One
    random number and k² additions a value. At a stride only the kept windows draw.

    References:
      M. D. Zeiler, R. Fergus, Stochastic Pooling for Regularization of Deep
      Convolutional Neural Networks, ICLR 2013, arXiv:1301.3557.
    """

    copies = True

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        window: Sides = 2,
        padding: Padding = "valid",
        rngs: nnx.Rngs,
    ):
        super().__init__(features, stride, window=window, padding=padding, rngs=rngs)
        self.noise = Noise(rngs)

    def summary(self, values: list[Map]) -> Map:
        """Returns the drawn element, or the expectation when evaluating."""
        masses = [jax.nn.relu(value) for value in values]
        if self.noise.deterministic:
            scale = largest(masses)
            shares = [mass / scale for mass in masses]
            total = sum(shares[1:], shares[0])
            squares = sum(share * share for share in shares)
            return scale * squares / jnp.where(total == 0, 1, total)
        total = sum(masses[1:], masses[0])
        # The element in whose stretch of the cumulative mass a uniform point falls. The
        # draw is a constant to the gradient, which goes to the drawn element alone.
        point = jax.random.uniform(self.noise(), total.shape, total.dtype)
        point = jax.lax.stop_gradient(point * total)
        drawn = jnp.zeros(total.shape, jnp.int32)
        end = jnp.zeros_like(total)
        for mass in masses[:-1]:
            end += jax.lax.stop_gradient(mass)
            drawn += end <= point
        return jax.lax.select_n(drawn, *masses)


class Mixed(nnx.Module):
    """a·max + (1−a)·average, a = sigmoid of one learned scalar that starts at 0.

    It learns which mixture serves a layer; 1 parameter, the cost of both.
    `zero` padding is −∞ to the maximum and 0 to the average.

    Args:
      features: as in `Window`.
      stride: as in `Window`.
      window: as in `Window`.
      padding: as in `Window`.
      rngs: as in `Window`.

    References:
      C.-Y. Lee, P. Gallagher, Z. Tu, Generalizing Pooling Functions in Convolutional
      Neural Networks: Mixed, Gated, and Tree, AISTATS 2016, arXiv:1509.08985.
    """

    repeats = False

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        window: Sides = 2,
        padding: Padding = "valid",
        rngs: nnx.Rngs,
    ):
        self.maximum = Max(features, stride, window=window, padding=padding, rngs=rngs)
        self.average = Average(
            features, stride, window=window, padding=padding, rngs=rngs
        )
        self.mixture = Undecayed(jnp.zeros(()))

    def __call__(self, x: Map, stride: Stride = (1, 1)) -> Map:
        """Returns the mixture, at the kept positions."""
        share = jax.nn.sigmoid(widen(self.mixture[...]))
        maximum, average = (
            part(widen(x), stride) for part in (self.maximum, self.average)
        )
        return (share * maximum + (1 - share) * average).astype(x.dtype)
