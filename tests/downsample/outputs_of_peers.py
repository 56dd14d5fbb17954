"""Outputs of the peers' own code on fixed inputs (tests/golden/downsample.npz)."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np


def read(case):
    """The arrays of a case, by name."""
    with np.load(Path(__file__).parents[1] / "golden/downsample.npz") as arrays:
        names = [one for one in arrays.files if one.startswith(f"{case}__")]
        return {one.split("__")[1]: jnp.asarray(arrays[one]) for one in names}
