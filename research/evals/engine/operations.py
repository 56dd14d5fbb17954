"""The cost of a computation: multiply-adds and activations, counted in its jaxpr.

Nothing depends on the names of layers: a new stage or downsampler is counted like any
other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log2, nan, prod
from typing import Any

import jax
import jax.numpy as jnp

from research.distributed import devices
from research.nn.cpu import convolution
from research.types import Shape


@dataclass(frozen=True)
class Operations:
    """Of one image through a part.

    Attributes:
      multiply_adds: of convolutions, matrix products and Fourier transforms (n points
        2½·n·log₂ n, real ones half of it). Additions and comparisons (pooling, blurs,
        norms) are not counted here, but XLA counts them.
      activation_bytes: of what these return, the "activations" of I. Radosavovic et
        al., Designing Network Design Spaces, CVPR 2020, arXiv:2003.13678.
    """

    multiply_adds: int = 0
    activation_bytes: int = 0

    def __add__(self, other: Operations) -> Operations:
        return Operations(
            self.multiply_adds + other.multiply_adds,
            self.activation_bytes + other.activation_bytes,
        )

    def __sub__(self, other: Operations) -> Operations:
        return self + other * -1

    def __mul__(self, times: int) -> Operations:
        return Operations(self.multiply_adds * times, self.activation_bytes * times)


def count_operations(part: Callable[..., Any], shape: Shape) -> Operations:
    """Counts what `part(map)` does for one map of a shape."""
    x = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    return jaxpr_operations(jax.make_jaxpr(part)(x).jaxpr)


def jaxpr_operations(jaxpr: Any) -> Operations:
    """Adds up convolutions, products and transforms of a jaxpr and those inside it.

    A scan counts its body once for each turn; a conditional its dearest branch; a while
    loop, whose turns are unknown, its body once.
    """
    total = Operations()
    for equation in jaxpr.eqns:
        products = equation_products(equation)
        if products is not None:
            out = equation.outvars[0].aval
            size = out.size * out.dtype.itemsize
            total += Operations(round(out.size * products), size)
        inner = [
            jaxpr_operations(one) for one in inner_jaxprs(equation.params.values())
        ]
        if equation.primitive.name == "cond":
            inner = [max(inner, key=lambda one: one.multiply_adds)]
        turns = equation.params.get("length", 1) if inner else 1
        total += sum(inner, Operations()) * turns
    return total


def equation_products(equation: Any) -> float | int | None:
    """Returns the products behind each result of an equation, where it has any."""
    if equation.primitive.name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        outputs = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
        return prod(kernel) // outputs
    if equation.primitive.name == "convolution_by_platform":
        return prod(equation.invars[1].aval.shape[:3])
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return prod(equation.invars[0].aval.shape[axis] for axis in contracted)
    if equation.primitive.name == "fft":
        return fourier_products(equation)
    return None


def fourier_products(equation: Any) -> float:
    """Returns the multiply-adds behind each result of a fast Fourier transform.

    The usual 5·n·log₂ n operations of n complex points, two to a multiply-add; a real
    transform, forward or back, takes half.
    """
    points = prod(equation.params["fft_lengths"])
    before, after = equation.invars[0].aval, equation.outvars[0].aval
    halved = before.dtype != after.dtype
    whole = 2.5 * max(before.size, after.size) * log2(points)
    return whole / (2 if halved else 1) / after.size


def inner_jaxprs(values: Any) -> Iterator[Any]:
    """Yields the jaxprs among the parameters of an equation."""
    for value in values:
        if isinstance(value, tuple | list):
            yield from inner_jaxprs(value)
        elif hasattr(value, "eqns"):
            yield getattr(value, "jaxpr", value)


def xla_flops(network: Callable[..., Any], shape: Shape) -> float:
    """Returns XLA's own count of floating-point operations, two to a multiply-add.

    It leaves out the products with zeros around a map, and adds what is elementwise.
    The count is that of the program for CPUs, for GPUs have none; NaN where JAX has no
    CPU.
    """
    x = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    cpu = devices.find_cpu()
    if cpu is None:
        return nan
    with convolution.enabled(False), jax.default_device(cpu):
        lowered = jax.jit(lambda x: network(x)).lower(x)
    analysis = lowered.cost_analysis()
    return nan if analysis is None else float(analysis["flops"])
