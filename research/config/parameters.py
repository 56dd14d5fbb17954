"""The parameters of what a config names: their types, and which have no default."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from functools import lru_cache, partial
from types import ModuleType
from typing import Any, Unpack, get_args, get_origin, get_type_hints


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
    schema = schema_of_keywords(target)
    return {} if schema is None else get_type_hints(schema, include_extras=True)


def required_keywords(target: Callable[..., Any]) -> frozenset[str]:
    """Returns those keys of it that cannot be left out."""
    return getattr(schema_of_keywords(target), "__required_keys__", frozenset())


def schema_of_keywords(target: Callable[..., Any]) -> Any:
    """Returns the TypedDict that `**keywords` are, or None."""
    hints = read_hints(target)
    for name, one in signature(target).items():
        hint = hints.get(name, Any)
        if one.kind is one.VAR_KEYWORD and get_origin(hint) is Unpack:
            return get_args(hint)[0]
    return None


def is_schema(target: Any) -> bool:
    """Whether a type is a TypedDict, of the keys of a config."""
    return hasattr(target, "__required_keys__")


@lru_cache(maxsize=256)
def signature(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Returns the parameters of a function; of a TypedDict, its keys."""
    if is_schema(target):
        kind, empty = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty
        needed: frozenset[str] = getattr(target, "__required_keys__", frozenset())
        return {
            key: inspect.Parameter(key, kind, default=empty if key in needed else None)
            for key in get_type_hints(target)
        }
    try:
        found = dict(inspect.signature(target).parameters)
    except ValueError:  # of something that was not written in Python
        return {}
    found.pop("self", None)
    return found


def required(target: Callable[..., Any]) -> list[str]:
    """Returns the parameters of a function or class that have no default."""
    maker = makers(target)[0]
    named = [
        name
        for name, one in signature(maker).items()
        if one.default is one.empty
        and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    return [*named, *sorted(required_keywords(maker))]


def takes_more(target: Callable[..., Any]) -> bool:
    """Whether a function takes keywords that it does not name."""
    return any(one.kind is one.VAR_KEYWORD for one in signature(target).values())


def takes_keywords(target: Callable[..., Any]) -> bool:
    """Whether a function or class takes keywords that nothing names.

    A whole config does: `+KEY=…` adds one.
    """
    last = makers(target)[-1]
    return is_schema(last) or (takes_more(last) and not listed(last))


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
