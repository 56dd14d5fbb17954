"""Derivatives of moved images: what an infinitesimal shift, rotation or scaling adds.

Moving by t is a flow T_t with T_0 the identity, and d/dt T_t x at 0 is linear in x. A
field of velocities v moves content along v: d/dt T_t x = −(v · ∇)x. The gradient ∇ is
that of an interpolation: `fourier` of the periodic band-limited signal, `bicubic` of
Keys' cubic convolution. Everything is NHWC; per pixel of the map that is given.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from research.nn.signal import widen
from research.types import Map

Derivative = Callable[[Map, int], Map]  # derivative(map, axis): along rows or columns


def fourier(x: Map, axis: int) -> Map:
    """D x: multiplies each frequency f by 2πi f/N; the Nyquist bin of even N goes.

    Exact for networks that commute with circular shifts. O(N log N) a line.

    Args:
      x: (batch, H, W, C).
      axis: 1 for rows (down), 2 for columns (right).
    """
    size = x.shape[axis]
    frequency = np.fft.rfftfreq(size, 1 / size)
    turn = 2j * np.pi * frequency / size * (frequency != size / 2)
    others = [one for one in (0, 1, 2, 3) if one != axis]
    turn = np.expand_dims(turn, others).astype(np.complex64)
    spectrum = jnp.fft.rfft(widen(x), axis=axis)
    return jnp.fft.irfft(turn * spectrum, n=size, axis=axis).astype(x.dtype)


def bicubic(x: Map, axis: int) -> Map:
    """D x = (x[u + 1] − x[u − 1])/2, beyond the edges what is at the edge.

    This is the derivative at the pixels of Keys' cubic convolution with a = −½, two-
    sided and continuous (a = −¾ gives 1½ times that); bilinear interpolation has only
    one-sided ones there.

    Args:
      x: (batch, H, W, C).
      axis: 1 for rows (down), 2 for columns (right).

    References:
      R. Keys, Cubic Convolution Interpolation for Digital Image Processing, IEEE
      Transactions on Acoustics, Speech, and Signal Processing 29, 1981.
    """
    width = [(0, 0)] * 4
    width[axis] = (1, 1)
    wide = jnp.pad(x, width, "edge")
    size = x.shape[axis]
    after = jnp.take(wide, jnp.arange(2, size + 2), axis)
    before = jnp.take(wide, jnp.arange(size), axis)
    return (after - before) / 2


def shift_down(x: Map, derivative: Derivative) -> Map:
    """d/dt of x moved down by t, per pixel: −D x."""
    return -derivative(x, 1)


def shift_right(x: Map, derivative: Derivative) -> Map:
    """d/dt of x moved right by t, per pixel."""
    return -derivative(x, 2)


def rotate(x: Map, derivative: Derivative) -> Map:
    """d/dt of x turned by t counter-clockwise on the screen about its centre, a radian.

    The velocity at (y, x) from the centre is (−x, y): not periodic, so that `fourier`
    does not do.
    """
    rows, columns = from_centre(x)
    return columns * derivative(x, 1) - rows * derivative(x, 2)


def magnify(x: Map, derivative: Derivative) -> Map:
    """d/dt of x magnified by 1 + t about its centre: the velocity is (y, x)."""
    rows, columns = from_centre(x)
    return -(rows * derivative(x, 1) + columns * derivative(x, 2))


def from_centre(
    x: Map,
) -> tuple[Float[Array, "rows 1 1"], Float[Array, "1 columns 1"]]:
    """Returns the distance of each row and column from the centre, to multiply with."""
    rows, columns = (jnp.arange(n, dtype=x.dtype) - (n - 1) / 2 for n in x.shape[1:3])
    return rows[:, None, None], columns[None, :, None]
