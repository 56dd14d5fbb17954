"""Arms: runs that differ in nothing but their seed, and a label for each.

`research.runs.identity` decides which runs belong to one arm; a label names what
differs between the arms that are compared.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from research.errors import UserError
from research.runs import identity

BUNDLES = ("setting",)  # config groups that set the keys of others


def label_arms(runs: pd.DataFrame) -> pd.DataFrame:
    """Adds a column `arm`: the label of what was trained, such as `max, resnet20`.

    A label lists the top-level config groups whose options vary, then nested groups,
    such as `downsample/reduce`, where they separate arms that the former do not, and
    finally config keys, such as `taps=5`, where arms would still share a label.

    Args:
      runs: as `read_runs` returns them.

    Raises:
      UserError: two runs are of one arm and one seed.
    """
    found = runs.assign(arm=[identity.arm(config) for config in runs["config"]])
    twins = found[found.duplicated(["arm", "seed"], keep=False)]
    if len(twins):
        first, second = twins[twins["arm"] == twins["arm"].iloc[0]]["path"].iloc[:2]
        raise UserError(
            f"{first} and {second} are runs of one config and one seed; remove one, or "
            "choose one sweep with runs=…"
        )
    each = found.drop_duplicates("arm")
    labels = dict(zip(each["arm"], _labels(each), strict=True))
    return found.assign(arm=found["arm"].map(labels))


def _labels(arms: pd.DataFrame) -> list[str]:
    """Returns a label for each line of a table with one run of each arm."""
    labels = [""] * len(arms)
    groups = [name for name in arms if _is_choice(name)]
    for group in sorted(groups, key=lambda name: name.count("/")):
        *above, name = group.split("/")
        options = _options(arms, group)
        parts = [f"{name}={one}" if above and one else one for one in options]
        finer = _append(labels, parts)
        useful = len(set(finer)) > len(set(labels)) if above else len(set(options)) > 1
        labels = finer if useful else labels
    if "downsample" in arms:
        presets = _options(arms, "downsample")
        labels = [label or one for label, one in zip(labels, presets, strict=True)]
    science = [identity.science(config) for config in arms["config"]]
    for key in _differing_keys(labels, science):
        name = key.rpartition(".")[2]
        labels = _append(labels, [f"{name}={values.get(key)}" for values in science])
    return labels


def _is_choice(column: str) -> bool:
    """Whether a column of runs is a config group that decides what is trained."""
    if column in BUNDLES:
        return True
    try:
        kind = identity.classify(column.replace("/", "."))
    except identity.Unclassified:
        return False
    return kind is identity.Kind.SCIENCE and column != "seed"


def _options(arms: pd.DataFrame, group: str) -> list[str]:
    """Returns the option of a config group that each arm has; empty for none."""
    options = arms[group].astype(object)  # or a column of floats takes no text
    return [str(one) for one in options.where(options.notna(), "")]


def _append(labels: list[str], parts: list[str]) -> list[str]:
    pairs = zip(labels, parts, strict=True)
    return [", ".join(part for part in pair if part) for pair in pairs]


def _differing_keys(labels: list[str], science: list[dict[str, Any]]) -> list[str]:
    """Returns the keys but the seed in which arms of one label differ."""
    alike: dict[str, list[dict[str, Any]]] = {}
    for label, values in zip(labels, science, strict=True):
        alike.setdefault(label, []).append(values)
    differing: dict[str, None] = {}
    for group in alike.values():
        for key in dict.fromkeys(key for values in group for key in values):
            if key != "seed" and len({str(values.get(key)) for values in group}) > 1:
                differing[key] = None
    return list(differing)
