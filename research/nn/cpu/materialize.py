"""A map that a program for CPUs computes once, however many read it.

XLA fuses what is elementwise into each of its readers. That saves memory traffic where
there is one reader; but a custom call needs its operand in memory anyway, and whoever
else reads the same map (the transpositions before a kernel's gradient, the next
shortcut) would compute it anew, in a residual network from all blocks before.

XLA's compiler for CPUs drops barriers before it fuses, unless it is kept from that
(`research.distributed.devices.keep_barriers`, which our scripts call). Where it is not,
nothing is gained and nothing lost.
"""

from __future__ import annotations

from typing import Any

from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from research.nn.cpu.trilinear import is_for_cpus
from research.types import Map

materialize_p = Primitive("materialize_on_cpu")


def materialize(x: Map) -> Map:
    """Returns `x`; a program for CPUs holds it in memory, and its gradient likewise."""
    return materialize_p.bind(x)


def _lower(context: Any, x: Any) -> Any:
    if not is_for_cpus(context):
        return [x]
    rule = mlir.lower_fun(lax.optimization_barrier, multiple_results=False)
    return rule(context, x)


materialize_p.def_impl(lambda x: x)
materialize_p.def_abstract_eval(lambda x: x)
mlir.register_lowering(materialize_p, _lower)
ad.deflinear2(materialize_p, lambda gradient, x: [materialize(gradient)])
batching.defvectorized(materialize_p)
