"""Models from elsewhere on data: whose classes are whose, and what decides a run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from in_process import call

from research import config
from research.adapters.engine.description import Description
from research.adapters.engine.labels import short_name
from research.data.source import read_names
from research.errors import UserError
from research.files.lines import read_lines
from research.runs.foreign import Foreign, load_foreign, require_classes
from research.runs.identity import flatten, training_digest

ROOT = Path(__file__).parents[2]
IMAGES = np.zeros((4, 28, 28, 1), np.float32)


def five(images):
    """Five logits, each its own number."""
    return np.tile(np.arange(5.0), (len(images), 1))


@pytest.fixture(autouse=True)
def mine(monkeypatch):
    module = ModuleType("mine")
    module.five = five
    monkeypatch.setitem(sys.modules, "mine", module)


def asked(*words):
    return config.compose("predict=mine:five", *words, config="eval")


def with_names(monkeypatch, *names):
    data = SimpleNamespace(names=names or None)
    monkeypatch.setattr("research.config.data", lambda cfg: data)


@pytest.fixture
def animals(tmp_path):
    path = tmp_path / "animals.txt"
    path.write_text("ant\nbee\ncat, house cat\ndog\neel\n")
    return f"adapter.class_names={path}"


def test_logits_are_found_by_the_names_of_the_data_s_folders(monkeypatch, animals):
    with_names(monkeypatch, "eel", "House_Cat")
    found = load_foreign(asked(animals, "data.classes=2"))
    np.testing.assert_array_equal(found(IMAGES), [[4, 2]] * 4)
    assert found(IMAGES).dtype == np.float32
    with_names(monkeypatch, "eel", "fox")
    with pytest.raises(UserError, match="mine:five: has no class fox"):
        load_foreign(asked(animals, "data.classes=2"))


def test_without_names_the_order_counts(monkeypatch, animals):
    with_names(monkeypatch)
    found = load_foreign(asked(animals, "data.classes=5"))
    np.testing.assert_array_equal(found(IMAGES), five(IMAGES))
    with_names(monkeypatch, *"01234")
    found = load_foreign(asked(animals, "data.classes=5", "adapter.labels=order"))
    np.testing.assert_array_equal(found(IMAGES), five(IMAGES))
    with pytest.raises(UserError, match="has 5 logits, and data.classes=2: choose"):
        load_foreign(asked(animals, "data.classes=2", "adapter.labels=order"))


def test_an_answer_that_has_not_a_column_for_each_name_is_refused(monkeypatch, animals):
    with_names(monkeypatch, "eel", "cat")
    found = load_foreign(asked(animals, "data.classes=2"))
    wrong = Foreign(lambda x: np.zeros((4, 3)), "a:b", 2, (4, 2), found.description)
    with pytest.raises(UserError, match=r"\(4, 3\) for 4 images, .*logits \(4, 5\)"):
        wrong(IMAGES)
    known = Description(outputs=7, classes=tuple("abcde"))
    with pytest.raises(UserError, match="has 7 logits, and there are 5 names for them"):
        require_classes("a:b", known, 5, named=True)


def test_vectors_have_any_number_of_columns(monkeypatch):
    found = load_foreign(asked("adapter.answers=embeddings"))
    assert found.answers == "embeddings" and found(IMAGES).shape == (4, 5)
    for wrong in (np.zeros(4), np.zeros((3, 5)), np.zeros((4, 0)), [[np.nan]] * 4):
        broken = Foreign(
            lambda x, wrong=wrong: wrong, "a:b", None, None, found.description
        )
        with pytest.raises(UserError, match=r"embeddings \(4, features\) are wanted"):
            broken(IMAGES)


def test_data_without_labels_take_any_number_of_logits(monkeypatch, animals):
    with_names(monkeypatch)
    bare = ("data=photos", "data.shape=[28,28,1]")
    found = load_foreign(asked(*bare))
    np.testing.assert_array_equal(found(IMAGES), five(IMAGES))
    assert found.names is None
    named = load_foreign(asked(animals, *bare))
    np.testing.assert_array_equal(named(IMAGES), five(IMAGES))
    assert named.names == ("ant", "bee", "cat", "dog", "eel")
    for wrong in (np.zeros((4, 1)), np.zeros(4), np.full((4, 3), np.inf), None):
        broken = Foreign(lambda x, wrong=wrong: wrong, "a:b", None)
        with pytest.raises(UserError, match=r"\(4, classes\) of 2 classes or more"):
            broken(IMAGES)
    with pytest.raises(UserError, match="the data of predict=mine:five have no names"):
        load_foreign(asked(animals, *bare, "adapter.labels=names"))


def test_names_of_classes_are_short():
    assert short_name("n02099601 golden retriever, goldie") == "golden retriever"
    assert short_name("cat, house cat") == "cat" and short_name("3") == "3"


def test_names_are_those_that_tfds_recorded(tmp_path):
    assert read_names(tmp_path) is None
    (tmp_path / "label.labels.txt").write_text("cat\ndog\n")
    assert read_names(tmp_path) == ("cat", "dog")


def test_what_changes_answers_decides_a_run_and_nothing_else_does():
    plain = training_digest(asked())
    before = {k: v for k, v in flatten(asked()).items() if "adapter" not in k}
    assert training_digest(before) == plain
    for word in ("adapter.device=cuda", "adapter.python=/env/bin/python"):
        assert training_digest(asked(word)) == plain, word
    for word in (
        "adapter.answers=embeddings",
        "adapter.class_names=imagenet",
        "adapter.weights=a.pth",
        "adapter.arguments={classes: 3}",
        "adapter.texts=[a,b]",
        "adapter.preprocess.mean=[0.5]",
        "adapter.preprocess.resize=true",
        "adapter.preprocess.interpolation=bilinear",
    ):
        assert training_digest(asked(word)) != plain, word
    trained = config.compose(config="eval")
    other = config.compose("adapter.weights=a.pth", config="eval")
    assert training_digest(trained) == training_digest(other)  # of a network of ours


def evaluate(folder, *words):
    """Calls the script, with functions in `folder`; returns what became of it."""
    line = [sys.executable, ROOT / "scripts/evaluate.py", f"root={folder / 'out'}"]
    paths = os.pathsep.join([str(folder), str(ROOT)])
    return subprocess.run(
        [*line, *words],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def functions(tmp_path):
    (tmp_path / "theirs.py").write_text(
        "import numpy as np\n"
        "def rows(images):\n"
        "    return np.asarray(images).mean((2, 3)) + 0.1\n"
        "def ten(images):\n"
        "    return np.asarray(images).mean((1, 2)) * np.arange(10)\n"
    )
    return tmp_path


def test_embeddings_are_evaluated(functions):
    words = ["predict=theirs:rows", "adapter.answers=embeddings", "eval=embedding"]
    done = evaluate(functions, *words, "eval.embedding.examples=40")
    assert done.returncode == 0, done.stderr
    (path,) = functions.rglob("embedding.jsonl")
    rows = {(one["params"].get("border"), one["measure"]) for one in read_lines(path)}
    assert ("circular", "embedding_change") in rows and ("zero", "rank_change") in rows
    provenance = json.loads((path.parents[1] / "provenance.json").read_text())
    assert provenance["model"]["answers"] == "embeddings"


@pytest.mark.parametrize(
    "words, said",
    [
        (["predict=theirs:rows", "adapter.answers=embeddings"], "use eval=embedding"),
        (["predict=theirs:ten", "eval=embedding"], "predict gives logits: leave"),
        (["predict=tim:resnet18"], "No module named 'tim'; give predict=module:functi"),
        (
            ["predict=theirs:ten", "adapter.preprocess.size=[32,32]"],
            "takes images of [32,32], and data.shape=[28,28,1]: set data.shape=[32,32,",
        ),
        (
            ["predict=theirs:ten", "adapter.weights=a.pth"],
            "predict=function:… takes no",
        ),
        (
            ["predict=theirs:ten", "adapter.preprocess.crop=2"],
            "takes a number above 0 a",
        ),
        (["predict=keras:a.h5"], "takes a .keras file"),
        (
            ["predict=onnx:a b,c.onnx"],
            "onnx:a b,c.onnx: no such file|needs onnxruntime",
        ),
    ],
    ids=lambda x: x[0] if isinstance(x, list) else "",
)
def test_a_mistake_is_one_line_and_leaves_nothing(functions, words, said, monkeypatch):
    monkeypatch.syspath_prepend(functions)
    monkeypatch.delitem(sys.modules, "theirs", raising=False)
    status, errors = call("evaluate", f"root={functions / 'out'}", *words)
    assert status == 2, errors
    (line,) = errors.splitlines()
    assert line.startswith("error: ")
    assert any(one in line for one in said.split("|")), line
    assert not [*functions.glob("out/*/*")]
