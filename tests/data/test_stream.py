"""Streams: a function of seed, epoch and example, however many share the work."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from building import encoded, load, prepare
from flax import nnx
from PIL import Image

from research import config
from research.data.crop import draw_box, random_resized
from research.data.images import fit
from research.data.plan import Plan
from research.data.tfds_reader import Records
from research.distributed.devices import world
from research.errors import UserError
from research.files.lines import read_lines
from research.runs.evaluate import evaluate_run
from research.runs.run import load as load_run
from research.runs.run import run
from research.training.batches import Ahead, feed
from research.training.checkpoint import Checkpoints

ROOT = Path(__file__).parent.parent.parent
SHAPE = (16, 24, 3)
PLAN = Plan(20, batch_size=6, epochs=3, seed=4)  # 3 steps an epoch, 2 examples left out


def gradient(height, width, level):
    """An image whose red is the row and whose green is the column, from 0 to 255."""
    rows, columns = np.linspace(0, 255, height), np.linspace(0, 255, width)
    planes = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([*planes, np.full((height, width), level)], -1).astype(np.uint8)


@pytest.fixture(scope="module")
def jpegs(tmp_path_factory):
    """20 training and 5 test JPEGs of many sizes in two classes, prepared."""
    folder = tmp_path_factory.mktemp("jpegs")
    rng = np.random.default_rng(0)
    for split, count in {"train": 10, "test": 3}.items():
        for label, name in enumerate(["cat", "dog"]):
            (folder / "tree" / split / name).mkdir(parents=True)
            for i in range(count - (split == "test" and label)):
                height, width = rng.integers(20, 90, 2)
                image = gradient(height, width, 120 * label + 5 * i)
                path = folder / "tree" / split / name / f"{i}.jpg"
                path.write_bytes(encoded(image, "JPEG", quality=95))
    prepare("folder", manual_dir=folder / "tree", **settings(folder))
    return folder


def settings(folder, **stream):
    """What makes `data=folder` a stream of them; `stream` goes to the stream."""
    name = {"dir": folder, "name": "jpegs", "classes": 2, "shape": list(SHAPE)}
    chosen = config.compose("data=folder", "data/stream=random_crop").data.stream
    return name | {"stream": config.build(chosen, **stream)}


def batches(folder, plan=PLAN, start=0, rows=slice(None), **stream):
    train = load("folder", **settings(folder, **stream)).split("train")
    made = list(train.batches(plan, start, rows))
    assert {tuple(batch) for batch in made} == {("image", "label")}
    return [np.stack([batch[name] for batch in made]) for name in ("image", "label")]


@pytest.fixture(scope="module")
def whole(jpegs):
    return batches(jpegs, threads=1)


def test_no_arrays_of_the_training_images_are_made(jpegs):
    made = {path.name for path in jpegs.glob("jpegs/1.0.0/splits-16x24x3/*")}
    assert made == {"test"}
    data = load("folder", **settings(jpegs), validation_examples=4)
    assert len(data.split("train")) == 16 and len(data.split("test")) == 5
    everything = load("folder", **settings(jpegs) | {"stream": None}).split("train")
    held_out = data.split("validation")
    np.testing.assert_array_equal(held_out.images, everything.images[16:])
    np.testing.assert_array_equal(held_out.labels, everything.labels[16:])
    assert not len(load("folder", **settings(jpegs)).split("validation"))


@pytest.mark.slow  # starts workers
@pytest.mark.parametrize("shared", [{"threads": 3}, {"threads": 2, "workers": 2}])
def test_threads_and_workers_change_nothing(jpegs, whole, shared):
    for ours, theirs in zip(batches(jpegs, **shared), whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_workers_leave_no_shared_memory(jpegs):
    """Not even the last batch of each, which nobody asked them to free."""

    def blocks():
        return {path.name for path in Path("/dev/shm").glob("psm_*")}

    before, end = blocks(), time.monotonic() + 20
    kept = batches(jpegs, threads=1, workers=2)
    while blocks() - before and time.monotonic() < end:  # another thread frees them
        time.sleep(0.05)
    assert not blocks() - before and kept[0].flags.owndata


def test_a_stream_goes_on_from_any_step(jpegs, whole):
    for start in (4, 6, 8):
        for ours, theirs in zip(batches(jpegs, start=start), whole, strict=True):
            np.testing.assert_array_equal(ours, theirs[start:])


def test_hosts_share_out_each_batch(jpegs, whole):
    parts = [batches(jpegs, rows=rows) for rows in (slice(0, 3), slice(3, 6))]
    for ours, theirs in zip(zip(*parts, strict=True), whole, strict=True):
        np.testing.assert_array_equal(np.concatenate(ours, 1), theirs)


def test_examples_are_those_of_the_plan_in_a_crop_of_each_epoch(jpegs, whole):
    images, labels = whole
    stored = load("folder", **settings(jpegs) | {"stream": None}).split("train")
    order = np.stack([PLAN[step] for step in range(len(PLAN))])
    np.testing.assert_array_equal(labels, stored.labels[order])
    ours, theirs = (x[..., 2].mean((2, 3)) for x in (images, stored.images[order]))
    assert np.abs(ours - theirs).max() < 2  # blue names the image, whatever the crop
    crops = {}
    for example, image in zip(order.ravel(), images.reshape(-1, *SHAPE), strict=True):
        crops.setdefault(example, set()).add(image.tobytes())
    often = np.bincount(order.ravel())
    assert all(len(crops[example]) == often[example] for example in crops)
    other = batches(jpegs, Plan(20, batch_size=6, epochs=1, seed=5))
    assert not np.array_equal(other[1], labels[:3])


def test_who_wants_arrays_of_a_stream_is_told_what_to_do(jpegs):
    train = load("folder", **settings(jpegs)).split("train")
    asks = (lambda: train.images, lambda: train["label"], lambda: train.first(3))
    for ask in asks:
        with pytest.raises(UserError, match="split=train: .*split=test"):
            ask()


def test_only_encoded_images_are_streamed(jpegs, monkeypatch):
    monkeypatch.setattr(Records, "encoded", False)
    with pytest.raises(UserError, match="data/stream=none"):
        load("folder", **settings(jpegs)).split("train")


def test_the_feed_puts_them_on_the_devices(jpegs, whole):
    train = load("folder", **settings(jpegs)).split("train")
    source = feed(train, world(6), device_bytes=0)
    found = list(source.batches(PLAN, 7, lambda: True))
    assert len(found) == 2
    for batch, step in zip(found, (7, 8), strict=True):
        assert batch["image"].sharding.num_devices == 2
        np.testing.assert_array_equal(batch["image"], whole[0][step])
        np.testing.assert_array_equal(batch["label"], whole[1][step])


def test_time_without_a_batch_counts_only_while_the_devices_have_nothing_to_do():
    def slow():
        for _ in range(3):
            time.sleep(0.02)
            yield {"image": jnp.zeros((1, 1, 1, 1), np.uint8)}

    for busy in (True, False):
        ahead = Ahead(slow(), lambda busy=busy: busy)
        assert len(list(ahead)) == 3
        assert (ahead.idle == 0) == busy
        ahead.close()


@pytest.mark.parametrize("size", [(40, 30), (300, 20), (7, 90)])
def test_boxes_lie_within_the_image_and_bounds(size):
    rng = np.random.default_rng(0)
    bounds = {"area": (0.1, 0.6), "ratio": (0.5, 2.0)}
    for _ in range(200):
        left, top, right, bottom = draw_box(size, rng, **bounds)
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
        w, h = right - left, bottom - top
        assert 0.4 <= w / h <= 2.5  # in whole pixels
        assert w * h <= 0.7 * size[0] * size[1]


def test_areas_are_uniform():
    rng = np.random.default_rng(1)
    bounds = {"area": (0.2, 0.5), "ratio": (1.0, 1.0)}
    boxes = [draw_box((400, 400), rng, **bounds) for _ in range(2000)]
    shares = np.array([(b[2] - b[0]) * (b[3] - b[1]) for b in boxes]) / 400**2
    assert shares.mean() == pytest.approx(0.35, abs=0.01)
    assert np.quantile(shares, 0.25) == pytest.approx(0.275, abs=0.015)


@pytest.mark.parametrize("size", [(60, 80), (600, 800)])  # the larger is drafted
def test_a_crop_shows_what_lies_in_its_box(size):
    content = encoded(gradient(*size, 9), "JPEG", quality=98)
    bounds = {"area": (0.2, 0.9), "ratio": (0.8, 1.6)}
    for seed in range(8):
        plain = {**bounds, "flip": False}
        image = random_resized(content, SHAPE, np.random.default_rng(seed), **plain)
        box = draw_box(size[::-1], np.random.default_rng(seed), **bounds)
        middle = [(box[1] + box[3]) / 2 / size[0], (box[0] + box[2]) / 2 / size[1]]
        span = [(box[3] - box[1]) / size[0], (box[2] - box[0]) / size[1]]
        for plane, axis in ((0, 0), (1, 1)):
            line = image[..., plane].astype(float).mean(1 - axis)
            assert line.mean() == pytest.approx(255 * middle[axis], abs=4)
            shown = (line[-1] - line[0]) * len(line) / (len(line) - 1)
            assert shown == pytest.approx(255 * span[axis], abs=9)
        mirrored = [
            random_resized(content, SHAPE, np.random.default_rng(seed), **bounds)
            for seed in range(8)
        ]
    falling = [one[0, -1, 1] < one[0, 0, 1] for one in mirrored]
    assert 0 < sum(falling) < 8


def test_the_central_part_is_that_of_a_larger_image_cut():
    image = gradient(64, 96, 50)
    found = fit(encoded(image), (28, 28, 3), central=0.875)
    scaled = Image.fromarray(image).resize((48, 32), Image.Resampling.BILINEAR)
    expected = np.asarray(scaled)[2:30, 10:38]
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert np.abs(found.astype(int) - fit(encoded(image), (28, 28, 3))).max() > 5


def test_a_damaged_record_is_named(jpegs, tmp_path):
    shutil.copytree(jpegs / "jpegs", tmp_path / "jpegs")
    (path,) = tmp_path.rglob("*train.array_record*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{path} is damaged"):
        batches(tmp_path)


RUN = [
    "model=tiny",
    "train.batch_size=4",
    "train.epochs=4",
    "train.checkpoint_seconds=0.0",
    "eval=accuracy",
    "data=folder",
    "data/stream=random_crop",
    "data.name=jpegs",
    "data.classes=2",
    "data.shape=[16,24,3]",
]


@pytest.mark.slow  # trains twice
def test_kill_9_in_the_middle_of_an_epoch_and_resume_bit_by_bit(jpegs, tmp_path):
    words = [*RUN, f"data.dir={jpegs}", f"root={tmp_path}"]
    cfg, undisturbed, killed = config.compose(*words), tmp_path / "a", tmp_path / "b"
    run(cfg, undisturbed, choices={}, command="")
    script = str(ROOT / "scripts/train.py")
    process = subprocess.Popen(
        [sys.executable, script, *words, f"hydra.run.dir={killed}"],
        env=os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "true"},  # as here
        stderr=subprocess.DEVNULL,
    )
    while not (killed / "checkpoints/7.sha256").exists() and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert 7 <= Checkpoints(killed / "checkpoints").steps()[-1] < 20
    run(cfg, killed, choices={}, command="")
    for a, b in zip(*map(parameters, (undisturbed, killed)), strict=True):
        np.testing.assert_array_equal(a, b)
    ours, theirs = (read_lines(f / "metrics.jsonl") for f in (undisturbed, killed))
    assert [row["loss"] for row in ours] == [row["loss"] for row in theirs]
    assert all(0 <= row["input_wait"] < 1 for row in theirs)
    rows = killed / "eval/accuracy.jsonl"
    before = rows.read_bytes()
    rows.unlink()  # and comes again, though the default data know nothing of streams
    words = ["eval=accuracy", f"data.dir={jpegs}", f"root={tmp_path}"]
    evaluate_run(config.compose(*words, config="eval"), killed)
    assert rows.read_bytes().replace(b"-dirty", b"") == before  # of a changed checkout


@pytest.mark.parametrize("words", [["eval=fit"], ["split=train"]])
def test_what_needs_arrays_of_a_stream_is_refused_before_training(
    jpegs, tmp_path, words
):
    words = [*(word for word in RUN if "eval" not in word), *words]
    cfg = config.compose(*words, f"data.dir={jpegs}")
    with pytest.raises(UserError, match="are streamed.*leave fit out"):
        run(cfg, tmp_path / "run", choices={}, command="")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def parameters(folder):
    network = load_run(folder)[1]
    return [np.asarray(x) for x in jax.tree.leaves(nnx.state(network, nnx.Param))]
