"""A trace of chosen steps, and a step that is compiled and not run."""

import gzip
import json

import jax
import numpy as np
import pytest
from finished_run import TINY, train
from flax import nnx
from in_process import call

from research import config
from research.errors import UserError
from research.runs import experiment, run
from research.runs.run import load
from research.training.tracing import Tracing, parse_steps


def read_steps(folder):
    """How many programs of a training step a trace holds."""
    (file,) = folder.glob("profile/plugins/profile/*/*.trace.json.gz")
    events = json.loads(gzip.decompress(file.read_bytes()))["traceEvents"]
    return sum(event.get("name") == "PjitFunction(once)" for event in events)


@pytest.mark.slow  # trains twice, once under the profiler
def test_a_trace_has_its_steps_and_changes_no_weight(tmp_path):
    plain, traced = tmp_path / "runs/plain", tmp_path / "runs/traced"
    train(plain)
    train(traced, "profile=3:5")
    train(tmp_path / "runs/one", "profile=4:4")
    assert read_steps(traced) == 3 * read_steps(tmp_path / "runs/one") > 0
    assert not (plain / "profile").exists()
    networks = [nnx.state(load(one)[1]) for one in (plain, traced)]
    pairs = zip(*map(jax.tree.leaves, networks), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_a_trace_begins_with_the_dispatch_that_has_its_first_step(
    tmp_path, monkeypatch
):
    calls = []
    monkeypatch.setattr(jax.profiler, "start_trace", lambda _: calls.append("start"))
    monkeypatch.setattr(jax.profiler, "stop_trace", lambda: calls.append("stop"))
    with Tracing(3, 5, tmp_path) as tracing:
        for steps in (range(0, 2), range(2, 4), range(4, 6), range(6, 8)):
            tracing.begin(steps)
            calls.append(steps.stop)
            tracing.end(steps.stop, ())
    assert calls == [2, "start", 4, 6, "stop", 8]
    with Tracing(3, 5, tmp_path) as tracing:
        tracing.begin(range(2, 4))
    assert calls[-2:] == ["start", "stop"], "a training that ends in between"


@pytest.mark.parametrize("text", ["10", "0:3", "5:4", "3:9", "a:b", "-1:2", ""])
def test_what_is_no_range_of_steps_is_refused(tmp_path, text):
    with pytest.raises(UserError) as caught:
        parse_steps(text, 8)
    assert str(caught.value) == (
        f"profile={text}: takes FIRST:LAST, steps from 1 to 8, the number of this "
        "training, such as profile=10:20"
    )


@pytest.mark.parametrize("more", [[], ["train.steps_per_dispatch=2"]])
def test_compiling_alone_trains_and_writes_nothing(tmp_path, monkeypatch, more):
    said = []
    monkeypatch.setattr(run, "say", said.append)
    folder = tmp_path / "runs/run"
    assert train(folder, "train.compile_only=true", *more) == {}
    assert not folder.exists()
    (line,) = said
    assert line.startswith(f"{folder}: compiled, not trained: parameters 2,002")
    steps = 2 if more else 1
    assert f"; steps of a program {steps}; seconds to compile" in line


def test_what_is_only_compiled_has_no_objective(tmp_path):
    words = [*TINY, "train.compile_only=true", "objective=validation.loss"]
    place = f"data.dir={tmp_path / 'data'}"
    status, said = call("train", *words, place, f"root={tmp_path}")
    assert status == 0 and "compiled, not trained" in said, said


def test_what_compiling_tells_is_of_the_size_of_the_state(tmp_path):
    place = f"data.dir='{tmp_path / 'data'}'"
    found = experiment.build(config.compose(*TINY, place)).compile()
    parameters = experiment.build(config.compose(*TINY, place)).parameters
    state = 3 * 4 * parameters / 2**20  # with both means of Adam
    assert state < found["state and batch, MiB"] < 4 * state + 1
    large = experiment.build(config.compose(*TINY, place, "train.batch_size=128"))
    more = large.compile()["while it runs, MiB more"]
    assert more > 2 * found["while it runs, MiB more"]


def test_a_mistake_is_found_without_compiling(tmp_path):
    with pytest.raises(UserError, match=r"train\.batch_size=999"):
        train(tmp_path / "runs/a", "train.compile_only=true", "train.batch_size=999")
