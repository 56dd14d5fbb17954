"""Attention among the positions of a map, within windows, and among its channels.

Which shifts it commutes with is a matter of where its windows lie and of what it knows
of positions: softmax attention without a bias is a function of the *set* of positions,
so over the whole map it commutes with every circular shift, and over windows with
shifts by whole windows. A bias by relative position keeps that, if positions are taken
modulo the map where a window wraps around it (`CircularBias`). Attention among channels
(`CrossCovariance`) sums over positions, and so commutes with every unitary operation on
them, shifts by fractions of a pixel among them.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from research.errors import UserError
from research.nn.layers import Dense, Undecayed
from research.nn.signal import widen
from research.types import Map

Tokens = Float[Array, "_windows _positions _width"]
Bias = Float[Array, "heads positions positions"]
Sizes = tuple[int, int]

small_normal = nnx.initializers.normal(0.02)


def differences(size: int) -> Int[np.ndarray, "{size} {size}"]:
    """Returns q − k for the positions q (rows) and k (columns) of an axis."""
    positions = np.arange(size)
    return positions[:, None] - positions


def joint_index(
    rows: Int[np.ndarray, "h h"], columns: Int[np.ndarray, "w w"]
) -> Int[np.ndarray, "positions positions"]:
    """Numbers the pairs of an index for rows and one for columns, row by row."""
    count = columns.max() + 1
    index = rows[:, None, :, None] * count + columns[None, :, None, :]
    size = len(rows) * len(columns)
    return index.reshape(size, size)


class TableBias(nnx.Module):
    """A trained number for each head and class of pairs of positions.

    Args:
      index: the class of each pair (query, key).
      heads: how many.
      rngs: draws the table (normal, σ = .02), which takes no weight decay.
    """

    def __init__(
        self,
        index: Int[np.ndarray, "positions positions"],
        heads: int,
        *,
        rngs: nnx.Rngs,
    ):
        self.classes = tuple(map(tuple, index.tolist()))
        shape = (int(index.max()) + 1, heads)
        self.table = Undecayed(small_normal(rngs.params(), shape))

    def __call__(self) -> Bias:
        """Returns what is added to the scores, (heads, N, N)."""
        return jnp.moveaxis(self.table[...][np.array(self.classes)], -1, 0)


class RelativeBias(TableBias):
    """B[q − k] with q, k the places in a window: Swin's table of (2w−1)² entries.

    Equivariant within windows that follow the map (`research.downsample.anchor`). Where
    one fixed window is the whole map it is not: a shift takes a key from one side of
    its query to the other, and q − k from d to d − N.

    Args:
      window: (h, w) of a window.
      world: (H, W) of the map; unused.
      heads: how many.
      rngs: draws the table.

    References:
      Z. Liu et al., Swin Transformer, ICCV 2021, arXiv:2103.14030.
    """

    def __init__(self, window: Sizes, world: Sizes, heads: int, *, rngs: nnx.Rngs):
        del world
        rows, columns = (differences(size) + size - 1 for size in window)
        super().__init__(joint_index(rows, columns), heads, rngs=rngs)


class CircularBias(TableBias):
    """B[(q − k) mod N]: relative positions on a circular map of size N (A-RPE).

    Along an axis where the window is narrower than the map these are the differences of
    `RelativeBias`, 2w−1 of them; where it covers the map there are N, and attention
    commutes with every circular shift.

    Args:
      window: (h, w) of a window; it divides the map.
      world: (H, W) of the map.
      heads: how many.
      rngs: draws the table.

    References:
      R. A. Rojas-Gomez et al., Making Vision Transformers Truly Shift-Equivariant, CVPR
      2024, arXiv:2305.16316.
    """

    def __init__(self, window: Sizes, world: Sizes, heads: int, *, rngs: nnx.Rngs):
        rows, columns = (
            np.unique(differences(size) % whole, return_inverse=True)[1]
            for size, whole in zip(window, world, strict=True)
        )
        index = joint_index(rows.reshape(window[0], -1), columns.reshape(window[1], -1))
        super().__init__(index, heads, rngs=rngs)


class Unbiased(nnx.Module):
    """No bias: positions of a window are a bag.

    Args:
      window: unused.
      world: unused.
      heads: unused.
      rngs: unused.
    """

    def __init__(self, window: Sizes, world: Sizes, heads: int, *, rngs: nnx.Rngs):
        del window, world, heads, rngs

    def __call__(self) -> Float[Array, ""]:
        """Returns 0."""
        return jnp.zeros(())


class BiasedAttention(nnx.Module):
    """Multi-head attention in windows: softmax(q·kᵀ/√d + bias)·v for each head.

    (windows, N, C) → (windows, N, C); d = C/heads. 4C² + 4C parameters besides the
    bias, and 4C² + 2NC multiply-adds a position. The softmax is in float32 at least.

    Args:
      width: C, a multiple of `heads`.
      heads: how many.
      bias: gives what is added to the scores.
      rngs: initialises the dense layers (Glorot uniform).

    Raises:
      UserError: `heads` does not divide `width`.
    """

    def __init__(
        self, width: int, heads: int, bias: Callable[[], Array], *, rngs: nnx.Rngs
    ):
        self.heads = divide_heads(width, heads)
        self.bias = bias
        self.inputs = Dense(width, 3 * width, rngs=rngs)
        self.outputs = Dense(width, width, rngs=rngs)

    def __call__(self, x: Tokens) -> Tokens:
        """Returns what each position gathers from its window."""
        q, k, v = jnp.moveaxis(split_heads(self.inputs(x), self.heads), 2, 0)
        scores = jnp.einsum("bnhd,bmhd->bhnm", q, k) / np.sqrt(q.shape[-1])
        scores = widen(scores) + self.bias()
        weights = jax.nn.softmax(scores, axis=-1).astype(v.dtype)
        y = jnp.einsum("bhnm,bmhd->bnhd", weights, v)
        return self.outputs(y.reshape(x.shape))


class CrossCovariance(nnx.Module):
    """Cross-covariance attention (XCA): attention among channels, not positions.

    For each head of d = C/heads channels, with q, k, v ∈ R^{d×N} and the rows of q and
    k of length 1 over the N positions: A = softmax(t·q·kᵀ) ∈ R^{d×d}, y = A·v. What is
    compared are channels, by sums over all positions, and A mixes channels alone: so it
    commutes with every unitary operation on positions, the softmax included. 4C² + 4C +
    heads parameters, and 4C² + 2C·d multiply-adds a position: linear in N. Sums and
    softmax are in float32 at least.

    Args:
      width: C, a multiple of `heads`.
      heads: how many, each with a trained temperature t, 1 at first.
      rngs: initialises the dense layers (Glorot uniform).

    Raises:
      UserError: `heads` does not divide `width`.

    References:
      A. El-Nouby et al., XCiT: Cross-Covariance Image Transformers, NeurIPS 2021,
      arXiv:2106.09681.
    """

    def __init__(self, width: int, heads: int, *, rngs: nnx.Rngs):
        self.heads = divide_heads(width, heads)
        self.inputs = Dense(width, 3 * width, rngs=rngs)
        self.outputs = Dense(width, width, rngs=rngs)
        self.temperature = Undecayed(jnp.ones(heads))

    def __call__(self, x: Map) -> Map:
        """(B, H, W, C) → (B, H, W, C)."""
        tokens = self.inputs(x).reshape(x.shape[0], -1, 3 * x.shape[3])
        q, k, v = jnp.moveaxis(split_heads(tokens, self.heads), 2, 0)
        products = jnp.einsum("bnhc,bnhd->bhcd", unit(q), unit(k))
        scores = widen(products) * self.temperature[...][:, None, None]
        weights = jax.nn.softmax(scores, axis=-1).astype(v.dtype)
        y = jnp.einsum("bhcd,bnhd->bnhc", weights, v)
        return self.outputs(y.reshape(x.shape))


def unit(
    x: Float[Array, "batch positions heads width"],
) -> Float[Array, "batch positions heads width"]:
    """Divides each channel by its norm over the positions.

    Below a norm of 10⁻⁶ it is 0, and so is its gradient, which would be huge there.
    """
    wide = widen(x)
    squares = jnp.square(wide).sum(1, keepdims=True)
    known = squares > 1e-12
    scale = jnp.where(known, jax.lax.rsqrt(jnp.where(known, squares, 1)), 0)
    return (wide * scale).astype(x.dtype)


def split_heads(
    x: Tokens, heads: int
) -> Float[Array, "_windows _positions 3 _heads _size"]:
    """Splits channels into queries, keys and values, and each of these into heads."""
    return x.reshape(*x.shape[:2], 3, heads, -1)


def divide_heads(width: int, heads: int) -> int:
    """Returns the number of heads.

    Raises:
      UserError: it does not divide the width.
    """
    if width % heads:
        raise UserError(
            f"model.heads: {heads} do not divide a width of {width}; set model.heads "
            "or the width"
        )
    return heads
