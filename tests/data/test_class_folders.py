"""Every image of a folder is in its class, or an error names it."""

import io
import os
import unicodedata

import numpy as np
import pytest
from building import encoded, load, prepare
from PIL import ExifTags, Image

from research.errors import UserError

NFD = unicodedata.normalize("NFD", "größe")
PICTURE = encoded(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
TOY = {"name": "toy", "classes": 2, "shape": [4, 4, 3]}


@pytest.fixture
def tree(tmp_path):
    """Two classes of one picture in train and in test."""
    folder = tmp_path / "tree"
    for place in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (folder / place).mkdir(parents=True)
        (folder / place / "0.png").write_bytes(PICTURE)
    return folder


def refusal(tree, **changed):
    """What is said of a folder; nothing of it may be left."""
    with pytest.raises(UserError) as error:
        prepare("folder", dir=tree.parent / "data", manual_dir=tree, **TOY | changed)
    assert not [path for path in tree.parent.joinpath("data").rglob("*.*")]
    return str(error.value)


def count(tree, **changed):
    where = {"dir": tree.parent / "data"} | TOY | changed
    prepare("folder", manual_dir=tree, **where)
    return len(load("folder", **where).split("train"))


@pytest.mark.parametrize("place", ["train", "test"])
def test_a_picture_in_no_class_is_named(tree, place):
    (tree / place / "1.png").write_bytes(PICTURE)
    assert refusal(tree).startswith(f"{tree}/{place}/1.png lies in no class folder")
    assert "DIR/train/CLASS/*.jpg" in refusal(tree)


def test_pictures_without_any_class_are_no_class(tmp_path):
    for split in ("train", "test"):
        (tmp_path / "tree" / split).mkdir(parents=True)
        (tmp_path / "tree" / split / "0.png").write_bytes(PICTURE)
    for classes in (1, 2, 1000):
        said = refusal(tmp_path / "tree", classes=classes)
        assert "so it has no label" in said and "data.classes" not in said


@pytest.mark.parametrize("name", ["1", "1.txt", "1.png~", "1.png.part"])
def test_a_picture_under_another_name_is_named(tree, name):
    (tree / "train" / "cat" / name).write_bytes(PICTURE)
    assert f"{tree}/train/cat/{name} is an image whose name does not end" in refusal(
        tree
    )


@pytest.mark.parametrize("place", ["train/cat/1.HEIC", "train/1.svg", "test/dog/1.jp2"])
def test_a_picture_of_a_kind_that_is_not_read_is_named(tree, place):
    """Of a phone's, say: its class would be smaller than it seems."""
    (tree / place).write_bytes(b"\0\0\0\x18ftypheic")
    said = refusal(tree)
    assert str(tree / place) in said and "not read" in said and ".jpeg" in said


@pytest.mark.parametrize("suffix", ["PNG", "JPG", "Jpeg", "jfif", "tif", "TIFF", "ppm"])
def test_suffixes_of_pictures_in_any_case(tree, suffix):
    (tree / "train" / "cat" / f"1.{suffix}").write_bytes(PICTURE)
    (tree / "train" / "cat" / "notes.txt").write_text("two pictures")
    assert count(tree) == 3


def test_what_archives_and_systems_leave_behind_is_no_class(tree):
    for place in ("train/__MACOSX", "test/$RECYCLE.BIN", "train/cat/@eaDir"):
        (tree / place).mkdir()
        (tree / place / "1.png").write_bytes(PICTURE)
    for name in ("Thumbs.db", "desktop.ini", "._1.png"):
        (tree / "train" / "cat" / name).write_bytes(PICTURE)
        (tree / "train" / name).write_bytes(PICTURE)
    assert count(tree) == 2


@pytest.mark.parametrize("place", ["train/cow", "train/cat/more", "train/cat/1.png"])
def test_a_link_to_nothing_is_named(tree, place):
    (tree / place).symlink_to(tree / "gone")
    assert f"{tree}/{place} is a link to nothing" in refusal(tree)


def test_a_link_to_all_classes_does_not_make_them_one(tree):
    (tree / "train" / "cat" / "all").symlink_to(tree)
    assert count(tree) == 2


def test_a_pipe_is_named_and_not_waited_for(tree):
    os.mkfifo(tree / "train" / "cat" / "1.png")
    assert f"{tree}/train/cat/1.png is no file" in refusal(tree)


def test_classes_are_the_same_in_both_spellings_of_unicode(tree):
    for split, name in (("train", NFD), ("test", "größe")):
        (tree / split / name).mkdir()
        (tree / split / name / f"{NFD}.png").write_bytes(PICTURE)
    assert count(tree, classes=3) == 3


def test_a_class_in_two_spellings_is_named(tree):
    for name in (NFD, "größe"):
        (tree / "train" / name).mkdir()
    assert "has two folders 'größe'" in refusal(tree, classes=3)


@pytest.mark.parametrize("name", [" cat", "a\nb", "\udcff"])
def test_a_name_that_cannot_be_kept_is_named(tree, name):
    (tree / "train" / name).mkdir()
    assert f"{name!r} in {tree}/train cannot be the name of a class" in refusal(tree)


def test_a_class_by_another_case_is_recognised(tree):
    (tree / "test" / "dog").rename(tree / "test" / "Dog")
    assert "train has no class 'Dog', but 'dog'" in refusal(tree)


def test_two_folders_of_one_split_are_named(tree):
    for name in ("val", "validation"):
        (tree / name).mkdir()
    assert f"{tree}/validation is the same split as {tree}/val" in refusal(tree)


def store(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no image;"),
        (PICTURE[:48], "no image that can be read"),
        (store(Image.new("F", (4, 4), 0.5), "TIFF"), "fractions"),
        (store(Image.new("I", (4, 4), 2**20), "TIFF"), "values outside 0…65535"),
    ],
)
def test_what_cannot_be_shown_is_named(tree, content, said):
    (tree / "test" / "cat" / "1.tif").write_bytes(content)
    line = refusal(tree)
    assert line.startswith(f"{tree}/test/cat/1.tif ") and said in line


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_tiff_stands_upright(tree, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    pixels = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    image = Image.fromarray(pixels)
    (tree / "test" / "cat" / "0.png").unlink()
    (tree / "test" / "cat" / "0.tif").write_bytes(store(image, "TIFF", exif=exif))
    where = {"dir": tree.parent / "data"} | TOY
    prepare("folder", manual_dir=tree, **where)
    test = load("folder", **where).split("test")
    (got,) = test.images[test.labels == 0]
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]
    np.testing.assert_array_equal(got, np.rot90(pixels, turns))
