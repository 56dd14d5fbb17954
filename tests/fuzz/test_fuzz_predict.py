"""Somebody else's classifier that answers anything: finite rows, or one line on it.

Never a traceback but that of the classifier itself, never a half-written folder.
"""

import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from research import config
from research.data.split import Split
from research.errors import UserError
from research.files.lines import read_lines
from research.runs.evaluate import evaluate_foreign

COUNT, SIDE, CLASSES = 7, 8, 4
UNBOUNDED = "relative_logit_distance"  # is ∞ where the unshifted logits are zero
SMALL = {  # evaluators of any classifier, and what makes them quick
    "accuracy": [],
    "shift": ["eval.shift.distances=1"],
    "orbit": ["eval.orbit.examples=2"],
    "worst": ["eval.worst.max_shift=1"],
    "fragile": ["eval.fragile.keep=3"],
    "tta": [],
    "fractional": ["eval.fractional.upsampling=[2]"],
    "scramble": ["eval.scramble.grids=[2]", "eval.scramble.blocks=[4]"],
    "embed": ["eval.embed.steps=2"],
    "changes": [],
    "explorer": ["eval.explorer.images=1", "eval.explorer.grid=1"],
}
PROVENANCE = {"run": "run", "seed": 0, "commit": ""}  # to describe takes a second
sys.modules["fuzzed"] = ModuleType("fuzzed")


def data():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (COUNT, SIDE, SIDE, 1), np.uint8)
    return Split.labelled(images, (np.arange(COUNT) % CLASSES).astype(np.int32))


class Data:
    """A data set with one small split."""

    photographs = None

    def split(self, name):
        return data()


class Own(Exception):
    """What a classifier raises of its own."""


class Tensor:
    """Has a shape, as PyTorch's does, and becomes an array, or says why it does not."""

    def __init__(self, array, shape=None, error=None):
        self.array, self.error = array, error
        self.shape = array.shape if shape is None else shape

    def __array__(self, dtype=None, copy=None):
        if self.error is not None:
            raise self.error
        return np.asarray(self.array, dtype)

    def __len__(self):
        return len(self.array)


def plain(images):
    """Logits that depend on the images, and on where they are lit."""
    weights = np.random.default_rng(1).normal(size=(SIDE * SIDE, CLASSES))
    return (images.reshape(len(images), -1) @ weights).astype(np.float32)


DTYPES = ["f2", "f4", "f8", "g", "i1", "i4", "i8", "u1", "u8", "?", "c8", "O", "U5"]
DTYPES += ["M8[s]", "S3", ">f4"]
VALUES = [0.0, -0.0, 1.0, 1e-45, 1e30, 3e38, -3e38, 1e300, np.nan, np.inf, -np.inf]
SHAPES = {
    "none": lambda y: None,
    "fewer rows": lambda y: y[:-1],
    "more rows": lambda y: np.concatenate([y, y]),
    "one row": lambda y: y[:1],
    "no rows": lambda y: y[:0],
    "fewer columns": lambda y: y[:, :-1],
    "more columns": lambda y: np.concatenate([y, y], 1),
    "no columns": lambda y: y[:, :0],
    "transposed": lambda y: y.T,
    "classes": lambda y: y.argmax(1),
    "one more axis": lambda y: y[..., None],
    "a number": lambda y: float(y.sum()),
}
KINDS = {
    "list": lambda y: y.tolist(),
    "tuple of rows": tuple,
    "ragged": lambda y: [*y.tolist()[:-1], [0.0]],
    "dict": lambda y: {"logits": y},
    "pair": lambda y: (y, y),
    "generator": lambda y: (row for row in y),
    "text": str,
    "bytes": lambda y: y.tobytes(),
    "jax": jnp.asarray,
    "jax bfloat16": lambda y: jnp.asarray(y, jnp.bfloat16),
    "jax key": lambda y: jax.random.key(0),
    "table": pd.DataFrame,
    "masked": lambda y: np.ma.masked_less(y, 0),
    "matrix": np.matrix,
    "memory": memoryview,
    "read-only": lambda y: np.broadcast_to(y[:1], y.shape),
    "backwards": lambda y: y[::-1, ::-1],
    "columns first": np.asfortranarray,
    "tensor": Tensor,
    "tensor of a lie": lambda y: Tensor(y[:, :-1], y.shape),
    "tensor without a shape": lambda y: Tensor(y, ()),
    "tensor on a device": lambda y: Tensor(y, error=TypeError("can't convert cuda:0")),
    "tensor with gradient": lambda y: Tensor(y, error=RuntimeError("use detach()")),
    "tensor of its own": lambda y: Tensor(y, error=Own("mine")),
    "function": lambda y: lambda: y,
    "class": lambda y: Tensor,
}
ERRORS = [Own, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError]
ERRORS += [MemoryError, RuntimeError, StopIteration, AssertionError, RecursionError]
ERRORS += [FileNotFoundError, UserError, NotImplementedError, SystemExit]


@st.composite
def changes(draw):
    """A name, and a function from right logits to what the classifier returns."""
    kind = draw(st.sampled_from(["shape", "kind", "dtype", "value", "raise", "right"]))
    if kind == "shape":
        name = draw(st.sampled_from(sorted(SHAPES)))
        return name, SHAPES[name]
    if kind == "kind":
        name = draw(st.sampled_from(sorted(KINDS)))
        return name, KINDS[name]
    if kind == "dtype":
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        return str(dtype), lambda y: np.abs(y).astype(dtype)
    if kind == "value":
        value = draw(st.sampled_from(VALUES))
        wide = draw(st.booleans())
        places = draw(st.sets(st.integers(0, COUNT * CLASSES - 1), max_size=COUNT))

        def put(y):
            y = y.astype(np.float64 if wide else np.float32)
            with np.errstate(over="ignore"):
                y.flat[[place for place in places if place < y.size]] = value
            return y

        return f"{value}", put
    if kind == "raise":
        error = draw(st.sampled_from(ERRORS))("mine")

        def fail(y):
            raise error

        return type(error).__name__, fail
    return "right", lambda y: y


@st.composite
def classifiers(draw):
    """A name, and a classifier that answers oddly from some call on."""
    name, change = draw(changes())
    first = draw(st.integers(0, 3))
    constant = draw(st.sampled_from([None, 0.0, 1.0]))
    noisy, spoils, shares = (draw(st.booleans()) for _ in range(3))
    calls: list[int] = []
    held = np.zeros((64, CLASSES), np.float32)

    def answer(images):
        calls.append(len(images))
        y = (
            plain(images)
            if constant is None
            else np.full((len(images), CLASSES), constant)
        )
        if noisy:
            y = y * len(calls)
        if spoils:
            images[...] = 0
        if shares and len(y) <= len(held):
            held[: len(y)] = y
            y = held[: len(y)]
        return change(y) if len(calls) > first else y

    return name, answer


def assert_whole(folder):
    """The folder of a finished evaluation, its rows finite."""
    names = {path.name for path in folder.iterdir()}
    assert {"config.yaml", "provenance.json", "done.json", "eval"} == names
    files = list((folder / "eval").glob("*.jsonl"))
    assert files
    for path in files:
        for row in read_lines(path):
            ends = [end for end in (row["low"], row["high"]) if end is not None]
            far = row["measure"] == UNBOUNDED and row["value"] is None
            assert far or np.isfinite([row["value"], *ends]).all(), row


@cache
def composed(evaluators, batch):
    """A config of some evaluators, small enough for many cases."""
    words = [word for one in evaluators for word in SMALL[one]]
    words += [f"eval.{one}.batch={batch}" for one in evaluators]
    words += [f"data.classes={CLASSES}", f"data.shape=[{SIDE},{SIDE},1]"]
    chosen = f"eval=[{','.join(evaluators)}]"
    return config.compose(chosen, "predict=fuzzed:answer", *words, config="eval")


@pytest.mark.slow  # a dozen evaluations
@given(
    classifiers(),
    st.sets(st.sampled_from(sorted(SMALL)), min_size=1, max_size=2),
    st.sampled_from([3, 16]),
)
def test_whatever_predict_returns(classifier, evaluators, batch):
    """Evaluates one classifier, and holds what comes of it against the promise."""
    name, answer = classifier
    cfg = composed(tuple(sorted(evaluators)), batch)
    raised = []

    def record(images):
        try:
            return answer(images)
        except BaseException as error:
            raised.append(error)
            raise

    sys.modules["fuzzed"].answer = record
    with (
        tempfile.TemporaryDirectory() as root,
        patch("research.config.data", lambda cfg: Data()),
        patch("research.runs.evaluate.describe", lambda *_, **__: PROVENANCE),
    ):
        folder = Path(root) / "run"
        try:
            evaluate_foreign(cfg, folder, choices={}, command="")
        except UserError as error:
            event(f"{name}: refused")
            line = str(error)
            assert "\n" not in line and (raised or "predict=fuzzed:answer" in line), (
                line
            )
        except BaseException as error:
            event(f"{name}: raised")
            chain = [error, error.__cause__, error.__context__]
            own = [*raised, *(one for one in chain if isinstance(one, Own))]
            assert any(one in own for one in chain if one is not None), repr(error)
        else:
            event(f"{name}: rows")
            assert_whole(folder)
            return
        assert not folder.exists() or not [*folder.iterdir()]
