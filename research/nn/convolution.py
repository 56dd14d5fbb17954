"""The one convolution of this codebase, and its dilated form at the same cost."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from research.nn.cpu import convolution
from research.types import Edges, Map, Stride

Kernel = Float[Array, "_rows _columns _inputs _outputs"]


def convolve(
    x: Map, kernel: Kernel, stride: Stride, edges: Edges = ((0, 0), (0, 0))
) -> Map:
    """Cross-correlates a map, padded by zeros, with a kernel at the kept positions.

    By XLA, or by oneDNN in programs for CPUs where that is faster.
    """
    if convolution.onednn_is_faster(x, kernel, stride, edges):
        return convolution.fast_convolution(x, kernel, stride, edges)
    return convolution.xla_convolution(x, kernel, stride, edges)


def convolve_dilated(
    x: Map, kernel: Kernel, stride: Stride, edges: Edges, dilation: tuple[int, int]
) -> Map:
    """Cross-correlates a map with a kernel whose weights are `dilation` pixels apart.

    In programs for CPUs by `convolve_grids`, as long as every position is kept; XLA's
    own else. On a CPU that takes about three times as long.

    Args:
      x: (B, H, W, C).
      kernel: (k_h, k_w, C, O), without the zeros between.
      stride: of the kept positions.
      edges: zeros to add: ((above, below), (left, right)).
      dilation: d_h, d_w.

    Returns:
      (B, ⌊(H+above+below−(k_h−1)·d_h−1)/s_h⌋+1, …, O).
    """
    by_xla = partial(convolve_by_xla, stride=stride, edges=edges, dilation=dilation)
    if stride != (1, 1):
        return by_xla(x, kernel)
    by_grids = partial(convolve_grids, edges=edges, dilation=dilation)
    return lax.platform_dependent(x, kernel, cpu=by_grids, default=by_xla)


def convolve_by_xla(
    x: Map, kernel: Kernel, *, stride: Stride, edges: Edges, dilation: tuple[int, int]
) -> Map:
    """The convolution by XLA, which knows of dilation."""
    return lax.conv_general_dilated(
        x,
        kernel,
        stride,
        edges,
        rhs_dilation=dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def convolve_grids(
    x: Map, kernel: Kernel, *, edges: Edges, dilation: tuple[int, int]
) -> Map:
    """The same: pixels d apart never meet the others, so each grid of them is a map."""
    (top, bottom), (left, right) = edges
    down, across = dilation
    rows, columns = (
        length + before + after - (size - 1) * step
        for length, (before, after), size, step in zip(
            x.shape[1:3], edges, kernel.shape[:2], dilation, strict=True
        )
    )
    batch, channels = len(x), x.shape[3]
    below = bottom + -(x.shape[1] + top + bottom) % down
    beyond = right + -(x.shape[2] + left + right) % across
    x = jnp.pad(x, ((0, 0), (top, below), (left, beyond), (0, 0)))
    height, width = x.shape[1] // down, x.shape[2] // across
    grids = x.reshape(batch, height, down, width, across, channels)
    grids = grids.transpose(0, 2, 4, 1, 3, 5)
    y = convolve(grids.reshape(-1, height, width, channels), kernel, (1, 1))
    height, width = y.shape[1:3]
    y = y.reshape(batch, down, across, height, width, -1).transpose(0, 3, 1, 4, 2, 5)
    return y.reshape(batch, height * down, width * across, -1)[:, :rows, :columns]
