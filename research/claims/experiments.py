"""What the experiments of `conf/experiment/` train: lists of products, as overrides.

An experiment has parts, listed as `primary`, what its claim is decided by, and as
`details`. A part maps config keys to a value, or to a list of values to be tried; the
product of its lists are its points, and the points of all its parts those of the
experiment. Its `setting` names an option of
`conf/setting/SCALE/`, which has the data, the epochs, the evaluators and the seeds, for
all experiments alike: so equal points of two experiments are one run in one folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from research.errors import UserError

CONF = Path(__file__).parents[2] / "conf"
SCALES = ("smoke", "cpu", "full")
LISTS = ("primary", "details")
OURS, FLAGS = ("experiment=", "scale=", "only="), ("-m", "--multirun")
# Overrides that say which run of a point it is, or where it lies.
APART = ("seed=", "root=", "name=", "data.dir=", "hydra", "train.checkpoint_seconds=")

Part = dict[str, list[str]]


def parts(name: str, lists: Sequence[str] = LISTS) -> list[Part]:
    """Returns the parts of an experiment; none if it is an ordinary one, or unknown."""
    path = CONF / "experiment" / f"{name}.yaml"
    given = yaml.safe_load(path.read_text()) if path.is_file() else {}
    return [
        {key: _options(value) for key, value in part.items()}
        for which in lists
        for part in given.get(which, [])
    ]


def points(name: str) -> list[str]:
    """Returns the points of an experiment, in order, in the form of `point`."""
    return list(
        dict.fromkeys(
            point([f"{key}={value}" for key, value in zip(part, values, strict=True)])
            for part in parts(name)
            for values in product(*part.values())
        )
    )


def point(overrides: Sequence[str]) -> str:
    """Names what runs of several seeds, at any scale, have in common.

    `downsample=max model/head=gap setting=mnist`, in the order of the alphabet.
    """
    kept = [override for override in overrides if not override.startswith(APART)]
    return " ".join(sorted(_without_scale(override) for override in kept))


def commands(words: Sequence[str]) -> Iterator[list[str]]:
    """Turns a command line that names experiments into one for each of their parts.

    All primary parts come first, so that a sweep that is stopped has decided most.

    Args:
      words: `experiment=c3,c5 scale=cpu only=primary …`; the others are passed on.

    Yields:
      `-m setting=cpu/mnist downsample=max,none …`; the words themselves if there is no
      experiment with parts among them.

    Raises:
      UserError: there is no such scale or list, or an experiment that has no parts is
        named together with one that has.
    """
    given = dict(word.split("=", 1) for word in words if "=" in word)
    names = given.get("experiment", "").split(",")
    if not any(map(parts, names)):
        yield list(words)
        return
    for name in names:
        if not parts(name):
            known = [p.stem for p in CONF.glob("experiment/*.yaml") if parts(p.stem)]
            known.sort(key=lambda one: (one[0], len(one), one))
            raise UserError(f"experiment={name}: there are {', '.join(known)}")
    scale = _one_of(SCALES, "scale", given.get("scale", "cpu"))
    lists = [_one_of(LISTS, "only", given["only"])] if "only" in given else LISTS
    rest = [word for word in words if not word.startswith(OURS) and word not in FLAGS]
    lines = [
        command
        for which in lists
        for name in names
        for part in parts(name, [which])
        for command in _commands(part, scale)
    ]
    for command in dict.fromkeys(lines):
        yield ["-m", *command, *rest]


def _one_of(known: Sequence[str], key: str, value: str) -> str:
    if value not in known:
        raise UserError(f"{key}={value}: there are {', '.join(known)}")
    return value


def _commands(part: Part, scale: str) -> Iterator[tuple[str, ...]]:
    """Yields overrides, one line for each model: it brings the keys that others set."""
    scaled = part | {"setting": [f"{scale}/{name}" for name in part["setting"]]}
    for model in part.get("model", [""]):
        one = scaled | ({"model": [model]} if model else {})
        yield tuple(f"{key}={','.join(values)}" for key, values in one.items())


def _options(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return ["null" if one is None else str(one) for one in values]


def _without_scale(override: str) -> str:
    key, _, value = override.partition("=")
    return f"setting={value.rpartition('/')[2]}" if key == "setting" else override
