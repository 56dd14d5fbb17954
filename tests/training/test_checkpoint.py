from collections import namedtuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.errors import UserError
from research.training.checkpoint import Checkpoints


def state(value):
    return {"w": jnp.full((3, 2), value), "key": jax.random.key(int(value))}


def same(a, b):
    raw = lambda x: jax.random.key_data(x) if x.dtype != jnp.float32 else x  # noqa: E731
    return all(
        np.array_equal(raw(x), raw(y))
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


@pytest.fixture
def saved(tmp_path):
    checkpoints = Checkpoints(tmp_path)
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


def test_a_full_disk_gets_one_line_and_nothing_half_written(saved, monkeypatch):
    before = sorted(saved.folder.rglob("*"))
    usage = namedtuple("usage", "free")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage(2**10))
    with pytest.raises(UserError, match="no room for a checkpoint"):
        saved.save(4, state(4.0))
    assert sorted(saved.folder.rglob("*")) == before


@pytest.mark.parametrize("name", ["a[b]", "a*"])
def test_a_folder_named_like_a_pattern_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="hydra.run.dir"):
        Checkpoints(tmp_path / name)


def test_a_part_comes_back_alone(saved):
    _, restored, _ = saved.restore({"w": state(0.0)["w"]})
    assert same(restored, {"w": state(3.0)["w"]})


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_file_falls_back_to_the_step_before(saved, damage):
    files = [p for p in (saved.folder / "3").rglob("*") if p.is_file()]
    path = max(files, key=lambda p: p.stat().st_size)
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flip" else content[:-1])
    step, restored, notes = saved.restore(state(0.0))
    assert step == 2 and same(restored, state(2.0))
    assert len(notes) == 1 and "3" in notes[0] and "checksum" in notes[0]
    assert saved.steps() == [2]


def test_a_step_killed_before_its_checksum_counts_as_absent(saved):
    (saved.folder / "3.sha256").unlink()
    assert saved.restore(state(0.0))[0] == 2
    saved.save(3, state(9.0))  # and does not stand in the way
    assert same(saved.restore(state(0.0))[1], state(9.0))
