"""A job of a sweep as the command that a person would type for it.

Launchers differ only in where they run it. Only this command goes to another process or
machine, so no job depends on the state of a launcher.
"""

from __future__ import annotations

import dataclasses
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

FRACTION = "XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION"  # new, old
LEASH = "RESEARCH_STOPS_WITH_STDIN"  # set: stop when the launcher is gone


@dataclasses.dataclass(frozen=True)
class Job:
    """One command in one run folder.

    Attributes:
      folder: the run folder.
      script: the Python script.
      arguments: of the script.
      cpus: virtual devices that it computes on, so that neighbours do not compete for
        cores; 0 for all there are. Accelerators are used whatever it says.
      memory: the fraction of its accelerators' memory that it may take, beside others
        on them; 0 for JAX's own choice.
    """

    folder: Path
    script: str
    arguments: tuple[str, ...]
    cpus: int = 0
    memory: float = 0.0

    def complete(self, given: Mapping[str, str]) -> dict[str, str]:
        """Returns an environment with what the job needs and it does not say itself.

        Args:
          given: by the user, who wins.
        """
        made = dict(given)
        flags = given.get("XLA_FLAGS", "")
        ours = "--xla_force_host_platform_device_count"
        if self.cpus and ours not in flags:
            made["XLA_FLAGS"] = f"{flags} {ours}={self.cpus}".strip()
        if self.memory and not given.keys() & set(FRACTION):  # both are an error to JAX
            made[FRACTION[0]] = f"{self.memory:.3f}"
        return made

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """Starts it as a local process, which saves and stops when this one ends.

        What it prints goes to `log.txt` in the run folder. While its standard input is
        open, its launcher lives.

        Args:
          **environment: further variables of its environment.
        """
        return subprocess.Popen(
            [sys.executable, self.script, *self.arguments],
            env=self.complete(os.environ | environment) | {LEASH: "1"},
            stdin=subprocess.PIPE,
            stdout=(log := self.log()),
            stderr=log,
        )

    def log(self) -> IO[bytes]:
        """Opens the file that takes what the job prints."""
        return (self.folder / "log.txt").open("ab", buffering=0)

    def __call__(self) -> None:
        """Runs it in this process, which a cluster has started for it.

        Raises:
          SystemExit: its status was not 0.
        """
        os.environ.update(self.complete(os.environ))
        sys.argv = [self.script, *self.arguments]
        sys.path.insert(0, str(Path(self.script).parent))
        runpy.run_path(self.script, run_name="__main__")

    def checkpoint(self) -> Any:
        """Returns what submitit is to run when the job is requeued: the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def stop_with_launcher() -> None:
    """Sends SIGTERM to this process when the launcher that started it is gone.

    The launcher holds the other end of our standard input, and the system closes it
    however the launcher ends, by kill −9 too.
    """
    if os.environ.pop(LEASH, None):

        def wait() -> None:
            while os.read(0, 1):
                pass
            os.kill(os.getpid(), 15)

        threading.Thread(target=wait, daemon=True).start()
