"""What an orbit comes to: its measures, ties, and what has no closed form."""

import tracemalloc
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from orbits import GAP, looped, max_round, network, smooth

from research.data.split import Split
from research.downsample import Downsample
from research.downsample.sample import Energy
from research.errors import UserError
from research.evals.engine.answers import Missing, Truth
from research.evals.engine.closed_form import ClosedForm
from research.evals.engine.trials import try_commuting
from research.evals.orbit import Orbit
from research.models.network import Network
from research.models.stages import Dropout
from research.nn.layers import ConvNormAct

VOUCHING = {"closed_form_error", "commutation_tolerance", "commutation_accepted"}


@pytest.fixture
def split():
    images = (smooth(5, (8, 12), seed=3) * 255).astype(np.uint8)
    return Split.labelled(images, np.array([0, 1, 2, 3, 1], np.int32))


@pytest.mark.parametrize("method", ["auto", "brute"])
def test_what_no_score_asks_for_is_not_repeated_for_each_shift(split, method):
    net = network((8, 12), max_round, seed=1)
    canvas = np.zeros((5, 1000, 2000, 1), np.uint8)
    larger = Split({**split.arrays, "canvas": canvas})
    tracemalloc.start()
    rows = list(Orbit(method=method, block=5, batch=60)(net, larger))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * canvas.nbytes, "4 or 12 shifts to the right"
    assert by_measure(rows)["accuracy"].value > 0


def test_truth_is_what_the_data_have():
    truth = Truth({"label": np.array([3, 5])}, 2)
    assert truth["label"].tolist() == [3, 3, 5, 5] and list(truth) == ["label"]
    assert "label" in truth and "mask" not in truth and truth.get("mask") is None
    with pytest.raises(Missing, match="mask"):
        truth["mask"]


def by_measure(measured):
    assert {m.protocol for m in measured} == {"orbit"}
    return {m.measure: m for m in measured}


def test_measures_are_those_of_the_loop(split):
    net = network((8, 12), max_round, seed=1)
    logits = looped(net, split.images.astype(np.float32) / 255)
    tops = logits.argmax(-1)
    got = by_measure(list(Orbit(block=2)(net, split)))
    assert got["agreement"].method == "closed form, period 4×4"
    same = tops == tops[:, :1, :1]
    right = tops == split.labels[:, None, None]
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    own = np.take_along_axis(p, tops[:, :1, :1, None], -1)[..., 0]
    want = {
        "agreement": same.mean((1, 2)),
        "worst_agreement": same.all((1, 2)),
        "accuracy": right.mean((1, 2)),
        "worst_accuracy": right.all((1, 2)),
        "distinct": [len(set(one.ravel())) for one in tops],
        "mac": np.abs(own - own[:, :1, :1]).mean((1, 2)),
    }
    for measure, examples in want.items():
        np.testing.assert_allclose(got[measure].arrays["examples"], examples, atol=1e-5)
    np.testing.assert_allclose(got["agreement"].arrays["map"], same.mean(0))
    assert 0 < same.mean() < 1
    assert got["closed_form_error"].value < 1e-4
    assert "ties" not in got


def test_brute_force_and_foreign_classifiers_measure_the_same(split):
    net = network((8, 12), max_round, seed=1)
    graph, state = nnx.split(net)

    def foreign(batch):
        return nnx.merge(graph, state)(jnp.asarray(batch))

    closed = by_measure(list(Orbit(examples=4, block=2)(net, split)))
    brute = by_measure(list(Orbit(examples=4, method="brute")(net, split)))
    other = by_measure(list(Orbit(examples=4)(foreign, split)))
    assert brute["agreement"].method == other["agreement"].method == "brute force"
    assert closed.keys() - brute.keys() == VOUCHING
    for measure in brute:
        for theirs in (brute, other):
            np.testing.assert_allclose(
                theirs[measure].arrays["examples"],
                closed[measure].arrays["examples"],
                atol=1e-5,
            )


def test_dropout_is_nothing_that_shifts_could_share(split):
    plain = network((8, 12), max_round, seed=1)
    rngs = nnx.Rngs(0)
    border = ConvNormAct(1, 2, padding="zero", rngs=rngs)
    head = partial(GAP, classes=4)
    loop = Network((8, 12, 1), [Dropout(0.5, rngs=rngs), border], head, rngs=rngs)
    got = by_measure(list(Orbit(method="closed")(loop, split)))
    probed = ["commutation_tolerance", "commutation_accepted", "commutation_refused"]
    assert list(got) == ["skipped", *probed], "what is not measured says so"
    assert (got["skipped"].value, got["skipped"].n) == (1, 5)
    assert got["skipped"].method == "none: it would take brute force"
    assert ClosedForm(plain, split.images).shared


def test_an_invariant_network_has_one_prediction_give_or_take(split):
    net = Network((8, 12, 1), [], partial(GAP, classes=3), rngs=nnx.Rngs(0))
    one = by_measure(list(Orbit()(net, split)))["distinct"]
    assert (one.value, one.low) == (1, 1)
    assert one.high == pytest.approx(1 + 2 * (1 - 0.025 ** (1 / 5)))  # of 3 classes


def test_ties_are_counted():
    adaptive = partial(Downsample, sample=Energy)
    rngs = nnx.Rngs(0)
    head = partial(GAP, classes=2)
    net = Network((8, 8, 1), [adaptive(1, rngs=rngs)], head, rngs=rngs)
    images = np.zeros((3, 8, 8, 1), np.uint8)
    images[0] = smooth(1, (8, 8)) * 255
    images[1, 2, 3] = images[1, 5, 4] = 255  # two dots, on two phases
    images[2, 2, 3] = images[2, 4, 5] = 255  # two dots, on one phase
    got = by_measure(list(Orbit()(net, Split.labelled(images, np.zeros(3, np.int32)))))
    assert got["ties"].arrays["examples"].tolist() == [0, 1, 0]
    unit = (images[0, ..., 0] / np.float32(255)) ** 2
    *_, second, first = sorted(unit[p::2, q::2].sum() for p in (0, 1) for q in (0, 1))
    margins = got["ties"].arrays["margins"]
    np.testing.assert_allclose(margins[0], (first - second) / first, rtol=1e-3)


def test_an_unknown_method_is_refused():
    with pytest.raises(UserError, match=r"eval.orbit.method=fast: takes auto, brute"):
        Orbit(method="fast")


def test_a_map_that_the_stride_does_not_divide_never_commutes():
    # Even where it would pass unseen: a constant commutes with everything.
    def zeros(x, offsets):
        return jnp.zeros((len(x) * len(offsets), 2, 4, 1))

    _, deviations = try_commuting(zeros, jnp.ones((2, 5, 8, 1)), (2, 2))
    assert deviations == (np.inf, 0)
