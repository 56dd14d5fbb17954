"""Scrambles: permutations of places that keep every value. Pure and jittable.

What a classifier still knows after a scramble, it did not read from where things were.
Orders are drawn inside, from one seed per example, so that no array of permutations as
large as the images is ever held: an example is scrambled the same way in any batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, UInt32

from research.errors import UserError
from research.nn.signal import Size, pair
from research.types import Images, Map

Seeds = UInt32[Array, " batch"]


def permute_blocks(x: Map, orders: Int[Array, "batch blocks"], block: Size) -> Map:
    """Moves whole blocks: block i of the result is block orders[i] of the map.

    Blocks are numbered row by row. Rows and columns at the end that do not fill a block
    stay where they are.

    Args:
      x: (batch, H, W, C).
      orders: a permutation of the ⌊H/h⌋·⌊W/w⌋ blocks for each example.
      block: (h, w) in positions.
    """
    blocks = _split(x, pair(block))
    return _join(jnp.take_along_axis(blocks, orders[:, :, None, None], 1), x, block)


def permute_within(
    x: Map, orders: Int[Array, "batch blocks places"], block: Size
) -> Map:
    """Moves positions inside each block: place i takes what place orders[…, i] held.

    Args:
      x: (batch, H, W, C).
      orders: a permutation of the h·w places of each of the ⌊H/h⌋·⌊W/w⌋ blocks.
      block: (h, w) in positions.
    """
    blocks = _split(x, pair(block))
    return _join(jnp.take_along_axis(blocks, orders[..., None], 2), x, block)


def draw_seeds(seed: int, examples: int) -> UInt32[np.ndarray, " examples"]:
    """Draws a seed for each example; example i gets the same one however many."""
    return np.random.default_rng(seed).integers(2**32, size=examples, dtype=np.uint32)


def draw_orders(seeds: Seeds, blocks: int, places: int) -> Int[Array, "batch blocks _"]:
    """Draws uniform permutations, independent for every example and block."""
    bits = partial(jax.random.bits, shape=(blocks, places), dtype=jnp.uint32)
    sorts = jax.vmap(lambda seed: bits(jax.random.key(seed)))
    return jnp.argsort(sorts(seeds), axis=-1)


@dataclass(frozen=True)
class Patches:
    """Cuts into rows × columns patches of equal size and permutes them.

    One permutation per example; it may leave some patches in place. A perturbation
    `(images, seeds) → images` and a value: equal grids share one compilation.

    References:
      M. Naseer et al., Intriguing Properties of Vision Transformers, NeurIPS 2021,
      arXiv:2105.10497 (grids of 2×2 … 16×16).
    """

    rows: int
    columns: int

    def __call__(self, images: Images, seeds: Seeds) -> Images:
        """Returns the images in new order, (batch, H, W, C).

        Raises:
          UserError: the grid does not divide the image.
        """
        height, width = images.shape[1:3]
        if height % self.rows or width % self.columns:
            raise UserError(
                f"patches: a grid of {self.rows}×{self.columns} does not divide images "
                f"of {height}×{width}; choose divisors (key eval.scramble.grids)"
            )
        orders = draw_orders(seeds, 1, self.rows * self.columns)[:, 0]
        block = (height // self.rows, width // self.columns)
        return permute_blocks(images, orders, block)


@dataclass(frozen=True)
class PixelsWithin:
    """Permutes the pixels inside each block: local order goes, global layout stays.

    Every block of every example has a permutation of its own.
    """

    height: int
    width: int

    def __call__(self, images: Images, seeds: Seeds) -> Images:
        """Returns the images with pixels moved inside blocks, (batch, H, W, C).

        Raises:
          UserError: the block does not divide the image.
        """
        block = (self.height, self.width)
        if images.shape[1] % self.height or images.shape[2] % self.width:
            raise UserError(
                f"pixels: a block of {self.height}×{self.width} does not divide images "
                f"of {images.shape[1]}×{images.shape[2]}; choose divisors "
                "(key eval.scramble.blocks)"
            )
        orders = draw_orders(
            seeds, prod(count_blocks(images.shape[1:], block)), prod(block)
        )
        return permute_within(images, orders, block)


def count_blocks(shape: tuple[int, ...], block: tuple[int, int]) -> tuple[int, int]:
    """Returns how many whole blocks fit along the (height, width, …) of a map."""
    return shape[0] // block[0], shape[1] // block[1]


def _split(x: Map, block: tuple[int, int]) -> Array:
    """(B, H, W, C) → (B, blocks, places, C), whole blocks only."""
    (rows, columns), (height, width) = count_blocks(x.shape[1:], block), block
    whole = x[:, : rows * height, : columns * width]
    cut = whole.reshape(x.shape[0], rows, height, columns, width, x.shape[3])
    return cut.swapaxes(2, 3).reshape(x.shape[0], rows * columns, -1, x.shape[3])


def _join(blocks: Array, like: Map, block: Size) -> Map:
    """The inverse of `_split`; what no block covers is taken from `like`."""
    height, width = pair(block)
    rows, columns = count_blocks(like.shape[1:], (height, width))
    cut = blocks.reshape(like.shape[0], rows, columns, height, width, like.shape[3])
    whole = cut.swapaxes(2, 3).reshape(-1, rows * height, columns * width, cut.shape[5])
    return like.at[:, : rows * height, : columns * width].set(whole)
