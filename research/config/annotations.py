"""What the annotation of a parameter accepts of a config, as a test and in words."""

from __future__ import annotations

import collections.abc
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    Union,
    Unpack,
    get_args,
    get_origin,
    get_type_hints,
)

from research.errors import join_options

WORDS = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "text",
    NoneType: "null",
}
PLURALS = {int: "integers", float: "numbers", str: "words"}
SCALARS = {int, float, bool, str, complex, Path, NoneType}
MAPPINGS = {dict, collections.abc.Mapping}
LARGEST = 2**63 - 1  # integers beyond have no place in an array
OWN_KEYS = "keys of its own"


@dataclass(frozen=True)
class Keys:
    """In `Annotated[dict, Keys(…)]`: whose parameters the keys of a mapping are.

    Attributes:
      of: dotted name of a function or class, as a `_target_` that is never built.
    """

    of: str

    def __contains__(self, value: Any) -> bool:
        return True  # what is below is checked key by key

    def __str__(self) -> str:
        return ""


@lru_cache(maxsize=256)
def parameters(target: Callable[..., Any]) -> dict[str, Any]:
    """Returns the types of the parameters of a function or class, by name.

    Any, where another package keeps its names from `get_type_hints`.
    """
    hints = read_hints(target)
    return {
        name: hints.get(name, Any)
        for name, one in signature(target).items()
        if one.kind is not one.VAR_KEYWORD and one.kind is not one.VAR_POSITIONAL
    } | listed(target)


def read_hints(target: Callable[..., Any]) -> dict[str, Any]:
    """Returns the annotations of a function or class that can be resolved, by name."""
    while isinstance(target, partial):
        target = target.func
    if isinstance(target, type) and not is_schema(target):
        target = inspect.getattr_static(target, "__init__")
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, TypeError):
        return {}


def listed(target: Callable[..., Any]) -> dict[str, Any]:
    """Returns the keys of the TypedDict that `**keywords` are, if there is one."""
    hints = read_hints(target)
    for name, one in signature(target).items():
        hint = hints.get(name, Any)
        if one.kind is one.VAR_KEYWORD and get_origin(hint) is Unpack:
            return get_type_hints(get_args(hint)[0], include_extras=True)
    return {}


def is_schema(target: Callable[..., Any]) -> bool:
    """Whether a type is a TypedDict, of the keys of a config."""
    return hasattr(target, "__required_keys__")


def signature(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Returns the parameters of a function or class; of a TypedDict, its keys."""
    if is_schema(target):
        keys = get_type_hints(target)
        return {
            key: inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY) for key in keys
        }
    try:
        return dict(inspect.signature(target).parameters)
    except ValueError:  # of something that was not written in Python
        return {}


def required(target: Callable[..., Any]) -> list[str]:
    """Returns the parameters that have no default."""
    return [
        name
        for name, one in signature(target).items()
        if one.default is one.empty
        and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]


def takes_keywords(target: Callable[..., Any]) -> bool:
    """Whether a function or class takes keywords that nothing names.

    A whole config does: `+KEY=…` adds one.
    """
    kinds = {one.kind for one in signature(target).values()}
    anything = inspect.Parameter.VAR_KEYWORD in kinds and not listed(target)
    return anything or is_schema(target)


def accepts(hint: Any, value: Any) -> bool:
    """Whether a value from a config is of the type, and in the range, of an annotation.

    An integer will do for a number, a list for a tuple; true is no number.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return accepts(inner[0], value) and all(value in one for one in inner[1:])
    if origin in (Union, UnionType):
        return any(accepts(option, value) for option in inner)
    if isinstance(value, bool):
        return hint in (bool, Any, object)
    if isinstance(value, int) and abs(value) > LARGEST:
        return hint in (Any, object)
    if isinstance(value, list) and is_sequence(origin):
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


def keys_of(hint: Any) -> str | None:
    """Returns the name in the `Keys` of an annotation, if it has one."""
    return next((one.of for one in get_args(hint) if isinstance(one, Keys)), None)


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


def describe(hint: Any) -> str:
    """Returns what an annotation accepts, in words: `an integer or null`."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return " ".join(filter(None, [describe(inner[0]), *map(str, inner[1:])]))
    if origin in (Union, UnionType):
        kinds = [one for one in inner if one is not int or float not in inner]
        return " or ".join(dict.fromkeys(map(describe, kinds)))
    if origin is Literal:
        return join_options(inner)
    if is_sequence(origin):
        return f"a list of {describe_several(inner[0])}" if inner else "a list"
    return WORDS.get(hint, OWN_KEYS if takes_keys(hint) else hint.__name__)


def describe_several(hint: Any) -> str:
    """Returns what the elements of a list are, in words: `integers of at least 1`."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        kind, *ranges = inner
        return " ".join(filter(None, [describe_several(kind), *map(str, ranges)]))
    if origin in (Union, UnionType):
        kinds = [one for one in inner if one is not int or float not in inner]
        return " or ".join(dict.fromkeys(map(describe_several, kinds)))
    if origin is Literal:
        return join_options(inner)
    if is_sequence(origin):
        return f"lists of {describe_several(inner[0])}" if inner else "lists"
    return PLURALS.get(hint, "values")
