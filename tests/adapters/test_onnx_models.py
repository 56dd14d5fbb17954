"""ONNX files made here behind `predict=onnx:FILE`: layouts, types, metadata."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from research.adapters.engine.loading import load_model  # noqa: E402
from research.errors import UserError  # noqa: E402

pytestmark = pytest.mark.adapters
IMAGES = np.random.default_rng(0).random((5, 8, 6, 3), np.float32)
WEIGHTS = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)


def write(path, *, axes=(2, 3), shape=("n", 3, 8, 6), kind=TensorProto.FLOAT, **meta):
    """Writes a network: means of the channels, times a matrix."""
    nodes = [
        helper.make_node("Cast", ["x"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [shape[0], 4])],
        [
            numpy_helper.from_array(np.array(axes), "axes"),
            numpy_helper.from_array(WEIGHTS, "w"),
        ],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    )
    helper.set_model_props(model, {key: str(value) for key, value in meta.items()})
    onnx.save(model, path)
    return f"onnx:{path}"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "means.onnx"


def expected(images, mean=0.0, std=1.0):
    return ((images - mean) / std).mean((1, 2)) @ WEIGHTS


def test_channels_come_first_or_last_as_the_file_says(path):
    first = load_model(write(path), {})
    np.testing.assert_allclose(first(IMAGES), expected(IMAGES), atol=1e-5)
    assert first.description.size == (8, 6) and first.description.channels == 3
    last = load_model(write(path, axes=(1, 2), shape=("n", 8, 6, 3)), {})
    np.testing.assert_allclose(last(IMAGES), expected(IMAGES), atol=1e-5)
    assert last.description.size == (8, 6)
    fitted = last.fit((8, 6, 3))
    assert fitted.description.outputs == 4


def test_a_file_of_any_size_takes_any(path):
    found = load_model(write(path, shape=("n", "c", "h", "w")), {})
    assert found.description.size is None and found.description.channels is None
    np.testing.assert_allclose(
        found(IMAGES[:, :5, :4]), expected(IMAGES[:, :5, :4]), atol=1e-5
    )


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_a_fixed_batch_is_filled_up(path, batch):
    found = load_model(write(path, shape=(batch, 3, 8, 6)), {})
    np.testing.assert_allclose(found(IMAGES), expected(IMAGES), atol=1e-5)


def test_bytes_are_given_where_bytes_are_taken(path):
    found = load_model(write(path, kind=TensorProto.UINT8), {})
    stored = (IMAGES * 255).round()
    np.testing.assert_allclose(found(IMAGES), expected(stored), rtol=1e-4)
    half = load_model(write(path, kind=TensorProto.FLOAT16), {})
    np.testing.assert_allclose(half(IMAGES), expected(IMAGES), atol=1e-2)


def test_the_metadata_say_how_images_are_prepared(path):
    meta = {
        "mean": "0.4, 0.5, 0.6",
        "std": json.dumps([0.2, 0.25, 0.3]),
        "crop": "0.875",
        "interpolation": "bilinear",
        "answers": "embeddings",
        "class_names": json.dumps({"0": "cat", "1": "dog"}),
    }
    found = load_model(write(path, **meta), {})
    known = found.description
    assert known.mean == (0.4, 0.5, 0.6) and known.std == (0.2, 0.25, 0.3)
    assert (known.crop, known.interpolation) == (0.875, "bilinear")
    assert known.answers == "embeddings" and known.classes == ("cat", "dog")
    values = expected(IMAGES, np.float32(known.mean), np.float32(known.std))
    np.testing.assert_allclose(found(IMAGES), values, atol=1e-5)
    other = load_model(write(path, **meta), {"preprocess": {"mean": [0.0]}})
    assert other.description.mean == (0.0,) and other.description.crop == 0.875


def test_onnx_s_own_metadata_are_read(path):
    meta = {
        "Image.NominalPixelRange": "NominalRange_0_255",
        "Image.BitmapPixelFormat": "Bgr8",
    }
    found = load_model(write(path, **meta), {})
    np.testing.assert_allclose(
        found(IMAGES), expected(IMAGES[..., ::-1] * 255), rtol=1e-4
    )


@pytest.mark.parametrize(
    "meta, said",
    [
        ({"mean": "dark"}, "metadata say mean=dark"),
        ({"interpolation": "magic"}, "metadata say interpolation=magic"),
        ({"class_names": "3"}, "metadata say class_names=3"),
    ],
)
def test_metadata_that_cannot_be_read_are_named(path, meta, said):
    with pytest.raises(UserError, match=said):
        load_model(write(path, **meta), {})


def evaluate(folder, *words):
    """Calls the script on digits; returns what became of it."""
    root = Path(__file__).parents[2]
    line = [sys.executable, root / "scripts/evaluate.py", f"root={folder / 'out'}"]
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run(
        [*line, *words], env=environment, capture_output=True, text=True
    )


def test_the_script_evaluates_a_file_or_says_in_one_line_why_not(tmp_path):
    (tmp_path / "text.onnx").write_text("not a network")
    done = evaluate(tmp_path, f"predict=onnx:{tmp_path}/text.onnx")
    assert done.returncode == 2 and done.stderr.startswith("error: predict=onnx:")
    assert done.stderr.count("\n") == 1 and not [*tmp_path.glob("out/*/*")]
    right = write(tmp_path / "right.onnx", shape=("n", 3, 28, 28))  # of four classes
    done = evaluate(tmp_path, f"predict={right}")
    assert done.returncode == 2 and "has 4 logits, and data.classes=10" in done.stderr
    words = ["adapter.answers=embeddings", "eval=embedding"]
    done = evaluate(tmp_path, f"predict={right}", *words, "eval.embedding.examples=20")
    assert done.returncode == 0, done.stderr
    assert [*tmp_path.glob("out/*/*/eval/embedding.jsonl")]


def test_mistakes_are_one_line(path, tmp_path):
    right = write(path)
    (tmp_path / "text.onnx").write_text("not a network")
    (tmp_path / "empty.onnx").write_bytes(b"")
    flat = write(tmp_path / "flat.onnx", axes=(1,), shape=("n", 24))
    for address, options, said in (
        (f"onnx:{tmp_path}/mean.onnx", {}, "no such file .* nearest: means.onnx"),
        (f"onnx:{tmp_path}/text.onnx", {}, "no ONNX file that onnxruntime can run"),
        (f"onnx:{tmp_path}/empty.onnx", {}, "no ONNX file|takes nothing"),
        (flat, {}, r"takes x tensor\(float\)\['n', 24\]; wanted is one input of four"),
        (right, {"device": "cuda"}, "device=cuda: onnxruntime takes cpu"),
        (right, {"weights": "a"}, "adapter.weights=a: predict=onnx:… takes none"),
    ):
        with pytest.raises(UserError, match=said) as caught:
            load_model(address, options)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"images of \[8,6\], .*\[8,8,3\]: set data.sh"):
        load_model(right, {}).fit((8, 8, 3))
