"""Splits: whole, checked, the same as TFDS reads; and what is said if they are not."""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from building import load, ordered, prepare

from research.data import arrays
from research.data.builders.digits import enlarge
from research.errors import UserError

ARRAYS = "digits/1.0.0/splits-28x28x1"


@pytest.fixture
def mine(prepared, tmp_path):
    """A copy of the prepared digits to damage."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    return tmp_path


def damage(path, *, cut=0):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content[: len(content) - cut])


def test_digits_are_the_same_everywhere(prepared):
    digest = hashlib.sha256()
    for name in ("train", "test"):
        split = load("digits", dir=prepared).split(name)
        digest.update(split.images.tobytes() + split.labels.tobytes())
    assert digest.hexdigest()[:16] == "5155637fc1a728ad"


def test_digits_are_those_of_scikit_learn_split_by_class(prepared):
    from sklearn.datasets import load_digits

    source = load_digits()
    data = load("digits", dir=prepared)
    train, test = data.split("train"), data.split("test")
    assert (len(train), len(test)) == (1437, 360)
    everything = ordered(
        np.concatenate([train.images, test.images]),
        np.concatenate([train.labels, test.labels]),
    )
    assert everything == ordered(enlarge(source.images, (28, 28)), source.target)
    share = np.bincount(test.labels) / np.bincount(source.target)
    assert np.all(abs(share - 0.2) < 0.01)


def test_an_enlarged_digit_lies_in_the_centre():
    ink = np.zeros((2, 8, 8))
    ink[0] = 16
    ink[1, 2, 5] = 16
    full, dot = enlarge(ink, (28, 28))[..., 0].astype(int)
    assert full[6:22, 6:22].min() == 255 and full.sum() == 255 * 16 * 16
    # bilinear at the pixel centres: a dot becomes (1, 3, 3, 1)/4 along each axis
    row = np.array([0, 1, 3, 3, 1, 0]) / 4
    assert np.abs(dot[8:14, 14:20] - 255 * np.outer(row, row)).max() <= 1


@pytest.mark.parametrize(
    ("validation", "examples"), [(0, 1437), (1, 1436), (437, 100), (1436, 1)]
)
def test_train_and_validation_share_nothing_and_keep_order(
    prepared, validation, examples
):
    whole = load("digits", dir=prepared).split("train")
    sizes = {"validation_examples": validation, "train_examples": examples}
    data = load("digits", dir=prepared, **sizes)
    train, held_out = data.split("train"), data.split("validation")
    assert (len(train), len(held_out)) == (examples, validation)
    np.testing.assert_array_equal(train.images, whole.images[:examples])
    np.testing.assert_array_equal(held_out.labels, whole.labels[1437 - validation :])


@pytest.mark.parametrize(
    ("validation", "examples"),
    [(0, 1438), (1, 1437), (1437, None), (0, 0), (-1, 10), (0, -1)],
)
def test_more_than_there_are_is_refused(prepared, validation, examples):
    sizes = {"validation_examples": validation, "train_examples": examples}
    with pytest.raises(UserError, match=f"train_examples={examples} .*has 1437"):
        load("digits", dir=prepared, **sizes)


def test_mean_and_std_are_those_of_the_training_images(prepared):
    data = load("digits", dir=prepared)
    pixels = data.split("train").images.astype(float) / 255
    line = prepare("digits", dir=prepared)
    assert f"mean=[{pixels.mean():.4f}] std=[{pixels.std():.4f}]" in line


@pytest.mark.parametrize("name", ["image.npy", "label.npy", "arrays.json"])
@pytest.mark.parametrize("cut", [0, 100])
def test_damaged_arrays_are_found_named_and_mended(mine, name, cut):
    path = mine / ARRAYS / "test" / name
    before = path.read_bytes()
    damage(path, cut=cut)
    if name == "arrays.json":
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UserError) as error:
        load("digits", dir=mine).split("test")
    assert str(path) in str(error.value)
    assert f"scripts/prepare.py data=digits data.dir={mine}" in str(error.value)
    assert "test and is mended" in prepare("digits", dir=mine)
    assert path.read_bytes() == before
    load("digits", dir=mine).split("test")


def test_a_missing_array_is_named(mine):
    path = mine / ARRAYS / "train" / "label.npy"
    path.unlink()
    with pytest.raises(UserError, match=f"{path} is missing"):
        load("digits", dir=mine).split("train")


def test_without_verification_only_sizes_are_checked(mine):
    path = mine / ARRAYS / "test" / "image.npy"
    damage(path)
    load("digits", dir=mine, verify=False)
    data = load("digits", dir=mine)
    with pytest.raises(UserError, match="SHA-256"):
        data.split("test")


@pytest.mark.parametrize(
    ("key", "value"),
    [("classes", 7), ("shape", [32, 32, 1]), ("shape", [28, 28, 3])],
)
def test_what_does_not_fit_the_config_is_named(prepared, key, value):
    with pytest.raises(UserError, match=rf"data\.{key}=.*; set data\.{key}="):
        load("digits", dir=prepared, **{key: value})


def test_digits_are_made_in_one_shape_alone(tmp_path):
    """Whichever shape came first would else be that of their version for ever."""
    for shape in ([32, 32, 1], [28, 28, 3]):
        with pytest.raises(
            UserError, match=r"data\.shape=.*of digits it is \[28,28,1\]"
        ):
            load("digits", dir=tmp_path, shape=shape)
    assert len(load("digits", dir=tmp_path).split("test")) == 360


def test_what_split_there_is_not_is_named(prepared):
    with pytest.raises(UserError, match=r"'dev' \(data.test_split\): it has t"):
        load("digits", dir=prepared, test_split="dev")
    with pytest.raises(UserError, match="split=dev: there are train, validation, test"):
        load("digits", dir=prepared).split("dev")


def test_fewer_of_the_test_images_are_the_first(prepared):
    whole, few = (
        load("digits", dir=prepared, test_examples=number).split("test")
        for number in (None, 7)
    )
    np.testing.assert_array_equal(few.images, whole.images[:7])
    assert len(load("digits", dir=prepared, test_examples=7).split("train")) == 1437
    for wrong in (0, 361):
        with pytest.raises(UserError, match=f"data.test_examples={wrong}: .* has 360"):
            load("digits", dir=prepared, test_examples=wrong)


def test_what_is_not_prepared_says_how_to(tmp_path):
    with pytest.raises(UserError) as error:
        load("mnist", dir=tmp_path)
    assert f"`python scripts/prepare.py data=mnist data.dir={tmp_path}`" in str(
        error.value
    )
    assert "data.manual_dir=DIR" in str(error.value)
    with pytest.raises(UserError, match="data=tfds data.name=kmnist"):
        load("tfds", dir=tmp_path, name="kmnist", shape=[28, 28, 1], classes=10)


FIRST_USE = """
import sys
from pathlib import Path
from research.data.builders.digits import from_sklearn
from research.data.source import load
data = load(
    name="digits", version="1.0.0", shape=(28, 28, 1), classes=10, mean=[0.1],
    std=[0.2], dir=sys.argv[1], builder=from_sklearn,
)
total = data.split("train").images.sum()
print(total, "sklearn" in sys.modules, "tensorflow_datasets" in sys.modules)
"""


def test_two_first_uses_at_once_then_one_without_drawing(tmp_path):
    command = [sys.executable, "-W", "error", "-c", FIRST_USE, str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    racers = [subprocess.Popen(command, **pipes) for _ in range(2)]
    said = [racer.communicate(timeout=120) for racer in racers]
    third = subprocess.run(command, capture_output=True, text=True, check=True)
    total, *modules = third.stdout.split()
    assert modules == ["False", "False"]
    assert (f"{total} True False\n", "") in said  # the other may have come late
    assert set(said) <= {(f"{total} {drew} False\n", "") for drew in (True, False)}
    assert not list(tmp_path.rglob(".*"))  # nothing half-made is left


def test_the_first_of_two_writers_wins(tmp_path):
    target = tmp_path / "made"
    with arrays.publish(target) as first:
        (first / "who").write_text("first")
        with arrays.publish(target) as second:
            (second / "who").write_text("second")
        assert (target / "who").read_text() == "second"
    assert (target / "who").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_failed_writer_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match="1 examples came, 2 were announced"):
        arrays.write(
            tmp_path / "split",
            [{"image": np.zeros((2, 2, 1), np.uint8)}],
            count=2,
            classes=1,
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", ["", "/below"])
def test_a_place_that_cannot_hold_data_is_named_with_its_key(tmp_path, key):
    (tmp_path / "file").write_text("")
    target = Path(f"{tmp_path}/file{key}/split")
    line = rf"^cannot write {tmp_path}/file.*: (Not a dir|File ex).*data\.dir=…$"
    with pytest.raises(UserError, match=line):
        with arrays.publish(target):
            pass


def test_a_full_disk_is_said_with_the_key_and_other_errors_are_not_ours(tmp_path):
    with pytest.raises(UserError, match=r"No space left.*make room.*data\.dir=…$"):
        with arrays.publish(tmp_path / "split"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for error in (OSError(errno.EIO, "broken", "/elsewhere"), OSError(errno.EIO, "x")):
        with pytest.raises(OSError) as raised, arrays.publish(tmp_path / "split"):
            raise error
        assert raised.value is error
    assert not list(tmp_path.iterdir())


def test_a_seed_draws_its_own_training_images(tmp_path):
    given = {"train_examples": 200, "validation_examples": 137, "dir": tmp_path}
    whole = load("digits", dir=tmp_path).split("train")
    drawn = [load("digits", subset=seed, **given) for seed in (0, 1, 0)]
    images = [one.split("train").images for one in drawn]
    np.testing.assert_array_equal(images[0], images[2])
    assert (images[0] != images[1]).any()
    held_out = {one.tobytes() for one in drawn[0].split("validation").images}
    stored = [one.tobytes() for one in whole.images]
    numbers = [stored.index(one.tobytes()) for one in images[0]]
    assert len(set(numbers)) == 200 and max(numbers) < 1300 and min(numbers) >= 0
    assert numbers == sorted(numbers) and max(numbers) > 1000
    assert not held_out & {stored[number] for number in numbers}
    rest = load("digits", subset=5, dir=tmp_path).split("train")
    np.testing.assert_array_equal(rest.images, whole.images)


def test_a_subset_of_streamed_images_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"data\.subset=1: .* data\.subset=null"):
        load("digits", subset=1, stream=lambda records, examples: None, dir=tmp_path)
