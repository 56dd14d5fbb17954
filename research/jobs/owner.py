"""Which process holds something, and whether it still lives."""

from __future__ import annotations

import dataclasses
import os
import platform
import subprocess
from pathlib import Path

SILENCE = 120.0  # seconds without a heartbeat after which a distant process is dead


@dataclasses.dataclass(frozen=True)
class Owner:
    """A process, named so that no other can be taken for it.

    Attributes:
      host: for people; two machines may share a name.
      pid: of the process, used again by the system after its death.
      started: when it started, in the kernel's own units: tells two uses of a pid
        apart, and no correction of the clock changes it.
      kernel: the running kernel and its space of pids; a reboot changes it.
      job: the Slurm job that it belongs to, of an array ARRAY_TASK, or "".
      restarts: how often Slurm had requeued that job before.
    """

    host: str
    pid: int
    started: str
    kernel: str
    job: str
    restarts: int

    @classmethod
    def current(cls) -> Owner:
        """Returns the owner that this process is."""
        pid = os.getpid()
        restarts = int(os.environ.get("SLURM_RESTART_COUNT", 0))
        return cls(
            platform.node(), pid, start_time(pid), kernel_id(), slurm_job(), restarts
        )

    def is_local(self) -> bool:
        """Whether it is a process under this kernel, where all of them are seen."""
        return self.kernel == kernel_id()

    def lives(self, age: float) -> bool:
        """Says whether the process still runs.

        Under this kernel that is a fact. Elsewhere it is judged by the heartbeat; but
        a requeued Slurm job knows that its former processes are dead, since Slurm ends
        a job before it starts it again.

        Args:
          age: seconds since its last heartbeat.
        """
        if self.is_local():
            return start_time(self.pid) == self.started
        me = Owner.current()
        if self.job and self.job == me.job and self.restarts < me.restarts:
            return False
        return age < SILENCE

    def __str__(self) -> str:
        job = f", Slurm job {self.job}" if self.job else ""
        return f"pid {self.pid} on {self.host}{job}"


def start_time(pid: int) -> str:
    """Returns when a process started, or "" if it is dead or a zombie."""
    if not Path("/proc/self/stat").exists():  # no Linux
        line = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
        found = subprocess.run(line, capture_output=True, text=True, check=False)
        state, _, since = found.stdout.strip().partition(" ")
    else:
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError:  # gone, maybe between opening and reading
            return ""
        # The name, which stands in brackets before these, may hold anything.
        state, *fields = text.rpartition(")")[2].split()
        since = fields[18]
    return "" if state[:1] in {"Z", "X", ""} else since.strip()


def slurm_job() -> str:
    """Returns the Slurm job that this process belongs to, or ""."""
    array, task = (os.getenv(f"SLURM_ARRAY_{part}_ID") for part in ("JOB", "TASK"))
    return f"{array}_{task}" if array and task else os.getenv("SLURM_JOB_ID", "")


def kernel_id() -> str:
    """Names the running kernel and this process's space of pids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()
