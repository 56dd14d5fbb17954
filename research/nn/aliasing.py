"""What of a map a coarser grid cannot carry: its share, and what folds onto a grid."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from research.nn.signal import decimate, widen
from research.types import Map, Stride

Each = Float[Array, " _batch"]


def passband(size: int, stride: int) -> Float[np.ndarray, " size"]:
    """Returns what of each frequency N/s samples can carry.

    1 where |f| < N/2s, ½ where it is equal, since +N/2s and −N/2s are one on the coarse
    grid, 0 above. Stride 1 carries everything.

    Args:
      size: N, positions of an axis; in the order of `np.fft.fftfreq`.
      stride: s.
    """
    if stride == 1:
        return np.ones(size, np.float32)
    frequency = np.abs(np.fft.fftfreq(size, 1 / size).round())
    twice = 2 * stride * frequency
    return np.where(twice < size, 1.0, np.where(twice == size, 0.5, 0)).astype(
        "float32"
    )


def pass_both(
    shape: Sequence[int], stride: Stride
) -> Float[np.ndarray, "height width"]:
    """Returns `passband` of both axes, the smaller of the two for each frequency."""
    height, width = shape
    rows, columns = passband(height, stride[0]), passband(width, stride[1])
    return np.minimum(rows[:, None], columns)


def energies(x: Map, stride: Stride) -> tuple[Each, Each, Each]:
    """Returns ‖x‖² of each map, the part above the new Nyquist, and that of the means.

    The first less the last is the energy around the mean of each channel. A frequency
    (f_y, f_x) is above where max(|f_y|/H, |f_x|/W) > 1/2s, and half above where it is
    equal. The sum is over channels.

    Args:
      x: (batch, H, W, C) before it is sampled.
      stride: s of the sampling.
    """
    spectrum = jnp.abs(jnp.fft.fft2(widen(x), axes=(1, 2))) ** 2
    power = spectrum.sum(-1) / (x.shape[1] * x.shape[2])
    above = power * (1 - pass_both(x.shape[1:3], stride))
    return power.sum((1, 2)), above.sum((1, 2)), power[:, 0, 0]


def folded(x: Map, stride: Stride) -> tuple[Each, Each]:
    """Returns ‖Dx − DBx‖² and ‖Dx‖²: what lands on the coarse grid and should not.

    D keeps the first of every s positions, B is the ideal lowpass `pass_both`. The
    first is no part of the second: folded energy may cancel what belongs there.

    Args:
      x: (batch, H, W, C) before it is sampled.
      stride: s of the sampling.
    """
    x = widen(x)
    spectrum = jnp.fft.fft2(x, axes=(1, 2))
    band = pass_both(x.shape[1:3], stride)[..., None]
    smooth = jnp.fft.ifft2(spectrum * band, axes=(1, 2)).real
    coarse = decimate(x, stride)
    rest = coarse - decimate(smooth, stride)
    return (rest**2).sum((1, 2, 3)), (coarse**2).sum((1, 2, 3))
