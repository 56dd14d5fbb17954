"""The precision of products and convolutions in float32.

An accelerator multiplies faster with fewer bits: NVIDIA's in TF32 (10 bits of
mantissa), a TPU in bfloat16 (7 bits). JAX calls that `default`; `high` takes about
twice and `highest` all of float32's 23 bits. A CPU computes in float32 whatever is
asked.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import jax

from research.errors import one_of

PRECISIONS = ("default", "high", "highest")


def parse_precision(name: object, key: str) -> str:
    """Returns a precision by name.

    Args:
      name: one of `PRECISIONS`.
      key: that it is the value of.

    Raises:
      UserError: there is none of that name.
    """
    return one_of(PRECISIONS, name, key)


def multiply_in(precision: str) -> AbstractContextManager[None]:
    """Has the products and convolutions that are traced inside in a precision.

    Compiled programs are remembered by it. Two kinds of product take `highest` whatever
    is asked: the scores that choose a phase, since that choice is all or nothing, and
    the filters that are ideal in theory.
    """
    return jax.default_matmul_precision(precision)
