"""oneDNN's convolution on the CPU, which XLA links but never chooses by itself.

XLA's CPU compiler knows a custom call for it, `__onednn$convolution`: the forward pass,
in any layout. Both gradients are forward passes of something else. For the map it is
the turned kernel over the gradient. For the kernel, the images of a batch become the
channels, the gradient becomes the kernel, as large as its map, and what is left when
that slides over the map is as large as the kernel was.

A program with such a call cannot be stored in the compilation cache: each process
compiles it again. It has no batching rule and no derivatives: `research.nn.cpu.
convolution` has those. Where jaxlib has no such call, compiling one may end the
process; so these functions refuse to be traced there.

References:
  E. Georganas et al., Anatomy of High-Performance Deep Learning Convolutions on SIMD
  Architectures, SC 2018, arXiv:1808.05567; E. Georganas et al., High-Performance Deep
  Learning via a Single Building Block, 2019, arXiv:1906.06440.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import jaxlib
from jax import lax
from jax.experimental.custom_partitioning import custom_partitioning
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from research.errors import UserError
from research.types import Edges, Map, Stride

TARGET = "__onednn$convolution"
TESTED = ("0.10.2",)  # releases of jaxlib that read the configuration below
IMAGES = 16  # that become channels at a time: a line of the cache, and AVX-512's floats
SMALL = 200  # positions below which a map is small, and SMALL_IMAGES are as fast
SMALL_IMAGES = 64
CALLS = 16  # at most, of a large batch: each takes time to compile

Kernel = Float[Array, "_rows _columns _inputs _outputs"]


@cache
def available() -> bool:
    """Whether this jaxlib is a tested one, and has been built with oneDNN.

    This only tries to compile the call; the tests check what it computes.
    """
    if jaxlib.__version__ not in TESTED:
        return False
    # In a thread of its own, to which no mesh or default device of the caller applies.
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(compiles).result()


def compiles() -> bool:
    """Whether XLA's compiler for CPUs, if this process has one, takes the call."""
    try:
        device = jax.local_devices(backend="cpu")[0]
        cpu = jax.sharding.SingleDeviceSharding(device)
        x, kernel = (
            jax.ShapeDtypeStruct(shape, jnp.float32, sharding=cpu)
            for shape in ((1, 3, 3, 1), (2, 2, 1, 1))
        )
        one = partial(emit, stride=(1, 1), edges=((0, 0), (0, 0)), dilation=(1, 1))
        jax.jit(one).lower(x, kernel).compile()
    except RuntimeError:
        return False
    return True


@partial(custom_partitioning, static_argnums=(2, 3))
def convolution(x: Map, kernel: Kernel, stride: Stride, edges: Edges) -> Map:
    """Cross-correlates a map with a kernel. Each device does its share of the batch.

    Args:
      x: (batch, H, W, C), float32.
      kernel: (k_h, k_w, C, O), float32.
      stride: of the kept positions.
      edges: zeros to add: ((above, below), (left, right)).

    Returns:
      (batch, ⌊(H+above+below−k_h)/s_h⌋+1, …, O).
    """
    return call(x, kernel, stride, edges)


@partial(custom_partitioning, static_argnums=(2, 3, 4))
def kernel_gradient(
    x: Map, gradient: Map, window: tuple[int, int], stride: Stride, edges: Edges
) -> Kernel:
    """The gradient of `convolution` for its kernel, added up over the devices.

    Args:
      x: (batch, H, W, C), float32.
      gradient: (batch, rows, columns, O), that of the result.
      window: (k_h, k_w).
      stride: of the kept positions.
      edges: zeros that were added.

    Returns:
      (k_h, k_w, C, O).
    """
    return local_kernel_gradient(x, gradient, window, stride, edges)


def local_kernel_gradient(
    x: Map, gradient: Map, window: tuple[int, int], stride: Stride, edges: Edges
) -> Kernel:
    """Computes `kernel_gradient` on one device.

    With (column, channel) as one axis, a step of a column is one of C, so the result's
    columns are the kernel's columns and inputs: enough rows for oneDNN's products.
    """
    height, width, inputs = x.shape[1:]
    (down, right), (rows, sides) = window, edges
    total = jnp.zeros((down, right * inputs, gradient.shape[3]), x.dtype)
    images = SMALL_IMAGES if height * width < SMALL else IMAGES
    count = images * -(-len(x) // (images * CALLS))
    for start in range(0, len(x), count):
        flat = x[start : start + count].reshape(-1, height * width * inputs)
        found = call(
            flat.T.reshape(1, height, width * inputs, -1),
            gradient[start : start + count].transpose(1, 2, 0, 3),
            (1, 1),
            (rows, (sides[0] * inputs, sides[1] * inputs)),
            dilation=(stride[0], stride[1] * inputs),
        )
        # Rows beyond the kernel's are those that a stride has left over.
        total += found[0, :down, : right * inputs]
    return total.reshape(down, right, inputs, -1)


def call(
    x: Map,
    kernel: Kernel,
    stride: Stride,
    edges: Edges,
    dilation: tuple[int, int] = (1, 1),
) -> Map:
    """Calls oneDNN; the partitioner cannot look into the call.

    Raises:
      UserError: this jaxlib has no such call, or is not tested with it.
    """
    if not available():
        raise UserError(
            f"research.nn.cpu.onednn: jaxlib={jaxlib.__version__} on "
            f"{platform.machine()} has no such call; takes {', '.join(TESTED)} on "
            "x86_64; research.nn.layers.convolve runs on any"
        )
    return emit(x, kernel, stride, edges, dilation)


def emit(
    x: Map, kernel: Kernel, stride: Stride, edges: Edges, dilation: tuple[int, int]
) -> Map:
    """Emits the custom call, wherever it is."""
    sizes = [
        (size + sum(edge) - step * (window - 1) - 1) // kept + 1
        for size, edge, step, window, kept in zip(
            x.shape[1:3], edges, dilation, kernel.shape[:2], stride, strict=True
        )
    ]
    images = {"data": {"batch_dim": 0, "feature_dim": 3, "spatial_dims": [1, 2]}}
    weights = {"input_feature_dim": 2, "output_feature_dim": 3, "spatial_dims": [0, 1]}
    configuration = {
        "dims": 4,
        "input": images,
        "kernel": {"filter": weights},
        "output": images,
        "window": {
            "size": kernel.shape[:2],
            "pad_left": [before for before, _ in edges],
            "pad_right": [after for _, after in edges],
            "strides": stride,
            "window_dilations": dilation,
        },
        "feature_groups": 1,
    }
    return jax.ffi.ffi_call(
        TARGET,
        jax.ShapeDtypeStruct((len(x), *sizes, kernel.shape[3]), x.dtype),
        custom_call_api_version=1,
        legacy_backend_config=json.dumps({"onednn_conv_config": configuration}),
    )(x, kernel)


def axis_of(array: Any) -> Any:
    """Returns the axis of the mesh, if any, that the batch is split over."""
    return next(iter(getattr(array.sharding, "spec", ())), None)


def partition_forward(
    stride: Stride, edges: Edges, mesh: Any, given: Sequence[Any], result: Any
) -> tuple[Any, ...]:
    """Splits `convolution` by images; the kernel is whole on each device."""
    images = NamedSharding(mesh, PartitionSpec(axis_of(given[0])))
    whole = NamedSharding(mesh, PartitionSpec())
    return mesh, partial(call, stride=stride, edges=edges), images, (images, whole)


def partition_kernel_gradient(
    window: tuple[int, int],
    stride: Stride,
    edges: Edges,
    mesh: Any,
    given: Sequence[Any],
    result: Any,
) -> tuple[Any, ...]:
    """Splits `kernel_gradient` by images, whose sums are added up."""
    axis = axis_of(given[0])
    images = NamedSharding(mesh, PartitionSpec(axis))

    def lower(x: Map, gradient: Map) -> Kernel:
        total = local_kernel_gradient(x, gradient, window, stride, edges)
        return total if axis is None else lax.psum(total, axis)

    return mesh, lower, NamedSharding(mesh, PartitionSpec()), (images, images)


convolution.def_partition(
    partition=partition_forward, sharding_rule="b h w c, i j c o -> b y x o"
)
kernel_gradient.def_partition(
    partition=partition_kernel_gradient, sharding_rule="b h w c, b y x o -> i j c o"
)
