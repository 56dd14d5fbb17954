"""Whole configs: refused as soon as they are composed, before a folder is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from research.config.composing import explain_errors, is_option, options_of, suggest
from research.config.parameters import parameters, required
from research.config.schema import SCHEMAS
from research.config.values import BUILDING, check_values, find, missing
from research.errors import UserError
from research.runs.identity import key_of

OURS = ("launcher", "sweeper")  # groups of `hydra` whose values go to objects of ours


class Refused(SystemExit):
    """Carries a mistake through Hydra, which takes exceptions of callbacks for its own.

    Attributes:
      mistake: what is to be printed.
    """

    def __init__(self, mistake: UserError):
        super().__init__(2)
        self.mistake = mistake


class Check(Callback):
    """Hydra's call between composing a config and making a folder for it."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Checks the config of the one job and makes its folder; raises Refused.

        Hydra would make it, too, and an error there would be a traceback of Hydra's.
        """
        self._check(config)
        folder = self._require("hydra.run.dir", config)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Refused(
                UserError(
                    f"cannot write {error.filename}: {error.strerror}; choose another "
                    "folder with root=…"
                )
            ) from None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Checks what all jobs have in common; raises Refused.

        The launcher makes the folder, when it finds nothing wrong with itself.
        """
        self._check(config)
        self._require("hydra.sweep.dir", config)

    def _check(self, config: DictConfig) -> None:
        name = config.hydra.job.config_name
        try:
            with explain_errors(name):
                check_config(config, name)
        except UserError as mistake:
            raise Refused(mistake) from None

    def _require(self, key: str, config: DictConfig) -> Path:
        try:
            with explain_errors(config.hydra.job.config_name):
                folder = OmegaConf.select(config, key)
        except UserError as mistake:  # of the name that it is made from
            raise Refused(mistake) from None
        if not (folder and str(folder).strip()):
            shown = "null" if folder is None else folder
            raise Refused(UserError(f"{key}={shown}: takes a folder"))
        return Path(folder)


def check_config(cfg: DictConfig, config: str = "train") -> None:
    """Checks every value of a composed config.

    Args:
      cfg: with its `hydra` or without, where nothing is known of its overrides.
      config: the primary config; keys of another one than ours are not known.

    Raises:
      UserError: names the key, its value, and what it takes.
    """
    if "hydra" in cfg:
        check_choices(cfg.hydra.runtime.choices)
        given = cfg.hydra.overrides.task  # as they are: text may refer to itself
        words = OmegaConf.to_container(given, resolve=False)
        check_overrides(cfg, list(map(str, words or ())))
        for group in OURS:
            check_values(cfg.hydra[group])
    check_values(cfg, SCHEMAS.get(config), besides=["hydra"])
    check_subset(cfg)


def check_subset(cfg: DictConfig) -> None:
    """Refuses a fixed subset whose number is the seed's: it would pass for that.

    Raises:
      UserError: names both.
    """
    data = cfg.get("data")
    if not isinstance(data, DictConfig) or data.get("subset") is None:
        return
    follows = OmegaConf.is_interpolation(data, "subset")
    if not follows and data.subset == cfg.get("seed"):
        raise UserError(
            f"data.subset={data.subset} with seed={cfg.seed}: counts as a subset that "
            "follows the seed, and is another arm with other seeds; take a number that "
            "is no seed, or data.subset='${seed}'"
        )


def check_choices(choices: Mapping[str, Any]) -> None:
    """Refuses the files of a group that options are made from, as options.

    Raises:
      UserError: names the group, and those that it has.
    """
    for group, option in choices.items():
        if isinstance(option, str) and not is_option(option):
            near = suggest(option, options_of(group.partition("@")[0]))
            raise UserError(f"{group}={option}: no such option{near}")


def check_overrides(cfg: DictConfig, overrides: Sequence[str]) -> None:
    """Refuses overrides that change how an object is built, or take what it needs.

    Args:
      cfg: as composed.
      overrides: as on the command line.

    Raises:
      UserError: names the override.
    """
    for override in overrides:
        key = key_of(override)
        path, _, last = key.rpartition(".")
        deleted = override.startswith("~")
        if last in BUILDING and (deleted or last != "_target_"):
            raise UserError(
                f"{override}: how an object is built is its option's to say; write an "
                "option file of your own for another way"
            )
        node = OmegaConf.select(cfg, path) if deleted and path else None
        if isinstance(node, DictConfig) and "_target_" in node and last not in node:
            target = find(node, "_target_")
            if last in required(target):
                raise missing(key, parameters(target).get(last, Any))
