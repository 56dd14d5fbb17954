"""Arms: runs that differ in nothing but their seed, and a label for each.

`research.runs.identity` decides which runs belong to one arm; a label names everything
in which the arms that are shown together differ, and nothing that they share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from research.errors import UserError
from research.runs import identity, identity_keys
from research.runs import identity_subject as subject

BUNDLES = ("setting",)  # config groups that set the keys of others
UNTRAINED = "untrained"

Science = dict[str, Any]


def label_arms(runs: pd.DataFrame) -> pd.DataFrame:
    """Adds a column `arm`: the label of what was trained, such as `max, resnet20`.

    A label lists the top-level config groups whose options vary, then nested groups,
    such as `downsample/reduce`, whose options vary within those of the group above, and
    then each config key, such as `learning_rate=0.003`, in which arms differ beyond
    what these options say. A classifier that was not trained here has the label that
    `predict=` gives it. Its runs are one arm, however many commands evaluated it. The
    choices of a command that do not concern what it evaluates (`downsample` and `model`
    of such a classifier, `optim` of a network as initialised) are taken out of the
    columns.

    Args:
      runs: as `read_runs` returns them.

    Raises:
      UserError: two runs are of one arm and one seed.
    """
    found = runs.assign(arm=[identity.arm(config) for config in runs["config"]])
    foreign = find_foreign(found)
    twins = found[found.duplicated(["arm", "seed"], keep=False) & ~foreign]
    if len(twins):
        first, second = twins[twins["arm"] == twins["arm"].iloc[0]]["path"].iloc[:2]
        raise UserError(
            f"{first} and {second} are runs of one config and one seed; remove one, or "
            "choose one sweep with runs=…"
        )
    hidden = {
        name: found[name].astype(object).where(_concerned(found, name))
        for name in filter(_is_choice, found)
    }
    found = found.assign(**hidden)
    each = found.drop_duplicates("arm")
    labels = dict(zip(each["arm"], _labels(each), strict=True))
    return found.assign(arm=found["arm"].map(labels))


def find_foreign(runs: pd.DataFrame) -> pd.Series:
    """Returns which runs are of classifiers that were not trained here."""
    foreign = [subject.is_foreign(config) for config in runs["config"]]
    return pd.Series(foreign, runs.index, bool)


def keep_newest(rows: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Returns rows without repetitions: what several commands measured of one arm.

    Of the classifiers that were not trained here, that is: a measurement of theirs that
    two commands have made counts once, over the most examples.

    Args:
      rows: with `arm`.
      runs: as `label_arms` returns them.
    """
    foreign = runs.loc[find_foreign(runs), "arm"]
    theirs = rows[rows["arm"].isin(foreign)].sort_values("n", kind="stable")
    measured = theirs[["arm", "split", "protocol", "measure"]].assign(
        params=theirs["params"].map(str)
    )
    return rows.drop(index=theirs.index[measured.duplicated(keep="last")])


def _labels(arms: pd.DataFrame) -> list[str]:
    """Returns a label for each line of a table with one run of each arm."""
    science = [
        identity.science(config) | identity.mending(config) for config in arms["config"]
    ]
    labels = [str(one.get("predict") or "") for one in science]
    shown: dict[str, list[str]] = {}
    for group in _varying_groups(arms):
        *above, name = group.split("/")
        shown[group] = _options(arms, group)
        parts = [f"{name}={one}" if above and one else one for one in shown[group]]
        labels = _append(labels, parts)
    if "downsample" in arms:
        presets = _options(arms, "downsample")
        labels = [label or one for label, one in zip(labels, presets, strict=True)]
    for parts in _unexplained(science, shown):
        labels = _append(labels, parts)
    untrained = [UNTRAINED if subject.is_untrained(one) else "" for one in science]
    return _append(labels, untrained) if len(set(untrained)) > 1 else labels


def _varying_groups(arms: pd.DataFrame) -> Iterator[str]:
    """Yields the config groups that labels name, those above before those below.

    Of a group below others, options that these decide say nothing more.
    """
    groups = sorted(filter(_is_choice, arms), key=lambda name: name.count("/"))
    for group in groups:
        parents = [one for one in groups if group.startswith(f"{one}/")]
        deciding = [*BUNDLES, *parents] if parents else []
        own = arms[_concerned(arms, group)]
        columns = [_options(own, one) for one in deciding if one in own]
        above = [tuple(one[i] for one in columns) for i in range(len(own))]
        if not _decides(above, _options(own, group)):
            yield group


def _unexplained(
    science: Sequence[Science], shown: dict[str, list[str]]
) -> Iterator[list[str]]:
    """Yields `key=value` of each arm for each key that the shown groups do not explain.

    A group explains a key of its own, a bundle any, if arms of one option have one
    value; a padding that follows the network's is explained by that.

    Args:
      science: of each arm.
      shown: group → option of each arm.
    """
    keys = dict.fromkeys(key for values in science for key in values)
    differing: dict[str, list[str]] = {}
    for key in sorted(keys, key=lambda key: key.count(".")):
        if key in ("seed", "predict"):
            continue
        own = [i for i, one in enumerate(science) if subject.concerns(one, key)]
        values = [
            _spell(key, one) if subject.concerns(one, key) else "" for one in science
        ]
        owners = [
            options for group, options in shown.items() if _is_of_group(key, group)
        ]
        owners += [
            differing[one]
            for one in differing
            if _follows(key, values, one, differing[one])
        ]
        owned = [tuple(options[i] for options in owners) for i in own]
        if not _decides(owned, [values[i] for i in own]):
            differing[key] = values
    for key, values in differing.items():
        last = key.rpartition(".")[2]
        alike = [one for one in differing if one.rpartition(".")[2] == last]
        name = key if len(alike) > 1 or last in identity_keys.TABLE else last
        yield [f"{name}={value}" if value else "" for value in values]


def _decides(options: Sequence[tuple[str, ...]], values: Sequence[str]) -> bool:
    """Whether arms with the same options have the same value."""
    found: dict[tuple[str, ...], str] = {}
    pairs = zip(options, values, strict=True)
    return all(found.setdefault(tuple(one), value) == value for one, value in pairs)


def _spell(key: str, values: Science) -> str:
    """Returns a value as a label has it; empty for a key that an arm has no use for."""
    if key not in values and key not in identity.ABSENT:
        return ""
    return str(values.get(key, identity.ABSENT.get(key)))


def _is_of_group(key: str, group: str) -> bool:
    return group in BUNDLES or f"{key}.".startswith(f"{group.replace('/', '.')}.")


def _follows(key: str, values: list[str], original: str, theirs: list[str]) -> bool:
    """Whether a padding is the network's own, or what keeps the size in its place."""
    if original != "model.padding" or not key.endswith("padding"):
        return False
    pairs = zip(values, theirs, strict=True)
    return all(one in ("", other) or other == "valid" for one, other in pairs)


def _concerned(arms: pd.DataFrame, group: str) -> list[bool]:
    """Returns which arms a config group concerns; a bundle all that we make."""
    if group in BUNDLES:
        return [not subject.is_foreign(config) for config in arms["config"]]
    key = f"{group.replace('/', '.')}._target_"
    return [subject.concerns(config, key) for config in arms["config"]]


def _is_choice(column: str) -> bool:
    """Whether a column of runs is a config group that makes an arm another."""
    if column in (*BUNDLES, *identity_keys.MENDING):
        return True
    try:
        kind = identity_keys.classify(column.replace("/", "."))
    except identity_keys.Unclassified:
        return False
    return kind is identity_keys.Kind.SCIENCE and column != "seed"


def _options(arms: pd.DataFrame, group: str) -> list[str]:
    """Returns the option of a config group that each arm has; empty for none."""
    options = arms[group].astype(object)  # or a column of floats takes no text
    options = options.where(options.notna() & (options != "None"), "")
    return [str(one) for one in options]


def _append(labels: list[str], parts: list[str]) -> list[str]:
    pairs = zip(labels, parts, strict=True)
    return [", ".join(part for part in pair if part) for pair in pairs]
