"""A real Ray on this machine: `make test-ray`.

Six jobs, of which one raises, one is killed -9 and one is stopped by SIGTERM. Ray
starts the killed one again; after a second launch all but the first end as in an
undisturbed sweep, and every row is there once.
"""

import os
import signal
import subprocess
import sys
import time

import pytest
from chaos import ONE_DEVICE, compare, sweep

from research.jobs import overview
from research.jobs.status import read

pytestmark = pytest.mark.ray
RAISES, KILLED, STOPPED = 9, 0, 1  # seeds
EPOCHS = 25  # of three steps


# Ray's servers listen on every interface, so they get a network of their own, in which
# there is the loopback alone. 0x8914 is SIOCSIFFLAGS, 1 is IFF_UP.
ALONE = """
import fcntl, os, socket, struct, sys
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 1))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def command(root):
    alone = ["unshare", "--net", "--map-root-user", sys.executable, "-c", ALONE]
    own = ["hydra/launcher=ray", "seed=9,0,1,2,3,4"]
    return [*alone, *sweep(root, 5, EPOCHS)[1:], *own]


def signalled(folder, number, launcher):
    """Sends a job a signal while it trains."""
    end = time.monotonic() + 200
    while (known := read(folder)) is None or known.state != "running" or not known.step:
        assert launcher.poll() is None, "the launcher has ended"
        assert time.monotonic() < end
        time.sleep(0.02)
    os.kill(int(known.owner.split()[1]), number)


def test_a_sweep_on_ray(tmp_path):
    pytest.importorskip("ray")
    whole, root = tmp_path / "whole", tmp_path / "ray"
    raises, killed, stopped = (
        root / "chaos" / f"experiment=chaos,seed={seed},train.epochs={EPOCHS}"
        for seed in (RAISES, KILLED, STOPPED)
    )
    environment = os.environ | ONE_DEVICE
    launcher = subprocess.Popen(
        command(root), env=environment, stderr=subprocess.PIPE, text=True
    )
    signalled(killed, signal.SIGKILL, launcher)
    signalled(stopped, signal.SIGTERM, launcher)
    _, errors = launcher.communicate(timeout=300)
    assert launcher.returncode == 2, errors
    assert "2 of 6 jobs left no result" in errors, errors
    assert read(killed).state == "done" and read(killed).attempts == 2
    assert read(raises).state == "failed"
    assert read(raises).error.startswith("data.train_examples=99999")
    assert read(stopped).state == "preempted" and "SIGTERM" in read(stopped).error
    states = [line.status.state for line in overview.jobs(root)]
    assert states.count("done") == 4

    again = subprocess.run(
        command(root), env=environment, capture_output=True, text=True
    )
    assert "4 done already, 1 failed: run again, 1 resumed" in again.stderr
    assert again.returncode == 2 and "1 of 2 jobs left no result" in again.stderr
    assert read(stopped).state == "done" and read(stopped).attempts == 2
    subprocess.run(sweep(whole, 5, EPOCHS), env=environment, check=True)
    assert compare(whole, root) == 5


def test_ray_shows_jobs_their_part_of_a_gpu(tmp_path):
    """Ray counts the GPUs that it is said to have: there need be none."""
    pytest.importorskip("ray")
    part = ["+hydra.launcher.init.num_gpus=1", "hydra.launcher.remote.num_gpus=.5"]
    line = [*command(tmp_path), "seed=0,1", *part, "train.epochs=1"]
    subprocess.run(line, env=os.environ | ONE_DEVICE, check=True)
    known = [one.status for one in overview.jobs(tmp_path)]
    assert [(one.state, one.device) for one in known] == [
        ("done", "CUDA_VISIBLE_DEVICES=0")
    ] * 2
