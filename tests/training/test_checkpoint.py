"""Checkpoints: whole or absent, the newest good one, and nothing lost by reading."""

import os
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import UserError
from research.training import manifest
from research.training.checkpoint import Checkpoints

ROOT = Path(__file__).parents[2]


def state(value):
    return {"w": jnp.full((3, 2), value), "key": jax.random.key(int(value))}


def same(a, b):
    raw = lambda x: jax.random.key_data(x) if x.dtype != jnp.float32 else x  # noqa: E731
    return all(
        np.array_equal(raw(x), raw(y))
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


def contents(folder):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def saved(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, state(float(step)))
    return checkpoints


def test_nothing_saved_gives_what_was_given(tmp_path):
    step, restored, notes = Checkpoints(tmp_path / "new").restore(state(7.0))
    assert step == 0 and notes == [] and same(restored, state(7.0))


def test_newest_comes_back_bit_by_bit_and_two_are_kept(saved):
    step, restored, notes = saved.restore(state(0.0))
    assert (step, notes) == (3, []) and same(restored, state(3.0))
    assert saved.steps() == [2, 3]
    assert not (saved.folder / "1").exists()


def test_a_state_may_be_donated_as_soon_as_save_returns(tmp_path):
    """A CPU's arrays lie where NumPy, and so Orbax, would read them."""
    overwrite = jax.jit(lambda x: x * 0 - 1, donate_argnums=0)
    with Checkpoints(tmp_path) as checkpoints:
        for step in range(1, 4):
            array = jnp.full((2**21,), float(step))
            checkpoints.save(step, {"w": array})
            jax.block_until_ready(overwrite(array))
            assert array.is_deleted()
    _, restored, _ = checkpoints.restore({"w": jnp.zeros(2**21)})
    assert (np.asarray(restored["w"]) == 3).all()


def test_what_is_being_written_does_not_count_yet(saved, monkeypatch):
    release, finish = threading.Event(), Checkpoints._finish
    monkeypatch.setattr(
        Checkpoints, "_finish", lambda *a: release.wait(60) and finish(*a)
    )
    saved.save(4, state(4.0))
    assert saved.steps() == [2, 3]
    assert Checkpoints(saved.folder).restore(state(0.0))[0] == 3
    release.set()
    saved.wait()
    assert saved.steps() == [3, 4]


def test_a_failure_of_the_writing_is_raised_by_the_next_call(saved):
    (saved.folder / "4").write_text("in the way")
    with pytest.raises(ValueError, match="already exists"), saved:
        saved.save(4, state(4.0))
    assert saved.steps() == [2, 3]


KILLED = """
import os, signal, sys
import jax, jax.numpy as jnp
from research.training.checkpoint import Checkpoints

checkpoints = Checkpoints(sys.argv[1])
step = jax.jit(lambda w: w + 1, donate_argnums=0)
checkpoints.save(1, {"w": jnp.ones(2**24)})
checkpoints.wait()
checkpoints.save(2, {"w": jnp.ones(2**24) * 2})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_save_in_flight_at_a_kill_9_counts_as_absent(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL
    assert Checkpoints(tmp_path).steps() == [1]
    before = contents(tmp_path)
    assert any(not path.is_relative_to(tmp_path / "1") for path in before)
    with Checkpoints(tmp_path) as checkpoints:
        step, restored, notes = checkpoints.resume({"w": jnp.zeros(2**24)})
        assert (step, notes) == (1, []) and float(restored["w"].max()) == 1
        assert contents(tmp_path) == before
        checkpoints.save(2, {"w": jnp.full(2**24, 5.0)})
    assert checkpoints.steps() == [1, 2]
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"1", "2", "1.sha256", "2.sha256"}


def test_a_full_disk_gets_one_line_and_nothing_half_written(saved, monkeypatch):
    before = contents(saved.folder)
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(2**10))
    with pytest.raises(UserError, match="no room for a checkpoint"):
        saved.save(4, state(4.0))
    assert contents(saved.folder) == before


@pytest.mark.parametrize("name", ["a[b]", "a*"])
def test_a_folder_named_like_a_pattern_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="hydra.run.dir"):
        Checkpoints(tmp_path / name)


def test_a_part_comes_back_alone(saved):
    _, restored, _ = saved.restore({"w": state(0.0)["w"]})
    assert same(restored, {"w": state(3.0)["w"]})


def harm(folder, damage):
    """Damages the largest file of a checkpoint."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    path = max(files, key=lambda path: path.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flip" else content[:-1])


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_file_falls_back_to_the_step_before(saved, damage):
    harm(saved.folder / "3", damage)
    before = contents(saved.folder)
    step, restored, (note,) = saved.restore(state(0.0))
    assert step == 2 and same(restored, state(2.0))
    assert str(saved.folder / "3") in note and "checksum" in note
    assert contents(saved.folder) == before


def test_training_sets_a_damaged_one_aside_and_saves_it_anew(saved):
    for attempt in ("3.bad", "3.bad2"):
        harm(saved.folder / "3", "flip")
        damaged = contents(saved.folder / "3")
        step, restored, (note,) = saved.resume(state(0.0))
        assert step == 2 and same(restored, state(2.0))
        assert note.endswith(f"renamed {attempt}") and saved.steps() == [2]
        kept = contents(saved.folder / attempt)
        assert list(kept.values()) == list(damaged.values())
        with saved:
            saved.save(3, state(3.0))
        assert same(saved.restore(state(0.0))[1], state(3.0))


@pytest.mark.parametrize("text", ["", "\n", "nonsense\n", "0" * 64])
def test_a_damaged_manifest_is_no_good_checkpoint(saved, text):
    (saved.folder / "3.sha256").write_text(text)
    assert saved.restore(state(0.0))[0] == 2


def test_a_file_of_somebody_else_changes_nothing(saved):
    (saved.folder / "3" / ".DS_Store").write_bytes(b"a desktop was here")
    before = contents(saved.folder)
    step, _, notes = saved.resume(state(0.0))
    assert (step, notes) == (3, [])
    assert contents(saved.folder) == before


def test_a_manifest_is_what_sha256sum_checks(saved):
    line = ["sha256sum", "--check", "--strict", "3.sha256"]
    done = subprocess.run(line, cwd=saved.folder, capture_output=True)
    assert done.returncode == 0


def test_a_checksum_of_the_first_edition_is_understood(saved):
    """One sum over the names and contents of all files."""
    file = saved.folder / "3.sha256"
    file.write_text(manifest.hash_folder(saved.folder / "3"))
    assert saved.restore(state(0.0))[0] == 3
    harm(saved.folder / "3", "flip")
    assert saved.restore(state(0.0))[0] == 2


def test_a_step_killed_before_its_manifest_counts_as_absent(saved):
    (saved.folder / "3.sha256").unlink()
    assert saved.restore(state(0.0))[0] == 2
    with saved:
        saved.save(3, state(9.0))  # and does not stand in the way
    assert same(saved.restore(state(0.0))[1], state(9.0))
