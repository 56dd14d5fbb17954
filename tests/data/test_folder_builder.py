"""Folders of classes → TFDS → arrays: every picture, and none that is none."""

import numpy as np
import pytest
from building import decoded, encoded, load, plain_tfds, prepare

from research.errors import UserError

RNG = np.random.default_rng(0)
NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()


@pytest.fixture
def tree(tmp_path):
    """Class folders: JPEG and PNG, grey and in colour, of several sizes."""
    folder = tmp_path / "tree"
    for split, count in {"train": 3, "val": 1}.items():
        for label, name in enumerate(["cat", "dog"]):
            (folder / split / name).mkdir(parents=True)
            for i in range(count):
                size = (40 + 8 * i, 48, 3) if i < 2 else (40, 40)
                image = np.full(size, 60 * (label + 1) + i, np.uint8)
                kind = ("JPEG", "PNG", "GIF")[i]
                path = folder / split / name / f"{i}.{kind.lower()}"
                path.write_bytes(encoded(image, kind))
    (folder / "train" / "cat" / "Thumbs.db").write_bytes(b"not an image")
    return folder


def test_class_folders(tree, tmp_path):
    pets = {"dir": tmp_path, "name": "pets", "classes": 2, "test_split": "validation"}
    prepare("folder", manual_dir=tree, **pets)
    for shape in ([24, 32, 3], [16, 16, 1]):  # the arrays alone are made again
        data = load("folder", shape=shape, **pets)
        train, test = data.split("train"), data.split("test")
        assert (len(train), len(test)) == (6, 2)
        levels = [60 * (y + 1) + np.arange(3) for y in (0, 1)]
        for label in (0, 1):
            mean = train.images[train.labels == label].mean((1, 2, 3))
            np.testing.assert_allclose(np.sort(mean), levels[label], atol=1)
    read = plain_tfds("pets", tmp_path, "train")
    original = {
        str(path.relative_to(tree)).encode(): decoded(path)
        for path in tree.glob("train/*/[0-9]*")
    }
    assert {e["file_name"] for e in read} == set(original)
    for example in read:
        np.testing.assert_array_equal(example["image"], original[example["file_name"]])


def test_what_desktops_and_notebooks_leave_behind_is_no_class_and_no_image(
    tree, tmp_path
):
    for place in (".ipynb_checkpoints", "cat/.thumbnails"):
        (tree / "train" / place).mkdir()
        (tree / "train" / place / "0.png").write_bytes(b"anything")
    (tree / "train" / "cat" / "._0.jpeg").write_bytes(b"of a Mac")
    (tree / "val" / ".DS_Store").write_bytes(b"")
    pets = {"dir": tmp_path, "name": "pets", "classes": 2, "test_split": "validation"}
    prepare("folder", manual_dir=tree, **pets)
    assert len(load("folder", **pets).split("train")) == 6


def test_links_to_folders_are_followed_and_their_circles_ended(tree, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png"):
        image = RNG.integers(0, 256, (8, 8, 3), np.uint8)
        (elsewhere / name).write_bytes(encoded(image))
    (tree / "train" / "cat" / "more").symlink_to(elsewhere)
    (elsewhere / "deep" / "up").symlink_to(elsewhere)
    (tree / "val" / "cow").symlink_to(elsewhere)
    (tree / "train" / "cow").symlink_to(elsewhere)
    pets = {"dir": tmp_path, "name": "pets", "classes": 3, "test_split": "validation"}
    prepare("folder", manual_dir=tree, **pets)
    data = load("folder", **pets)
    assert (len(data.split("train")), len(data.split("test"))) == (6 + 2 + 2, 2 + 2)


def test_twelve_bits_in_sixteen_are_as_bright_in_all_files(tree, tmp_path):
    for number, level in enumerate((400, 4000)):  # the darker alone would be 10 bits
        deep = np.full((8, 8), level, np.uint16)
        (tree / "train" / "cat" / f"deep{number}.png").write_bytes(encoded(deep))
    pets = {"dir": tmp_path, "name": "pets", "classes": 2, "test_split": "validation"}
    prepare("folder", manual_dir=tree, **pets)
    train = load("folder", shape=[8, 8, 1], **pets).split("train")
    levels = {int(image.max()) for image in train.images}
    assert {400 >> 4, 4000 >> 4} <= levels


def test_cifar10_from_class_folders_keeps_files_and_scales_the_rest(tmp_path):
    tree = tmp_path / "tree"
    pixels = RNG.integers(0, 256, (32, 32, 3), np.uint8)
    for split in ("train", "test"):
        for name in NAMES:
            (tree / split / name).mkdir(parents=True)
            path = tree / split / name / "0.jpg"
            path.write_bytes(encoded(pixels, "JPEG"))
    large = np.repeat(np.repeat(pixels, 2, 0), 2, 1)
    (tree / "test" / "truck" / "1.png").write_bytes(encoded(large))
    prepare("cifar10", dir=tmp_path, manual_dir=tree)
    jpeg = decoded(tree / "train" / "cat" / "0.jpg")
    data = load("cifar10", dir=tmp_path)
    np.testing.assert_array_equal(data.split("train").images, [jpeg] * 10)
    test = data.split("test")
    assert sorted(test.labels) == [*range(10), 9]
    read = plain_tfds("cifar10", tmp_path, "test")
    np.testing.assert_array_equal([e["image"] for e in read], test.images)


def test_what_is_wrong_with_class_folders_is_named(tree, tmp_path):
    pets = {"dir": tmp_path, "name": "pets", "classes": 2}

    def mistake(**changed):
        with pytest.raises(UserError) as error:
            prepare("folder", **pets | {"manual_dir": tree} | changed)
        return str(error.value)

    assert "set data.classes=2" in mistake(classes=3)
    assert "data.manual_dir=DIR" in mistake(manual_dir=None)
    assert "needs the folders train and test" in mistake(manual_dir=tmp_path)
    (tree / "val" / "cow").mkdir()
    assert "train has no class 'cow'" in mistake()
    (tree / "train" / "cow").mkdir()
    assert f"{tree}/train/cow holds no image" in mistake(classes=3)
    (tree / "train" / "cow" / "1.jpg").write_bytes(b"<html>")
    (tree / "val" / "cow" / "1.jpg").write_bytes(encoded(np.zeros((4, 4), np.uint8)))
    assert f"{tree}/train/cow/1.jpg is no image" in mistake(classes=3)
    cut = encoded(RNG.integers(0, 256, (40, 40, 3), np.uint8))[:-200]
    for content in (cut, cut.replace(b"IDAT", b"XXXX", 1)):
        (tree / "train" / "cow" / "1.jpg").write_bytes(content)
        assert f"{tree}/train/cow/1.jpg is no image" in mistake(classes=3)
        assert "BytesIO" not in mistake(classes=3)
    (tree / "train" / "cow" / "1.jpg").write_bytes(encoded(np.zeros((4, 4), np.uint8)))
    assert "'test' (data.test_split): it has train, validation" in mistake(classes=3)
