"""A search over settings with Optuna, as a sweep: `hydra/sweeper=search`.

The trials are run folders like any others, and the sampler is seeded. So there is no
database: the same command again draws the same trials, finds what is done, and goes on.
(`hydra-optuna-sweeper` 1.3 is bound to Optuna 2, whose storage fails with today's
SQLAlchemy.)
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from research.errors import UserError
from research.files.atomic import write_json
from research.progress import say
from research.ranges import Count, Seed


class Search(Sweeper):
    """Draws the values of swept keys so as to improve `objective`.

    A sweep `a,b` or `range(…)` is a choice; `interval(low, high)` is a range of
    numbers, of integers where both ends are, and `tag(log, interval(low, high))` one of
    magnitudes.

    Args:
      sampler: a partial of an Optuna sampler, which takes `seed`.
      seed: of it.
      direction: `minimize` or `maximize`.
      trials: how many to run.
      parallel: how many are drawn before the first of them is known; the launcher says
        how many run at a time.
      params: overrides that are always there, as in Hydra's own sweeper.

    Raises:
      UserError: Optuna is not there, or no objective is configured.
    """

    launcher: Launcher  # from `setup`, as Hydra calls it first

    def __init__(
        self,
        *,
        sampler: Callable[..., Any],
        seed: Seed,
        direction: Literal["minimize", "maximize"],
        trials: Count,
        parallel: Count,
        params: DictConfig | None,
    ):
        if importlib.util.find_spec("optuna") is None:
            raise UserError(
                "hydra/sweeper=search needs Optuna: make install EXTRAS=search"
            )
        self.sampler, self.seed, self.direction = sampler, seed, direction
        self.trials, self.parallel = trials, parallel
        self.params = {str(key): value for key, value in (params or {}).items()}

    def setup(
        self,
        *,
        hydra_context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
    ) -> None:
        """Takes what Hydra gives to a sweeper."""
        if config.get("objective") is None:
            raise UserError(
                "hydra/sweeper=search needs what to improve: "
                "objective=SPLIT.MEASURE, such as validation.loss"
            )
        self.objective, self.folder = config.objective, Path(config.hydra.sweep.dir)
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.parser = OverridesParser.create(hydra_context.config_loader)

    def sweep(self, arguments: list[str]) -> Any:
        """Runs the trials and writes `search.json`; returns the best overrides."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        lines = [f"{key}={value}" for key, value in self.params.items()]
        given = self.parser.parse_overrides([*lines, *arguments])
        chosen = {one.get_key_element(): one for one in given}  # the last word
        fixed = [
            f"{key}={one.get_value_element_as_str()}"
            for key, one in chosen.items()
            if not one.is_sweep_override()
        ]
        space = {
            k: to_distribution(o) for k, o in chosen.items() if o.is_sweep_override()
        }
        study = optuna.create_study(
            direction=self.direction, sampler=self.sampler(seed=self.seed)
        )
        while (count := len(study.trials)) < self.trials:
            size = min(self.parallel, self.trials - count)
            batch = [study.ask(space) for _ in range(size)]
            jobs = [
                [*fixed, *(f"{key}={value}" for key, value in trial.params.items())]
                for trial in batch
            ]
            returns = self.launcher.launch(jobs, initial_job_idx=count)
            for trial, result in zip(batch, returns, strict=True):
                tell(study, trial, result)
            if has_result(study):
                self.report(study)
        if not has_result(study):
            raise UserError(
                f"{self.folder}: none of {self.trials} trials of the search has a "
                f"result; `python scripts/status.py {self.folder}` shows why"
            )
        return self.report(study, aloud=True)

    def report(self, study: Any, *, aloud: bool = False) -> list[str]:
        """Writes down all trials and the best."""
        trials = [
            {"values": one.params, "objective": one.value, "state": one.state.name}
            for one in study.trials
        ]
        best = study.best_trial
        found = [f"{key}={value}" for key, value in best.params.items()]
        write_json(
            self.folder / "search.json",
            {"objective": self.objective, "direction": self.direction}
            | {"best": found, "value": best.value, "trials": trials},
        )
        if aloud:
            line = " ".join(found)
            say(f"{self.folder}: {self.objective} {best.value:.4g} with {line}")
        return found


def has_result(study: Any) -> bool:
    """Whether any trial came to its objective; those that diverge have none."""
    return any(trial.value is not None for trial in study.trials)


def to_distribution(override: Override) -> Any:
    """Returns the distribution of a swept key."""
    from optuna import distributions

    value = override.value()
    if not isinstance(value, IntervalSweep):
        options = list(override.sweep_string_iterator())
        return distributions.CategoricalDistribution(options)
    integer = isinstance(value.start, int) and isinstance(value.end, int)
    kind = "IntDistribution" if integer else "FloatDistribution"
    make = partial(getattr(distributions, kind), log="log" in value.tags)
    try:
        return make(value.start, value.end)
    except ValueError as error:
        raise UserError(f"{override.input_line}: {error}") from None


def tell(study: Any, trial: Any, result: JobReturn) -> None:
    """Tells a study how a trial ended; one that failed teaches it nothing."""
    from optuna.trial import TrialState

    try:
        value = result.return_value
    except UserError:
        value = None
    if value is None:
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, value)
