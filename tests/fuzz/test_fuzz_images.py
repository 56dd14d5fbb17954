"""Folders of odd files and names: every picture is in the arrays, or an error names it.

The reference reads each file with Pillow alone and walks the folder by itself.
"""

import io
import os
import shutil
import tempfile
import time
import unicodedata
import warnings
from pathlib import Path

import numpy as np
from hypothesis import given, note, seed, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps

from research import config
from research.errors import UserError

NODE = config.compose("data=folder", config="prepare").data
MINUTES = float(os.environ.get("MINUTES", "0"))
ROUND = 100  # cases between two looks at the clock
SIZES = st.sampled_from([(1, 1), (8, 6), (6, 8), (3, 40), (40, 2), (13, 9)])
MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"]
FORMATS = {  # and the modes that each takes
    "PNG": {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"},
    "JPEG": {"1", "L", "RGB", "CMYK", "YCbCr"},
    "GIF": {"1", "L", "P", "RGB", "RGBA"},
    "BMP": {"1", "L", "P", "RGB"},
    "WEBP": {"RGB", "RGBA"},
    "TIFF": set(MODES),
    "PPM": {"1", "L", "RGB", "I;16"},
}
SUFFIX = {"PNG": ".png", "JPEG": ".jpg", "GIF": ".gif", "BMP": ".bmp"}
SUFFIX |= {"WEBP": ".webp", "TIFF": ".tif", "PPM": ".ppm"}
STEMS = ["0", "1", "a", "A", "ö", unicodedata.normalize("NFD", "ö"), "a b", "x\ny"]
STEMS = 3 * STEMS + [
    "猫",
    "._0",
    ".hidden",
    "a.png",
    "%d",
    "[0]",
    "Thumbs.db",
    "\udcff",
]
CLASSES = ["cat", "Cat", "dog", "größe", unicodedata.normalize("NFD", "größe"), " cat"]
CLASSES += [".ipynb_checkpoints", "__MACOSX", "0", "a,b", "猫", "a\nb", "[x]", "a=b"]
DAMAGE = ["none"] * 20 + ["cut", "empty", "html", "flip", "renamed", "upper"]


@st.composite
def images(draw):
    """The bytes of an image file, whole, and its usual suffix."""
    kind = draw(st.sampled_from(sorted(FORMATS)))
    mode = draw(st.sampled_from(sorted(FORMATS[kind])))
    width, height = draw(SIZES)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    options = {}
    if mode in ("I;16", "I"):
        top = draw(st.sampled_from([200, 1000, 4000, 2**16 - 1]))
        top = 2**20 if mode == "I" and kind == "TIFF" and draw(st.booleans()) else top
        values = rng.integers(0, top, (height, width))
        image = Image.fromarray(values.astype(np.uint16 if mode == "I;16" else "i4"))
    elif mode == "F":
        image = Image.fromarray(rng.random((height, width), np.float32))
    else:
        colours = rng.integers(0, 256, (height, width, 3), np.uint8)
        image = Image.fromarray(colours).convert(mode)
        if mode in ("LA", "RGBA"):
            image.putalpha(Image.fromarray(colours[..., 0]))
    if kind in ("PNG", "GIF") and mode == "P" and draw(st.booleans()):
        options["transparency"] = image.getpixel((0, 0))
    if kind == "PNG" and mode == "L" and draw(st.booleans()):
        options["transparency"] = image.getpixel((0, 0))
    if kind in ("PNG", "JPEG", "TIFF", "WEBP") and draw(st.booleans()):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = draw(st.integers(0, 9))
        options["exif"] = exif
    if kind in ("PNG", "GIF", "TIFF", "WEBP") and mode in ("RGB", "L", "P"):
        if draw(st.booleans()):  # animated
            rest = [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
            options |= {"save_all": True, "append_images": rest}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of writing
        image.save(buffer, kind, **options)
    return buffer.getvalue(), SUFFIX[kind]


@st.composite
def files(draw, stems=STEMS, damages=DAMAGE):
    """The name and the bytes of a file."""
    content, suffix = draw(images())
    damage = draw(st.sampled_from(damages))
    if damage == "cut":
        content = content[: draw(st.integers(0, len(content) - 1))]
    elif damage == "flip":
        place = draw(st.integers(0, len(content) - 1))
        content = (
            content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]
        )
    elif damage in ("empty", "html"):
        content = b"<html>" * (damage == "html")
    elif damage == "renamed":
        suffix = draw(st.sampled_from(["", ".txt", ".png", ".part", ".tiff", ".json"]))
    elif damage == "upper":
        suffix = suffix.upper()
    return draw(st.sampled_from(stems)) + suffix, content


CLASS = st.lists(files(), max_size=3)
LINKS = st.sampled_from(["file", "folder", "above", "nothing", "itself"])


@st.composite
def trees(draw):
    """Splits → classes → files; files beside the classes; links; and more."""
    usual = st.sampled_from([["cat", "dog"]] * 4 + [["cat"], []])
    odd = st.lists(st.sampled_from(CLASSES), max_size=2)
    names = [*draw(usual), *draw(st.one_of(st.just([]), st.just([]), odd))]
    splits = {}
    for split in draw(st.sampled_from([("train", "test")] * 6 + [("train", "val")])):
        kept = names if draw(st.integers(0, 4)) else names[:1]
        splits[split] = {}
        for name in kept:
            good = files(["0", "ß"], ["none"])
            first = draw(good) if draw(st.integers(0, 9)) else None
            rest = draw(CLASS)
            splits[split][name] = [*([first] if first else []), *rest]
    stray = draw(st.sampled_from([False] * 6 + [True]))
    beside = draw(files()) if stray else None
    link = draw(st.one_of(st.none(), st.none(), LINKS))
    deep = draw(st.booleans())
    shape = draw(st.sampled_from([[8, 6, 3], [5, 5, 1]]))
    return splits, beside, link, deep, shape


def make(root, tree):
    """Writes a tree to a folder."""
    splits, beside, link, deep, _ = tree
    for split, classes in splits.items():
        (root / split).mkdir(parents=True)
        for name, content in classes.items():
            folder = root / split / name
            folder.mkdir(exist_ok=True)
            for i, (file, data) in enumerate(content):
                below = folder / "sub" if deep and i else folder
                below.mkdir(exist_ok=True)
                (below / file).write_bytes(data)
    train = root / "train"
    if beside:
        (train / beside[0]).write_bytes(beside[1])
    classes = sorted(path for path in train.iterdir() if path.is_dir())
    if link and classes:
        (root / "other").mkdir()
        Image.new("RGB", (4, 4), (9, 8, 7)).save(root / "other" / "z.png")
        targets = {"file": root / "other" / "z.png", "folder": root / "other"}
        targets |= {"above": root, "nothing": root / "gone", "itself": classes[0]}
        suffix = ".png" if link == "file" else ""
        (classes[0] / f"link{suffix}").symlink_to(targets[link])


def hidden(name):
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db")


def find_files(folder, entered=()):
    """Files below a folder, each folder on the way once."""
    entered = (*entered, folder.resolve())
    for path in folder.iterdir():
        if hidden(path.name):
            continue
        if path.is_dir():
            here = path.resolve()
            if here not in entered and here not in folder.resolve().parents:
                yield from find_files(path, entered)
        else:
            yield path


def look(path):
    """What Pillow makes of a file: its first frame upright; None if it is no image."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # From memory: Pillow 13 maps a turned TIFF on disk with its sides swapped.
            with Image.open(io.BytesIO(path.read_bytes())) as image:
                image.load()
                try:
                    return ImageOps.exif_transpose(image)
                except (OSError, SyntaxError, ValueError):  # a broken EXIF
                    return image.copy()
    except Exception:  # whatever Pillow raises, the file is broken
        return None


def show(image, shape, bits):
    """An upright image of Pillow's in a shape."""
    height, width, channels = shape
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(int) // 2 ** (bits - 8)
        image = Image.fromarray(values.astype(np.uint8))
    elif image.has_transparency_data:
        over = image.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        image = Image.alpha_composite(white, over).convert("RGB")
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(shape)


def expect(root, splits, shape):
    """The images of each split, sorted, from the folder alone."""
    seen = {
        split: [
            image
            for folder in (root / split).iterdir()
            if folder.is_dir() and not hidden(folder.name)
            for path in find_files(folder)
            if (image := look(path)) is not None
        ]
        for split in splits
    }
    deep = [im for one in seen.values() for im in one if im.mode.startswith("I")]
    peak = max((int(np.asarray(image).max()) for image in deep), default=0)
    bits = min(bits for bits in (8, 10, 12, 14, 16) if peak < 2**bits)
    return {
        split: sorted(show(image, shape, bits).tobytes() for image in found)
        for split, found in seen.items()
    }


def check(tree):
    """A tree becomes the arrays that the reference has, or an error of one line."""
    splits, *_, shape = tree
    home = Path(tempfile.mkdtemp())
    try:
        root = home / "tree"
        make(root, tree)
        test = "validation" if "val" in splits else "test"
        names = {n for n in splits["train"] if not hidden(n)}
        asked = {"name": "odd", "shape": shape, "classes": max(1, len(names))}
        where = {"dir": home / "data", "test_split": test}
        try:
            prepare = {
                "_target_": "research.data.prepare.prepare"
            }  # as the script does
            config.build(NODE, **prepare, manual_dir=root, **where, **asked)
        except UserError as error:
            line = str(error)
            note(line)
            assert str(root) in line or "data." in line, line
            assert " object at 0x" not in line, line
            left = [
                path for path in home.rglob("*") if path.is_relative_to(home / "data")
            ]
            assert not [path for path in left if path.is_file()], left
            assert not list((home / "data").rglob(".*")), left
            return
        try:
            data = config.build(NODE, **where, **asked)
        except UserError as error:  # all of one value
            assert "data.std=null" in str(error)
            data = config.build(NODE, std=[1], **where, **asked)
        wanted = expect(root, splits, shape)
        for split, name in zip(splits, ("train", "test"), strict=True):
            stored = data.split(name)
            assert stored.images.shape[1:] == tuple(shape)
            assert sorted(one.tobytes() for one in stored.images) == wanted[split]
    finally:
        shutil.rmtree(home)


def test_every_picture_of_an_odd_folder_is_taken_or_named():
    started, count = time.monotonic(), 0
    while True:
        chosen = settings(max_examples=ROUND) if MINUTES else settings()
        fuzz = chosen(given(trees())(lambda tree: check(tree)))
        (seed(int(time.time_ns())) if MINUTES else lambda test: test)(fuzz)()
        count += ROUND
        if time.monotonic() - started > 60 * MINUTES:
            print(f"{count} folders")
            return
