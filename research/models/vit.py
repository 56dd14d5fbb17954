"""The vision transformer, whose downsampler is the patch embedding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from research.downsample import Downsample
from research.errors import UserError
from research.models.network import Network, Readout, Stage, output_shape
from research.nn.activation import Activation, gelu_tanh, linear
from research.nn.layers import Conv, Dense, Undecayed, glorot_uniform
from research.nn.norm import LayerNorm, Norm
from research.nn.signal import pair
from research.types import Count, Map, Padding, Shape, Sides, Stride

Tokens = Float[Array, "batch tokens width"]
small_normal = nnx.initializers.normal(0.02)


class Learned(nnx.Module):
    """A learned vector for every position of a map of one size; takes no weight decay.

    Args:
      shape: (H, W, C) of the map.
      rngs: draws the vectors (normal, σ = .02).
    """

    stride: Stride = (1, 1)

    def __init__(self, shape: Shape, *, rngs: nnx.Rngs):
        self.vectors = Undecayed(small_normal(rngs.params(), shape))

    def __call__(self, x: Map) -> Map:
        """Returns the map plus the vectors."""
        if x.shape[1:] != self.vectors.shape:
            raise UserError(
                f"position embedding: made for a map of {self.vectors.shape}, got "
                f"{x.shape[1:]}; set data.shape to these images, or use "
                "model/position=sinusoidal or none"
            )
        return x + self.vectors[...]


class Sinusoidal(nnx.Module):
    """Fixed sines and cosines of the row (first half of the channels) and the column.

    Wavelengths grow geometrically from 2π to 10,000·2π positions, as in Vaswani 2017
    (arXiv:1706.03762), for each axis by itself. Any map size.

    Args:
      shape: (H, W, C) of the map; 4 divides C.
      rngs: unused.
    """

    stride: Stride = (1, 1)

    def __init__(self, shape: Shape, *, rngs: nnx.Rngs):
        del rngs
        if shape[-1] % 4:
            raise UserError(
                f"model.width={shape[-1]}: sinusoidal positions need a multiple of 4; "
                "or use model/position=learned or none"
            )

    def __call__(self, x: Map) -> Map:
        """Returns the map plus the waves."""
        height, width, channels = x.shape[1:]
        rows, columns = (waves(size, channels // 2) for size in (height, width))
        rows = np.broadcast_to(rows[:, None], (height, width, channels // 2))
        columns = np.broadcast_to(columns[None], rows.shape)
        return x + jnp.asarray(np.concatenate([rows, columns], -1), x.dtype)


def waves(size: int, channels: int) -> Float[np.ndarray, "{size} {channels}"]:
    """Sines, then cosines, of positions 0 … size − 1."""
    frequency = 10_000.0 ** -np.linspace(0, 1, channels // 2)
    angle = np.arange(size)[:, None] * frequency
    return np.concatenate([np.sin(angle), np.cos(angle)], -1).astype(np.float32)


class Unplaced(nnx.Module):
    """No position embedding: patches are a bag, and attention commutes with shifts."""

    stride: Stride = (1, 1)

    def __init__(self, shape: Shape, *, rngs: nnx.Rngs):
        del shape, rngs

    def __call__(self, x: Map) -> Map:
        """Returns the map."""
        return x


class AddToken(nnx.Module):
    """Gives the map a class token: (B, H, W, C) → (B, H, W, 2C).

    A stage returns a map, which has no place for a token. So it is repeated at every
    position, in C more channels; blocks read one copy and write all. The map commutes
    with shifts, is scrambled and probed, as any other, and computes what is published.

    Args:
      width: C.
      rngs: draws the token (normal, σ = .02).
    """

    stride: Stride = (1, 1)

    def __init__(self, width: int, *, rngs: nnx.Rngs):
        self.token = Undecayed(small_normal(rngs.params(), (width,)))

    def __call__(self, x: Map) -> Map:
        """Returns the map with the token beside it."""
        token = self.token[...].astype(x.dtype)
        return jnp.concatenate([x, jnp.broadcast_to(token, x.shape)], axis=-1)


class TakeToken(nnx.Module):
    """Keeps the class token alone, still at every position: (B, H, W, 2C) → (…, C).

    Global average pooling then reads the token itself.
    """

    stride: Stride = (1, 1)

    def __call__(self, x: Map) -> Map:
        """Returns the token's channels."""
        return x[..., x.shape[-1] // 2 :]


def to_tokens(x: Map, width: int) -> Tokens:
    """Returns a map's positions as a sequence, after the class token if it has one."""
    sequence = x[..., :width].reshape(x.shape[0], -1, width)
    if x.shape[-1] == width:
        return sequence
    return jnp.concatenate([x[:, 0, :1, width:], sequence], axis=1)


def from_tokens(sequence: Tokens, like: Map) -> Map:
    """The inverse of `to_tokens`: a map of the shape of `like`."""
    *places, channels = like.shape
    extra = sequence.shape[1] - places[1] * places[2]
    x = sequence[:, extra:].reshape(*places, -1)
    if not extra:
        return x
    token = jnp.broadcast_to(sequence[:, :1, None], (*places, channels - x.shape[-1]))
    return jnp.concatenate([x, token], axis=-1)


class Attention(nnx.Module):
    """Multi-head self-attention: softmax(q·kᵀ/√d)·v for each head of width d.

    Args:
      width: channels, a multiple of `heads`.
      heads: how many.
      rngs: initialises everything (Glorot uniform).
    """

    def __init__(self, width: int, heads: int, *, rngs: nnx.Rngs):
        if width % heads:
            raise UserError(
                f"model.heads={heads} does not divide model.width={width}; set either"
            )
        self.heads = heads
        self.inputs = Dense(width, 3 * width, rngs=rngs)
        self.outputs = Dense(width, width, rngs=rngs)

    def __call__(self, x: Tokens) -> Tokens:
        """(B, N, C) → (B, N, C)."""
        qkv = self.inputs(x).reshape(*x.shape[:2], 3, self.heads, -1)
        q, k, v = qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]
        scores = jnp.einsum("bnhd,bmhd->bhnm", q, k) / np.sqrt(q.shape[-1])
        weights = jax.nn.softmax(scores, axis=-1).astype(v.dtype)
        y = jnp.einsum("bhnm,bmhd->bnhd", weights, v)
        return self.outputs(y.reshape(x.shape))


class Block(nnx.Module):
    """x + attention(norm(x)), then x + dense(act(dense(norm(x)))), over the positions.

    Args:
      width: channels.
      heads: of the attention.
      hidden: width of the hidden layer.
      activation: factory of its activation. A class token is a map of one position.
      norm: factory of the norms, or None.
      rngs: initialises everything.
    """

    stride: Stride = (1, 1)

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        *,
        activation: Activation = gelu_tanh,
        norm: Norm | None = LayerNorm,
        rngs: nnx.Rngs,
    ):
        self.width = width
        norms = [] if norm is None else [norm(width, rngs=rngs) for _ in range(2)]
        self.norms = nnx.List(norms or [linear, linear])
        self.attention = Attention(width, heads, rngs=rngs)
        self.expand = Dense(width, hidden, rngs=rngs)
        self.contract = Dense(hidden, width, rngs=rngs)
        self.act = activation(hidden, rngs=rngs)

    def __call__(self, x: Map) -> Map:
        """(B, H, W, C) → (B, H, W, C), with a class token 2C."""
        y = to_tokens(x, self.width)
        y = y + self.attention(self.norms[0](y))
        grid = x.shape[1], x.shape[2]
        hidden = self.activate(self.expand(self.norms[1](y)), grid)
        return from_tokens(y + self.contract(hidden), x)

    def activate(self, x: Tokens, grid: tuple[int, int]) -> Tokens:
        """Returns the activation of the positions as a map, and of the token alone."""
        extra = x.shape[1] - grid[0] * grid[1]
        places = x[:, extra:].reshape(len(x), *grid, -1)
        active = self.act(places).reshape(len(x), -1, x.shape[-1])
        if not extra:
            return active
        return jnp.concatenate([self.act(x[:, None, :1])[:, 0], active], axis=1)


def vit(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    head: Callable[..., Readout],
    position: Callable[..., Stage] = Learned,
    padding: Padding = "valid",
    patch: Sides = 4,
    width: Count = 64,
    depth: Count = 4,
    heads: Count = 4,
    hidden: Count = 256,
    class_token: bool = False,
    activation: Activation = gelu_tanh,
    norm: Norm | None = LayerNorm,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """Patches are a dense convolution, downsampled by their size; then attention.

    With decimation the two are the published embedding of disjoint patches, and any
    other downsampler anti-aliases it, or chooses its grid. Blocks are stages of stride
    1; normalisation comes first in each, and once more at the end.

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits.
      downsample: factory `downsample(features, *, rngs, stride)`, whose stride is the
        size of a patch, whatever it would be by default (`downsample.stride`).
      head: factory `head(map_shape, classes, *, rngs)`: `gap` averages over the patches
        or, with a class token, reads that.
      position: factory of the position embedding: `Learned`, `Sinusoidal`, `Unplaced`.
      padding: border mode of the convolution.
      patch: its window, k or (k_h, k_w), and the stride of the downsampler.
      width: channels of a token.
      depth: number of blocks.
      heads: of the attention.
      hidden: width of the hidden layer of a block.
      class_token: whether to classify by a token of its own, not by the mean.
      activation: factory `activation(features, *, rngs)`, of the hidden layers.
      norm: factory of the norms, `norm(features, *, rngs)`, or None.
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything.

    References:
      A. Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021, arXiv:2010.11929.
      L. Beyer et al., Better plain ViT baselines for ImageNet-1k, 2022,
      arXiv:2205.01580 (sinusoidal positions, global pooling).
    """
    sizes = pair(patch, "model.patch")
    embed = Conv(
        shape[-1], width, sizes, padding=padding, init=glorot_uniform, rngs=rngs
    )
    down = downsample(width, stride=sizes, rngs=rngs)
    size = output_shape(down, output_shape(embed, shape))
    stages: list[Stage] = [embed, down, position(size, rngs=rngs)]
    stages += [AddToken(width, rngs=rngs)] if class_token else []
    block = partial(Block, activation=activation, norm=norm)
    stages += [block(width, heads, hidden, rngs=rngs) for _ in range(depth)]
    stages += [TakeToken()] if class_token else []
    stages += [] if norm is None else [norm(width, rngs=rngs)]
    readout = partial(head, classes=classes)
    return Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)
