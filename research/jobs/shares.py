"""How the accelerators of one machine are shared out among the jobs of a launch.

Several jobs on each (`per_gpu`), or several for each job (`gpus_per_job`): a job sees
its own devices only, and takes its own part of their memory.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from research.errors import UserError
from research.jobs import accelerators
from research.jobs.accelerators import GIVEN, PLATFORMS, NoAccelerator, Pool

MEMORY = 0.9  # of a device's, for all jobs on it; CUDA itself takes some for each


@dataclasses.dataclass(frozen=True)
class Share:
    """What one job at a time has of the accelerators.

    Attributes:
      name: of its devices, for people.
      environment: that keeps it to them.
      memory: the fraction of their memory that it takes; 0 for JAX's own choice.
    """

    name: str = ""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    memory: float = 0.0


@dataclasses.dataclass(frozen=True)
class Request:
    """What a launch asks for, in keys of `hydra.launcher`.

    Attributes:
      gpus: `auto` for all that are there, if any; how many; or which: positions among
        those that the launch sees, or UUIDs, which may be cut short. 0 for none.
      per_gpu: jobs on each at a time.
      gpus_per_job: how many a job has; `all` for one job at a time, on all of them.

    Raises:
      UserError: a value is none of these, or two exclude each other.
    """

    gpus: int | str | Sequence[int | str] = "auto"
    per_gpu: int = 1
    gpus_per_job: int | str = 1

    def __post_init__(self):
        if isinstance(self.gpus, str) and self.gpus != "auto":
            refuse("gpus", self.gpus, "auto, how many, or a list of indices or UUIDs")
        if isinstance(self.gpus, int) and self.gpus < 0:
            refuse("gpus", self.gpus, "an integer of at least 0")
        if self.per_gpu < 1:
            refuse("per_gpu", self.per_gpu, "an integer of at least 1")
        number = self.gpus_per_job
        if number != "all" and (isinstance(number, str) or number < 1):
            refuse("gpus_per_job", number, "an integer of at least 1, or all")
        if self.per_gpu > 1 and number != 1:
            one = f"hydra.launcher.gpus_per_job={number}"
            refuse("per_gpu", self.per_gpu, f"1 with {one}: set one of the two to 1")

    @property
    def asked(self) -> str:
        """The first key that asks for accelerators, with its value; "" if none does."""
        asking = (
            f"hydra.launcher.{field.name}={getattr(self, field.name)}"
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        )
        return next(asking, "")

    def shares(self, own: Mapping[str, str]) -> list[Share]:
        """Returns a share for each job that may run at a time; none without devices.

        The first shares are on different devices.

        Args:
          own: variables of the jobs' environment, on top of this process's.

        Raises:
          UserError: what is asked for is not there, or `own` gives it out already.
        """
        if not self.gpus:
            if self.per_gpu != 1 or self.gpus_per_job != 1:
                refuse("gpus", self.gpus, "at least 1 with per_gpu or gpus_per_job")
            return []
        given = [name for p in PLATFORMS for name in p.variables if name in own]
        if given and self.asked:
            raise UserError(
                f"{self.asked}: hydra.launcher.environment.{given[0]} gives out the "
                "devices by hand; takes one of the two"
            )
        if given:
            return []
        try:
            pool = accelerators.find(os.environ | dict(own))
        except NoAccelerator as reason:
            if not self.asked:
                return []
            raise UserError(
                f"{self.asked}: no accelerator here ({reason}); takes "
                "hydra.launcher.gpus=auto or 0 alone, for jobs on the CPU"
            ) from None
        if pool.platform.divisible:
            return self.divide(pool)
        if self.asked and self != Request(gpus_per_job="all"):
            raise UserError(f"{self.asked}: one job has this TPU host; takes gpus=auto")
        return [Share(pool.platform.name)]

    def divide(self, pool: Pool) -> list[Share]:
        """Returns the shares of a pool; errors as `shares`."""
        chosen = self.choose(pool.devices)
        each = len(chosen) if self.gpus_per_job == "all" else int(self.gpus_per_job)
        if len(chosen) % each:
            refuse(
                "gpus_per_job", each, f"a divisor of {len(chosen)}, the GPUs, or all"
            )
        groups = [chosen[start : start + each] for start in range(0, len(chosen), each)]
        made = []
        for group in groups:
            name = f"GPU {','.join(map(str, group))}"
            devices = ",".join(pool.devices[index] for index in group)
            variables = {pool.variable: devices, GIVEN: name}
            made.append(Share(name, variables, MEMORY / self.per_gpu))
        return made * self.per_gpu

    def choose(self, devices: Sequence[str]) -> list[int]:
        """Returns the positions of the devices asked for; errors as `shares`."""
        if self.gpus == "auto":
            return list(range(len(devices)))
        if isinstance(self.gpus, int):
            if self.gpus > len(devices):
                refuse(
                    "gpus", self.gpus, f"auto or at most {len(devices)}, as are here"
                )
            return list(range(self.gpus))
        chosen: list[int] = []
        for word in self.gpus:
            known = [
                index
                for index, name in enumerate(devices)
                if str(index) == str(word)
                or (not str(word).isdigit() and name.startswith(str(word)))
            ]
            if len(known) != 1 or known[0] in chosen:
                names = ", ".join(f"{i} ({name})" for i, name in enumerate(devices))
                refuse("gpus", list(self.gpus), f"each once of {names}")
            chosen += known
        return chosen


def refuse(key: str, value: Any, takes: str) -> NoReturn:
    """Raises a UserError about a key of the launcher."""
    raise UserError(f"hydra.launcher.{key}={value}: takes {takes}")
