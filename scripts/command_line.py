"""From the words that were typed to those that Hydra's grammar reads.

Hydra parses every value: an umlaut, an equals sign or a comma in a path is an error or
a sweep. A path is text, so the keys that hold one are quoted here, and a `~` that the
shell left alone is expanded. A pattern of options, `glob(b*)`, becomes those that it
fits: Hydra would take the files that options are made from for options.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob
from hydra.errors import HydraException

from research.config import CONF
from research.config.composing import check_groups, is_option
from research.errors import UserError

PATHS = {
    "adapter.class_names",
    "adapter.python",
    "adapter.weights",
    "data.dir",
    "data.manual_dir",
    "hydra.run.dir",
    "hydra.sweep.dir",
    "model.weights",
    "name",
    "out",
    "predict",
    "root",
    "run_dir",
    "runs",
    "store",
}
SWEPT = {"adapter.weights", "model.weights", "predict"}  # each run may have another
MULTIRUN = ("-m", "--multirun")
SWEEPING = ("train", "eval")  # configs of scripts that run sweeps
VALUED = {  # options of Hydra that a value follows
    *("--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn"),
    *("--config-dir", "-cd", "--experimental-rerun", "--info", "-i"),
}
HELP = ("--help", "-h")
SHOWING = ("--cfg", "-c", "--info", "-i", "--help", "-h", "--hydra-help", "--resolve")


def prepare_words(words: Sequence[str], config: str = "train") -> list[str]:
    """Returns a command line as Hydra takes it: overrides together, paths quoted.

    Args:
      words: what was typed behind the script's name.
      config: the primary config of the script.

    Raises:
      UserError: the words contradict each other, a key would make the run depend on
        where it was started, or the script does not run sweeps.
    """
    first = [word for word in words if word in MULTIRUN]
    if first and config not in SWEEPING:
        raise UserError(
            f"{first[0]}: sweeps are of scripts/train.py and scripts/evaluate.py; run "
            f"this once for each, without {first[0]}"
        )
    if first and (shown := next(filter(is_showing, words), None)):
        raise UserError(
            f"{first[0]} {shown}: a config is shown of one job; leave {first[0]} out"
        )
    typed, options = part_options([word for word in words if word not in MULTIRUN])
    rest = [quote(word, bool(first)) for word in typed]
    for word in rest:
        key, equals, value = word.lstrip("+").partition("=")
        if key == "hydra.job.chdir" and equals and value.lower() != "false":
            raise UserError(
                f"{word}: takes false; a run folder is named by root=… and name=…, and "
                "relative paths are those of the folder that the command was typed in"
            )
    for word in rest:
        with suppress(HydraException):  # it says better what is wrong, or is an option
            check_groups([word])
    folders = list_folders(words)
    return [*first[:1], *(expand_glob(word, folders) for word in rest), *options]


def part_options(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the overrides of a command line, and its options with their values.

    Between overrides, options would end what Hydra's parser takes for overrides.
    """
    overrides: list[str] = []
    options: list[str] = []
    valued = False  # whether the word before waits for its value
    for word in words:
        option = word.startswith("-") or (valued and word[0] != "~" and "=" not in word)
        (options if option else overrides).append(word)
        valued = word in VALUED
    return overrides, options


def list_folders(words: Sequence[str]) -> list[Path]:
    """Returns all folders of configs: ours, and those that a command line adds."""
    return [CONF, *map(Path, config_folders(words))]


def config_folders(words: Sequence[str]) -> Iterator[str]:
    """Yields the folders of configs that a command line adds."""
    for word, following in pairwise([*words, ""]):
        option, equals, value = word.partition("=")
        if option in ("--config-dir", "-cd"):
            yield value if equals else following


def expand_glob(word: str, folders: Sequence[Path]) -> str:
    """Returns an override with the options that a pattern of them fits.

    Args:
      word: an override, or anything else, which stays.
      folders: of configs.

    Raises:
      UserError: it fits none.
    """
    if "=glob(" not in word:
        return word
    try:
        (override,) = OverridesParser.create().parse_overrides([word])
    except HydraException:  # likewise
        return word
    if not isinstance(pattern := override.value(), Glob):
        return word
    group = override.key_or_group
    files = [path for one in folders for path in (one / group).glob("*.yaml")]
    known = sorted({path.stem for path in files if is_option(path.stem)})
    if not (chosen := pattern.filter(known)):
        there = f"there are {', '.join(known)}" if known else "it has no options"
        raise UserError(f"{word}: fits no option of {group} ({there})")
    return f"{word.partition('=')[0]}={','.join(chosen)}"


def is_showing(word: str) -> bool:
    """Whether a word asks to see a config or help, rather than to run anything."""
    return word in SHOWING or word.startswith(("--cfg=", "--info="))


def quote(override: str, multirun: bool = False) -> str:
    """Quotes a value that is a path, or that has letters outside ASCII.

    Args:
      override: as typed.
      multirun: whether commas of a key in `SWEPT` separate several paths.
    """
    key, equals, value = override.partition("=")
    name = key.lstrip("+")
    foreign = name not in PATHS and is_foreign(value)
    if not equals or value in ("", "null") or not (name in PATHS or foreign):
        return override
    if value[0] in "'\"" and value[-1] == value[0] and len(value) > 1:
        return override
    paths = value.split(",") if multirun and name in SWEPT else [value]
    if not foreign:
        paths = [os.path.expanduser(path) for path in paths]
    return f"{key}={','.join(map(write_text, paths))}"


def write_text(value: str) -> str:
    """Returns a value as text in Hydra's grammar.

    There a backslash is itself, but before a quote or at the end.
    """
    before_quotes = re.sub(r"(\\*)'", r"\1\1\\'", value)
    return "'" + re.sub(r"(\\*)$", r"\1\1", before_quotes) + "'"


def is_foreign(value: str) -> bool:
    """Whether a single word has letters that Hydra's grammar does not know."""
    return not value.isascii() and not set("[]{}(),'\"$") & set(value)
