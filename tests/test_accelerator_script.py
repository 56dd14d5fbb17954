"""`scripts/accelerator.sh` on the CPU: what it leaves, also when it is stopped."""

import os
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ["bash", str(ROOT / "scripts" / "accelerator.sh")]


@contextmanager
def started(*words, **environment):
    """The script under way, with what it prints in one stream."""
    with subprocess.Popen(
        [*SCRIPT, *map(str, words)],
        env=os.environ | {"WHEELS": "/nowhere", "PYTHON": sys.executable} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def run(*words, **environment):
    """Returns its status and what it printed."""
    with started(*words, **environment) as process:
        printed, _ = process.communicate(timeout=300)
        return process.returncode, printed


@pytest.mark.slow  # the whole script
def test_a_rehearsed_benchmark_leaves_its_table_and_nothing_else(tmp_path):
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    status, printed = run("bench", 3, out, JAX_PLATFORMS="cpu", TMPDIR=str(scratch))
    assert status == 0, printed
    left = {path.name for path in out.iterdir()}
    assert left == {"machine.txt", "bench.txt", "bench.tar.gz"}
    assert "backend: cpu" in (out / "machine.txt").read_text()
    assert "chollet step" in (out / "bench.txt").read_text()
    with tarfile.open(out / "bench.tar.gz") as archive:
        assert {"./step/step.json", "./step/step.md"} <= set(archive.getnames())
    assert not list(scratch.iterdir())


def stop_at(text, out, **environment):
    """Starts the tier, and stops it once its log has a text."""
    log = out / "tier.txt"
    with started("tier", 3, out, JAX_PLATFORMS="cpu", **environment) as process:
        end = time.monotonic() + 120
        while not log.exists() or text not in log.read_text():
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 128 + signal.SIGTERM


@pytest.mark.slow  # the whole script, twice
def test_what_a_stopped_part_has_written_is_packed_and_goes_on_elsewhere(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    stop_at(" 1 of 2 jobs ended", first)
    with tarfile.open(first / "tier.tar.gz") as archive:
        assert any(name.endswith("done.json") for name in archive.getnames())
    stop_at("2 jobs: 1 done already", second, EARLIER=str(first / "tier.tar.gz"))


def test_steps_without_time_are_skipped_and_said(tmp_path):
    status, printed = run("bench", 0, tmp_path, JAX_PLATFORMS="cpu")
    assert status == 0 and "step: skipped, takes 20 s" in printed


@pytest.mark.parametrize("words", [["test"], ["bench", "ten"], []])
def test_a_wrong_word_gets_one_line(words):
    status, printed = run(*words)
    assert status == 2 and printed.count("\n") == 1 and "takes tests|" in printed


def test_a_machine_without_an_accelerator_is_refused(tmp_path):
    status, printed = run("bench", 0, tmp_path, JAX_PLATFORMS="")
    on_cpu = "backend: cpu" in (tmp_path / "machine.txt").read_text()
    assert status == (2 if on_cpu else 0)
    assert ("JAX_PLATFORMS=cpu rehearses it" in printed) == on_cpu
