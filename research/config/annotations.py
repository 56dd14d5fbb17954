"""What the annotation of a parameter accepts of a config, as a test and in words."""

from __future__ import annotations

import collections.abc
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType, NoneType, UnionType
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

    Those of a base class are among them, where `**options` go on to it. Any, where
    another package keeps its names from `get_type_hints`.
    """
    found: dict[str, Any] = {}
    for one in makers(target):
        hints = read_hints(one)
        for name, parameter in signature(one).items():
            if parameter.kind is parameter.VAR_KEYWORD:
                found = listed(one) | found
            elif parameter.kind is not parameter.VAR_POSITIONAL:
                found.setdefault(name, hints.get(name, Any))
    return found


def makers(target: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Returns what takes the parameters: a function, or constructors of a class.

    More than one where a constructor takes keywords for that of its base class.
    """
    while isinstance(target, partial):
        target = target.func
    if not isinstance(target, type) or is_schema(target) or is_dataclass(target):
        return [target]
    inits = [vars(one)["__init__"] for one in target.__mro__ if "__init__" in vars(one)]
    if not inits or inits[0] is object.__init__:
        return [target]
    found = []
    for init in inits:
        found.append(init)
        if not takes_more(init) or listed(init):
            break
    return found


def read_hints(target: Callable[..., Any]) -> dict[str, Any]:
    """Returns the annotations of a function or dataclass, by name.

    None where another package keeps the names in them to itself.
    """
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, TypeError):
        if str(getattr(target, "__module__", "")).startswith("research."):
            raise
        return {}


def listed(target: Callable[..., Any]) -> dict[str, Any]:
    """Returns the keys of the TypedDict that `**keywords` are, if there is one."""
    hints = read_hints(target)
    for name, one in signature(target).items():
        hint = hints.get(name, Any)
        if one.kind is one.VAR_KEYWORD and get_origin(hint) is Unpack:
            return get_type_hints(get_args(hint)[0], include_extras=True)
    return {}


def is_schema(target: Any) -> bool:
    """Whether a type is a TypedDict, of the keys of a config."""
    return hasattr(target, "__required_keys__")


@lru_cache(maxsize=256)
def signature(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Returns the parameters of a function; of a TypedDict, its keys."""
    if is_schema(target):
        keys = get_type_hints(target)
        kind = inspect.Parameter.KEYWORD_ONLY
        return {key: inspect.Parameter(key, kind) for key in keys}
    try:
        found = dict(inspect.signature(target).parameters)
    except ValueError:  # of something that was not written in Python
        return {}
    found.pop("self", None)
    return found


def required(target: Callable[..., Any]) -> list[str]:
    """Returns the parameters of a function or class that have no default."""
    return [
        name
        for maker in makers(target)[:1]
        for name, one in signature(maker).items()
        if one.default is one.empty
        and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]


def takes_more(target: Callable[..., Any]) -> bool:
    """Whether a function takes keywords that it does not name."""
    return any(one.kind is one.VAR_KEYWORD for one in signature(target).values())


def takes_keywords(target: Callable[..., Any]) -> bool:
    """Whether a function or class takes keywords that nothing names.

    A whole config does: `+KEY=…` adds one.
    """
    last = makers(target)[-1]
    return is_schema(last) or (takes_more(last) and not listed(last))


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
    if is_sequence(origin):
        if not isinstance(value, list):
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


def keys_of(hint: Any) -> Callable[..., Any] | None:
    """Returns what the keys of a mapping are the parameters of, where that is known."""
    if is_schema(hint):
        return hint
    named = [one.of for one in get_args(hint) if isinstance(one, Keys)]
    return locate(named[0]) if named else None


@lru_cache(maxsize=256)
def locate(name: str) -> Any:
    """Returns the object of a dotted name; what is raised in its module is raised.

    Raises:
      ModuleNotFoundError, AttributeError: there is none.
    """
    first, *rest = name.split(".")
    found = importlib.import_module(first or "?")
    for count, part in enumerate(rest, start=1):
        if isinstance(found, ModuleType) and not hasattr(found, part):
            found = importlib.import_module(".".join([first, *rest[:count]]))
        else:
            found = getattr(found, part)
    return found


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
        if isinstance(inner[1], OneOf):
            return str(inner[1])
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
        if isinstance(ranges[0], OneOf):
            return str(ranges[0])
        return " ".join(filter(None, [describe_several(kind), *map(str, ranges)]))
    if origin in (Union, UnionType):
        kinds = [one for one in inner if one is not int or float not in inner]
        return " or ".join(dict.fromkeys(map(describe_several, kinds)))
    if origin is Literal:
        return join_options(inner)
    if is_sequence(origin):
        return f"lists of {describe_several(inner[0])}" if inner else "lists"
    return PLURALS.get(hint, "values")
