"""Attention within the windows of a map, on a fixed grid or one that follows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flax import nnx

from research.downsample.anchor import Anchor
from research.downsample.sample import Energy, Sampler
from research.errors import UserError, join_options
from research.nn.attention import BiasedAttention, CircularBias, Tokens
from research.nn.signal import pair
from research.types import Map, Stride

WIDEST = 8  # side of the windows that are chosen for a map


class Windows(nnx.Module):
    """Attention within the windows of a frame: (B, H, W, C) → (B, H, W, C).

    roll into the frame → cut into h×w windows → attention → join → roll back. In a
    circular world windows may wrap around the border, so a shifted grid needs no mask.
    Along an axis that a window covers there is neither a frame nor a grid to shift.

    Args:
      width: C.
      heads: of the attention.
      window: (h, w), which divides the map.
      world: (H, W) of the map.
      shifted: whether the grid begins half a window further down and right.
      anchor: factory of the sampler that chooses the frame: `Energy` follows the map
        (A-WSA), `First` is Swin's fixed grid.
      bias: factory `bias(window, world, heads, *, rngs)` of the relative positions.
      rngs: initialises everything.

    References:
      Z. Liu et al., Swin Transformer, ICCV 2021, arXiv:2103.14030. R. A. Rojas-Gomez et
      al., Making Vision Transformers Truly Shift-Equivariant, CVPR 2024,
      arXiv:2305.16316. Anchoring: arXiv:2306.07470.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        window: Stride,
        world: Stride,
        *,
        shifted: bool = False,
        anchor: Callable[..., Sampler] = Energy,
        bias: Callable[..., nnx.Module] = CircularBias,
        rngs: nnx.Rngs,
    ):
        self.window, self.world = window, world
        rows, columns = (
            1 if size == whole else size
            for size, whole in zip(window, world, strict=True)
        )
        self.anchor = Anchor(width, (rows, columns), sample=anchor, rngs=rngs)
        self.beyond = (rows // 2, columns // 2) if shifted else (0, 0)
        bias = bias(window, world, heads, rngs=rngs)
        self.attention = BiasedAttention(width, heads, bias, rngs=rngs)

    def __call__(self, x: Map, frame: Map) -> Map:
        """Returns what each position gathers from its window.

        Args:
          x: the map.
          frame: what the frame follows, of the same size: the map before its norm,
            which makes phases tie.

        Raises:
          UserError: windows do not divide the map.
        """
        check_windows(x.shape[1:3], self.window, self.world)
        there, back = self.anchor(frame, self.beyond)
        tokens = self.attention(cut(there(x), self.window))
        return back(join(tokens, self.window, x.shape))


def cut(x: Map, window: Stride) -> Tokens:
    """Cuts a map into windows: (B, H, W, C) → (B·windows, h·w, C)."""
    (batch, height, width, channels), (rows, columns) = x.shape, window
    x = x.reshape(batch, height // rows, rows, width // columns, columns, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(-1, rows * columns, channels)


def join(tokens: Tokens, window: Stride, shape: tuple[int, ...]) -> Map:
    """The inverse of `cut`: a map of this shape."""
    (batch, height, width, channels), (rows, columns) = shape, window
    grid = (batch, height // rows, width // columns, rows, columns, channels)
    return tokens.reshape(grid).transpose(0, 1, 3, 2, 4, 5).reshape(shape)


def choose_window(window: int | Sequence[int] | None, world: Stride) -> Stride:
    """Returns the (h, w) of the windows of a map.

    Args:
      window: of the config; None for the widest of at most 8 that divides each axis.
      world: (H, W) of the map.

    Raises:
      UserError: it does not divide the map, or nothing up to 8 does.
    """
    if window is not None:
        given = pair(window, "model.window")
        check_windows(world, given, world)
        return given
    rows, columns = (
        max(size for size in range(1, WIDEST + 1) if whole % size == 0)
        for whole in world
    )
    if (rows == 1 < world[0]) or (columns == 1 < world[1]):
        raise UserError(
            f"model.window=null: no side of 2 to {WIDEST} divides a "
            f"{world[0]}×{world[1]} map; set model.window, model.strides or data.shape"
        )
    return rows, columns


def check_windows(sizes: tuple[int, ...], window: Stride, world: Stride) -> None:
    """Raises UserError where windows do not divide a map, or no longer cover an axis.

    Args:
      sizes: (H, W) of the map.
      window: (h, w) of a window.
      world: (H, W) that the windows were made for.
    """
    for whole, side, made_for in zip(sizes, window, world, strict=True):
        if whole % side or (side == made_for != whole):
            fitting = [n for n in range(2, whole + 1) if whole % n == 0]
            raise UserError(
                f"model.window={window[0]}×{window[1]}: does not fit a "
                f"{sizes[0]}×{sizes[1]} map; an axis of {whole} takes "
                f"{join_options(fitting) or 1}, or set data.shape"
            )
