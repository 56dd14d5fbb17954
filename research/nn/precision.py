"""How exactly an accelerator multiplies float32: the keys of `precision:`.

No code of ours asks for a precision of its own: all products and convolutions follow
JAX's setting, which is part of what a compiled program is remembered by. A CPU takes
float32 whatever is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import jax

SETTING = "jax_default_matmul_precision"
Name = Literal["default", "high", "highest"]
NAMES = get_args(Name)
# The largest relative error in which a factor of a product enters it.
FLOAT32, BFLOAT16_3X, TF32, BFLOAT16 = 2.0**-24, 2.0**-16, 2.0**-11, 2.0**-9
UNITS = {  # of float32 by backend: default, high, highest
    "cpu": (FLOAT32, FLOAT32, FLOAT32),
    "gpu": (TF32, TF32, FLOAT32),
    "tpu": (BFLOAT16, BFLOAT16_3X, FLOAT32),
}
ALIASES = {  # JAX's other names for its three precisions
    None: "default",
    "fastest": "default",
    "bfloat16": "default",
    "bfloat16_3x": "high",
    "tensorfloat32": "high",
    "float32": "highest",
}


@dataclass(frozen=True)
class Precision:
    """The precisions of a run; each field is a key of `precision:`.

    Attributes:
      train: of the training step, and of the validation during training.
      eval: of the evaluators.
    """

    train: Name = "default"
    eval: Name = "highest"

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Precision:
        """Returns the precisions of a run's config; older ones do not have the keys."""
        return cls(**(config.get("precision") or {}))


def computing(precision: str) -> AbstractContextManager[None]:
    """Sets the precision of what this thread traces and calls inside.

    Args:
      precision: one of `NAMES`.
    """
    return jax.default_matmul_precision(precision)


def current() -> str:
    """Returns the precision that holds here: one of `NAMES`, or JAX's own name."""
    name = getattr(jax.config, SETTING)
    return ALIASES.get(name, name)


def rounding_unit(precision: str, backend: str) -> float:
    """Returns the relative error in which a factor of a float32 product enters it.

    2⁻²⁴ for float32, 2⁻¹¹ for TF32, 2⁻⁹ for one pass of bfloat16 and 2⁻¹⁶ for three.
    The sums are in float32 everywhere.

    Args:
      precision: as of `current`.
      backend: JAX's name; one that is not known here, or another precision, is taken to
        be as coarse as bfloat16.
    """
    known = UNITS.get(backend)
    if known is None or precision not in NAMES:
        return BFLOAT16
    return known[NAMES.index(precision)]
