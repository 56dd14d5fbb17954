"""What the annotation of a parameter accepts of a config, as a test and in words."""

from __future__ import annotations

import collections.abc
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
)

from omegaconf import DictConfig

from research.errors import join_options
from research.ranges import OneOf

WORDS = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "text",
    NoneType: "null",
}
PLURALS = {int: "integers", float: "numbers", str: "words"}
SCALARS = {int, float, bool, str, complex, Path, NoneType}
MAPPINGS = {dict, collections.abc.Mapping, DictConfig}
INT64_MAX = 2**63 - 1  # integers beyond have no place in an array
OWN_KEYS = "keys of its own"


def accepts(hint: Any, value: Any) -> bool:
    """Whether a value from a config is of the type, and in the range, of an annotation.

    An integer will do for a number, a list for a tuple; true is no number. Blank text
    is what `root=$UNSET` becomes: runs would go to the root of the file system.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return accepts(inner[0], value) and all(value in one for one in inner[1:])
    if origin in (Union, UnionType):
        return any(accepts(option, value) for option in inner)
    if isinstance(value, bool):
        return hint in (bool, Any, object)
    if isinstance(value, int) and abs(value) > INT64_MAX:
        return hint in (Any, object)
    if isinstance(value, str) and not value.strip():
        return hint in (Any, object)
    if is_sequence(origin):
        if not isinstance(value, list | tuple):
            return False
        kinds = inner
        if origin is not tuple or inner[-1] is Ellipsis:
            kinds = inner[:1] * len(value)
        return len(kinds) == len(value) and all(map(accepts, kinds, value))
    return is_of_type(hint, value)


def is_sequence(origin: Any) -> bool:
    """Whether a list of a config is what an annotation with this origin takes."""
    return origin in (list, tuple) or getattr(origin, "__name__", "") == "Sequence"


def is_of_type(hint: Any, value: Any) -> bool:
    """Whether a value is of a type without a range."""
    import typeguard  # takes a while, and only configs need it

    try:
        every = typeguard.CollectionCheckStrategy.ALL_ITEMS
        typeguard.check_type(value, hint, collection_check_strategy=every)
    except typeguard.TypeCheckError:
        return False
    return True


def takes_keys(hint: Any) -> bool:
    """Whether a mapping of a config, or what is built of one, can be of a type."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return takes_keys(inner[0])
    if origin in (Union, UnionType):
        return any(map(takes_keys, inner))
    return hint not in SCALARS and origin is not Literal and not is_sequence(origin)


def is_mapping(hint: Any) -> bool:
    """Whether an annotation takes a mapping as it stands, of which nothing is built."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return is_mapping(inner[0])
    if origin in (Union, UnionType):
        return any(map(is_mapping, inner))
    return hint in (Any, object, *MAPPINGS) or origin in MAPPINGS


def elements_of(hint: Any) -> Any:
    """Returns the annotation of a mapping's values."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in MAPPINGS:
        return inner[1]
    found = [elements_of(one) for one in inner if is_mapping(one)]
    return found[0] if origin in (Annotated, Union, UnionType) and found else Any


def describe(hint: Any, *, several: bool = False) -> str:
    """Returns what an annotation accepts, in words: `an integer or null`.

    Args:
      hint: the annotation.
      several: of the elements of a list: `integers of at least 1`.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        kind, *ranges = inner
        if isinstance(ranges[0], OneOf):
            return str(ranges[0])
        words = describe(kind, several=several)
        return " ".join(filter(None, [words, *map(str, ranges)]))
    if origin in (Union, UnionType):
        kinds = [one for one in inner if one is not int or float not in inner]
        named = (describe(one, several=several) for one in kinds)
        return " or ".join(dict.fromkeys(named))
    if origin is Literal:
        return join_options(inner)
    if is_sequence(origin):
        lists = "lists" if several else "a list"
        return f"{lists} of {describe(inner[0], several=True)}" if inner else lists
    if several:
        return PLURALS.get(hint, "values")
    return WORDS.get(hint, OWN_KEYS if takes_keys(hint) else hint.__name__)
