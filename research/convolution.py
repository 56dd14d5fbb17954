"""The convolution on CPUs: XLA's own, and a faster one where measurements say so.

XLA has no good kernel for a convolution's weight gradient on a CPU. As one matrix
product of shifted copies it is up to twice as fast (more on older processors), provided
that the copies are made in blocks that stay in the cache. The input gradient of a
strided convolution gains up to 1.7×, the forward pass of an RGB stem up to 2×.
Everything else gains nothing and stays XLA's, as does all of it on any other backend
and in small layers.

Separable filters are matrix products on small maps.

The blocks run in a loop inside the jitted step. The batch stays split into the parts
that lie on different devices, and the loop runs within each part; so the partitioner
keeps it local and adds up the weight gradients of the devices as it does for any other.

Set RESEARCH_FAST_CONVOLUTION=0 to switch all of it off. While it is on, convolutions on
a CPU have no forward-mode derivatives.
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

from research.types import Map, Stride

Kernel = Float[Array, "_rows _columns _inputs _outputs"]
Blocks = Float[Array, "_device _batch _height _width _channels"]

enabled = os.environ.get("RESEARCH_FAST_CONVOLUTION", "1") != "0"

BLOCK_BYTES = 640 * 1024  # of patches: a core's second-level cache, by and large
WORTH = 2**24  # multiply-adds below which compiling loops takes longer than it saves
BANDED = 64  # largest side of a map that a filter goes over as a matrix
FEW_INPUTS = range(2, 5)  # channels of a stem: XLA handles 1 and 8 well, and 3 badly


def plain(x: Map, kernel: Kernel, stride: Stride) -> Map:
    """Cross-correlates a padded map with a kernel, as XLA does it."""
    return lax.conv_general_dilated(
        x, kernel, stride, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def pays(x: Map, kernel: Kernel, stride: Stride) -> bool:
    """Whether `blocked` is the faster one here: by backend and size, from shapes."""
    rows, columns = positions(x, kernel, stride)
    work = x.shape[0] * rows * columns * kernel.size
    return enabled and jax.default_backend() == "cpu" and work >= WORTH


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def blocked(x: Map, kernel: Kernel, stride: Stride) -> Map:
    """What `plain` computes, with gradients by matrix products over blocks of patches.

    Args:
      x: (batch, H, W, C), padded already.
      kernel: (k_h, k_w, C, O).
      stride: of the kept positions.

    Returns:
      (batch, ⌊(H−k_h)/s_h⌋+1, ⌊(W−k_w)/s_w⌋+1, O). Sums are in float32.
    """
    if kernel.shape[2] in FEW_INPUTS and kernel.shape[:2] != (1, 1):
        return patches_forward(x, kernel, stride)
    return plain(x, kernel, stride)


def _forward(x: Map, kernel: Kernel, stride: Stride) -> tuple[Map, tuple[Map, Kernel]]:
    return blocked(x, kernel, stride), (x, kernel)


def _backward(
    stride: Stride, saved: tuple[Map, Kernel], gradient: Map
) -> tuple[Map, Kernel]:
    x, kernel = saved
    return (
        input_gradient(x, kernel, gradient, stride),
        kernel_gradient(x, kernel, gradient, stride),
    )


blocked.defvjp(_forward, _backward)


def patches_forward(x: Map, kernel: Kernel, stride: Stride) -> Map:
    """The convolution as patches · kernel."""
    rows, columns = positions(x, kernel, stride)
    matrix = kernel.reshape(-1, kernel.shape[3]).astype(jnp.float32)
    parts = split(x)
    size = images_per_block(parts, rows * columns * len(matrix))

    def step(block: Array, y: Blocks) -> Blocks:
        patches = windows(
            take(parts, block, size), kernel.shape[:2], (rows, columns), stride
        )
        return put(y, (patches @ matrix).astype(y.dtype), block, size)

    y = jnp.zeros((*parts.shape[:2], rows, columns, kernel.shape[3]), x.dtype)
    return join(loop(parts, size, step, y))


def kernel_gradient(x: Map, kernel: Kernel, gradient: Map, stride: Stride) -> Kernel:
    """The gradient for the kernel, added up over the blocks.

    Its columns of taps come from copies of the map moved sideways, its rows from copies
    of the gradient moved down: k_w·C by k_h·O values out of one product, which is
    squarer, and of fewer copies, than the patches of k_h·k_w·C by O would be. Rows of
    the map that a stride separates never meet, and have a product each.
    """
    rows, columns, outputs = gradient.shape[1:]
    down, right, inputs = kernel.shape[:3]
    parts, gradients = split(x), split(gradient)
    size = images_per_block(parts, rows * columns * (right * inputs + down * outputs))
    taps = [range(first, down, stride[0]) for first in range(min(down, stride[0]))]

    def step(block: Array, totals: list[Array]) -> list[Array]:
        wide = windows(
            take(parts, block, size), (1, right), (x.shape[1], columns), (1, stride[1])
        )
        given = take(gradients, block, size).astype(jnp.float32)
        return [
            total + product(wide[:, :, group.start :: group.step], given, len(group))
            for group, total in zip(taps, totals, strict=True)
        ]

    def product(wide: Blocks, given: Blocks, count: int) -> Array:
        height = rows + count - 1
        moved = [
            jnp.pad(given, ((0, 0), (0, 0), (i, count - 1 - i), (0, 0), (0, 0)))
            for i in range(count)
        ]
        return jnp.einsum(
            "dnp,dno->dpo",
            wide[:, :, :height].reshape(len(parts), -1, right * inputs),
            jnp.concatenate(moved, -1).reshape(len(parts), -1, count * outputs),
        )

    start = [
        jnp.zeros((len(parts), right * inputs, len(group) * outputs), jnp.float32)
        for group in taps
    ]
    found = jnp.zeros((down, right, inputs, outputs), jnp.float32)
    for group, total in zip(taps, loop(parts, size, step, start), strict=True):
        values = total.sum(0).reshape(right, inputs, len(group), outputs)
        rows_of = slice(group.start, None, group.step)
        found = found.at[rows_of].set(jnp.moveaxis(values, 2, 0))
    return found.astype(kernel.dtype)


def input_gradient(x: Map, kernel: Kernel, gradient: Map, stride: Stride) -> Map:
    """The gradient for the map: gradient · kernelᵀ, each product added to its pixel.

    XLA fills in zeros for a stride and multiplies with them. Without a stride, or where
    the products of one image do not stay in the cache, its way is as fast.
    """
    rows, columns, outputs = gradient.shape[1:]
    down, right, inputs = kernel.shape[:3]
    height, width = x.shape[1:3]
    values = rows * columns * kernel.size // outputs
    if stride == (1, 1) or 4 * values > BLOCK_BYTES:
        return jax.vjp(lambda x: plain(x, kernel, stride), x)[1](gradient)[0]
    parts = split(gradient)
    size = images_per_block(parts, values)
    matrix = kernel.reshape(-1, outputs).T.astype(jnp.float32)

    def placed(product: Blocks, i: int, j: int) -> Blocks:
        """A product of every position, moved to where tap (i, j) saw the map."""
        after = (
            height - i - (rows - 1) * stride[0] - 1,
            width - j - (columns - 1) * stride[1] - 1,
        )
        edges = ((i, after[0], stride[0] - 1), (j, after[1], stride[1] - 1))
        none = (0, 0, 0)
        return lax.pad(product, jnp.float32(0), (none, none, *edges, none))

    def step(block: Array, y: Blocks) -> Blocks:
        given = take(parts, block, size).astype(jnp.float32)
        products = (given @ matrix).reshape(*given.shape[:4], down, right, inputs)
        taps = [(i, j) for i in range(down) for j in range(right)]
        total = sum(placed(products[..., i, j, :], i, j) for i, j in taps)
        return put(y, total.astype(y.dtype), block, size)

    y = jnp.zeros((*parts.shape[:2], *x.shape[1:]), x.dtype)
    return join(loop(parts, size, step, y))


def banded(x: Map) -> bool:
    """Whether a separable filter is faster as two matrix products than as added slices.

    It is on CPUs for the maps of small images, 2–3×, though nearly all of the products
    are with zeros: slices that are added go through memory once for each tap.
    """
    small = max(x.shape[1:3]) <= BANDED
    return enabled and jax.default_backend() == "cpu" and small


def along_both(
    x: Map,
    rows: Float[np.ndarray, "_height _h"],
    columns: Float[np.ndarray, "_width _w"],
) -> Map:
    """Multiplies each column of a map with one matrix, and each row with another."""
    y = jnp.einsum("rh,bhwc->brwc", rows, x)
    return jnp.einsum("sw,brwc->brsc", columns, y)


def positions(x: Map, kernel: Kernel, stride: Stride) -> tuple[int, int]:
    """Returns the rows and columns of the result."""
    rows, columns = (
        (x.shape[1 + axis] - kernel.shape[axis]) // stride[axis] + 1
        for axis in range(2)
    )
    return rows, columns


def windows(
    x: Blocks, window: tuple[int, int], counts: tuple[int, int], stride: Stride
) -> Blocks:
    """Returns what a window sees at each position, in the order of a kernel's taps."""
    lasts = [(count - 1) * step + 1 for count, step in zip(counts, stride, strict=True)]
    views = [
        x[:, :, i : i + lasts[0] : stride[0], j : j + lasts[1] : stride[1]]
        for i in range(window[0])
        for j in range(window[1])
    ]
    return jnp.concatenate(views, -1).astype(jnp.float32)


def split(x: Map) -> Blocks:
    """(batch, …) → (devices, batch / devices, …), as the batch lies on its mesh.

    The mesh is that of the context (`jax.set_mesh`), or else what `devices.mesh` takes
    of this process's devices. A wrong guess costs time, and nothing else.
    """
    mesh = jax.sharding.get_abstract_mesh()
    count = jax.local_device_count() if mesh.empty else mesh.size
    while x.shape[0] % count:
        count -= 1
    return x.reshape(count, -1, *x.shape[1:])


def join(x: Blocks) -> Map:
    """(devices, batch / devices, …) → (batch, …)."""
    return x.reshape(-1, *x.shape[2:])


def images_per_block(parts: Blocks, values: int) -> int:
    """Returns how many images of so many float32 values a block takes, at least one."""
    size = max(1, min(parts.shape[1], BLOCK_BYTES // (4 * values)))
    while parts.shape[1] % size:
        size -= 1
    return size


def loop(
    parts: Blocks, size: int, step: Callable[[Array, Any], Any], start: Any
) -> Any:
    """Folds `step` over the blocks."""
    return lax.fori_loop(0, parts.shape[1] // size, step, start)


def take(x: Blocks, block: Array, size: int) -> Blocks:
    """Returns one block of images of every device."""
    return lax.dynamic_slice_in_dim(x, block * size, size, axis=1)


def put(x: Blocks, value: Blocks, block: Array, size: int) -> Blocks:
    """Returns `x` with one block of images replaced."""
    return lax.dynamic_update_slice_in_dim(x, value, block * size, axis=1)
