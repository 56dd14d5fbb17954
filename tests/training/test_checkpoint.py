"""Checkpoints: whole or absent, the newest good one, and nothing lost by reading."""

import os
import shutil
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


def test_a_failure_of_the_writing_is_raised_by_the_next_call(saved, monkeypatch):
    def describe(folder):
        raise OSError("the disk is gone")

    monkeypatch.setattr(manifest, "describe", describe)
    with pytest.raises(OSError, match="the disk is gone"), saved:
        saved.save(4, state(4.0))
    assert saved.steps() == [2, 3]
    monkeypatch.undo()
    with saved:  # what this process wrote itself is not in the way
        saved.save(4, state(5.0))
    assert same(saved.restore(state(0.0))[1], state(5.0))
    assert not list(saved.folder.glob("*.bad*"))


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
    assert Checkpoints(tmp_path).restore({"w": jnp.zeros(2**24)})[0] == 1
    assert contents(tmp_path) == before
    with Checkpoints(tmp_path) as checkpoints:
        step, restored, notes = checkpoints.resume({"w": jnp.zeros(2**24)})
        assert (step, notes) == (1, []) and float(restored["w"].max()) == 1
        left = {path.name for path in tmp_path.iterdir()}
        assert left == {"1", "1.sha256"}  # what Orbax had begun is removed
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


@pytest.mark.parametrize("name", ["a[b]", "a*", "a\\b"])
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
    (saved.folder / "3" / ".DS_Store").write_bytes(b"a desktop was here")
    assert saved.restore(state(0.0))[0] == 3
    harm(saved.folder / "3", "flip")
    assert saved.restore(state(0.0))[0] == 2


def test_a_folder_without_a_manifest_is_kept_and_never_counts(saved):
    """Somebody's, or a save's that was killed in its last moments: who knows?"""
    (saved.folder / "3.sha256").unlink()
    for mine in ("1", "9"):
        (saved.folder / mine).mkdir()
        (saved.folder / mine / "notes.txt").write_text("mine")
    before = contents(saved.folder)
    assert saved.restore(state(0.0))[0] == 2
    assert contents(saved.folder) == before
    step, _, notes = saved.resume(state(0.0))
    assert step == 2 and len(notes) == 3
    for note, one in zip(notes, (1, 3, 9), strict=True):
        assert note == (
            f"checkpoint {saved.folder / str(one)} has no checksums: renamed {one}.bad"
        )
    assert sorted(contents(saved.folder).values()) == sorted(before.values())
    with saved:
        saved.save(3, state(9.0))  # and it does not stand in the way
    assert same(saved.restore(state(0.0))[1], state(9.0))


def test_what_stands_in_the_way_of_a_save_is_kept(saved):
    (saved.folder / "4").write_text("in the way")
    with saved:
        saved.save(4, state(4.0))
    assert saved.restore(state(0.0))[0] == 4
    assert (saved.folder / "4.bad").read_text() == "in the way"


def test_temporary_folders_of_any_step_go_when_training_resumes(saved):
    for name in ("7.orbax-checkpoint-tmp", "1.orbax-checkpoint-tmp-1700000000"):
        (saved.folder / name / "d").mkdir(parents=True)
    (saved.folder / "7.orbax-checkpoint-tmp (1)").mkdir()  # a sync tool's
    before = sorted(saved.folder.iterdir())
    saved.restore(state(0.0))
    assert sorted(saved.folder.iterdir()) == before
    assert saved.resume(state(0.0))[2] == []
    left = {path.name for path in saved.folder.iterdir()}
    assert left == {"2", "3", "2.sha256", "3.sha256", "7.orbax-checkpoint-tmp (1)"}


def test_what_others_leave_among_checkpoints_neither_breaks_nor_counts(saved):
    others = ["._3.sha256", "3 (1).sha256", "0003.sha256", "٣.sha256", "²", "3~"]
    others += ["3.sync-conflict-20260101-000000-ABC.sha256", "desktop.ini", "Thumbs.db"]
    for name in others:
        (saved.folder / name).write_text("0" * 64)
    shutil.copytree(saved.folder / "3", saved.folder / "3 copy")
    (saved.folder / "8.sha256").mkdir()
    before = contents(saved.folder)
    step, restored, notes = saved.resume(state(0.0))
    assert (step, notes) == (3, []) and same(restored, state(3.0))
    with saved:
        saved.save(4, state(4.0))
    assert saved.steps() == [3, 4]
    for path, content in before.items():
        assert path.is_relative_to(saved.folder / "2") or (
            path.name == "2.sha256" or path.read_bytes() == content
        )


def test_a_file_of_somebody_outlives_the_step_that_it_lies_in(saved):
    (saved.folder / "2" / "notes.txt").write_text("mine")
    (saved.folder / "2" / ".DS_Store").write_text("a desktop's")
    with saved:
        saved.save(4, state(4.0))
    assert saved.steps() == [3, 4]
    left = [path.name for path in contents(saved.folder / "2")]
    assert left == ["notes.txt"]


def test_orbax_hides_none_of_its_files(saved):
    """Or a manifest would lack them."""
    files = manifest.list_files(saved.folder / "3")
    assert files == manifest.list_files(saved.folder / "3", leftovers=False)
    named = manifest.names((saved.folder / "3.sha256").read_text(), saved.folder / "3")
    assert named == {*files}
