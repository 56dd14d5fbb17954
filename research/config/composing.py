"""Composes configs as the scripts do, and says in one line what is wrong with one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import (
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from research.config.assembling import CONF, assemble
from research.errors import UserError
from research.runs import identity

LONGEST_PART = 255  # bytes of a folder's name


def same_size(padding: Any) -> Any:
    """Padding that keeps the map's size: `reflect` in a `valid` network.

    What is no padding goes through, to be refused with its own key.
    """
    return "reflect" if padding == "valid" else padding


def stay_inside(name: Any) -> str:
    """Returns the name of a folder below `root`.

    Raises:
      UserError: it would lie elsewhere, or file systems do not take it.
    """
    parts = Path(str(name)).parts
    if not parts or Path(str(name)).is_absolute() or ".." in parts:
        raise UserError(
            f"name={name}: takes a folder below root, such as name=shifts or "
            "name=mine/shifts; root=DIR says where that lies"
        )
    if longest := [part for part in parts if len(part.encode()) > LONGEST_PART]:
        raise UserError(
            f"name={longest[0][:40]}…: takes at most {LONGEST_PART} bytes a folder"
        )
    return str(name)


def name_photos(folder: Any) -> str:
    """Returns the name of a data set of photographs: `photos`, and their folder's."""
    return "photos" if folder is None else f"photos/{Path(str(folder)).absolute().name}"


def is_option(name: str) -> bool:
    """Whether a file of a group is an option, not what options are made from."""
    return name != "base" and not name.startswith("base_")


def options_of(group: str) -> list[str]:
    """Returns the options of a group of ours, such as `downsample/reduce`."""
    files = (CONF / group).glob("*.yaml")
    return sorted(one.stem for one in files if is_option(one.stem))


OmegaConf.register_new_resolver("stay_inside", stay_inside, replace=True)
OmegaConf.register_new_resolver("same_size", same_size, replace=True)
OmegaConf.register_new_resolver("name_photos", name_photos, replace=True)
OmegaConf.register_new_resolver("run_name", identity.run_name, replace=True)


def compose(*overrides: str, config: str = "train") -> DictConfig:
    """Composes a config as the scripts do, from Python.

    Args:
      *overrides: as on the command line: `model=resnet20`, `downsample.stride=3`.
      config: the primary config.

    Raises:
      UserError: an override names something that does not exist; the error names the
        nearest that does.
    """
    with explain_errors(config):
        check_groups(overrides)
        return assemble(config, overrides)


def check_groups(overrides: Sequence[str]) -> None:
    """Refuses a number or the like as an option; Hydra would do so without its name.

    Raises:
      UserError: names the override and the options that there are.
    """
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        group, value = override.key_or_group, override.value()
        if not group:
            raise UserError(f"{override.input_line}: takes KEY=VALUE")
        if not (options := options_of(group)) or override.is_sweep_override():
            continue
        if override.is_delete():
            fine = isinstance(value, str | None)
        else:
            several = value if isinstance(value, list) else [value]
            fine = all(isinstance(one, str) for one in several)
        if not fine:
            raise UserError(
                f"{override.input_line}: {group} is a group{suggest('', options)}"
            )


@cache
def compose_flat(*overrides: str) -> Mapping[str, Any]:
    """Composes a `train` config by dotted key, for the many arms of an experiment."""
    with explain_errors():
        return MappingProxyType(identity.flatten(assemble("train", overrides)))


@contextmanager
def explain_errors(config: str = "train") -> Iterator[None]:
    """Turns errors of Hydra and OmegaConf about a config into one line of our own.

    Args:
      config: the primary config, whose keys are offered in place of an unknown one.

    Raises:
      UserError: names the nearest option or key.
    """
    try:
        yield
    except MissingConfigException as error:
        wanted = str(error.missing_cfg_file or error).removesuffix(".yaml")
        group, _, option = wanted.rpartition("/")
        options = [option for option in error.options or [] if is_option(option)]
        raise UserError(
            f"{group or 'config'}={option}: no such option{suggest(option, options)}"
        ) from None
    except (HydraException, OmegaConfBaseException) as error:
        for cause in causes(error):
            if isinstance(cause, UserError):  # of a launcher, a sweeper or a resolver
                raise cause from None
        raise UserError(explain(error, config)) from None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yields the errors that an error was raised from or beside, the nearest first."""
    seen: BaseException | None = error.__cause__ or error.__context__
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def explain(error: Exception, config: str) -> str:
    """Returns one line about an error of Hydra or OmegaConf.

    Args:
      error: what was raised.
      config: the primary config, whose keys are offered in place of an unknown one.
    """
    text = str(error)
    if key := re.search(r"Could not override '([^']+)'", text):
        known = list(identity.flatten(assemble(config, ())))
        name, inner = key[1], getattr(error.__cause__, "full_key", None)
        if inner and any(f"{one}.".startswith(f"{name}.") for one in known):
            name = str(inner)  # the key is there, and not what is below it
        return f"{name}: no such key{suggest(name, known)}"
    if swept := re.search(r"Ambiguous value for argument '([^']*)'", text):
        name, _, value = swept[1].partition("=")
        return (
            f"{swept[1]}: one run takes one value; -m runs one for each, and "
            f"'{name}=[{value}]' is a list"
        )
    if gone := re.search(r"Interpolation key '([^']+)' not found", text):
        key = re.search(r"full_key: (\S+)", text)
        user = key[1] if key else "another key"
        return f"{gone[1]}: is missing, and {user} refers to it; give {gone[1]}=…"
    if merged := re.match(r"Error merging override (.*)", text):
        return f"{merged[1]}: {str(error.__cause__ or text).splitlines()[0]}"
    if isinstance(error, OverrideParseException):
        return f"{error.override or repr('')}: takes KEY=VALUE ({text.splitlines()[0]})"
    # An error of OmegaConf gives the key in a line below.
    named = getattr(error, "override", None) or getattr(error, "full_key", None)
    return (f"{named}: " if named else "") + text.split("\n")[0]


def suggest(word: str, known: list[str]) -> str:
    """Returns ' (did you mean …?)' with the words closest to `word`, or all of few."""
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    if close:
        return f" (did you mean {', '.join(close)}?)"
    return f" (there are {', '.join(known)})" if 0 < len(known) <= 40 else ""
