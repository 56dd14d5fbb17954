"""What an evaluation is of: a trained network, one as initialised, or a foreign one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What a network as initialised is, and a classifier that was not made here. Of their
# data nothing counts that only training reads, of a foreign one's neither what
# standardises them.
MENDING = ("wrap", "replace")  # what is put around it or into it
UNTRAINED = ("predict", "seed", "model", "downsample", "upsample", "data", *MENDING)
FOREIGN = ("predict", "adapter", "data", *MENDING)
TRAINING = ("data.train_examples", "data.validation_examples")
STANDARDISING = ("data.mean", "data.std")


def is_foreign(config: Mapping[str, Any]) -> bool:
    """Whether a config evaluates somebody else's classifier.

    Args:
      config: of a run, by its top-level keys.
    """
    return config.get("predict") is not None


def is_untrained(config: Mapping[str, Any]) -> bool:
    """Whether a config evaluates a network as initialised; see `is_foreign`."""
    return "predict" in config and config["predict"] is None


def concerns(config: Mapping[str, Any], key: str) -> bool:
    """Whether a key of a config can decide anything of what it evaluates.

    Everything does of a trained network; see `UNTRAINED` and `FOREIGN`.

    Args:
      config: of a run, by its top-level keys.
      key: dotted.
    """
    group = key.partition(".")[0]
    if is_foreign(config):
        return group in FOREIGN and key not in (*TRAINING, *STANDARDISING)
    return not is_untrained(config) or (group in UNTRAINED and key not in TRAINING)
