"""Values of a config against the annotations of the parameters that they go to.

A parameter's annotation is the one place of its type and its range (what `Annotated`
adds, such as `research.types.Range`): there is no schema beside the YAML. A wrong value
is refused when the object is built, before anything is computed or written.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache, partial
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

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from research.config.composing import CONF, suggest
from research.errors import UserError, join_options
from research.runs import identity
from research.runs.identity import HOW_TO_BUILD

WORDS = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "text",
    NoneType: "null",
}
PLURALS = {int: "integers", float: "numbers", str: "words"}


def check_values(node: DictConfig, target: Callable[..., Any] | None = None) -> None:
    """Compares the values of a node, and of those below, with their parameters' types.

    Args:
      node: with a `_target_`, whose annotations are the types, or without one.
      target: in place of its `_target_`.

    Raises:
      UserError: names the key, its value, and what the parameter takes.
    """
    name = node.get("_target_")
    if name is not None and not str(name).startswith("hydra."):
        target = get_object(str(name))
    hints = parameters(target) if target is not None else {}
    takes_any = target is None or takes_keywords(target)
    for key in node:
        if not (takes_any or key in hints or key in ("_target_", *HOW_TO_BUILD)):
            full = node._get_full_key(key)
            raise UserError(f"{full}: no such key{suggest(str(key), list(hints))}")
        if OmegaConf.is_missing(node, key):
            continue
        value = node[key]
        if OmegaConf.is_dict(value):
            check_values(value)
            continue
        if OmegaConf.is_list(value):
            value = OmegaConf.to_container(value, resolve=True)
        if key in hints and not accepts(hints[key], value):
            raise refuse(node._get_full_key(key), value, hints[key])


def refuse(key: str, value: Any, hint: Any) -> UserError:
    """Returns the error for a value that is not of the type of its key.

    A group's option needs a slash, `downsample/reduce=max`, where a key has a dot.
    """
    for copy, original in identity.COPIES.items():  # `task.minimise` is `loss`
        if key.startswith(f"{copy}."):
            key = original + key.removeprefix(copy)
    group, path = CONF / key.replace(".", "/"), key.replace(".", "/")
    if isinstance(value, str) and group.is_dir():
        options = sorted(one.stem for one in group.glob("*.yaml"))
        form = f"{path}={value}" if value in options else f"{path}=OPTION"
        return UserError(
            f"{key}={value}: {path} is a group: give {form} (there are "
            f"{', '.join(options)})"
        )
    shown = "null" if value is None else value
    return UserError(f"{key}={shown}: takes {describe(hint)}")


def takes_keywords(target: Callable[..., Any]) -> bool:
    """Whether a function or class takes keywords that its signature does not name."""
    kinds = {one.kind for one in inspect.signature(target).parameters.values()}
    return inspect.Parameter.VAR_KEYWORD in kinds


@lru_cache(maxsize=256)
def parameters(target: Callable[..., Any]) -> dict[str, Any]:
    """Returns the types of the parameters of a function or class, by name."""
    while isinstance(target, partial):
        target = target.func
    if isinstance(target, type):
        target = inspect.getattr_static(target, "__init__")
    hints = {
        k: v
        for k, v in get_type_hints(target, include_extras=True).items()
        if k != "return"
    }
    for hint in list(hints.values()):
        if get_origin(hint) is Unpack:  # of keywords that a TypedDict lists
            hints |= get_type_hints(get_args(hint)[0], include_extras=True)
    return hints


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
    return WORDS.get(hint, getattr(hint, "__name__", str(hint)))


def describe_several(hint: Any) -> str:
    """Returns what the elements of a list are, in words: `integers of at least 1`."""
    if get_origin(hint) is Annotated:
        kind, *ranges = get_args(hint)
        return " ".join(filter(None, [describe_several(kind), *map(str, ranges)]))
    return PLURALS.get(hint, "values")
