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

import jax
from flax import nnx
from omegaconf import DictConfig, OmegaConf

from research import config
from research.claims import rules
from research.data.source import Dataset
from research.distributed import hosts
from research.errors import UserError
from research.evals.engine.predictor import Predictor
from research.files.atomic import write_json, write_text
from research.files.lines import MetricsFile
from research.jobs.following import Following, together
from research.jobs.status import Attempt
from research.progress import bar, say
from research.runs.measure import check_all, measure_all
from research.runs.provenance import describe
from research.tasks import losses
from research.tasks.metrics import correct, cross_entropy
from research.training.checkpoint import Checkpoints
from research.training.loop import fit, restored, steps
from research.training.step import computing


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
    done = finished(cfg, folder)
    if not hosts.agreed(done is not None):
        with together(folder) as job:
            done = finished(cfg, folder)  # somebody may have ended it meanwhile
            if not hosts.agreed(done is not None):
                return attempted(
                    cfg,
                    folder,
                    job,
                    choices=choices,
                    command=command,
                    overrides=overrides,
                )
    say(f"{folder}: done already")
    return done


def attempted(
    cfg: DictConfig,
    folder: Path,
    job: Attempt | Following,
    *,
    choices: Mapping[str, str],
    command: str,
    overrides: Sequence[str],
) -> dict[str, Any]:
    """Trains and evaluates a network, as the only one who does; see `run`."""
    started = time.monotonic()
    data = config.data(cfg)
    network = config.network(cfg, rngs=nnx.Rngs(cfg.seed))
    parameters, evaluators = count(network), config.evals(cfg)
    train, measured = data.split("train"), data.split(cfg.split)
    epochs = cfg.train.epochs
    total = steps(len(train), batch_size=cfg.train.batch_size, epochs=epochs)
    computing(cfg.train.dtype)
    config.optimizer(cfg)(steps_per_epoch=total // epochs, epochs=epochs)
    losses.check(config.shared(cfg.loss), network, data.shape)
    check_all(evaluators, network, measured, cfg)
    # What can be wrong is found by now: nothing is half-written for a mistake.
    provenance = describe(cfg, folder, choices=choices, command=command)
    provenance |= {"overrides": list(overrides), "rules": rules()}
    write_text(folder / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
    write_json(folder / "provenance.json", provenance)
    network = trained(cfg, network, data, folder, job, total)
    measure_all(evaluators, network, measured, folder, provenance, cfg)
    done = {
        "config_sha256": config.digest(cfg),
        "steps": total,
        "parameters": parameters,
        "seconds": round(time.monotonic() - started, 2),
    }
    write_json(folder / "done.json", done)
    return done


def trained(
    cfg: DictConfig,
    network: nnx.Module,
    data: Dataset,
    folder: Path,
    job: Attempt | Following,
    total: int,
) -> nnx.Module:
    """Returns the network after `total` steps, from the folder's last checkpoint."""
    validation = data.split("validation")

    def validate(network: nnx.Module) -> dict[str, float | int]:
        logits = Predictor(network).logits(validation.images)
        return {
            "examples": len(validation),
            "loss": float(cross_entropy(logits, validation.labels).mean()),
            "accuracy": float(correct(logits, validation.labels).mean()),
        }

    with MetricsFile(folder) as metrics, bar(folder.name, total) as show:

        def progress(step: int, text: str) -> None:
            job.progress(step, total, cfg.train.batch_size)
            show(step, text)

        return fit(
            network,
            data.split("train"),
            loss=config.shared(cfg.loss),
            optimizer=config.optimizer(cfg),
            augment=config.shared(cfg.augment),
            checkpoints=Checkpoints(folder / "checkpoints"),
            metrics=metrics,
            validate=validate if len(validation) else None,
            show=progress,
            warn=say,
            seed=cfg.seed,
            **cfg.train,
        )


def load(folder: Path) -> tuple[DictConfig, nnx.Module]:
    """Returns the config and the trained network of a run folder.

    Raises:
      UserError: there is no finished training there.
    """
    cfg = trained_with(folder)
    network = config.network(cfg, rngs=nnx.Rngs(cfg.seed))
    return cfg, restored(network, Checkpoints(folder / "checkpoints"))


def trained_with(folder: Path) -> DictConfig:
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


def finished(cfg: DictConfig, folder: Path) -> dict[str, Any] | None:
    """Returns what `done.json` says, or None if the run is not done.

    A folder in which nothing was saved yet is free to be taken.

    Raises:
      UserError: the folder holds a run of another config.
    """
    path = folder / "done.json"
    if path.is_file() or Checkpoints(folder / "checkpoints").steps():
        before = OmegaConf.load(folder / "config.yaml")
        if config.digest(before) != config.digest(cfg):
            theirs, ours = config.flat(before), config.flat(cfg)
            key = next(k for k in theirs | ours if theirs.get(k) != ours.get(k))
            raise UserError(
                f"{folder} holds a run of another config: {key} was {theirs.get(key)} "
                f"and is {ours.get(key)}; choose another name=…, or remove it"
            )
    return json.loads(path.read_text()) if path.is_file() else None


def count(network: nnx.Module) -> int:
    """Returns the number of parameters of a network."""
    return sum(p.size for p in jax.tree.leaves(nnx.state(network, nnx.Param)))
