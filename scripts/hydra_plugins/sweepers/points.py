"""The points that claims name, as a sweep: `python scripts/train.py experiment=c3`.

There is no list of them but the claims' own. What decides any of the claims comes
first, seeds outermost; what two claims share is trained once. Where a setting tunes the
learning rate, that comes before all: `tune=first`, and `only` or `never`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from research import claims
from research.claims.points import LISTS, TUNE, Experiment, Tried, require
from research.claims.tuning import read_tried
from research.config import CONF, compose_flat
from research.errors import UserError
from research.runs import read_metrics, read_runs


class Points(Sweeper):
    """Launches all points of some claims.

    `seed=` on the command line replaces the seeds of the settings; another override is
    one of every point, and a sweep `a,b` multiplies them.

    Args:
      claims: names, such as `c3`.
      scale: of the settings.
      only: one of the lists, `primary` or `details`; None for both.
      tune: when learning rates are tried: `first`, `only`, or `never`, where arms keep
        the rate of their setting.
      params: of Hydra's own sweeper; not taken.
    """

    config: DictConfig  # from `setup`, as Hydra calls it first

    def __init__(
        self,
        *,
        claims: Sequence[str],
        scale: str,
        only: str | None,
        tune: str = "first",
        params: DictConfig | None = None,
    ):
        self.claims, self.scale, self.only = list(claims), scale, only
        self.tune = tune

    def setup(
        self,
        *,
        hydra_context: HydraContext,
        task_function: TaskFunction,
        config: DictConfig,
    ) -> None:
        """Takes what Hydra gives to a sweeper."""
        self.context, self.task, self.config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        """Runs the points, in order; returns what the launcher does.

        Args:
          arguments: overrides of the command line.

        Raises:
          UserError: there is no such claim, scale or list, or nothing in the list.
        """
        experiment, lists, seeds = self.plan(arguments)
        if require("tune", self.tune, TUNE) != "never":
            self.try_rates(experiment, lists)
            if self.tune == "only":
                return None
        tried = None if self.tune == "never" else self.read_tried()
        points = experiment.points(lists, seeds or None, tried)
        if jobs := [point.words for point in points]:
            return self.launch(jobs)
        raise UserError(
            f"experiment={','.join(self.claims)} only={self.only}: nothing there; "
            "leave only=… away"
        )

    def try_rates(self, experiment: Experiment, lists: Sequence[str]) -> None:
        """Tries the learning rates of all arms, then those beyond an edge."""
        if jobs := experiment.trials(lists):
            self.launch(jobs)
            if beyond := experiment.trials(lists, self.read_tried()):
                self.launch(beyond)

    def launch(self, jobs: Sequence[list[str]]) -> Any:
        """Runs some jobs; returns what the launcher does."""
        with open_dict(self.config):  # the launcher's folder is that of the jobs
            self.config.name = compose_flat(*jobs[0])["name"]
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=self.context, task_function=self.task, config=self.config
        )
        return launcher.launch(jobs, initial_job_idx=0)

    def read_tried(self) -> Tried:
        """Returns what came of the rates, in the folder of the jobs and the store."""
        folder = Path(str(self.config.root)) / str(self.config.name)
        found: dict[str, dict[float, float]] = {}
        for place in (self.config.store, folder):
            if place is not None and Path(str(place)).exists():
                tried = read_tried(read_runs(place), read_metrics(place))
                for arm, rates in tried.items():
                    found.setdefault(arm, {}).update(rates)
        return found

    def plan(
        self, arguments: Sequence[str]
    ) -> tuple[Experiment, Sequence[str], list[str]]:
        """Returns the experiment, its lists, and the seeds of the command line."""
        lists = LISTS if self.only is None else [require("only", self.only, LISTS)]
        parser = OverridesParser.create(self.context.config_loader)
        given = parser.parse_overrides(list(arguments))
        seeds = [line for one in given if is_seed(one) for line in lines(one)]
        others = [lines(one) for one in given if not is_seed(one)]
        experiment = Experiment(
            [self.require_claim(name) for name in self.claims],
            scale=self.scale,
            compose=compose_flat,
            variants=list(product(*others)),
        )
        return experiment, lists, [line.partition("=")[2] for line in seeds]

    def require_claim(self, name: str) -> str:
        """Returns the name of a claim; raises UserError if it is none."""
        known = [*claims.load()]
        if name not in known:
            ordinary = sorted(one.stem for one in CONF.glob("experiment/*.yaml"))
            raise UserError(
                f"experiment={name}: there are {', '.join(known)}, and each by itself "
                f"{', '.join(ordinary)}"
            )
        return name


def is_seed(override: Override) -> bool:
    """Whether an override chooses the seeds."""
    return override.get_key_element() == "seed"


def lines(override: Override) -> list[str]:
    """Returns an override as given, or one for each value that it sweeps over."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    key = override.get_key_element()
    return [f"{key}={value}" for value in override.sweep_string_iterator()]
