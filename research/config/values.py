"""Values of a config against the annotations of the parameters that they go to.

A parameter's annotation is the one place of its type and its range (what `Annotated`
adds, such as `research.types.Range`). The keys around them, of which no object is
built, have theirs in `research.config.schema`. A wrong value is refused as soon as the
config is composed, before anything is computed or written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from research.annotations import (
    OWN_KEYS,
    accepts,
    describe,
    elements_of,
    is_mapping,
    takes_keys,
)
from research.config.composing import options_of, suggest
from research.config.parameters import (
    keys_of,
    locate,
    parameters,
    required,
    takes_keywords,
)
from research.errors import UserError
from research.ranges import FLOAT32_MAX, MOST
from research.runs import identity_keys
from research.runs.identity import GETTERS

BUILDING: dict[str, Any] = {  # what Hydra's own keys take
    "_target_": str,
    "_partial_": bool,
    "_convert_": Literal["none", "partial", "object", "all"],
    "_recursive_": bool,
}


def check_values(
    node: DictConfig,
    target: Callable[..., Any] | None = None,
    *,
    besides: Collection[str] = (),
) -> None:
    """Compares the values of a node, and of those below, with their parameters' types.

    Args:
      node: with a `_target_`, whose annotations are the types, or without one.
      target: in place of its `_target_`.
      besides: keys that are left out: Hydra's own, and what the caller gives.

    Raises:
      UserError: names the key, its value, and what the parameter takes.
    """
    name = node.get("_target_")
    getter = str(name).startswith(GETTERS)
    if name is not None:
        found = find(node, "path" if getter else "_target_")
        target = target or found
    if getter:
        for key in node:
            if key not in ("path", *BUILDING):
                raise UserError(
                    f"{node._get_full_key(key)}: no such key (there is path)"
                )
        return
    hints = parameters(target) if target is not None else {}
    takes_any = target is None or takes_keywords(target)
    for key in node:
        if key in besides:
            continue
        if not (takes_any or key in hints or key in BUILDING):
            full = node._get_full_key(key)
            raise UserError(f"{full}: no such key{suggest(str(key), list(hints))}")
        check_value(node, key, BUILDING.get(str(key), hints.get(str(key), Any)))
    for key in required(target) if target is not None else ():
        if not (key in [*node, *besides] or node.get("_partial_", False)):
            raise missing(node._get_full_key(key), hints.get(key, Any))


def check_value(node: DictConfig, key: Any, hint: Any) -> None:
    """Checks one value of a node; errors as `check_values`."""
    if OmegaConf.is_missing(node, key):
        raise missing(node._get_full_key(key), hint)
    value = node[key]
    if not OmegaConf.is_dict(value):
        if OmegaConf.is_list(value):
            value = OmegaConf.to_container(value, resolve=True)
        if not accepts(hint, value):
            raise refuse(node._get_full_key(key), value, hint)
    elif not takes_keys(hint):
        raise refuse(node._get_full_key(key), value, hint)
    elif (keys := keys_of(hint)) is not None:
        check_values(value, keys)
    elif "_target_" in value:
        check_values(value)
    elif is_mapping(hint):
        for inner in value:
            check_value(value, inner, elements_of(hint))
    elif value:
        raise UserError(
            f"{node._get_full_key(key)}: has no _target_, so that nothing can be built "
            f"of it; give {ask_for(node._get_full_key(key))}"
        )


def find(node: DictConfig, key: str) -> Callable[..., Any]:
    """Returns the object that a key of a node names.

    Raises:
      UserError: there is none of this name, or it cannot be called.
    """
    name, full = str(node.get(key)), node._get_full_key(key)
    try:
        found = locate(name)
    except (ModuleNotFoundError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and not name.startswith(
            str(error.name)
        ):
            raise  # it is there, and what it imports is not
        raise UserError(
            f"{full}={name}: takes the dotted name of a function or class that can be "
            f"imported ({error})"
        ) from None
    if not callable(found):
        raise UserError(f"{full}={name}: takes the name of a function or class")
    return found


def refuse(key: str, value: Any, hint: Any) -> UserError:
    """Returns the error for a value that is not of the type of its key.

    A group's option needs a slash, `downsample/reduce=max`, where a key has a dot.
    """
    key = original(key)
    path = key.replace(".", "/")
    if isinstance(value, str) and (options := options_of(path)):
        form = f"{path}={value}" if value in options else f"{path}=OPTION"
        return UserError(
            f"{key}={value}: {path} is a group: give {form} (there are "
            f"{', '.join(options)})"
        )
    shown = "null" if value is None else value
    if isinstance(value, str) and value.strip("+-.")[:1].isdigit():
        shown = repr(value)  # text that could be taken for a number
    words = describe(hint)
    if isinstance(value, int) and abs(value) > MOST:
        words += f" and of at most {63 if accepts(hint, MOST + 1) else 31} bits"
    elif isinstance(value, float) and FLOAT32_MAX < abs(value) < math.inf:
        words += f" and of at most {FLOAT32_MAX:.3g}, as float32 has them"
    if OWN_KEYS in words:
        words += f": give {ask_for(key)}"
    return UserError(f"{key}={shown}: takes {words}")


def missing(key: str, hint: Any) -> UserError:
    """Returns the error for a key that is to be given, or has been deleted."""
    key = original(key)
    words = ask_for(key) if takes_keys(hint) else f"{key}=…; it takes {describe(hint)}"
    return UserError(f"{key}: is missing; give {words}")


def ask_for(key: str) -> str:
    """Returns how the option of a group is chosen, or a key of a mapping set."""
    path = key.replace(".", "/")
    return f"{path}=OPTION" if options_of(path) else f"{key}.KEY=…"


def original(key: str) -> str:
    """Returns the key that a copied one was copied from: `loss` of `task.minimise`."""
    for copy, source in identity_keys.COPIES.items():
        if key == copy or key.startswith(f"{copy}."):
            return source + key.removeprefix(copy)
    return key
