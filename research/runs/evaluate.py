"""Rows for what is there: trained networks, foreign classifiers, untrained ones."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from flax import nnx
from omegaconf import DictConfig, OmegaConf

from research import config
from research.errors import UserError
from research.files.atomic import remove, write_json, write_text
from research.jobs.following import lead_or_follow
from research.jobs.lock import hold
from research.nn.layers import count_parameters
from research.progress import say
from research.runs import identity, identity_keys
from research.runs.contents import read_provenance
from research.runs.experiment import say_undivided
from research.runs.foreign import Foreign, load_foreign
from research.runs.measure import (
    check_all,
    measure_all,
    measure_each,
    say_headline,
)
from research.runs.outcome import (
    file_name,
    finish,
    forget,
    own_split,
    read_config,
    read_digests,
    record,
    require_room,
    require_same_training,
)
from research.runs.provenance import describe, find_commit
from research.runs.rows import Row
from research.runs.run import load
from research.runs.wrapping import wrap_network


def evaluate_run(
    cfg: DictConfig, folder: Path, *, overrides: Sequence[str] = ()
) -> list[Row]:
    """Adds the rows of the configured evaluators to a run folder, on its own data.

    Rows of another split than the run's own get files of their own. All carry the
    commit of the code that measures; what `provenance.json` says is of the training.

    Args:
      cfg: an `eval` config: its `eval`, `split`, `precision.eval` and
        `data.test_examples` count.
      folder: a run folder whose training is finished.
      overrides: of the config: a `data.dir` among them replaces the run's.

    Returns:
      The rows.

    Raises:
      UserError: there is no finished training, or a part of the config is wrong.
      Held: another process trains or evaluates it.
    """
    read_config(folder)  # a folder that is none is left as it is
    refuse_training_keys(overrides)
    refuse_replacing(cfg)
    with lead_or_follow(folder, hold):
        trained, network = load(folder)
        own, provenance = trained.split, read_provenance(folder)
        measure_as(trained, cfg, provenance, overrides)
        evaluators, split = config.evals(trained), config.data(trained).split(cfg.split)
        say_undivided(network, trained)
        check_all(evaluators, network, split, trained)
        provenance["commit"] = find_commit()
        forget(folder, trained, evaluators)
        found = measure_all(
            evaluators, network, split, folder, provenance, trained, own
        )
        record(folder, trained)
    return [row for one in found for row in one.rows]


def evaluate_wrapped(
    cfg: DictConfig,
    run: Path,
    folder: Path,
    *,
    overrides: Sequence[str] = (),
    choices: Mapping[str, str | None],
    command: str,
) -> list[Row]:
    """Makes a folder with the rows of a trained network in a wrapper, or of its best.

    The run folder stays as it is: its rows are of the network itself.

    Args:
      cfg: an `eval` config; see `evaluate_run`.
      run: a run folder whose training is finished.
      folder: where the rows go.
      overrides: of the config.
      choices: of the config's groups; that of `wrap` joins the run's own.
      command: that was given.

    Raises:
      UserError: as `evaluate_run`; or the wrapper does not fit.
    """
    read_config(run)
    refuse_training_keys(overrides)
    refuse_replacing(cfg)
    trained, network = load(run, cfg.checkpoint)
    before = read_provenance(run)
    measure_as(trained, cfg, before, overrides)
    trained.wrap, trained.checkpoint = cfg.wrap, cfg.checkpoint
    wrapped = wrap_network(trained, network)
    known = {**before.get("choices", {}), "wrap": choices["wrap"]}
    return evaluate_new(trained, wrapped, folder, choices=known, command=command)


def measure_as(
    trained: DictConfig,
    cfg: DictConfig,
    provenance: Mapping[str, Any],
    overrides: Sequence[str],
) -> None:
    """Lets the evaluation say how a run is measured; all else the run says.

    Args:
      trained: config of the run, which is changed.
      cfg: of the evaluation.
      provenance: of the run.
      overrides: of the evaluation.
    """
    OmegaConf.set_struct(trained, False)
    if has_moved(provenance.get("overrides") or (), overrides):
        trained.data.dir = cfg.data.dir
    trained.eval, trained.split = cfg.eval, cfg.split
    trained.data.test_examples = cfg.data.get("test_examples")
    OmegaConf.update(trained, "precision.eval", cfg.precision.eval)


def refuse_training_keys(overrides: Sequence[str]) -> None:
    """Refuses what a finished run has chosen already, rather than pass it over.

    Raises:
      UserError: an override would change the network, or the data that it is
        evaluated on.
    """
    for override in overrides:
        key = identity.key_of(override)
        if identity_keys.decides(key) or key == "data.test_split":
            raise UserError(
                f"{override}: the networks of run_dir=… are evaluated as they were "
                "trained, on their own data: leave it out, or train another run "
                "(scripts/train.py) with it"
            )


def refuse_replacing(cfg: DictConfig) -> None:
    """Refuses to replace parts of a network of ours, which are chosen as they are.

    Raises:
      UserError: the config has `replace`.
    """
    if cfg.replace:
        raise UserError(
            "replace: swaps operators of PyTorch networks (predict=torch:…, timm:… or "
            "hf:…); networks of this project are trained with downsample=OPTION "
            "instead: leave replace out"
        )


def has_moved(before: Sequence[str], now: Sequence[str]) -> bool:
    """Whether the evaluation, not the training, says where the data are.

    As ever, a `data.dir` that was given comes before TFDS_DATA_DIR, and the later one
    before the earlier.

    Args:
      before: overrides of the training.
      now: overrides of the evaluation.
    """
    said, says = (
        any(o.lstrip("+").startswith("data.dir=") for o in of) for of in (before, now)
    )
    return says or (not said and "TFDS_DATA_DIR" in os.environ)


def evaluate_untrained(
    cfg: DictConfig, folder: Path, *, choices: Mapping[str, str | None], command: str
) -> list[Row]:
    """Evaluates the configured network as initialised, to compare costs."""
    refuse_replacing(cfg)
    network = config.network(cfg, rngs=nnx.Rngs(cfg.seed))
    network.eval()
    say_undivided(network, cfg)
    network = wrap_network(cfg, network)
    return evaluate_new(cfg, network, folder, choices=choices, command=command)


def evaluate_foreign(
    cfg: DictConfig, folder: Path, *, choices: Mapping[str, str | None], command: str
) -> list[Row]:
    """Evaluates the model of `predict`, from images to logits or vectors, on the data.

    What it says of itself, but for the names of its classes, is `model` in the
    provenance.
    """
    model = load_foreign(cfg)
    say_scaling(model, cfg.data)
    return evaluate_new(cfg, model, folder, choices=choices, command=command)


def say_scaling(model: Foreign, data: DictConfig) -> None:
    """Prints where photographs are scaled otherwise than the model says of itself."""
    known = model.description
    if known.size is None or "interpolation" not in data or not data.resize:
        return
    own: dict[str, Any] = {"interpolation": known.interpolation}
    if known.crop < 1:
        own["central"] = known.crop
    words = [f"data.{key}={value}" for key, value in own.items() if data[key] != value]
    if words:
        say(f"predict={model.path}: its makers scaled images by {' '.join(words)}")


def require_same_data(folder: Path, photographs: Sequence[str] | None) -> None:
    """Refuses a folder with rows of other photographs, to which it would add.

    Args:
      folder: of the run.
      photographs: their names; None: the data are no photographs.

    Raises:
      UserError: names the folder.
    """
    if photographs is None or not (folder / "provenance.json").exists():
        return
    before = read_provenance(folder).get("photographs")
    if before != list(photographs):
        raise UserError(
            f"{folder} holds rows of other photographs ({len(before or ())}, and now "
            f"there are {len(photographs)}): choose another name=…, or remove it"
        )


def evaluate_new(
    cfg: DictConfig,
    predict: Callable[..., Any],
    folder: Path,
    *,
    choices: Mapping[str, str | None],
    command: str,
) -> list[Row]:
    """Makes a folder with the rows of something that was not trained here.

    It is written when all is measured: what fails leaves the folder as it was. A kill
    between two of its files leaves a run that counts as not finished. Rows of another
    split than those that are there get files of their own.
    """
    started = time.monotonic()
    with lead_or_follow(folder, hold):
        evaluators, data = config.evals(cfg), config.data(cfg)
        split = data.split(cfg.split)
        check_all(evaluators, predict, split, cfg)
        own = own_split(folder, cfg.split)
        require_room(folder, [file_name(one, cfg.split, own) for one in evaluators])
        if (folder / "config.yaml").exists():
            require_same_training(folder, cfg)
        require_same_data(folder, data.photographs)
        provenance = describe(cfg, folder, choices=choices, command=command)
        if data.photographs is not None:
            provenance["photographs"] = list(data.photographs)
        if isinstance(predict, Foreign):
            provenance = provenance | {
                "model": asdict(replace(predict.description, classes=None)),
                "replaced": dict(predict.replaced),
            }
        measuring = measure_each(
            evaluators, predict, split, folder, provenance, cfg, own
        )
        found, earlier = list(measuring), read_digests(folder)
        remove(folder / "done.json")
        kept = OmegaConf.merge(cfg, {"split": own})
        write_text(folder / "config.yaml", OmegaConf.to_yaml(kept, resolve=True))
        write_json(folder / "provenance.json", provenance)
        for measured in found:
            measured.write(folder)
        rows = [row for measured in found for row in measured.rows]
        say_headline(folder, rows, evaluators)
        facts: dict[str, Any] = {}
        if isinstance(predict, nnx.Module):
            facts["parameters"] = count_parameters(predict)
        facts["seconds"] = round(time.monotonic() - started, 2)
        finish(folder, cfg, earlier, **facts)
    return rows
