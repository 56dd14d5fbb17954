"""Small changes other than shifts: rotation, scale, brightness, noise, elastic warps.

Each is a perturbation `change(images, amounts, seeds) → images` with one amount and one
seed per example (only the random ones use the seed), pure and jittable. Geometry is
resampled bilinearly about the image's centre ((H − 1)/2, (W − 1)/2) and takes zeros
outside the image: `scipy.ndimage.map_coordinates(order=1, mode="grid-constant")`. An
axis of one pixel, as of a signal, has no outside: nothing moves along it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from research.transforms.scrambles import Seeds
from research.types import Images, Positive

Amounts = Float[Array, " batch"]
Places = Float[Array, "batch height width"]


def rotate(images: Images, degrees: Amounts, seeds: Seeds) -> Images:
    """Rotates by an angle in degrees, counter-clockwise on the screen."""
    poses = jnp.pad(degrees[:, None], ((0, 0), (0, 2)))
    return turn_and_move(images, poses, seeds)


def turn_and_move(
    images: Images, poses: Float[Array, "batch 3"], seeds: Seeds
) -> Images:
    """Samples at R(θ)u + t about the centre: a rotation and a translation at once.

    Half-pixel centres throughout: the pose of zeros returns the images bit by bit.

    Args:
      images: (batch, H, W, C).
      poses: θ in degrees, counter-clockwise on the screen, and t = (t_y, t_x) in
        pixels: content moves by −R(θ)ᵀt.
      seeds: unused.

    References:
      L. Engstrom et al., Exploring the Landscape of Spatial Robustness, ICML 2019,
      arXiv:1712.02779.
    """
    del seeds
    angle, down, right = (part[:, None, None] for part in poses.T)
    angle = jnp.deg2rad(angle)
    y, x = _from_centre(images)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return _about_centre(images, cos * y + sin * x + down, cos * x - sin * y + right)


def scale(images: Images, factors: Amounts, seeds: Seeds) -> Images:
    """Magnifies by a factor about the centre; the canvas keeps its size.

    No antialiasing below 1: at .9 the bilinear kernel is enough.
    """
    del seeds
    y, x = _from_centre(images)
    factors = factors[:, None, None]
    return _about_centre(images, y / factors, x / factors)


def brighten(images: Images, amounts: Amounts, seeds: Seeds) -> Images:
    """Adds an amount to every channel, black background too, and clips to [0, 1]."""
    del seeds
    return jnp.clip(images + _per_image(amounts), 0, 1)


def add_noise(images: Images, deviations: Amounts, seeds: Seeds) -> Images:
    """Adds Gaussian noise of a standard deviation, and clips to [0, 1].

    Args:
      images: (batch, H, W, C) in [0, 1].
      deviations: σ on the scale of [0, 1]; .1 is 25.5 of 255.
      seeds: an example draws the same noise in any batch and at any σ.
    """
    noise = _normal(seeds, images.shape[1:])
    return jnp.clip(images + _per_image(deviations) * noise, 0, 1)


@dataclass(frozen=True)
class Elastic:
    """Warps by a smooth random field of displacements.

    White Gaussian noise, smoothed by a Gaussian of `smoothness` pixels (circularly, by
    its spectrum) and scaled so that the displacements of each example have a given root
    mean square length. Simard's α depends on σ and on the image's size; this does not.

    Attributes:
      smoothness: σ of the Gaussian, pixels.

    References:
      P. Simard, D. Steinkraus, J. Platt, Best Practices for Convolutional Neural
      Networks Applied to Visual Document Analysis, ICDAR 2003.
    """

    smoothness: Positive = 4.0

    def __call__(self, images: Images, pixels: Amounts, seeds: Seeds) -> Images:
        """Returns the warped images.

        Args:
          images: (batch, H, W, C).
          pixels: root mean square length of the displacements.
          seeds: of the field, whose shape does not depend on `pixels`.
        """
        field = self.field(images, seeds) * _per_image(pixels)
        y, x = _from_centre(images)
        return _about_centre(images, y + field[..., 0], x + field[..., 1])

    def field(self, images: Images, seeds: Seeds) -> Float[Array, "batch h w 2"]:
        """Returns displacements (dy, dx) of root mean square length 1."""
        height, width = images.shape[1:3]
        spectrum = jnp.fft.rfft2(_normal(seeds, (height, width, 2)), axes=(1, 2))
        squares = np.fft.fftfreq(height)[:, None] ** 2 + np.fft.rfftfreq(width) ** 2
        response = np.exp(-2 * (np.pi * self.smoothness) ** 2 * squares)
        response[0, 0] = 0  # a constant displacement would be a shift
        spectrum *= response.astype(np.float32)[:, :, None]
        field = jnp.fft.irfft2(spectrum, s=(height, width), axes=(1, 2))
        length = jnp.sqrt((field**2).sum(-1).mean((1, 2)))
        return field / _per_image(length)


def bilinear(images: Images, rows: Places, columns: Places) -> Images:
    """Samples images at fractional places; outside them everything is zero.

    Args:
      images: (batch, H, W, C).
      rows: y of each pixel of the result, in pixels of the images.
      columns: x likewise.
    """
    top, left = jnp.floor(rows), jnp.floor(columns)
    down, right = rows - top, columns - left
    top, left = top.astype(jnp.int32), left.astype(jnp.int32)
    corners = (
        _pixels(images, top, left) * ((1 - down) * (1 - right))[..., None],
        _pixels(images, top, left + 1) * ((1 - down) * right)[..., None],
        _pixels(images, top + 1, left) * (down * (1 - right))[..., None],
        _pixels(images, top + 1, left + 1) * (down * right)[..., None],
    )
    return sum(corners[1:], corners[0])


def _pixels(
    images: Images, rows: Int[Array, "batch h w"], columns: Int[Array, "batch h w"]
) -> Images:
    batch, height, width, channels = images.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    place = jnp.where(inside, rows * width + columns, 0)
    flat = images.reshape(batch, height * width, channels)
    taken = jnp.take_along_axis(flat, place.reshape(batch, -1, 1), axis=1)
    return taken.reshape(*rows.shape, channels) * inside[..., None]


def _from_centre(images: Images) -> tuple[Array, Array]:
    height, width = images.shape[1:3]
    y = jnp.arange(height, dtype=jnp.float32) - (height - 1) / 2
    x = jnp.arange(width, dtype=jnp.float32) - (width - 1) / 2
    return y[:, None], x[None, :]


def _about_centre(images: Images, y: Array, x: Array) -> Images:
    batch, height, width, _ = images.shape
    rows, columns = (
        jnp.zeros((batch, height, width))
        if length == 1
        else jnp.broadcast_to(place + (length - 1) / 2, (batch, height, width))
        for place, length in ((y, height), (x, width))
    )
    return bilinear(images, rows, columns)


def _per_image(values: Amounts) -> Float[Array, "batch 1 1 1"]:
    return values[:, None, None, None]


def _normal(seeds: Seeds, shape: tuple[int, ...]) -> Float[Array, "batch h w c"]:
    normal = partial(jax.random.normal, shape=shape, dtype=jnp.float32)
    return jax.vmap(lambda seed: normal(jax.random.key(seed)))(seeds)
