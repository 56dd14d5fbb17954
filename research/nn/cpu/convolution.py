"""The convolution on CPUs: XLA's own, and oneDNN's where that is faster.

XLA's convolutions on a CPU take up to twice the time of oneDNN's, and the gradient for
the kernel up to six times. So large float32 layers use oneDNN on a CPU, if jaxlib
has it. Small layers, other dtypes and all other backends use XLA. Separable
filters are matrix products on small maps.

Set RESEARCH_FAST_CONVOLUTION=0 to switch all of it off. While it is on, these large
layers have no forward-mode and no second derivatives, a mesh must have automatic axes
(as those of `research.distributed.devices`), and their programs are compiled anew in
each process.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from research.nn.cpu import onednn
from research.types import Edges, Map, Stride

Kernel = Float[Array, "_rows _columns _inputs _outputs"]

# `with enabled(False): …` switches it off for what is traced inside; JAX keeps both.
enabled = jax.make_user_context(os.environ.get("RESEARCH_FAST_CONVOLUTION") != "0")

WORTH = 2**24  # multiply-adds below which it is XLA's, which starts sooner
LARGEST_FOR_MATRICES = 64  # largest side of a map that is filtered by matrix products


def xla_convolution(x: Map, kernel: Kernel, stride: Stride, edges: Edges) -> Map:
    """Cross-correlates a map with a kernel by XLA; see `onednn_convolution`."""
    return lax.conv_general_dilated(
        x, kernel, stride, edges, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def onednn_is_faster(x: Map, kernel: Kernel, stride: Stride, edges: Edges) -> bool:
    """Whether oneDNN's convolution is faster here, and right, by shapes and dtypes.

    With one channel and a stride along rows alone, oneDNN's kernel for AVX-512 gives
    wrong values (oneDNN 3.7.3, where the result is one pixel wide).
    """
    if not enabled.value or jax.default_backend() != "cpu":
        return False
    if x.shape[3] == 1 and stride[0] != stride[1]:
        return False
    result = jax.eval_shape(
        partial(xla_convolution, stride=stride, edges=edges), x, kernel
    )
    work = result.size * kernel.size // kernel.shape[3]
    single = x.dtype == kernel.dtype == jnp.float32
    return single and work >= WORTH and onednn.available()


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def onednn_convolution(x: Map, kernel: Kernel, stride: Stride, edges: Edges) -> Map:
    """Computes what `xla_convolution` does, and its gradients, by oneDNN.

    Args:
      x: (batch, H, W, C).
      kernel: (k_h, k_w, C, O).
      stride: of the kept positions.
      edges: zeros to add, fewer than the kernel has: ((above, below), (left, right)).

    Returns:
      (batch, ⌊(H+above+below−k_h)/s_h⌋+1, ⌊(W+left+right−k_w)/s_w⌋+1, O).
    """
    ours, theirs = (
        partial(convolve, stride=stride, edges=edges)
        for convolve in (onednn.convolution, xla_convolution)
    )
    return with_vmap_fallback(ours, theirs)(x, kernel)


def _forward(
    x: Map, kernel: Kernel, stride: Stride, edges: Edges
) -> tuple[Map, tuple[Map, Kernel]]:
    return onednn_convolution(x, kernel, stride, edges), (x, kernel)


def _backward(
    stride: Stride, edges: Edges, saved: tuple[Map, Kernel], gradient: Map
) -> tuple[Map, Kernel]:
    x, kernel = saved
    window = kernel.shape[:2]
    ours = partial(onednn.kernel_gradient, window=window, stride=stride, edges=edges)
    theirs = partial(xla_kernel_gradient, kernel.shape, stride, edges)
    return (
        input_gradient(gradient, kernel, (x.shape[1], x.shape[2]), stride, edges),
        with_vmap_fallback(ours, theirs)(x, gradient),
    )


onednn_convolution.defvjp(_forward, _backward)


def input_gradient(
    gradient: Map, kernel: Kernel, size: tuple[int, int], stride: Stride, edges: Edges
) -> Map:
    """The gradient for the map, of height and width `size`.

    Pixels that a stride separates never share a tap of the kernel. So each of their
    s_h·s_w grids is a convolution of its own, of the gradient with the taps that see it
    turned around. Zeros between the gradient's pixels would be s_h·s_w times the work.
    """
    batch, inputs = len(gradient), kernel.shape[2]
    grid = [-(-length // step) for length, step in zip(size, stride, strict=True)]

    def phase(*place: int) -> Map:
        taps, around = [], []
        for axis in range(2):
            last, first = divmod(place[axis] + edges[axis][0], stride[axis])
            chosen = range(first, kernel.shape[axis], stride[axis])
            before = len(chosen) - 1 - last
            after = grid[axis] - gradient.shape[1 + axis] + last
            taps.append(slice(first, None, stride[axis]))
            around.append((before, after))
        turned = kernel[tuple(taps)][::-1, ::-1].swapaxes(2, 3)
        if not turned.size:
            return jnp.zeros((batch, *grid, inputs), gradient.dtype)
        none = (0, 0, 0)
        cut = [(min(0, before), min(0, after), 0) for before, after in around]
        seen = lax.pad(gradient, jnp.zeros((), gradient.dtype), (none, *cut, none))
        zeros = tuple((max(0, before), max(0, after)) for before, after in around)
        return onednn_convolution(seen, turned, (1, 1), zeros)

    rows = [[phase(p, q) for q in range(stride[1])] for p in range(stride[0])]
    grids = jnp.stack([jnp.stack(row, 3) for row in rows], 2)
    shape = (batch, grid[0] * stride[0], grid[1] * stride[1], inputs)
    return grids.reshape(shape)[:, : size[0], : size[1]]


def xla_kernel_gradient(
    shape: tuple[int, ...], stride: Stride, edges: Edges, x: Map, gradient: Map
) -> Kernel:
    """The gradient for a kernel of this shape as XLA does it."""
    convolve = partial(xla_convolution, x, stride=stride, edges=edges)
    kernel = jax.ShapeDtypeStruct(shape, x.dtype)
    return jax.linear_transpose(convolve, kernel)(gradient)[0]


def with_vmap_fallback(
    ours: Callable[..., Any], theirs: Callable[..., Any]
) -> Callable[..., Any]:
    """Returns `ours`, which turns to `theirs` under `vmap`."""
    either = jax.custom_batching.custom_vmap(ours)

    @either.def_vmap
    def mapped(size: int, batched: Any, *arrays: Array) -> tuple[Any, bool]:
        axes = [0 if each else None for each in batched]
        return jax.vmap(theirs, axes)(*arrays), True

    return either


def matrices_are_faster(x: Map) -> bool:
    """Whether a separable filter is faster as two matrix products than as added slices.

    On CPUs it is, 2–3×, for the maps of small images, though nearly all factors are
    zero: added slices go through memory once for each tap.
    """
    small = max(x.shape[1:3]) <= LARGEST_FOR_MATRICES
    return enabled.value and jax.default_backend() == "cpu" and small


def multiply_axes(
    x: Map,
    rows: Float[np.ndarray, "_height _h"],
    columns: Float[np.ndarray, "_width _w"],
) -> Map:
    """Multiplies each column of a map by one matrix, and each row by another."""
    y = jnp.einsum("rh,bhwc->brwc", rows, x)
    return jnp.einsum("sw,brwc->brsc", columns, y)
