"""Activations, injected into networks: factories `activation(features, *, rngs)`.

What a factory returns maps (B, H, W, C) → (B, H, W, C). Pointwise functions commute
with shifts by whole pixels. With fractional ones they do not: they make frequencies
that the grid cannot carry, and these alias. `AliasFree` is a polynomial, whose
frequencies are known, computed where the grid carries them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil
from typing import Annotated

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from research.errors import UserError
from research.nn.layers import Undecayed
from research.nn.resampling import keep_half_band, resample
from research.types import Finite, Length, Map, Positive

Act = Callable[[Map], Map]
Activation = Callable[..., Act]  # activation(features, *, rngs)

# Michaeli's initial a0, a1, a2: the least squares fit to GELU on (−1.42, 1.42).
NEAR_GELU = (0.0169394634313126, 0.5, 0.3078363963999393)

exact_gelu = partial(jax.nn.gelu, approximate=False)


def relu(features: int, *, rngs: nnx.Rngs) -> Act:
    """max(x, 0)."""
    del features, rngs
    return jax.nn.relu


def gelu(features: int, *, rngs: nnx.Rngs) -> Act:
    """x·Φ(x), Φ the normal distribution: that of ConvNeXt."""
    del features, rngs
    return exact_gelu


def gelu_tanh(features: int, *, rngs: nnx.Rngs) -> Act:
    """GELU by its approximation with tanh: that of the vision transformer here."""
    del features, rngs
    return jax.nn.gelu


class Polynomial(nnx.Module):
    """a_c0 + a_c1·x + a_c2·x² + …, with trained coefficients for each channel c.

    At a position alone, so not alias-free: degree p multiplies the band by p.

    Args:
      features: C.
      coefficients: initial a_0 … a_p of every channel; p is their number less 1.
      scaled: whether a factor of the input and one of the output, both 1 at first, are
        trained as well.
      rngs: unused.

    Raises:
      UserError: there are fewer than two coefficients.
    """

    def __init__(
        self,
        features: int,
        *,
        coefficients: Annotated[Sequence[Finite], Length(2)] = NEAR_GELU,
        scaled: bool = False,
        rngs: nnx.Rngs,
    ):
        del rngs
        if len(coefficients) < 2:
            raise UserError(
                f"model.activation.coefficients={list(coefficients)}: takes at least "
                "two, a0 and a1"
            )
        initial = jnp.tile(jnp.array(coefficients, jnp.float32), (features, 1))
        self.coefficients = Undecayed(initial)
        self.scales = Undecayed(jnp.ones(2)) if scaled else None

    def __call__(
        self, x: Float[Array, "*batch channels"]
    ) -> Float[Array, "*batch channels"]:
        """Returns the polynomial of each value."""
        before, after = (1, 1) if self.scales is None else self.scales[...]
        powers = self.coefficients[...].astype(x.dtype).T
        x = x * jnp.asarray(before, x.dtype)
        y = jnp.broadcast_to(powers[-1], x.shape)
        for power in powers[-2::-1]:
            y = y * x + power
        return y * jnp.asarray(after, x.dtype)


class AliasFree(nnx.Module):
    """Upsampling by u → polynomial of degree p → ideal lowpass → the grid of before.

    (B, H, W, C) → (B, H, W, C), of any size; circular by nature. Degree p multiplies
    the band n/2 of a map by p, and of a grid of u·n samples frequencies above (u −
    ½)·n alias into the band that is kept. So it is alias-free if and only if u ≥ (p +
    1)/2: 1.5 for degree 2, 2 for degree 3, 2.5 for degree 4; then it commutes with
    shifts by any fraction of a pixel, where the map has no energy in the Nyquist bin
    (see `research.nn.resampling`). Its own output has none.

    Cost: 2u(1 + u)·n multiply-adds a value for two resamplings of an n×n map, and the
    polynomial at u² times the positions.

    Args:
      features: C.
      coefficients: initial a_0 … a_p of every channel, trained; 3 more parameters a
        channel for degree 2.
      upsampling: u ≥ (p + 1)/2, any number; 2 in the publication. Where u·n is no
        integer, the grid is the next finer.
      scaled: see `Polynomial`.
      rngs: unused.

    Raises:
      UserError: u is too small for the degree.

    References:
      H. Michaeli, T. Michaeli, D. Soudry, Alias-Free Convnets, CVPR 2023,
      arXiv:2303.08085.
    """

    def __init__(
        self,
        features: int,
        *,
        coefficients: Annotated[Sequence[Finite], Length(2)] = NEAR_GELU,
        upsampling: Positive = 2,
        scaled: bool = False,
        rngs: nnx.Rngs,
    ):
        self.polynomial = Polynomial(
            features, coefficients=coefficients, scaled=scaled, rngs=rngs
        )
        degree = len(coefficients) - 1
        if upsampling < (degree + 1) / 2:
            raise UserError(
                f"model.activation.upsampling={upsampling}: a polynomial of degree "
                f"{degree} aliases below {(degree + 1) / 2:g}; give at least that, or "
                "fewer model.activation.coefficients"
            )
        self.upsampling = upsampling

    def __call__(self, x: Map) -> Map:
        """Returns the activation of the map."""
        return self.within(linear, linear, x)

    def within(self, before: Act, after: Act, x: Map) -> Map:
        """Returns `after(self(before(x)))`, for linear maps of the channels alone.

        They commute with resampling. So where the map is narrow before `before` and
        behind `after`, as in a perceptron with a wide hidden layer, fewer channels are
        resampled; the two are computed at u² times the positions instead.

        Args:
          before: (…, C) → (…, features), with a bias or without.
          after: (…, features) → (…, C'), likewise.
          x: the map, (B, H, W, C).
        """
        grid = x.shape[1], x.shape[2]
        fine = ceil(self.upsampling * grid[0]), ceil(self.upsampling * grid[1])
        return resample(after(self.polynomial(before(resample(x, fine)))), grid)


class HalfBand(nnx.Module):
    """a_c0 + a_c1·x + a_c2·x·LP(x), LP the ideal lowpass |f| < n/4: the cheap variant.

    Without upsampling. The product reaches ¾n, so above n/4 it aliases, and below not:
    it is alias-free only with an ideal lowpass that halves the band behind it, such as
    that of `downsample=ideal`. n multiply-adds a value of an n×n map for each axis.

    Args:
      features: C.
      coefficients: initial a_0, a_1, a_2 of every channel, trained.
      rngs: unused.

    Raises:
      UserError: there are not three coefficients.

    References:
      H. Michaeli, T. Michaeli, D. Soudry, Alias-Free Convnets, CVPR 2023,
      arXiv:2303.08085 (code: `LPFPolyAct`).
    """

    def __init__(
        self,
        features: int,
        *,
        coefficients: Annotated[Sequence[Finite], Length(2)] = NEAR_GELU,
        rngs: nnx.Rngs,
    ):
        del rngs
        if len(coefficients) != 3:
            raise UserError(
                f"model.activation.coefficients={list(coefficients)}: takes three, a0, "
                "a1 and a2; model/activation=alias_free takes more"
            )
        initial = jnp.tile(jnp.array(coefficients, jnp.float32), (features, 1))
        self.coefficients = Undecayed(initial)

    def __call__(self, x: Map) -> Map:
        """Returns the activation of the map."""
        a0, a1, a2 = self.coefficients[...].astype(x.dtype).T
        return a0 + x * (a1 + a2 * keep_half_band(x))


def linear(x: Array) -> Array:
    """No activation."""
    return x


def activate_within(act: Act, before: Act, after: Act, x: Map) -> Map:
    """Returns `after(act(before(x)))`; where `act` resamples, the narrow maps.

    Args:
      act: an activation.
      before: a linear map of the channels of each position.
      after: likewise.
      x: (B, H, W, C).
    """
    if isinstance(act, AliasFree):
        return act.within(before, after, x)
    return after(act(before(x)))
