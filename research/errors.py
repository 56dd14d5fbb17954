"""Ways to stop that are not bugs: a mistake that a person can mend, and a signal.

Scripts print the message of either as a single line; anything else that is raised is a
bug of ours and keeps its traceback.
"""

import signal
from collections.abc import Sequence


class UserError(ValueError):
    """Names the thing, the value it got, what it would take, and the key to change.

    Scripts exit with status 2.
    """


class Unwritable(UserError):
    """A file or folder cannot be written, nor what else is to go there."""


class NoRows(UserError):
    """Nothing was measured of what is to be shown."""


def join_options(options: Sequence[object]) -> str:
    """Returns `a, b or c`."""
    *most, last = map(str, options)
    return f"{', '.join(most)} or {last}" if most else last


def one_of(options: Sequence[str], value: object, key: str) -> str:
    """Returns a word that is one of the options.

    Raises:
      UserError: it is none of them; a typo would otherwise be the default under the
        name of another method.
    """
    if value not in options:
        raise UserError(f"{key}={value}: takes {join_options(options)}")
    return str(value)


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
