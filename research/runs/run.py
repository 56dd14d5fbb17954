"""A run folder, from its config to `done.json`; and back from the folder to a network.

config.yaml       what was run, resolved
provenance.json   commit, versions, devices, seed, command
metrics.jsonl     a row for each epoch
checkpoints/      the newest two, the last of which is the trained network; and best/
eval/             rows and per-example predictions of each evaluator, of each split
status.json       how it stands: queued, running, done, failed or preempted
lock/             who runs it now
done.json         written last: a folder without it is unfinished
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from flax import nnx
from omegaconf import DictConfig, OmegaConf

from research import config
from research.distributed import hosts
from research.errors import UserError
from research.files.atomic import remove, write_json, write_text
from research.jobs import status
from research.jobs.following import lead_or_follow
from research.progress import say
from research.runs import identity
from research.runs.contents import read_provenance
from research.runs.experiment import build
from research.runs.journal import Progress
from research.runs.outcome import (
    find_stored,
    finish,
    forget,
    is_done,
    is_trained,
    own_split,
    read_config,
    read_digests,
    read_unchanged,
    require_room,
    require_same_training,
    require_trained,
    unmeasured,
)
from research.runs.provenance import describe, find_commit
from research.training.best import FOLDER
from research.training.checkpoint import Checkpoints
from research.training.loop import restore_network


def run(
    cfg: DictConfig,
    folder: Path,
    *,
    choices: Mapping[str, str | None],
    command: str,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Trains and evaluates a network, resuming or skipping what is already done.

    Args:
      cfg: a `train` config.
      folder: the run folder.
      choices: the option chosen in each config group.
      command: what was typed.
      overrides: of the config, which name the run.

    Returns:
      The content of `done.json`; nothing where a store holds the run, or where the
      training is to be compiled only.

    Raises:
      UserError: the folder holds a run of another config, or a part of this one is
        wrong.
      Held: another process runs it.
      Interrupted: a signal came; the run is saved and the same command goes on with it.
    """
    if cfg.train.compile_only:
        say_compilation(cfg, folder)
        return {}
    if hosts.agree_on((stored := find_stored(cfg)) is not None):
        say(f"{folder}: done already, in {stored}")
        return {}
    if not hosts.agree_on(is_done(folder, cfg)):
        with lead_or_follow(folder) as job:
            if not hosts.agree_on(is_done(folder, cfg)):  # nobody else was faster
                facts: dict[str, Any] = {"overrides": list(overrides)}
                facts |= {"fingerprints": cfg.claims}
                facts |= describe(cfg, folder, choices=choices, command=command)
                return complete(cfg, folder, job, provenance=facts)
    say(f"{folder}: done already")
    return status.done(folder) or {}


def say_compilation(cfg: DictConfig, folder: Path) -> None:
    """Compiles the training of a config and prints what it takes; writes nothing.

    Raises:
      UserError: a part of the config is wrong.
    """
    experiment = build(cfg)
    experiment.check()
    found = {"parameters": experiment.parameters} | experiment.compile()
    shown = (
        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value:,.4g}"
        for name, value in found.items()
    )
    say(f"{folder}: compiled, not trained: {'; '.join(shown)}")


def complete(
    cfg: DictConfig, folder: Path, job: Progress, *, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Does what is left of a run while holding its lock; see `run`.

    A finished training whose checkpoint is there is only measured, by the evaluators
    that have no rows yet; their rows carry the commit of this code, and what the folder
    says of the training stays.
    """
    started = time.monotonic()
    checkpoints = Checkpoints(folder / "checkpoints")
    if checkpoints.steps() or status.done(folder):
        require_same_training(folder, cfg)
    # The first of several processes decides, since it is the one that writes.
    trained_before = hosts.agree_on(is_trained(folder, cfg))
    kept = trained_before and hosts.agree_on(bool(checkpoints.steps()))
    earlier = read_digests(folder) if trained_before else {}
    experiment = build(cfg)
    if kept:
        left = unmeasured(folder, cfg)
        chosen = [one for one in experiment.evaluators if hosts.agree_on(one in left)]
        experiment = experiment.limit_to(chosen)
        trained = read_provenance(folder)
        provenance = trained | {"commit": find_commit()}
    experiment.check()
    # What can be wrong is found by now: nothing is half-written for a mistake.
    if kept:
        forget(folder, cfg, experiment.evaluators)
    else:
        require_room(folder, experiment.evaluators)
        own = own_split(folder, cfg.split) if trained_before else cfg.split
        remove(folder / "done.json")
        made_with = OmegaConf.merge(cfg, {"split": own})
        write_text(folder / "config.yaml", OmegaConf.to_yaml(made_with, resolve=True))
        known = {"statistics": config.statistics(cfg)}
        write_json(folder / "provenance.json", {**provenance, **known})
    with experiment.draw_curves(folder) as curves:
        network = experiment.train(folder, job, curves)
        experiment.measure(network, folder, provenance, curves)
    facts: dict[str, Any] = {"steps": experiment.steps}
    facts |= {"parameters": experiment.parameters}
    facts |= {"seconds": round(time.monotonic() - started, 2)}
    return finish(folder, cfg, earlier, **({} if kept else facts))


def recompose(folder: Path) -> DictConfig:
    """Returns the config of a run folder in the terms of this code.

    What is written there names objects by where they were then. Where the overrides of
    the run still compose to the same training, they are composed; the places of the
    data are those of the folder.

    Raises:
      UserError: it is no run folder.
    """
    written = OmegaConf.create(read_config(folder))
    try:
        overrides = read_provenance(folder)["overrides"]
        cfg = config.compose(*(overrides or ()))
    except (KeyError, UserError):  # a foreign classifier, or options that are gone
        return written
    if identity.difference(written, cfg) is not None:
        return written
    for key in ("dir", "manual_dir"):
        cfg.data[key] = written.data.get(key)
    cfg.split = written.split
    return cfg


def load(
    folder: Path, checkpoint: Literal["last", "best"] = "last"
) -> tuple[DictConfig, nnx.Module]:
    """Returns the config and the trained network of a run folder.

    The images are standardised as in training, whatever is recorded of the data by now.

    Args:
      folder: of a run.
      checkpoint: of which steps the network is: all of them, or those after which it
        validated best, if the run has `train.keep_best`.

    Raises:
      UserError: there is no finished run there, or its config was changed; or it has
        kept no such checkpoint.
    """
    read_unchanged(folder)
    require_trained(folder)
    place = folder / "checkpoints"
    if checkpoint == "best":
        place = place / FOLDER
        if not Checkpoints(place).steps():
            raise UserError(
                f"checkpoint=best: {folder} has kept none; train with train.keep_best="
                "loss and data.validation_examples=N in another name=…, or take "
                "checkpoint=last"
            )
    cfg = recompose(folder)
    known = read_provenance(folder).get("statistics", {})
    for name, values in known.items():
        cfg.data[name] = values
    network = config.network(cfg, rngs=nnx.Rngs(cfg.seed))
    network, notes = restore_network(network, Checkpoints(place))
    for note in notes:
        say(note)
    return cfg, network
