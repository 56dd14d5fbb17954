"""A run folder, from its config to `done.json`; and back from the folder to a network.

config.yaml       what was run, resolved
provenance.json   commit, versions, devices, seed, command
metrics.jsonl     a row for each epoch
checkpoints/      the newest two, the last of which is the trained network
eval/             rows and per-example predictions of each evaluator, of each split
status.json       how it stands: queued, running, done, failed or preempted
lock/             who runs it now
done.json         written last: a folder without it is unfinished
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flax import nnx
from omegaconf import DictConfig, OmegaConf

from research import config
from research.claims import rules
from research.distributed import hosts
from research.errors import UserError
from research.files.atomic import write_json, write_text
from research.jobs.following import together
from research.progress import say
from research.runs.experiment import build
from research.runs.journal import Progress
from research.runs.provenance import describe
from research.training.checkpoint import Checkpoints
from research.training.loop import restore_network


def run(
    cfg: DictConfig,
    folder: Path,
    *,
    choices: Mapping[str, str],
    command: str,
    overrides: Sequence[str] = (),
) -> dict[str, Any]:
    """Trains and evaluates a network, or goes on with it, or finds it done.

    Args:
      cfg: a `train` config.
      folder: the run folder.
      choices: the option chosen in each config group.
      command: what was typed.
      overrides: of the config, which name the run.

    Returns:
      The content of `done.json`.

    Raises:
      UserError: the folder holds a run of another config, or a part of this one is
        wrong.
      Held: another process runs it.
      Interrupted: a signal came; the run is saved and the same command goes on with it.
    """
    done = find_done(cfg, folder)
    if not hosts.agreed(done is not None):
        with together(folder) as job:
            done = find_done(cfg, folder)  # somebody may have ended it meanwhile
            if not hosts.agreed(done is not None):
                facts = {"overrides": list(overrides), "rules": rules()}
                facts |= describe(cfg, folder, choices=choices, command=command)
                return complete(cfg, folder, job, provenance=facts)
    say(f"{folder}: done already")
    return done


def complete(
    cfg: DictConfig, folder: Path, job: Progress, *, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Trains and evaluates a network, as the only one who does; see `run`."""
    started = time.monotonic()
    experiment = build(cfg)
    experiment.check()
    # What can be wrong is found by now: nothing is half-written for a mistake.
    write_text(folder / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
    write_json(folder / "provenance.json", provenance)
    network = experiment.train(folder, job)
    experiment.measure(network, folder, provenance)
    done = {
        "config_sha256": config.digest(cfg),
        "steps": experiment.steps,
        "parameters": experiment.parameters,
        "seconds": round(time.monotonic() - started, 2),
    }
    write_json(folder / "done.json", done)
    return done


def load(folder: Path) -> tuple[DictConfig, nnx.Module]:
    """Returns the config and the trained network of a run folder.

    Raises:
      UserError: there is no finished training there.
    """
    cfg = read_config(folder)
    network = config.network(cfg, rngs=nnx.Rngs(cfg.seed))
    network, notes = restore_network(network, Checkpoints(folder / "checkpoints"))
    for note in notes:
        say(note)
    return cfg, network


def read_config(folder: Path) -> DictConfig:
    """Returns the config of a run folder.

    Raises:
      UserError: it is none.
    """
    if not (folder / "config.yaml").is_file():
        raise UserError(
            f"run_dir={folder} is no run folder: it has no config.yaml; give one that "
            "scripts/train.py made, such as run_dir=outputs/runs/default"
        )
    return OmegaConf.load(folder / "config.yaml")


def find_done(cfg: DictConfig, folder: Path) -> dict[str, Any] | None:
    """Returns what `done.json` says, or None if the run is not done.

    A folder in which nothing was saved yet is free to be taken.

    Raises:
      UserError: the folder holds a run of another config.
    """
    path = folder / "done.json"
    if path.is_file() or Checkpoints(folder / "checkpoints").steps():
        require_same(OmegaConf.load(folder / "config.yaml"), cfg, folder)
    return json.loads(path.read_text()) if path.is_file() else None


def require_same(before: DictConfig, cfg: DictConfig, folder: Path) -> None:
    """Refuses to go on with a run of another config.

    Args:
      before: what the folder holds a run of.
      cfg: what is to be run.
      folder: the run folder.

    Raises:
      UserError: names the first key that differs.
    """
    if config.digest(before) != config.digest(cfg):
        theirs, ours = config.flat(before), config.flat(cfg)
        key = next(k for k in theirs | ours if theirs.get(k) != ours.get(k))
        raise UserError(
            f"{folder} holds a run of another config: {key} was {theirs.get(key)} "
            f"and is {ours.get(key)}; choose another name=…, or remove it"
        )
