"""Benchmarks: what they compute from times, and that the script runs. No timings."""

import json
import math
import sys
import time
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from omegaconf import OmegaConf

from research import config
from research.benchmarks import orbit, subjects, sweep, timing
from research.benchmarks.arithmetic import computing_in
from research.benchmarks.report import report
from research.errors import UserError
from research.evals.engine.closed_form import ClosedForm
from research.nn import layers
from research.nn.cpu import convolution, onednn

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
import benchmark  # noqa: E402

TINY = ["model=tiny", "data=digits"]
ONE_STEP = ["data.train_examples=128", "train.epochs=1", "eval=accuracy"]


def test_racers_take_turns_and_ratios_are_taken_within_a_round(monkeypatch):
    clock = iter(
        [(10.0, 4.0), (30.0, 6.0), (40.0, 6.0), (20.0, 4.0), (90.0, 4.0), (45.0, 6.0)]
    )
    monkeypatch.setattr(timing, "seconds", lambda work, _: (work(), next(clock))[1])
    turns = []
    racers = {name: (lambda n=name: turns.append(n)) for name in ("PyTorch", "ours")}
    rows = timing.race(
        "case", racers, rounds=3, scales={"PyTorch": 2.0}, notes={"ours": str}
    )
    twice = ["PyTorch", "PyTorch", "ours", "ours"]  # of which the second counts
    backwards = twice[::-1]
    assert turns == ["PyTorch", "ours", *twice, *backwards, *twice]
    theirs, ours = rows
    assert (theirs.value, theirs.low, theirs.high) == (40e3, 20e3, 180e3)
    assert ours.value == 40e3 and ours.note == "40.0"
    assert ours.speed == 1.0  # of 2/3, 1 and 4


def test_without_a_reference_there_is_no_ratio():
    assert timing.race("case", {"ours": list}, rounds=1)[0].speed is None


def test_arrays_are_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(jax, "block_until_ready", waited.append)
    wall, cpu = timing.seconds(lambda: time.sleep(0.01))
    assert waited == [None] and wall >= 0.01 > cpu


def test_calls_are_waited_for_once_and_their_mean_counts(monkeypatch):
    made, waited = iter(range(3)), []
    monkeypatch.setattr(jax, "block_until_ready", waited.append)
    clock = iter([0.0, 6.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    wall, _ = timing.seconds(lambda: next(made), calls=3)
    assert wall == 2.0 and waited == [2]


def test_a_turn_on_an_accelerator_is_as_many_calls_as_fill_it(monkeypatch):
    monkeypatch.setattr(timing, "seconds", lambda work: (0.011, 0.0))
    assert timing.count_calls(list) == 1  # on a CPU each call is a turn
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert timing.count_calls(list) == 5


def test_a_subject_with_a_clock_is_timed_by_it():
    class Clocked:
        def __call__(self):
            raise AssertionError("its own clock calls it")

        def elapsed(self, calls):
            return 2.0 * calls

    assert timing.seconds(Clocked(), calls=7)[0] == 2.0


def test_an_arithmetic_is_of_all_that_is_traced_within_it():
    product = jax.jit(lambda x: x @ x)
    with computing_in("float32", peers=False) as chosen:
        assert chosen.dtype == "float32"
        assert "HIGHEST" in product.lower(jnp.ones((2, 2))).as_text()
    assert "HIGHEST" not in product.lower(jnp.ones((2, 2))).as_text()
    with pytest.raises(UserError, match="arithmetic=float64: takes float32, tf32"):
        with computing_in("float64", peers=False):
            pass


def test_the_forward_pass_computes_in_the_dtype_of_training():
    cfg = config.compose(*TINY, "train.dtype=bfloat16")
    logits = subjects.forward_pass(cfg, 4)()
    np.testing.assert_array_equal(logits, logits.astype(jnp.bfloat16))


def test_orbits_are_of_float32(small):
    run = config.build(small.benchmarks.orbit, arithmetic=["bfloat16"])
    with pytest.raises(UserError, match="arithmetic=bfloat16.*takes float32, tf32"):
        next(run(rounds=1, peers=False))


def test_a_stopped_benchmark_leaves_its_rows(tmp_path):
    def rows():
        yield timing.Row("case", "ours", 12.5, 12.0, 13.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        report("cut", rows(), tmp_path)
    assert len(json.loads((tmp_path / "cut.json").read_text())["rows"]) == 1
    assert "12.5" in (tmp_path / "cut.md").read_text()


def test_an_exponent_is_that_of_the_law():
    sizes = [1, 2, 4, 8]
    assert timing.exponent(sizes, [3 * s**1.5 for s in sizes]) == pytest.approx(1.5)


def test_operations_are_counted():
    cfg = config.compose(*TINY, "model.widths=[4]", "model.poolings=0")
    height, width, channels = cfg.data.shape
    least = 2 * 9 * channels * 4 * (height - 2) * (width - 2)
    assert least <= subjects.operations(cfg) <= 20 * least
    assert subjects.note_share(100.0, 50.0)(1.0).startswith("50%")


has_onednn = pytest.mark.skipif(
    not onednn.available(), reason="this jaxlib has no call of oneDNN, or is not tested"
)


@has_onednn
def test_a_step_trains_and_plain_xla_is_plain(monkeypatch):
    step = subjects.training_step(config.compose(*TINY), batch=4)
    before = int(step())
    assert int(step()) == before + 1
    monkeypatch.setattr(convolution, "WORTH", 0)
    x, kernel = jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1))
    pays = partial(convolution.onednn_is_faster, x, kernel, (1, 1), ((0, 0), (0, 0)))
    with convolution.enabled(True):
        assert pays()
        with convolution.enabled(False):
            assert not pays()
        assert pays()


@has_onednn
def test_a_step_is_compiled_anew_for_the_switch(monkeypatch):
    """Else the benchmark would time one program twice."""
    monkeypatch.setattr(convolution, "WORTH", 0)
    x, kernel = jnp.ones((1, 4, 4, 1)), jnp.ones((3, 3, 1, 1))
    convolve = jax.jit(lambda x, kernel: layers.convolve(x, kernel, (1, 1)))
    for on in (True, False, True):
        with convolution.enabled(on):
            assert (onednn.TARGET in convolve.lower(x, kernel).as_text()) == on


def test_a_step_of_plain_xla_stays_so(monkeypatch):
    monkeypatch.setattr(convolution, "WORTH", 0)
    with convolution.enabled(False):
        step = subjects.training_step(config.compose(*TINY), batch=4)
    monkeypatch.setattr(convolution, "fast_convolution", None)  # whoever calls it fails
    with convolution.enabled(True):
        step()


def test_a_report_says_where_it_was_measured(tmp_path, capsys):
    row = timing.Row("case", "ours", 12.5, 12.0, 13.0, speed=1.25, note="half")
    path = report("tiny", iter([row]), tmp_path)
    written = json.loads(path.read_text())
    assert written["rows"][0]["value"] == 12.5
    assert written["machine"]["devices"] == jax.device_count()
    assert "jax" in written["machine"]["versions"]
    printed = capsys.readouterr().out
    assert "12.5 ms" in printed and "1.25" in printed and str(tmp_path) in printed


def test_a_case_is_a_line_and_a_subject_a_column(tmp_path):
    rows = [
        timing.Row("a", "ours", 2.0, 1.0, 3.0, speed=1.5),
        timing.Row("a", "PyTorch", 3.0, 1.0, 3.0, speed=1.0),
        timing.Row("b", "ours", 4.0, 1.0, 9.0, unit="s"),
    ]
    report("tiny", rows, tmp_path)
    assert (tmp_path / "tiny.md").read_text().splitlines() == [
        "| case | ours | PyTorch |",
        "| --- | --: | --: |",
        "| a, ms | 2 (1.50×) | 3 (1.00×) |",
        "| b, s | 4 |  |",
    ]


def test_names_are_words_and_overrides_stay():
    assert benchmark.join_names(["step", "data", "rounds=3"]) == [
        "which=[step,data]",
        "rounds=3",
    ]
    assert benchmark.join_names(["rounds=3"]) == ["rounds=3"]


@pytest.fixture
def small():
    """The benchmarks' config, cut down to seconds."""
    cfg = config.compose("rounds=1", "peers=false", config="benchmark")
    both = ["float32", "bfloat16"]
    cuts = {
        "step": {
            "arithmetic": both,
            "batch": 4,
            "cases": {"tiny": {"overrides": TINY, "peer": None}},
        },
        "downsample": {"batch": 4, "size": 6, "channels": 2, "overrides": TINY},
        "pooling": {"batch": 2, "channels": 2, "sizes": [6], "overrides": TINY},
        "orbit": {"overrides": [*TINY, "model.padding=circular"], "sizes": {8: 2}},
        "dense_orbit": {
            "overrides": [
                *("task=segmentation", "model=unet", "data=cifar10"),
                *("model.widths=[2,3]", "model.depth=1", "data.shape=[8,8,3]"),
            ],
            "images": 1,
        },
        "windows": {
            "overrides": ["model=chollet", "model.widths=[2,3,2]"],
            "sizes": {31: 2},
            "batch": 4,
        },
        "plain": {"batch": 4, "cases": ["chollet"]},
        "startup": {"overrides": [*TINY, *ONE_STEP]},
    }
    for name, cut in cuts.items():
        for key, value in cut.items():
            OmegaConf.update(cfg.benchmarks[name], key, value, merge=False)
    cases = cfg.benchmarks.downsample.cases  # a filter, and one that draws
    chosen = {name: cases[name] for name in ("blur", "stochastic")}
    cfg.benchmarks.downsample.cases = chosen
    return cfg


LONG = [("step", 8), ("dense_orbit", 8), ("startup", 3)]  # of which each compiles much
LONG += [("plain", 2), ("windows", 2), ("pooling", 6), ("orbit", 4)]


@pytest.mark.parametrize(
    "name, rows",
    [
        ("downsample", 4),
        *[pytest.param(*one, marks=pytest.mark.slow) for one in LONG],
    ],
)
def test_each_benchmark_runs(small, name, rows):
    run = config.build(small.benchmarks[name])
    found = list(run(rounds=small.rounds, peers=small.peers))
    assert len(found) == rows
    assert all(np.isfinite(row.value) and row.case for row in found)


def test_the_work_of_an_orbit_by_hand():
    """Every stage runs on maps that hold as many positions as the image, in total."""
    overrides = ["model=chollet", "model/head=gap", "model.padding=circular"]
    cfg = config.compose(*overrides, "model.widths=[2,3,5]")
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    shape = tuple(cfg.data.shape)
    closed = ClosedForm(network, np.zeros((2, *shape), np.uint8))
    convolutions = 9 * shape[0] * shape[1] * np.array([1 * 2, 2 * 3, 3 * 5])
    whole = convolutions.sum() + 16 * 5 * cfg.data.classes
    once = (convolutions / [1, 4, 16]).sum() + 5 * cfg.data.classes
    assert orbit.work(closed, network, shape) == pytest.approx(whole / once)


def test_a_sweep_multiplies_the_batch_or_changes_the_config(monkeypatch):
    made = []

    def make(cfg, batch):
        made.append((batch, cfg.train.epochs))
        return list

    monkeypatch.setattr(subjects, "training_step", make)
    monkeypatch.setattr(sweep, "whole_orbit", make)
    monkeypatch.setattr(sweep, "peak_memory", lambda work: 1.0)
    axes = {
        "batch": {1: [], 4: []},
        "epochs": {1: ["train.epochs=7"], 2: ["train.epochs=7"]},
    }
    settings = {"overrides": TINY, "batch": 8, "orbit_batch": 2}
    rows = list(sweep.sweep(axes=axes, rounds=1, peers=False, **settings))
    batches = [batch for batch, epochs in made if epochs != 7]
    assert batches == [8, 32, 2, 8]
    assert [batch for batch, epochs in made if epochs == 7] == [8, 8, 2, 2]
    assert [row.case for row in rows if row.unit == "b"] == [
        f"{kind}: {what} ∝ {axis}^b"
        for axis in ("batch", "epochs")
        for kind in ("step", "orbit")
        for what in ("time", "memory")
    ]


def test_memory_is_what_the_work_holds():
    held = 64 * 2**20

    def work():
        block = np.ones(held, np.uint8)
        time.sleep(0.05)
        return block[:1].copy()

    peak = timing.peak_memory(work)
    assert math.isnan(peak) or 0.9 * 64 < peak < 1.5 * 64
