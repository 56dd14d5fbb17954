"""From `predict=KIND:ADDRESS` to a model: a kind is a module of `research.adapters`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from research import adapters
from research.adapters.engine.adapted import Adapted
from research.adapters.engine.labels import read_classes
from research.errors import UserError

PLAIN = "function"  # the kind of an address without one
GENERAL = ("answers", "class_names", "labels", "preprocess")  # of every kind


def load_model(predict: str, options: Mapping[str, Any]) -> Adapted:
    """Loads the model that `predict` names.

    Args:
      predict: `KIND:ADDRESS`, or `module:function`.
      options: the keys of `adapter`; see `research.adapters.engine.options.Options`.

    Raises:
      UserError: there is no such model, a library is missing, or the kind takes no such
        option.
    """
    name, address = part(predict)
    kind = find_kind(name)
    own = {
        key: value
        for key, value in options.items()
        if key not in GENERAL and value not in (None, {})
    }
    taken = [one for one in inspect.signature(kind.load).parameters if one != "address"]
    if unknown := sorted(own.keys() - set(taken)):
        keys = ", ".join([*taken, *GENERAL])
        raise UserError(
            f"adapter.{unknown[0]}={own[unknown[0]]}: predict={name}:… takes none; it "
            f"takes {keys}"
        )
    found: Adapted = kind.load(address, **own)
    description = found.description.override(options)
    if options.get("class_names") is not None:
        classes = read_classes(options["class_names"])
        description = replace(description, classes=classes)
    resize = bool((options.get("preprocess") or {}).get("resize", False))
    return replace(found, description=description, resize=resize, path=predict)


def kinds() -> list[str]:
    """Returns the kinds of models that there are."""
    modules = pkgutil.iter_modules(adapters.__path__)
    return sorted(one.name for one in modules if not one.ispkg)


def part(predict: str) -> tuple[str, str]:
    """Returns the kind and the address of a model."""
    kind, colon, address = predict.partition(":")
    return (kind, address) if colon and kind in kinds() else (PLAIN, predict)


def find_kind(name: str) -> ModuleType:
    """Returns the module of a kind."""
    return importlib.import_module(f"{adapters.__name__}.{name}")
