"""The convolution on CPUs: XLA's own, and a faster one where measurements say so.

XLA's convolutions on a CPU take up to twice the time of oneDNN's, and the gradient for
the kernel up to six times. So layers that are large enough are oneDNN's there, where
there is one; as is nothing on any other backend, in another dtype than float32, or in
small layers. Separable filters are matrix products on small maps.

Set RESEARCH_FAST_CONVOLUTION=0 to switch all of it off. While it is on, convolutions on
a CPU have no forward-mode derivatives, and a program that has large ones is compiled in
each process anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from research import onednn
from research.types import Edges, Map, Stride

Kernel = Float[Array, "_rows _columns _inputs _outputs"]

enabled = os.environ.get("RESEARCH_FAST_CONVOLUTION", "1") != "0"

WORTH = 2**24  # multiply-adds below which it is XLA's, which starts sooner
BANDED = 64  # largest side of a map that a filter goes over as a matrix


@contextmanager
def switched_off() -> Iterator[None]:
    """Within it, what is traced gets XLA's convolutions."""
    global enabled
    before, enabled = enabled, False
    try:
        yield
    finally:
        enabled = before


def plain(x: Map, kernel: Kernel, stride: Stride, edges: Edges) -> Map:
    """Cross-correlates a map with a kernel, as XLA does it; see `fast`."""
    return lax.conv_general_dilated(
        x, kernel, stride, edges, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def pays(x: Map, kernel: Kernel, stride: Stride, edges: Edges) -> bool:
    """Whether `fast` is the faster one here: by backend, dtype and size."""
    if not enabled or jax.default_backend() != "cpu":
        return False
    result = jax.eval_shape(partial(plain, stride=stride, edges=edges), x, kernel)
    work = result.size * kernel.size // kernel.shape[3]
    single = x.dtype == kernel.dtype == jnp.float32
    return single and work >= WORTH and onednn.available()


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def fast(x: Map, kernel: Kernel, stride: Stride, edges: Edges) -> Map:
    """What `plain` computes, and its gradients, by oneDNN.

    Args:
      x: (batch, H, W, C).
      kernel: (k_h, k_w, C, O).
      stride: of the kept positions.
      edges: zeros to add, fewer than the kernel has: ((above, below), (left, right)).

    Returns:
      (batch, ⌊(H+above+below−k_h)/s_h⌋+1, ⌊(W+left+right−k_w)/s_w⌋+1, O).
    """
    ours = partial(onednn.convolution, stride=stride, edges=edges)
    return unless_mapped(ours, partial(plain, stride=stride, edges=edges))(x, kernel)


def _forward(
    x: Map, kernel: Kernel, stride: Stride, edges: Edges
) -> tuple[Map, tuple[Map, Kernel]]:
    return fast(x, kernel, stride, edges), (x, kernel)


def _backward(
    stride: Stride, edges: Edges, saved: tuple[Map, Kernel], gradient: Map
) -> tuple[Map, Kernel]:
    x, kernel = saved
    window = kernel.shape[:2]
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    spread, around = unkept(gradient, x.shape[1:3], window, stride, edges)
    dx = partial(onednn.convolution, stride=(1, 1), edges=around)
    dk = partial(onednn.kernel_gradient, window=window, stride=stride, edges=edges)
    return (
        unless_mapped(dx, partial(plain, stride=(1, 1), edges=around))(spread, turned),
        unless_mapped(dk, partial(plain_gradient, kernel, stride, edges))(x, gradient),
    )


fast.defvjp(_forward, _backward)


def unkept(
    gradient: Map,
    size: tuple[int, int],
    window: tuple[int, int],
    stride: Stride,
    edges: Edges,
) -> tuple[Map, Edges]:
    """Puts zeros where a stride kept nothing, and says how many belong around them.

    Over the result the turned kernel gives a map of `size`, the one that was convolved.
    """
    none = (0, 0, 0)
    between = [(0, 0, step - 1) for step in stride]
    spread = lax.pad(gradient, jnp.zeros((), gradient.dtype), (none, *between, none))
    before = [k - 1 - edge[0] for k, edge in zip(window, edges, strict=True)]
    after = [
        wanted + k - 1 - there - first
        for wanted, k, there, first in zip(
            size, window, spread.shape[1:3], before, strict=True
        )
    ]
    return spread, tuple(zip(before, after, strict=True))


def plain_gradient(
    kernel: Kernel, stride: Stride, edges: Edges, x: Map, gradient: Map
) -> Kernel:
    """The gradient for the kernel as XLA does it."""
    convolve = partial(plain, x, stride=stride, edges=edges)
    return jax.linear_transpose(convolve, kernel)(gradient)[0]


def unless_mapped(
    ours: Callable[..., Any], theirs: Callable[..., Any]
) -> Callable[..., Any]:
    """Returns `ours`, which turns to `theirs` under `vmap`."""
    either = jax.custom_batching.custom_vmap(ours)

    @either.def_vmap
    def mapped(size: int, batched: Any, *arrays: Array) -> tuple[Any, bool]:
        axes = [0 if each else None for each in batched]
        return jax.vmap(theirs, axes)(*arrays), True

    return either


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
