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
from pathlib import Path
from typing import IO, Any

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
    """

    folder: Path
    script: str
    arguments: tuple[str, ...]
    cpus: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """What the job's environment has on top of the launcher's."""
        flags = os.environ.get("XLA_FLAGS", "")
        ours = "--xla_force_host_platform_device_count"
        if self.cpus and ours not in flags:
            flags = f"{flags} {ours}={self.cpus}".strip()
        return {"XLA_FLAGS": flags} if flags else {}

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """Starts it as a local process, which saves and stops when this one ends.

        What it prints goes to `log.txt` in the run folder. While its standard input is
        open, its launcher lives.

        Args:
          **environment: further variables of its environment.
        """
        return subprocess.Popen(
            [sys.executable, self.script, *self.arguments],
            env=os.environ | self.environment | {LEASH: "1"} | environment,
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
        os.environ.update(self.environment)
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
