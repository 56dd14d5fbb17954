"""Local files → TFDS → arrays: exact, read by TFDS too, clear about what is wrong."""

import gzip
import hashlib
import io
import shutil
import tarfile

import numpy as np
import pytest
from building import idx, load, ordered, plain_tfds, prepare

from research.data.builders import cifar10, mnist
from research.data.builders.mnist import read_idx
from research.errors import UserError

RNG = np.random.default_rng(0)
PIXELS = {"train": RNG.integers(0, 256, (12, 28, 28), np.uint8)}
PIXELS["t10k"] = RNG.integers(0, 256, (5, 28, 28), np.uint8)
LABELS = {"train": (np.arange(12) % 10).astype(np.uint8)}
LABELS["t10k"] = np.arange(5, dtype=np.uint8)
NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()


@pytest.fixture
def unpublished(monkeypatch):
    """Names of known data sets are free for small ones."""
    monkeypatch.setattr(mnist, "PUBLISHED", {})
    monkeypatch.setattr(cifar10, "PUBLISHED", {})


@pytest.fixture
def files(tmp_path, unpublished):
    """The four files of a small MNIST, two of them compressed."""
    folder = tmp_path / "files"
    folder.mkdir()
    for part in PIXELS:
        images = folder / f"{part}-images-idx3-ubyte.gz"
        images.write_bytes(gzip.compress(idx(PIXELS[part])))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(LABELS[part]))
    return folder


def test_mnist_from_files(files, tmp_path):
    first = prepare("mnist", dir=tmp_path, manual_dir=files)
    assert "is now prepared" in first and "12 train and 5 test" in first
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert "is prepared already" in prepare("mnist", dir=tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    for split, part in {"train": "train", "test": "t10k"}.items():
        stored = load("mnist", dir=tmp_path).split(split)
        assert ordered(stored.images, stored.labels) == ordered(
            PIXELS[part], LABELS[part]
        )
        for name in ("mnist", "mnist:3.0.1"):  # TFDS' own features, and ours
            read = plain_tfds(name, tmp_path, split)
            np.testing.assert_array_equal([e["image"] for e in read], stored.images)
            np.testing.assert_array_equal([e["label"] for e in read], stored.labels)


def test_mnist_from_the_network(files, tmp_path, capsys):
    for path in files.glob("*-ubyte"):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    where = {"builder": {"url": f"{files.as_uri()}/"}, "dir": tmp_path}
    assert "12 train" in prepare("mnist", **where)
    assert "downloading" in capsys.readouterr().err
    where = {"builder": {"url": "http://127.0.0.1:9/"}, "dir": tmp_path / "other"}
    with pytest.raises(
        UserError, match=r"127.0.0.1:9.*cannot be.*data\.manual_dir=DIR"
    ):
        prepare("mnist", **where)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (
            "train-images-idx3-ubyte.gz",
            gzip.compress(b"1" * 99, mtime=0)[:-9],  # part of its name
            "truncated or no",
        ),
        ("train-images-idx3-ubyte.gz", b"<html>", "truncated or no gzip"),
        ("t10k-labels-idx1-ubyte", idx(LABELS["t10k"])[:-1], "4 bytes.*5 were announ"),
        ("t10k-labels-idx1-ubyte", idx(LABELS["t10k"]) + b"0", "too long: 6 bytes"),
        ("t10k-labels-idx1-ubyte", b"\0\0", "begins with 0x0000, not 0x00000801"),
        ("t10k-labels-idx1-ubyte", idx(PIXELS["t10k"]), "0x00000803, not 0x00000801"),
        ("t10k-labels-idx1-ubyte", idx(LABELS["train"]), "has 12 labels for the 5 im"),
        ("t10k-labels-idx1-ubyte", idx(LABELS["t10k"] + 6), "label 10, above the 9"),
        ("t10k-labels-idx1-ubyte", None, "has no t10k-labels-idx1-ubyte or .*gz"),
    ],
)
def test_damaged_idx_files_are_named(files, tmp_path, file, content, said):
    (files / file).unlink()
    if content is not None:
        (files / file).write_bytes(content)
    with pytest.raises(UserError, match=said) as error:
        prepare("mnist", dir=tmp_path, manual_dir=files)
    assert file in str(error.value) and "\n" not in str(error.value)
    assert not list((tmp_path / "mnist").iterdir())


def test_another_data_set_needs_a_name_of_its_own(files, tmp_path, monkeypatch):
    monkeypatch.undo()  # back to the published files' sums, which these have not
    with pytest.raises(UserError, match=r"not the file .* as mnist's.*data\.name=NAME"):
        prepare("mnist", dir=tmp_path, manual_dir=files)
    assert not list((tmp_path / "mnist").iterdir())
    assert "12 train" in prepare("mnist", dir=tmp_path, manual_dir=files, name="mine")


def test_a_published_data_set_keeps_its_name(files, tmp_path, monkeypatch):
    """Else data.name=fashion without data.manual_dir would download the digits."""
    file = "train-labels-idx1-ubyte"
    digest = hashlib.sha256(idx(LABELS["train"])).hexdigest()
    monkeypatch.setattr(mnist, "PUBLISHED", {"mnist": {file: digest}})
    with pytest.raises(UserError, match=f"{file} is the file .* as mnist's, not data"):
        prepare("mnist", dir=tmp_path, manual_dir=files, name="fashion")
    assert "12 train" in prepare("mnist", dir=tmp_path, manual_dir=files)


def test_damaged_records_are_found_and_named(files, tmp_path):
    prepare("mnist", dir=tmp_path, manual_dir=files)
    shutil.rmtree(tmp_path / "mnist/3.0.1/splits-28x28x1")
    (path,) = tmp_path.rglob("mnist-train.array_record*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{path} is damaged .*; remove {path.parent}"):
        load("mnist", dir=tmp_path)
    (other,) = tmp_path.rglob("mnist-test.array_record*")
    shutil.copy(other, path)
    with pytest.raises(UserError, match=f"{path} is damaged .*5 records, not 12"):
        load("mnist", dir=tmp_path)
    path.unlink()
    with pytest.raises(UserError, match=f"{path} is damaged .*missing"):
        load("mnist", dir=tmp_path)


def test_images_of_another_size_are_named(files, tmp_path):
    with pytest.raises(UserError, match=r"28×28; set data.shape=\[28,28,1\]"):
        prepare("mnist", dir=tmp_path, manual_dir=files, shape=[32, 32, 1])


def test_idx_reads_any_number_of_axes(tmp_path):
    for shape in [(3,), (2, 3), (2, 1, 4)]:
        array = RNG.integers(0, 256, shape, np.uint8)
        (tmp_path / "file").write_bytes(idx(array))
        np.testing.assert_array_equal(
            read_idx(tmp_path / "file", axes=len(shape)), array
        )


def test_cifar10_from_the_archive(tmp_path, unpublished):
    images = RNG.integers(0, 256, (12, 32, 32, 3), np.uint8)
    labels = (np.arange(12) % 10).astype(np.uint8)
    planes = images.transpose(0, 3, 1, 2).reshape(12, -1)
    records = np.concatenate([labels[:, None], planes], 1)
    parts = {f"data_batch_{i + 1}.bin": records[2 * i : 2 * i + 2] for i in range(5)}
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
        for name, part in reversed((parts | {"test_batch.bin": records[10:]}).items()):
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = part.nbytes
            archive.addfile(info, io.BytesIO(part.tobytes()))
    prepare("cifar10", dir=tmp_path, manual_dir=tmp_path)
    train = load("cifar10", dir=tmp_path).split("train")
    assert ordered(train.images, train.labels) == ordered(images[:10], labels[:10])
    read = plain_tfds("cifar10", tmp_path, "train")
    np.testing.assert_array_equal([e["image"] for e in read], train.images)
    by_id = {e["id"].decode(): e["image"] for e in read}
    for i in range(10):  # TFDS' numbers, whatever the order in the archive
        np.testing.assert_array_equal(by_id[f"train_{i:05d}"], images[i])


def test_a_broken_archive_is_named(tmp_path, unpublished):
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(gzip.compress(b"nothing"))
    with pytest.raises(UserError, match=f"{path} is damaged or no archive"):
        prepare("cifar10", dir=tmp_path, manual_dir=tmp_path)
    with tarfile.open(path, "w:gz"):
        pass
    with pytest.raises(UserError, match=f"{path} has 0 of 5 files of train"):
        prepare("cifar10", dir=tmp_path, manual_dir=tmp_path)
