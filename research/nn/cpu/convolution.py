"""The convolution on CPUs: XLA's own, and oneDNN's where that is faster.

XLA's convolutions on a CPU take up to twice the time of oneDNN's, and the gradient for
the kernel up to six times. So large float32 layers use oneDNN in programs for CPUs, if
jaxlib has it. Small layers, other dtypes and all other programs use XLA, as do `vmap`,
`jax.export` and meshes whose axes are explicit or manual.

The first such program has the C library keep freed memory (`research.nn.cpu.memory`):
who only calls `jax.jit` has the same speed as our scripts.

Set RESEARCH_FAST_CONVOLUTION=0 to switch all of it off. While it is on, programs with
large layers are compiled anew in each process.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from research.nn.cpu import memory, onednn
from research.nn.cpu.materialize import materialize
from research.nn.cpu.trilinear import Geometry, Product
from research.nn.precision import current
from research.types import Edges, Map, Stride

Kernel = Float[Array, "_rows _columns _inputs _outputs"]

# `with enabled(False): …` switches it off for what is traced inside; JAX keeps both.
enabled = jax.make_user_context(os.environ.get("RESEARCH_FAST_CONVOLUTION") != "0")

WORTH = 2**22  # multiply-adds below which it is XLA's, which starts sooner


def xla_convolution(
    x: Map,
    kernel: Kernel,
    stride: Stride,
    edges: Edges,
    precision: str | None = None,
) -> Map:
    """Cross-correlates a map with a kernel by XLA; see `fast_convolution`."""
    return lax.conv_general_dilated(
        x,
        kernel,
        stride,
        edges,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=precision,
    )


def onednn_is_faster(x: Map, kernel: Kernel, stride: Stride, edges: Edges) -> bool:
    """Whether oneDNN's convolution is faster on CPUs, and right, by shapes and dtypes.

    With one channel and a stride along rows alone, oneDNN's kernel for AVX-512 gives
    wrong values (oneDNN 3.7.3, where the result is one pixel wide). Zeros beyond the
    kernel's reach are left to XLA.
    """
    if not enabled.value or not x.dtype == kernel.dtype == jnp.float32:
        return False
    if x.shape[3] == 1 and stride[0] != stride[1]:
        return False
    if any(max(edges[axis]) >= kernel.shape[axis] for axis in range(2)):
        return False
    if not is_automatic(x, kernel):
        return False
    result = jax.eval_shape(
        partial(xla_convolution, stride=stride, edges=edges), x, kernel
    )
    return result.size * kernel.size // kernel.shape[3] >= WORTH


def is_automatic(*arrays: Any) -> bool:
    """Whether the compiler partitions the arrays: no axis is the user's task."""
    meshes = [jax.typeof(array).sharding.mesh for array in arrays]
    kinds = {kind for mesh in meshes for kind in mesh.axis_types}
    return kinds <= {jax.sharding.AxisType.Auto}


def fast_convolution(x: Map, kernel: Kernel, stride: Stride, edges: Edges) -> Map:
    """Computes what `xla_convolution` does: in programs for CPUs by oneDNN.

    So are its derivatives, of any order. A mesh must have automatic axes.

    Args:
      x: (batch, H, W, C).
      kernel: (k_h, k_w, C, O).
      stride: of the kept positions.
      edges: zeros to add, fewer than the kernel has: ((above, below), (left, right)).

    Returns:
      (batch, ⌊(H+above+below−k_h)/s_h⌋+1, ⌊(W+left+right−k_w)/s_w⌋+1, O).
    """
    geometry = Geometry(
        size=(x.shape[1], x.shape[2]),
        window=(kernel.shape[0], kernel.shape[1]),
        stride=stride,
        edges=edges,
        precision=current(),
    )
    return materialize(convolution(materialize(x), kernel, geometry))


def convolve_on_cpu(x: Map, kernel: Kernel, *, geometry: Geometry) -> Map:
    """The convolution by oneDNN."""
    return onednn.convolution(x, kernel, geometry.stride, geometry.edges)


def kernel_gradient_on_cpu(x: Map, gradient: Map, *, geometry: Geometry) -> Kernel:
    """The gradient for the kernel by oneDNN."""
    window, stride, edges = geometry.window, geometry.stride, geometry.edges
    return onednn.kernel_gradient(x, gradient, window, stride, edges)


def map_gradient_on_cpu(gradient: Map, kernel: Kernel, *, geometry: Geometry) -> Map:
    """The gradient for the map by oneDNN.

    Pixels that a stride separates never share a tap of the kernel. So each of their
    s_h·s_w grids is a convolution of its own, of the gradient with the taps that see it
    turned around. Zeros between the gradient's pixels would be s_h·s_w times the work.
    """
    size, stride, edges = geometry.size, geometry.stride, geometry.edges
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
        (top, bottom), (left, right) = (
            (max(0, before), max(0, after)) for before, after in around
        )
        zeros = ((top, bottom), (left, right))
        return onednn.convolution(seen, turned, (1, 1), zeros)

    rows = [[phase(p, q) for q in range(stride[1])] for p in range(stride[0])]
    grids = jnp.stack([jnp.stack(row, 3) for row in rows], 2)
    shape = (batch, grid[0] * stride[0], grid[1] * stride[1], inputs)
    return grids.reshape(shape)[:, : size[0], : size[1]]


def convolve_by_xla(x: Map, kernel: Kernel, *, geometry: Geometry) -> Map:
    """The convolution by XLA."""
    stride, edges, precision = geometry.stride, geometry.edges, geometry.precision
    return xla_convolution(x, kernel, stride, edges, precision)


def map_gradient_by_xla(gradient: Map, kernel: Kernel, *, geometry: Geometry) -> Map:
    """The gradient for the map by XLA."""
    shape = (len(gradient), *geometry.size, kernel.shape[2])
    convolve = partial(convolve_by_xla, kernel=kernel, geometry=geometry)
    x = jax.ShapeDtypeStruct(shape, gradient.dtype)
    return jax.linear_transpose(convolve, x)(gradient)[0]


def kernel_gradient_by_xla(x: Map, gradient: Map, *, geometry: Geometry) -> Kernel:
    """The gradient for the kernel by XLA."""
    shape = (*geometry.window, x.shape[3], gradient.shape[3])
    convolve = partial(convolve_by_xla, x, geometry=geometry)
    kernel = jax.ShapeDtypeStruct(shape, x.dtype)
    return jax.linear_transpose(convolve, kernel)(gradient)[0]


by_platform = partial(Product, known=onednn.available, prepare=memory.keep_freed_memory)
convolution = by_platform("convolution_by_platform", convolve_on_cpu, convolve_by_xla)
map_gradient = by_platform(
    "map_gradient_by_platform", map_gradient_on_cpu, map_gradient_by_xla
)
kernel_gradient = by_platform(
    "kernel_gradient_by_platform", kernel_gradient_on_cpu, kernel_gradient_by_xla
)

convolution.set_transposes(
    map_gradient,
    lambda gradient, x, geometry: kernel_gradient(x, gradient, geometry),
)
map_gradient.set_transposes(
    convolution,
    kernel_gradient,
)
kernel_gradient.set_transposes(
    lambda kernel, gradient, geometry: map_gradient(gradient, kernel, geometry),
    lambda kernel, x, geometry: convolution(x, kernel, geometry),
)
