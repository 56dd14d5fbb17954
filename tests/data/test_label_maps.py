"""Label maps beside images: found, checked, stored, scaled and cropped with them."""

import subprocess
import sys

import numpy as np
import pytest
from building import encoded, load, plain_tfds, prepare
from PIL import Image

from research import config
from research.data.crop import random_resized
from research.data.images import encode_png
from research.data.masks import IGNORED, count_labels, fit_mask
from research.data.plan import Plan
from research.errors import UserError
from research.runs import read_rows

RNG = np.random.default_rng(0)


def draw(height, width):
    """An image whose brightness says the class of each pixel, and its label map."""
    mask = np.zeros((height, width), np.uint8)
    top, left = RNG.integers(0, (height // 2, width // 2))
    mask[top : top + height // 2, left : left + width // 2] = 2
    mask[0] = IGNORED
    image = np.where(mask == 2, 200, 30).astype(np.uint8)
    return np.repeat(image[..., None], 3, 2), mask


def coloured(mask):
    """A label map as VOC has them: the numbers of colours."""
    image = Image.new("P", mask.shape[::-1])
    image.putdata(mask.ravel().tolist())
    image.putpalette(RNG.integers(0, 256, 768).tolist())
    return image


@pytest.fixture
def tree(tmp_path):
    """Images of two sizes in no class folders, and their label maps."""
    for split, count in {"train": 4, "test": 2}.items():
        for kind in ("images", "maps"):
            (tmp_path / kind / split / "deep").mkdir(parents=True)
        for i in range(count):
            image, mask = draw(*((24, 32) if i % 2 else (40, 32)))
            name = f"{split}/{'deep/' if i % 2 else ''}{i}"
            data = encoded(image, "JPEG", quality=95) if i % 2 else encoded(image)
            suffix = "jpg" if i % 2 else "png"
            (tmp_path / "images" / f"{name}.{suffix}").write_bytes(data)
            if i == 0:
                coloured(mask).save(tmp_path / "maps" / f"{name}.png")
            else:
                (tmp_path / "maps" / f"{name}.png").write_bytes(encoded(mask))
    return tmp_path


def given(tree, **changed):
    return {
        "dir": tree / "data",
        "name": "streets",
        "classes": 1,
        "mask_classes": 3,
        "shape": [24, 24, 3],
        "manual_dir": tree / "images",
        "masks": tree / "maps",
    } | changed


def test_label_maps_are_prepared_and_read_beside_their_images(tree):
    prepare("folder", **given(tree))
    data = load("folder", **given(tree, manual_dir=None, masks=None))
    for split, count in {"train": 4, "test": 2}.items():
        found = data.split(split)
        masks = found["mask"]
        assert masks.shape == (count, 24, 24) and masks.dtype == np.uint8
        assert set(np.unique(masks)) <= {0, 2, IGNORED}
        known = masks != IGNORED
        bright = found.images[..., 0] > 115
        wrong = (bright != (masks == 2)) & known
        assert wrong.mean() < 0.06  # at borders that were scaled
        assert not found.labels.any()
    stored = plain_tfds("streets", tree / "data", "train")
    sizes = {one["mask"].shape for one in stored}
    assert sizes == {(40, 32, 1), (24, 32, 1)}
    assert all(one["mask"].shape[:2] == one["image"].shape[:2] for one in stored)


def test_class_folders_may_have_label_maps(tree):
    for kind in ("images", "maps"):
        for split in ("train", "test"):
            (tree / kind / split / "deep").rename(tree / kind / split / "town")
            for path in list((tree / kind / split).glob("*.png")):
                path.rename(tree / kind / split / "town" / path.name)
    prepare("folder", **given(tree))
    assert len(load("folder", **given(tree)).split("train")) == 4


def change(tree, name, content):
    (tree / "maps" / name).write_bytes(content)


@pytest.mark.parametrize(
    "spoil, said",
    [
        (lambda t: (t / "maps/train/2.png").unlink(), "train/2.png is missing"),
        (lambda t: change(t, "train/0.png", b"none"), "train/0.png is no image"),
        (
            lambda t: change(t, "test/0.png", encoded(np.zeros((8, 8), np.uint8))),
            "is 8×8, and .* is 40×32",
        ),
        (
            lambda t: change(t, "test/0.png", encoded(np.full((40, 32), 3, np.uint8))),
            "has a label 3: data.mask_classes=3 takes 0 to 2",
        ),
        (
            lambda t: change(t, "test/0.png", encoded(np.zeros((40, 32, 3), np.uint8))),
            "of mode RGB, not a label map",
        ),
    ],
)
def test_what_is_wrong_with_a_label_map_is_one_line(tree, spoil, said):
    spoil(tree)
    with pytest.raises(UserError, match=said) as caught:
        prepare("folder", **given(tree))
    assert "\n" not in str(caught.value)
    assert not (tree / "data" / "streets").exists() or not list(
        (tree / "data" / "streets").iterdir()
    )


def test_the_number_of_classes_is_asked_for_and_compared(tree):
    with pytest.raises(UserError, match=r"data\.masks=.* takes data\.mask_classes"):
        prepare("folder", **given(tree, mask_classes=None))
    with pytest.raises(UserError, match=r"data\.classes=5: .* set data\.classes=1"):
        prepare("folder", **given(tree, classes=5))
    prepare("folder", **given(tree))
    with pytest.raises(UserError, match=r"data\.mask_classes=2: .* set .*classes=3"):
        load("folder", **given(tree, mask_classes=2))
    load("folder", **given(tree, mask_classes=None))  # a task that needs none


@pytest.mark.parametrize("central", [1.0, 0.75])
def test_a_map_is_scaled_and_cut_as_its_image(central):
    mask = np.arange(64, dtype=np.uint8).reshape(8, 8)
    small = fit_mask(encode_png(mask[..., None]), (4, 4), central=central)
    assert set(small.ravel()) <= set(mask.ravel())
    larger = np.kron(mask, np.ones((4, 4), np.uint8))
    same = fit_mask(encode_png(larger[..., None]), (8, 8))
    np.testing.assert_array_equal(same, mask)
    assert count_labels(mask) == 64
    assert count_labels(np.full((2, 2), IGNORED)) == 0


def test_random_crops_take_the_same_part_of_both():
    image, mask = draw(60, 80)
    contents = encode_png(image), encode_png(mask[..., None])
    for seed in range(20):
        cut, labels = (
            random_resized(
                content,
                (32, 32, channels),
                np.random.default_rng(seed),
                area=(0.3, 0.6),
                labels=channels == 1,
            )
            for content, channels in zip(contents, (3, 1), strict=True)
        )
        labels = labels[..., 0]
        wrong = ((cut[..., 0] > 115) != (labels == 2)) & (labels != IGNORED)
        assert wrong.mean() < 0.08
        assert set(np.unique(labels)) <= {0, 2, IGNORED}


def test_streams_bring_label_maps(tree):
    prepare("folder", **given(tree))
    cfg = config.compose(
        "data=folder",
        "data/stream=random_crop",
        "data.name=streets",
        "data.classes=1",
        config="prepare",
    ).data
    stream = config.build(cfg, **given(tree, manual_dir=None, masks=None)).split(
        "train"
    )
    plan = Plan(examples=4, batch_size=2, epochs=1, seed=0)
    for batch in stream.batches(plan, 0, slice(None)):
        assert batch["mask"].shape == (2, 24, 24) and batch["mask"].dtype == np.uint8
        bright = batch["image"][..., 0] > 115
        wrong = (bright != (batch["mask"] == 2)) & (batch["mask"] != IGNORED)
        assert wrong.mean() < 0.15


@pytest.mark.slow  # a real training and its evaluation
def test_a_network_learns_from_a_folder_of_one_class_with_label_maps(tree):
    """The commands of the documentation, from pictures to rows."""
    shared = ["data=folder", "data.name=streets", "data.classes=1", f"data.dir={tree}"]
    shared += ["data.mask_classes=3", "data.shape=[24,24,3]"]
    places = [f"data.manual_dir={tree}/images", f"data.masks={tree}/maps"]
    small = ["model.widths=[2,4]", "model.depth=1", "train.epochs=1"]
    small += ["train.batch_size=2", "eval=segmentation", f"root={tree}/outputs"]
    for script, words in {
        "prepare": places,
        "train": ["task=segmentation", "model=unet", "augment=crop", *small],
    }.items():
        line = [sys.executable, f"{config.CONF.parent}/scripts/{script}.py"]
        done = subprocess.run([*line, *shared, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    rows = read_rows(tree / "outputs")
    assert {"mean_iou", "boundary_iou", "pixel_accuracy"} <= set(rows["measure"])
