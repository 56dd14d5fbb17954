"""A convolution and its gradients that choose their implementation when lowered.

With y = x ⋆ k, the form Σ y·g is linear in the map x, in the kernel k and in the
gradient g. Its derivative for any one of them is a function of the other two, linear
in both: the convolution, the gradient for the map, the gradient for the kernel. Each is
a primitive of JAX here, and the derivatives of each are the other two. So they can be
differentiated to any order, forwards and backwards.

Which program computes a primitive is chosen where JAX lowers it, when the platform is
known. `jax.default_backend()` at tracing would be that of the machine, not of the
program: `jax.jit` on another device, or an export for another platform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
from jax.extend.core import Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array

from research.types import Edges, Stride


@dataclass(frozen=True)
class Geometry:
    """What a convolution does, apart from its arrays.

    Attributes:
      size: (H, W) of the map.
      window: (k_h, k_w) of the kernel.
      stride: of the kept positions.
      edges: zeros to add: ((above, below), (left, right)).
      precision: of products on accelerators, as `jax.default_matmul_precision` takes
        it; None: the default.
    """

    size: tuple[int, int]
    window: tuple[int, int]
    stride: Stride
    edges: Edges
    precision: str | None = None


Compute = Callable[..., Array]  # compute(first, second, *, geometry)
Transpose = Callable[[Array, Array, Geometry], Array]


class Product:
    """A function of two arrays, linear in either, as a primitive of JAX.

    Args:
      name: in jaxprs.
      on_cpu: what computes it in a program for CPUs and nothing else, …
      elsewhere: … in any other program, in one to be exported, and under `vmap`.
      known: whether this process can run `on_cpu`.
      prepare: is called when `on_cpu` is lowered.
    """

    def __init__(
        self,
        name: str,
        on_cpu: Compute,
        elsewhere: Compute,
        *,
        known: Callable[[], bool],
        prepare: Callable[[], None],
    ):
        self.on_cpu = on_cpu
        self.elsewhere = elsewhere
        self.known = known
        self.prepare = prepare
        self._compiled = lru_cache(maxsize=256)(
            lambda geometry: jax.jit(partial(self, geometry=geometry))
        )
        self.primitive = Primitive(name)
        self.primitive.def_impl(self._run)
        self.primitive.def_abstract_eval(self._shape)
        mlir.register_lowering(self.primitive, self._lower)
        batching.primitive_batchers[self.primitive] = self._batch

    def __call__(self, first: Array, second: Array, geometry: Geometry) -> Array:
        """Returns the product."""
        native = None
        if self.known():
            # JAX looks for partitioned calls among the parameters of an equation. So
            # this is traced before it is known whether it will be needed.
            native = jax.make_jaxpr(partial(self.on_cpu, geometry=geometry))(
                first, second
            )
        return self.primitive.bind(first, second, geometry=geometry, native=native)

    def set_transposes(self, first: Transpose, second: Transpose) -> None:
        """Sets what the gradient of the result is, for either array.

        Args:
          first: of (gradient, second array, geometry), the gradient for the first.
          second: of (gradient, first array, geometry), that for the second.
        """
        ad.defbilinear(
            self.primitive,
            lambda g, a, b, geometry, native: first(g, b, geometry),
            lambda g, a, b, geometry, native: second(g, a, geometry),
        )

    def _plain(self, geometry: Geometry) -> Callable[..., Array]:
        return partial(self.elsewhere, geometry=geometry)

    def _run(self, *arrays: Array, geometry: Geometry, native: Any) -> Array:
        del native
        return self._compiled(geometry)(*arrays)

    def _shape(self, *arrays: Any, geometry: Geometry, native: Any) -> Any:
        # `jax.eval_shape` would leave the sharding out.
        return jax.make_jaxpr(self._plain(geometry))(*arrays).out_avals[0]

    def _lower(
        self, context: Any, *arrays: Any, geometry: Geometry, native: Any
    ) -> Any:
        if native is None or not is_for_cpus(context):
            rule = mlir.lower_fun(self._plain(geometry), multiple_results=False)
        else:
            self.prepare()
            rule = mlir.lower_fun(jaxpr_as_fun(native), multiple_results=True)
        return rule(context, *arrays)

    def _batch(
        self, arrays: Any, axes: Any, *, geometry: Geometry, native: Any
    ) -> tuple[Array, int]:
        return jax.vmap(self._plain(geometry), axes)(*arrays), 0


def is_for_cpus(context: Any) -> bool:
    """Whether a program is lowered for CPUs alone, to run in this process."""
    module = context.module_context
    exported = module.lowering_parameters.for_export
    return tuple(module.platforms) == ("cpu",) and not exported
