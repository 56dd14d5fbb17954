"""Ways to stop that are not bugs: a mistake that a person can mend, and a signal.

Scripts print the message of either as a single line; anything else that is raised is a
bug of ours and keeps its traceback.
"""

import signal
from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

WORDS = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "text",
    NoneType: "null",
}
PLURALS = {int: "integers", float: "numbers", str: "words"}


class UserError(ValueError):
    """Names the thing, the value it got, what it would take, and the key to change.

    Scripts exit with status 2.
    """


def one_of(options: Sequence[str], value: object, key: str) -> str:
    """Returns a word that is one of the options.

    Raises:
      UserError: it is none of them; a typo would otherwise be the default under the
        name of another method.
    """
    if value not in options:
        raise UserError(f"{key}={value}: takes {' or '.join(options)}")
    return str(value)


def accepts(hint: Any, value: Any) -> bool:
    """Whether a value from a config is of the type that an annotation names.

    An integer will do for a number, a list for a tuple; true is no number.
    """
    import typeguard  # takes a while, and only configs need it

    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if isinstance(value, bool):
        return bool({bool, Any, object} & set(options))
    forms: tuple[Any, ...] = (value,)
    if isinstance(value, list):
        if any(isinstance(one, bool) for one in value):
            return False
        forms = (value, tuple(value))
    every = typeguard.CollectionCheckStrategy.ALL_ITEMS
    for form in forms:
        try:
            typeguard.check_type(form, hint, collection_check_strategy=every)
        except typeguard.TypeCheckError:
            continue
        return True
    return False


def describe(hint: Any) -> str:
    """Returns what an annotation accepts, in words: `an integer or null`."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        kinds = [one for one in inner if one is not int or float not in inner]
        return " or ".join(dict.fromkeys(map(describe, kinds)))
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin in (list, tuple) or getattr(origin, "__name__", "") == "Sequence":
        return f"a list of {PLURALS.get(inner[0], 'values')}" if inner else "a list"
    return WORDS.get(hint, getattr(hint, "__name__", str(hint)))


class Interrupted(SystemExit):
    """A signal came and the run was saved; scripts exit with 128 + its number."""

    def __init__(self, number: signal.Signals, step: int):
        super().__init__(128 + number)
        self.number = number
        self.message = (
            f"stopped by {number.name}; saved at step {step}: "
            "the same command goes on from there"
        )

    def __str__(self) -> str:
        return self.message
