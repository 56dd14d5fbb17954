"""What all racers of a case compute in, whoever they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

from research.benchmarks.peers import library
from research.errors import one_of
from research.nn import precision


class Arithmetic(NamedTuple):
    """A dtype of maps and parameters, and the precision of products of float32.

    Attributes:
      dtype: a dtype's name.
      precision: as `jax.default_matmul_precision` takes it; `default` rounds the
        factors of float32 products to TF32 on NVIDIA's tensor cores.
    """

    dtype: str
    precision: str


ARITHMETICS: Mapping[str, Arithmetic] = {
    "float32": Arithmetic("float32", "highest"),
    "tf32": Arithmetic("float32", "default"),  # on a CPU the same as float32
    "bfloat16": Arithmetic("bfloat16", "default"),
}


@contextmanager
def computing_in(name: str, *, peers: bool) -> Iterator[Arithmetic]:
    """Has JAX, and PyTorch if it takes part, multiply as an arithmetic says.

    Args:
      name: of one of `ARITHMETICS`.
      peers: whether PyTorch takes part.

    Yields:
      The arithmetic.

    Raises:
      UserError: there is no such arithmetic.
    """
    one_of(list(ARITHMETICS), name, "arithmetic")
    found = ARITHMETICS[name]
    theirs = library.multiplying(tf32=found.precision != "highest")
    with precision.computing(found.precision):
        with theirs if peers else nullcontext():
            yield found


def name_case(case: str, arithmetic: str, among: Sequence[str]) -> str:
    """Returns a case's name, with its arithmetic where the table has several."""
    return f"{case}, {arithmetic}" if len(among) > 1 else case
