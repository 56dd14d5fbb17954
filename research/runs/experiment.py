"""An experiment: everything that a run needs, built once from its config."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from omegaconf import DictConfig

from research import config
from research.data.source import Dataset
from research.data.split import Split
from research.data.stream import Stream
from research.distributed import hosts
from research.evals.engine.phases import describe_undivided
from research.jobs.naming import name_briefly
from research.jobs.objective import check_objective
from research.loggers.logger import Logger, Opened, Silent, begin, require_package
from research.models.network import Network, find_initialized
from research.nn.layers import count_parameters
from research.nn.precision import Precision, computing
from research.progress import bar, say
from research.runs.curves import Curves
from research.runs.identity import flatten
from research.runs.journal import Journal, Progress
from research.runs.measure import Evaluators, check_all, measure_all, require_arrays
from research.runs.outcome import own_split
from research.tasks import task as tasks
from research.tasks.task import Task
from research.training.averaging import Averaging
from research.training.checkpoint import Checkpoints
from research.training.compiling import compile_alone
from research.training.loop import fit
from research.training.observer import Observer, Several
from research.training.optim import read_rates
from research.training.settings import Training
from research.training.step import Augment
from research.training.tracing import Tracing, parse_steps

SHOWN = 5000  # training images that a network may begin with


@dataclass(frozen=True)
class Experiment:
    """What is trained, on what, how, and what is measured of it then.

    Attributes:
      cfg: what the rest was built from.
      network: freshly initialised.
      data: its splits are read when they are first asked for.
      task: what is minimised and what is scored.
      optimizer: an Optax transformation, its schedule as long as the training.
      augment: `augment(batch, key) → batch`.
      averaging: factory of an average of the weights; None for none.
      training: the settings.
      precision: of float32 products, in training and in evaluation.
      steps: of the whole training.
      parameters: how many the network has.
      evaluators: by name.
      logger: factory of what shows its curves; None for nothing.
      traced: the first and the last step of a trace; None for none.
    """

    cfg: DictConfig
    network: nnx.Module
    data: Dataset
    task: Task
    optimizer: optax.GradientTransformation
    augment: Augment
    averaging: Callable[..., Averaging] | None
    training: Training
    precision: Precision
    steps: int
    parameters: int
    evaluators: Evaluators
    logger: Opened | None = None
    traced: tuple[int, int] | None = None

    @property
    def measured(self) -> Split | Stream:
        """What the evaluators measure on: examples, or a stream that they refuse."""
        return self.data.split(self.cfg.split)

    def limit_to(self, evaluators: Sequence[str]) -> Experiment:
        """Returns the same experiment with no other evaluators than these."""
        chosen = {name: self.evaluators[name] for name in evaluators}
        return replace(self, evaluators=chosen)

    def check(self) -> None:
        """Refuses what would go wrong later, computing nothing.

        Raises:
          UserError: an evaluator cannot measure, the loss cannot train the network, or
            the logger's package is missing.
        """
        if self.logger is not None:
            require_package(self.logger)
        measured = self.measured
        check_all(self.evaluators, self.network, measured, self.cfg)
        split = measured if isinstance(measured, Split) else self.data.split("test")
        tasks.check(self.task, self.network, split.arrays)
        train = self.data.split("train")
        if isinstance(train, Split):
            with computing(self.precision.train):
                check_augment(self.augment, train)

    @contextmanager
    def draw_curves(self, folder: Path) -> Iterator[Curves | None]:
        """Yields what feeds the logger; None without one. The first process alone logs.

        Args:
          folder: the run folder.
        """
        if self.logger is None:
            yield None
            return
        factory, config = self.logger, flatten(self.cfg)

        def open_logger(step: int) -> Logger:
            return begin(factory, folder, step, config) if hosts.leads() else Silent()

        curves = Curves(
            open_logger,
            batch_size=self.training.batch_size,
            per_epoch=self.steps // self.training.epochs,
            rates=read_rates(self.optimizer, self.steps),
        )
        with closing(curves):
            yield curves

    def train(
        self, folder: Path, job: Progress, curves: Curves | None = None
    ) -> nnx.Module:
        """Returns the trained network, from the folder's last checkpoint if any.

        Args:
          folder: the run folder.
          job: hears of the progress.
          curves: hear of the values; None: nothing does.

        Raises:
          UserError: the loss is not finite, or the disk is full.
          Interrupted: a signal came; the run is saved.
        """
        say_undivided(self.network, self.cfg)
        self.initialize()
        more: list[Observer] = [] if curves is None else [curves]
        traced = self.traced and Tracing(*self.traced, folder / "profile")
        with (
            bar(name_briefly(folder), self.steps) as show,
            Journal(
                folder,
                job,
                show,
                steps=self.steps,
                batch_size=self.training.batch_size,
            ) as journal,
            computing(self.precision.train),
        ):
            return fit(
                self.network,
                self.data.split("train"),
                task=self.task,
                optimizer=self.optimizer,
                augment=self.augment,
                averaging=self.averaging,
                training=self.training,
                seed=self.cfg.seed,
                checkpoints=Checkpoints(folder / "checkpoints"),
                validation=self.data.split("validation"),
                observer=Several(journal, *more),
                tracing=traced,
            )

    def compile(self) -> dict[str, float]:
        """Compiles the training step; returns what it takes, see `compile_alone`."""
        self.initialize()
        with computing(self.precision.train):
            return compile_alone(
                self.network,
                self.data.split("train"),
                task=self.task,
                optimizer=self.optimizer,
                augment=self.augment,
                averaging=self.averaging,
                training=self.training,
                seed=self.cfg.seed,
            )

    def initialize(self) -> None:
        """Shows the network training images, if a stage of it begins with such.

        Raises:
          UserError: they are streamed.
        """
        if isinstance(self.network, Network) and find_initialized(self.network.stages):
            first = require_arrays(self.data.split("train")).images[:SHOWN]
            self.network.initialize_from(jnp.asarray(first / np.float32(255)))

    def measure(
        self,
        network: nnx.Module,
        folder: Path,
        provenance: Mapping[str, Any],
        curves: Curves | None = None,
    ) -> None:
        """Runs the evaluators on the trained network; each leaves its rows."""
        own, split = own_split(folder, self.cfg.split), self.measured
        found = measure_all(
            self.evaluators, network, split, folder, provenance, self.cfg, own
        )
        if curves is not None and isinstance(split, Split):
            for one in found:
                curves.measured(self.steps, one, split)


def check_augment(augment: Augment, split: Split) -> None:
    """Traces an augmentation on one example as a step gives it; computes nothing.

    Raises:
      UserError: it is not made for the data; as the augmentation says.
    """
    one = {
        name: jax.ShapeDtypeStruct((1, *rows.shape[1:]), rows.dtype)
        for name, rows in split.arrays.items()
    }
    one["image"] = jax.ShapeDtypeStruct(one["image"].shape, jnp.float32)
    for name, dtype in (("index", jnp.int32), ("epoch", jnp.int32), ("draw", "uint32")):
        one[name] = jax.ShapeDtypeStruct((1,), dtype)
    jax.eval_shape(augment, one, jax.random.key(0))


def say_undivided(network: nnx.Module, cfg: DictConfig) -> None:
    """Prints where adaptive phases are not exact although every border wraps around.

    Args:
      network: of the config.
      cfg: whose `model.padding` says what was asked for.
    """
    if cfg.model.get("padding") != "circular":
        return
    height, width, channels = cfg.data.shape
    if line := describe_undivided(network, (height, width, channels)):
        say(line)


def build(cfg: DictConfig) -> Experiment:
    """Builds everything that a `train` config names.

    Raises:
      UserError: a part of the config is wrong; names the key.
    """
    config.check_config(cfg)
    training, precision, seed = Training(**cfg.train), Precision.of(cfg), cfg.seed
    data, task = config.data(cfg), config.task(cfg)
    validated = bool(len(data.split("validation") or ()))
    check_objective(cfg.get("objective"), task.scores, validated=validated)
    training.check_best(task.scores, validated=validated)
    plan = training.plan(len(data.split("train")), seed=seed)
    network = config.network(cfg, rngs=nnx.Rngs(seed))
    return Experiment(
        cfg=cfg,
        network=network,
        data=data,
        task=task,
        optimizer=config.optimizer(cfg)(
            steps_per_epoch=plan.per_epoch, epochs=training.epochs
        ),
        augment=config.build_shared(cfg.augment),
        averaging=config.build_shared(cfg.averaging) if cfg.averaging else None,
        training=training,
        precision=precision,
        steps=len(plan),
        parameters=count_parameters(network),
        evaluators=config.evals(cfg),
        logger=config.build(cfg.logger) if cfg.logger else None,
        traced=None if cfg.profile is None else parse_steps(cfg.profile, len(plan)),
    )
