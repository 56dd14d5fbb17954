"""What `--help` shows of a script, in one screen: groups by task, keys, examples.

The texts are in `help.yaml`, the options in `conf/`, and the values of keys are those
of the composed config.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from research.config import CONF, compose
from research.config.composing import is_option

TEXTS = Path(__file__).with_name("help.yaml")
SCRIPTS = {"eval": "evaluate"}  # config → script, where their names differ
WIDTH = 112  # columns
NAME = 20  # of them for groups
VALUE = 34  # and for keys with their values


def show_help(config: str, folders: Sequence[Path] = (CONF,)) -> str:
    """Returns the screen of a script.

    Args:
      config: its primary config.
      folders: of configs, whose options are listed.
    """
    script = f"python scripts/{SCRIPTS.get(config, config)}.py"
    texts: Any = OmegaConf.to_container(OmegaConf.load(TEXTS))
    about = texts[config]
    lines = [*textwrap.wrap(about["does"], WIDTH), f"  {script} {about['words']}", ""]
    for task, groups in about.get("tasks", {}).items():
        lines += [f"{task} (group=option)"]
        for group, text in groups.items():
            lines += describe_group(group, text, folders)
    lines += ["Keys that people change (key=value)"]
    lines += describe_keys(about["keys"], compose(config=config))
    lines += ["For example"]
    for words, text in about["examples"].items():
        lines += describe_example(f"{script} {words}", text)
    rest = "--cfg job shows every key, --hydra-help the options of Hydra"
    return "\n".join([*lines, "", rest])


def describe_group(group: str, text: str, folders: Sequence[Path]) -> list[str]:
    """Returns the lines of a group: what it is, and its options."""
    files = [path for one in folders for path in (one / group).glob("*.yaml")]
    options = sorted({path.stem for path in files if is_option(path.stem)})
    return textwrap.wrap(
        f"{text}: {' '.join(options)}",
        WIDTH,
        initial_indent=f"  {group:<{NAME}}",
        subsequent_indent=" " * (NAME + 2),
        break_on_hyphens=False,
    )


def describe_keys(keys: Mapping[str, str], cfg: DictConfig) -> Iterator[str]:
    """Yields a line for each key, with its value where nothing else is chosen."""
    for key, text in keys.items():
        shown = f"{key}={describe_value(cfg, key)}"
        yield f"  {shown:<{VALUE}}{text}"


def describe_value(cfg: DictConfig, key: str) -> Any:
    """Returns the value of a key as it is typed."""
    value = OmegaConf.select(cfg, key)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value).replace("'", "").replace(" ", "")


def describe_example(command: str, text: str) -> list[str]:
    """Returns a command with what it is for, in two lines where one is too short."""
    if len(command) + len(text) + 6 <= WIDTH:
        return [f"  {command}  # {text}"]
    return [f"  # {text}", f"  {command}"]
