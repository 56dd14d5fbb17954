"""How exactly an accelerator multiplies float32: the keys of `precision:`.

No code of ours asks for a precision of its own: all products and convolutions follow
JAX's setting, which is part of what a compiled program is remembered by. A CPU takes
float32 whatever is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import Any

import jax

from research.errors import UserError, one_of

SETTING = "jax_default_matmul_precision"
NAMES = ("default", "high", "highest")
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

    train: str = "default"
    eval: str = "highest"

    @classmethod
    def parse(cls, settings: Any) -> Precision:
        """Returns the precisions of a config's `precision:`; None: of an older run.

        Raises:
          UserError: a value is wrong, or a key unknown; names the key, its value and
            what it takes.
        """
        if settings is None:
            return cls()
        if not isinstance(settings, Mapping):
            raise UserError(
                f"precision={settings}: takes keys of its own, precision.train=… or "
                "precision.eval=…"
            )
        known = [field.name for field in fields(cls)]
        for key, value in settings.items():
            if key not in known:
                raise UserError(
                    f"precision.{key}: no such key; there are {', '.join(known)}"
                )
            one_of(NAMES, value, f"precision.{key}")
        return cls(**settings)


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
