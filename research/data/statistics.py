"""Mean and standard deviation of the pixels of a data set, as configured and recorded.

`arrays.write` records those of each split. A config that gives none takes them; one
that gives others, such as those of another data set, is compared with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from research.errors import UserError
from research.progress import say

FAR = 0.5  # standard deviations between two means
FACTOR = 2  # between two standard deviations
LEVEL = 1 / 255  # less than this no image can differ by

Values = Sequence[float | int]


def resolve(name: str, settings: Mapping[str, Any], index: Mapping[str, Any]) -> Values:
    """Returns `data.NAME`, or what is recorded where it is null.

    Args:
      name: `mean` or `std`.
      settings: the keys of conf/data.
      index: what is recorded of the images, see `arrays.read_index`.

    Raises:
      UserError: the recorded images are all of one value, and nothing can be divided by
        a deviation of 0.
    """
    given = settings.get(name)
    if given is not None:
        return tuple(given)
    found = tuple(index[name])
    if name == "std" and not all(found):
        raise UserError(
            f"data.std=null: the images of {settings['name']} are of one value (std="
            f"{list(found)}); give data.std=[1]"
        )
    return found


def compare(settings: Mapping[str, Any], index: Mapping[str, Any], what: str) -> None:
    """Says once if the configured statistics are far from the recorded ones.

    Args:
      settings: the keys of conf/data.
      index: what is recorded of the images.
      what: where they are, for the line.
    """
    given = {
        name: list(settings[name])
        for name in ("mean", "std")
        if settings.get(name) is not None
    }
    if is_far(given, index):
        shown = " ".join(f"data.{name}={values}" for name, values in given.items())
        say_once(
            f"{what}: its images have mean={index['mean']} std={index['std']}, far "
            f"from {shown}, by which networks standardise them; training with "
            "data.mean=null data.std=null takes what is recorded"
        )


def is_far(given: Mapping[str, Values], index: Mapping[str, Any]) -> bool:
    """Whether a mean or a standard deviation is that of quite other images.

    Args:
      given: `mean` and `std`, as far as they are configured.
      index: both as recorded, one value for each channel.
    """
    mean, std = (np.asarray(index[name]) for name in ("mean", "std"))
    varied, std = std > 0, np.maximum(std, LEVEL)
    asked = {name: np.asarray(values, float) for name, values in given.items()}
    if any(len(values) not in (1, len(mean)) for values in asked.values()):
        return False  # refused when a network is built
    distance = abs(asked.get("mean", mean) - mean) / std
    ratio = abs(np.log(asked.get("std", std) / std)) * varied
    return bool(distance.max() > FAR or ratio.max() > np.log(FACTOR))


@cache
def say_once(line: str) -> None:
    """Prints a line once in a process: evaluators load the data set again."""
    say(line)
