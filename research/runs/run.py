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

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from flax import nnx
from omegaconf import DictConfig, OmegaConf

from research import config
from research.data.source import Dataset
from research.distributed import hosts
from research.evals.engine.predictor import Predictor
from research.files.atomic import write_json, write_text
from research.files.lines import MetricsFile
from research.jobs import status
from research.jobs.following import Follower, lead_or_follow
from research.jobs.status import Attempt
from research.progress import bar, say
from research.runs.measure import checked, measure
from research.runs.outcome import (
    finish,
    is_done,
    read_config,
    require_same_training,
)
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
    if not hosts.agreed(is_done(folder, cfg)):
        with lead_or_follow(folder) as job:
            if not hosts.agreed(is_done(folder, cfg)):  # nobody else was faster
                return attempted(
                    cfg,
                    folder,
                    job,
                    choices=choices,
                    command=command,
                    overrides=overrides,
                )
    say(f"{folder}: done already")
    return status.done(folder) or {}


def attempted(
    cfg: DictConfig,
    folder: Path,
    job: Attempt | Follower,
    *,
    choices: Mapping[str, str],
    command: str,
    overrides: Sequence[str],
) -> dict[str, Any]:
    """Trains and evaluates a network, as the only one who does; see `run`."""
    started = time.monotonic()
    if Checkpoints(folder / "checkpoints").steps() or status.done(folder):
        require_same_training(folder, cfg)
    data = config.data(cfg)
    network = config.network(cfg, rngs=nnx.Rngs(cfg.seed))
    parameters, evaluators = count(network), config.evals(cfg)
    train, measured = data.split("train"), data.split(cfg.split)
    epochs = cfg.train.epochs
    total = steps(len(train), batch_size=cfg.train.batch_size, epochs=epochs)
    computing(cfg.train.dtype)
    config.optimizer(cfg)(steps_per_epoch=total // epochs, epochs=epochs)
    losses.check(config.shared(cfg.loss), network, data.shape)
    checked(evaluators, network, measured, cfg)
    # What can be wrong is found by now: nothing is half-written for a mistake.
    provenance = describe(cfg, folder, choices=choices, command=command)
    provenance |= {"overrides": list(overrides), "fingerprints": dict(cfg.claims)}
    write_text(folder / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
    write_json(folder / "provenance.json", provenance)
    network = trained(cfg, network, data, folder, job, total)
    measure(evaluators, network, measured, folder, provenance, cfg)
    return finish(
        folder,
        cfg,
        steps=total,
        parameters=parameters,
        seconds=round(time.monotonic() - started, 2),
    )


def trained(
    cfg: DictConfig,
    network: nnx.Module,
    data: Dataset,
    folder: Path,
    job: Attempt | Follower,
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
    """Returns the config of a run folder; raises UserError if it is none."""
    return OmegaConf.create(read_config(folder))


def count(network: nnx.Module) -> int:
    """Returns the number of parameters of a network."""
    return sum(p.size for p in jax.tree.leaves(nnx.state(network, nnx.Param)))
