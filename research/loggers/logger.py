"""What a logger does, and how one is opened: the factory that `logger=OPTION` gives."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from research.errors import UserError

# A number, or a picture (height, width, 3), uint8.
Value = float | int | np.ndarray
Values = Mapping[str, Value]  # by name, such as `train/loss`


@runtime_checkable
class Logger(Protocol):
    """Keeps values by step.

    A class of loggers is opened as `Class(folder, step, config, **parameters)`: for a
    run folder, after which step the training goes on (0 at first), and with the whole
    config, its values by dotted key. Opened again for the same folder it goes on with
    the same run. A class that needs a package says so: `package`, as it is imported,
    and `extra`, which installs it.
    """

    def log(self, step: int, values: Values) -> None:
        """Keeps values of a step; never waits for a network.

        Args:
          step: not below that of any call before.
          values: by name.
        """
        ...

    def close(self) -> None:
        """Writes out what is left."""
        ...


Opened = Callable[[Path, int, Mapping[str, Any]], Logger]  # of a run: see `Logger`


class Silent:
    """Keeps nothing: what every process but the first logs to."""

    def log(self, step: int, values: Values) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


def begin(
    factory: Opened, folder: Path, step: int, config: Mapping[str, Any]
) -> Logger:
    """Opens the logger of a run; see `Logger`.

    Raises:
      UserError: its tracker cannot be reached, or refuses; as the logger says.
    """
    try:
        return factory(folder, step, config)
    except UserError:
        raise
    except Exception as error:  # of whatever library and network
        raise UserError(
            f"logger={name_logger(factory)}: cannot be opened ({describe(error)}); "
            "logger=none trains without it"
        ) from error


def describe(error: Exception) -> str:
    """Returns what a tracker's library raised, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def name_logger(factory: Callable[..., Any]) -> str:
    """Returns the option of a logger; of a class that needs no package, its name."""
    made = getattr(factory, "func", factory)
    return getattr(made, "extra", getattr(made, "__name__", type(made).__name__))


def require_package(factory: Callable[..., Any]) -> None:
    """Refuses a logger whose package is missing, before anything is trained.

    Args:
      factory: of a logger; one whose class names no package needs none.

    Raises:
      UserError: says what installs it.
    """
    made = getattr(factory, "func", factory)
    package, extra = getattr(made, "package", None), getattr(made, "extra", None)
    if package is None:
        return
    remedy = f"pip install -e '.[{extra}]'"
    try:
        importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise UserError(
            f"logger={extra}: needs {error.name}, which is not installed: {remedy}"
        ) from None
    except ImportError as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"logger={extra}: {package} cannot be imported ({reason}); packages that "
            f"fit each other: {remedy} in a new environment"
        ) from None
