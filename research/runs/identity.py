"""What a run is: which config keys decide its weights, its rows, or nothing at all.

Everything that asks "is this the same run?" asks here; `identity_keys` has the classes
of keys.
A digest is of option names and values. An object counts by its bare name, so modules
can move; a value that equals what older code did without the key counts as no value, so
defaults can be added (`ABSENT`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from research.runs.identity_keys import (
    COPIED,
    COPIES,
    EVALUATOR_RESOURCES,
    FOLLOWERS,
    Kind,
    classify,
    decides,
    mends,
    nested_key,
)
from research.runs.identity_parts import add_own_parts, leave_out_own_parts
from research.runs.identity_subject import concerns

EVALUATOR = re.compile(r"eval\.[^.]+\._target_")  # the key of one that is chosen
LONG_NAME = 120  # characters of a folder's name, from which keys are shortened
LONGEST_NAME = 200  # bytes; file systems take 255
SECTIONS = ("augment", "data", "model", "optim", "train")  # left out of long names


# What runs did before a key was there; of networks, `identity_parts`.
ABSENT: dict[str, Any] = {
    "task": "Classification",
    "eval.fragile.border": "circular",
    "eval.window.method": "auto",
    "eval.window.path": 0,
    "augment.ignore": 255,
    "averaging": {},
    "averaging.warmup": False,
    "precision.train": "default",
    "precision.eval": "highest",
    "deterministic": False,
    "data.mask_classes": None,
    "data.subset": None,
    "data.test_examples": None,
    "adapter.answers": None,
    "adapter.arguments": None,
    "adapter.class_names": None,
    "adapter.labels": None,
    "adapter.preprocess.crop": None,
    "adapter.preprocess.interpolation": None,
    "adapter.preprocess.mean": None,
    "adapter.preprocess.resize": False,
    "adapter.preprocess.size": None,
    "adapter.preprocess.std": None,
    "adapter.texts": None,
    "adapter.weights": None,
    "wrap": {},
    "replace": {},
    "checkpoint": "last",
    "train.accumulate": 1,
}
FORMERLY = {  # objects of ours: new name → the first that it had
    "scale_by_adam": "optax:scale_by_adam",
    "trace": "optax:trace",
}
HOW_TO_BUILD = ("_partial_", "_convert_", "_recursive_")
GETTERS = "hydra.utils.get_"  # nodes that name an object by their `path`


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """Returns the values of a config by dotted key: `{"downsample.lowpass.taps": 3}`.

    Args:
      config: nested or flat, OmegaConf's or plain.
      prefix: of the keys, with its dot.
    """
    if hasattr(config, "_metadata"):  # OmegaConf's, which reports read without
        from omegaconf import OmegaConf

        config = OmegaConf.to_container(config, resolve=True)
    leaves: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            leaves |= flatten(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def science(config: Any) -> dict[str, Any]:
    """Returns what decides the trained weights, in a form that code may move under.

    A key in no class, which a user has added by `+key=`, counts: it may decide. Of what
    was not trained, what `concerns` says counts. The config may be of any age.
    """
    flat = flatten(config)
    chosen = {k: v for k, v in flat.items() if decides(k) and concerns(flat, k)}
    named = dict(_named(chosen))
    for copy, original in COPIES.items():
        if _below(named, copy) == _below(named, original):
            named = {k: v for k, v in named.items() if not _is_below(k, copy)}
    for key, leader in FOLLOWERS.items():
        if named.get(key) is not None and named[key] == named.get(leader):
            named[key] = f"as {leader}"
    named = leave_out_own_parts(named)
    return {k: v for k, v in named.items() if not _is_absent(k, v)}


def mending(config: Any) -> dict[str, Any]:
    """Returns what is put around a network or into it, in the form of `science`.

    Nothing, of a config of whatever age that takes networks as they are.
    """
    chosen = {k: v for k, v in flatten(config).items() if mends(k)}
    return {k: v for k, v in _named(chosen) if not _is_absent(k, v)}


def training_digest(config: Any) -> str:
    """Returns a hash of what decides the trained weights."""
    return digest(science(config))


def arm(config: Any) -> str:
    """Returns a hash of what runs have in common that differ in their seeds only.

    A network is another arm in each wrapper.
    """
    flat = flatten(config)
    shared = {k: v for k, v in science(flat).items() if k != "seed"}
    return digest(shared | mending(flat))


def evaluator_digest(config: Any, name: str) -> str:
    """Returns a hash of what decides the rows of one evaluator, given the weights.

    Args:
      config: of the run.
      name: of the evaluator, in `eval`.
    """
    flat, prefix = flatten(config), f"eval.{name}."
    own = {k.removeprefix(prefix): v for k, v in flat.items() if k.startswith(prefix)}
    own |= {k: v for k, v in EVALUATOR_RESOURCES.items() if k in own}
    for part in COPIED:
        if _without_places(_below(own, part)) == _without_places(_below(flat, part)):
            own = {k: v for k, v in own.items() if not _is_below(k, part)}
    # An evaluator goes by its name, whatever class implements it.
    named = {k: v for k, v in _named(own) if k and _counts(f"{prefix}{k}", v)}
    around = {"split": flat.get("split"), "test": flat.get("data.test_split", "test")}
    examples = flat.get("data.test_examples")
    if examples is not None and flat.get("split", "test") == "test":
        around["test_examples"] = examples
    if (precision := flat.get("precision.eval", "highest")) != "highest":
        around["precision.eval"] = precision
    around |= mending(flat)
    return digest({"name": name} | around | {f"own.{k}": v for k, v in named.items()})


def evaluator_digests(config: Any) -> dict[str, str]:
    """Returns `evaluator_digest` of each evaluator that a config chooses, by name."""
    flat = flatten(config)
    names = [key.split(".")[1] for key in flat if EVALUATOR.fullmatch(key)]
    return {name: evaluator_digest(flat, name) for name in names}


def digest(values: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of named values, in any order."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def difference(before: Any, now: Any) -> tuple[str, Any, Any] | None:
    """Returns a key in which the networks of two configs differ, and both values."""
    old, new = (ABSENT | add_own_parts(science(c)) | mending(c) for c in (before, now))
    for key in sorted(old | new):
        if old.get(key) != new.get(key):
            return key, old.get(key), new.get(key)
    return None


def run_name(overrides: Sequence[str]) -> str:
    """Names a run folder after the overrides that decide its weights, in any order.

    They are those of the command line. What changes only rows, time or place is left
    out of the name; bundles of values, such as `setting=`, stay, and so does what mends
    a network, whose rows have a folder of their own. Keys of a long name lose their
    sections (`epochs=5` of `train.epochs=5`); what is still too long is cut, and ends
    with a digest of all of it.
    """
    keys = {one: key_of(one) for one in overrides}
    chosen = sorted(one for one, key in keys.items() if decides(key) or mends(key))
    name = _join(chosen)
    if len(name) > LONG_NAME:
        name = _join(_shorten(chosen))
    if len(name.encode()) > LONGEST_NAME:
        digest = hashlib.sha256(_join(chosen).encode()).hexdigest()[:8]
        cut = name.encode()[: LONGEST_NAME - 9].decode(errors="ignore")
        name = f"{cut},{digest}"
    return name


def _join(overrides: Iterable[str]) -> str:
    """Returns the name that overrides make, without what is a pattern to globs."""
    name = ",".join(overrides).replace("/", ".") or "default"
    return re.sub(r"[\[\]{}*?'\"\s]", "", name)  # Orbax's globs among them


def _shorten(overrides: Sequence[str]) -> list[str]:
    """Returns `epochs=5` of `train.epochs=5`, `head=gap` of `model/head=gap`.

    Keys that would then be the same stay as they are.
    """
    pairs = [one.lstrip("+").partition("=") for one in overrides]
    keys = [key.replace("/", ".") for key, _, _ in pairs]
    short = [key.partition(".")[2] if _has_section(key) else key for key in keys]
    return [
        f"{new}={value}" if _has_section(key) and short.count(new) == 1 else one
        for one, key, new, (_, _, value) in zip(
            overrides, keys, short, pairs, strict=True
        )
    ]


def _has_section(key: str) -> bool:
    """Whether a long name does without the first word of a key."""
    return key.partition(".")[0] in SECTIONS and "." in key


def key_of(override: str) -> str:
    """Returns the dotted key that an override on the command line sets or deletes.

    An option may be put elsewhere than its group: `data@eval.window.canvas=folder` sets
    `eval.window.canvas`.
    """
    name, _, package = override.partition("=")[0].lstrip("+~").partition("@")
    return package if package.startswith("eval.") else name.replace("/", ".")


def _named(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yields keys and values with objects by name, and numbers in one spelling."""
    for key, value in values.items():
        parent, _, last = key.rpartition(".")
        if last in HOW_TO_BUILD:
            continue
        target = str(values.get(f"{parent}._target_" if parent else "_target_", ""))
        if target.startswith(GETTERS) and last in ("_target_", "path"):
            if last == "path":
                yield parent, _bare(value)
        elif last == "_target_":
            yield parent, _bare(value)
        else:
            yield key, _spelled(value)


def _bare(path: Any) -> str:
    """Returns an object's name without its module; a foreign one keeps its package."""
    package, *_, name = str(path).split(".")
    ours = package == "research"
    return FORMERLY.get(name, name) if ours else f"{package}:{name}"


def _spelled(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_spelled(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _is_absent(key: str, value: Any) -> bool:
    return key in ABSENT and ABSENT[key] == value


def _counts(key: str, value: Any) -> bool:
    """Whether a value below an evaluator decides its rows."""
    is_place = classify(key) is Kind.PLACE
    return not (is_place or _is_absent(nested_key(key) or key, value))


def _is_below(key: str, prefix: str) -> bool:
    return key == prefix or key.startswith(f"{prefix}.")


def _without_places(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of a copied group that decide results."""
    places = (".dir", ".manual_dir")
    return dict(_named({k: v for k, v in values.items() if not k.endswith(places)}))


def _below(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    near = [key for key in values if key.startswith(prefix)]  # few of many
    kept = [key for key in near if _is_below(key, prefix)]
    return {key.removeprefix(prefix): values[key] for key in kept}
