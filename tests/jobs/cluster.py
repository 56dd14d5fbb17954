"""A Slurm of one node on the loopback, all of its files in one folder.

As root, from Debian's `slurm-wlm` and `munge`. What the daemons of a real cluster find
in /etc and /var lies in a temporary folder here, and goes with it.
"""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PACKAGES = ("slurm-wlm", "munge")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
JobRequeue=1
KillWait=20
GresTypes=gpu,shard
NodeName=node NodeAddr=127.0.0.1 CPUs={cpus} Gres=gpu:2,shard:4 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
"""
# Slurm gives out any device as a GPU: it only counts them.
GPUS = """
Name=gpu File=/dev/null
Name=gpu File=/dev/zero
Name=shard Count=4
"""


class NoSlurm(Exception):
    """Slurm cannot be had here."""


def install() -> None:
    """Installs Debian's packages, if their programs are not there.

    Raises:
      NoSlurm: they cannot be installed.
    """
    if all(map(shutil.which, PROGRAMS)):
        return
    wait = ["-o", "DPkg::Lock::Timeout=300"]
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for line in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        try:
            subprocess.run(
                ["apt-get", *wait, *line], env=quiet, check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", b"").decode().strip().split("\n")[-1]
            raise NoSlurm(
                f"apt-get {line[0]} of {', '.join(PACKAGES)} failed: {said or error}; "
                "the Slurm test needs them, and root on Debian to install them"
            ) from None


@contextmanager
def slurm(folder: Path, cpus: int = 2) -> Iterator[dict[str, str]]:
    """Runs a cluster of one node, which says that it has two GPUs.

    Args:
      folder: for all of its files.
      cpus: that it says it has.

    Yields:
      Environment variables by which Slurm's commands find it.
    """
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(mode=0o700)
    key = folder / "munge" / "key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    config = folder / "slurm.conf"
    host = platform.node().partition(".")[0]
    config.write_text(
        CONFIG.format(host=host, ports=ports(2), folder=folder, cpus=cpus)
    )
    (folder / "gres.conf").write_text(GPUS)
    environment = {"SLURM_CONF": str(config)}
    munged = ["munged", "--foreground", "--force", f"--key-file={key}"]
    munged += [f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid"]
    munged += [f"--log-file={folder}/munged.log", f"--seed-file={folder}/munge/seed"]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for line, ready in (
            (munged, lambda: (folder / "munge.socket").exists()),
            (["slurmctld", "-D", "-i"], lambda: responds(environment, "ping", "UP")),
            (["slurmd", "-D", "-N", "node"], lambda: responds(environment, *IDLE)),
        ):
            with (folder / f"{line[0]}.out").open("wb") as log:
                started.append(
                    subprocess.Popen(
                        [found(line[0]), *line[1:]],
                        env=os.environ | environment,
                        stdout=log,
                        stderr=log,
                    )
                )
            until(ready, started[-1], folder)
        yield environment
    finally:
        with suppress(OSError):  # what still runs
            subprocess.run(["scancel", "--user=root"], env=os.environ | environment)
        for process in reversed(started):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


IDLE = ("show node node", "IDLE")


def responds(environment: dict[str, str], command: str, word: str) -> bool:
    """Whether scontrol's answer has a word."""
    line = ["scontrol", *command.split()]
    done = subprocess.run(
        line, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    return word in done.stdout


def until(ready, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Waits until a daemon is ready.

    Raises:
      NoSlurm: it has ended, or takes too long.
    """
    end = time.monotonic() + 30
    while not ready():
        name = Path(process.args[0]).name
        if process.poll() is not None or time.monotonic() > end:
            logs = [folder / f"{name}.{kind}" for kind in ("out", "log")]
            said = [path.read_text().strip() for path in logs if path.exists()]
            raise NoSlurm(f"{name} did not start: {' '.join(said)[-500:]}")
        time.sleep(0.1)


def found(program: str) -> str:
    """Returns the path of a program, which for daemons is often not on a user's."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin") or program


def ports(count: int) -> list[int]:
    """Returns free ports."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return numbers
