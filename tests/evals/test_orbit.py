"""The closed form against a loop over all shifts that is written another way."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.data.split import Split
from research.downsample import Downsample, keep
from research.downsample.learned import Learned
from research.downsample.lowpass import Binomial
from research.downsample.reduce import Convolution, Max
from research.downsample.sample import Energy
from research.errors import UserError
from research.evals.engine.chain import try_commuting
from research.evals.engine.closed_form import ClosedForm
from research.evals.engine.orbits import brute_force
from research.evals.engine.predictor import Predictor
from research.evals.orbit import Orbit, orbit_logits
from research.models.convnet import chollet
from research.models.network import Network
from research.models.readout import Head, flatten, mean
from research.models.stages import Dropout
from research.nn.layers import BatchNorm, ConvNormAct

GAP = partial(Head, pool=mean)
FLAT = partial(Head, pool=flatten, units=5)
ROUND = {"padding": "circular"}


def network(shape, downsample, head=GAP, padding="circular", seed=0):
    return chollet(
        (*shape, 1),
        4,
        downsample=downsample,
        head=head,
        padding=padding,
        widths=(3, 4),
        mean=0.5,
        std=0.3,
        rngs=nnx.Rngs(seed),
    )


def smooth(count, shape, seed=0):
    """Random images without ties: a few waves each."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    waves = [
        np.cos(
            2 * np.pi * (v * y / shape[0] + u * x / shape[1])
            + rng.uniform(0, 7, (count, 1, 1))
        )
        * rng.normal(size=(count, 1, 1))
        for v in range(4)
        for u in range(4)
    ]
    images = sum(waves)
    images = (images - images.min()) / np.ptp(images)
    return images[..., None].astype(np.float32)


def looped(net, images):
    """Every shift rolled in NumPy, all through the network at once: (B, H, W, K)."""
    count, height, width, _ = images.shape
    shifted = [
        np.roll(images, (dy, dx), (1, 2)) for dy in range(height) for dx in range(width)
    ]
    net = nnx.clone(net)
    net.eval()
    logits = np.asarray(nnx.jit(net)(jnp.asarray(np.concatenate(shifted))))
    return np.moveaxis(logits.reshape(height, width, count, -1), 2, 0)


def spread(orbit, like):
    """Repeats one period over all shifts."""
    repeats = np.floor_divide(like.shape, orbit.shape)
    return np.tile(orbit, repeats)


def assert_same(orbit, want):
    assert np.abs(spread(orbit, want) - want).max() < 1e-4 * want.std()


max_round = partial(Downsample, reduce=partial(Max, **ROUND))
blur_round = partial(Downsample, lowpass=partial(Binomial, **ROUND))
strided = partial(Downsample, reduce=partial(Convolution, **ROUND))
CASES = {
    # name: (shape, downsample, head, padding, period, whether anything is shared)
    "strided": ((8, 8), strided, GAP, "circular", (4, 4), True),
    "decimate": ((8, 8), Downsample, GAP, "circular", (4, 4), True),
    "none": ((8, 8), keep, GAP, "circular", (1, 1), True),
    "max, flat": ((8, 12), max_round, FLAT, "circular", (8, 12), True),
    "stride 2×1": (
        (8, 12),
        partial(blur_round, stride=(2, 1)),
        GAP,
        "circular",
        (4, 1),
        True,
    ),
    "6 = 2·3, then 3 is odd": ((6, 8), max_round, GAP, "circular", (6, 4), True),
    "valid max of two commutes": (
        (8, 12),
        partial(Downsample, reduce=Max),
        GAP,
        "circular",
        (4, 4),
        True,
    ),
    "reflecting blur does not": (
        (8, 8),
        partial(Downsample, lowpass=Binomial),
        GAP,
        "circular",
        (8, 8),
        True,
    ),
    "valid": ((10, 12), partial(Downsample, reduce=Max), GAP, "valid", (10, 12), False),
    "zero, flat": ((8, 8), max_round, FLAT, "zero", (8, 8), False),
    "energy": (
        (8, 12),
        partial(Downsample, sample=Energy),
        GAP,
        "circular",
        (4, 4),
        True,
    ),
    "learned": (
        (8, 8),
        partial(Downsample, sample=Learned),
        GAP,
        "circular",
        (4, 4),
        True,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_the_loop_over_all_shifts(name):
    shape, downsample, head, padding, period, shared = CASES[name]
    net = network(shape, downsample, head, padding)
    images = smooth(3, shape)  # one device gets a filled row
    orbit = ClosedForm(net, images)
    logits = orbit.logits(images)
    assert orbit.period == period
    assert orbit.shared == shared
    assert logits.shape == (3, *period, 4)
    assert_same(logits, looped(net, images))


def test_batch_norm_uses_its_running_statistics():
    rngs = nnx.Rngs(0)
    stage = ConvNormAct(1, 3, norm=BatchNorm, rngs=rngs, **ROUND)
    stage.norm.mean[...] = jnp.array([0.3, -0.2, 0.1])
    stage.norm.var[...] = jnp.array([0.1, 0.5, 0.2])
    head = partial(GAP, classes=4)
    net = Network((8, 8, 1), [stage, max_round(3, rngs=rngs)], head, rngs=rngs)
    images = smooth(2, (8, 8))
    assert_same(orbit_logits(net, images), looped(net, images))
    assert not stage.norm.use_running_average


@pytest.mark.parametrize("name", ["max, flat", "6 = 2·3, then 3 is odd"])
def test_small_memory_changes_nothing(name):
    shape, downsample, head, padding, _, _ = CASES[name]
    net = network(shape, downsample, head, padding)
    images = smooth(2, shape)
    orbit = ClosedForm(net, images)
    want = orbit.logits(images)
    rolls = [orbit.room(index, 2) for index in range(len(orbit.steps))]
    assert min(rolls) > 100
    orbit.memory = 0
    assert orbit.room(0, 2) == 1
    np.testing.assert_allclose(orbit.logits(images), want, atol=1e-6)


def test_chunks_keep_to_the_memory():
    net = network((8, 12), max_round, FLAT)
    orbit = ClosedForm(net, smooth(2, (8, 12)), memory=1)
    maps = 10_000
    # Before the first pooling: rolls of (8, 12, 3), then (4, 6, 3) and (4, 6, 4) maps.
    values = 8 * 12 * 3 + 4 * 6 * 3
    assert orbit.room(1, maps) == max(1, 2**20 * 2 // (4 * values * maps))
    assert orbit.room(1, 100) == 2**20 * 2 // (4 * values * 100)


def test_brute_force_is_the_loop():
    net = network((5, 6), partial(keep), padding="zero")
    images = smooth(3, (5, 6))
    got = brute_force(Predictor(net, batch=8), images)
    np.testing.assert_allclose(got, looped(net, images), atol=1e-5)


@pytest.fixture
def split():
    images = (smooth(5, (8, 12), seed=3) * 255).astype(np.uint8)
    return Split.labelled(images, np.array([0, 1, 2, 3, 1], np.int32))


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
    assert closed.keys() - brute.keys() == {"closed_form_error"}
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
    assert not list(Orbit(method="closed")(loop, split))
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
    with pytest.raises(UserError, match=r"eval.orbit.method=fast: takes auto or brute"):
        Orbit(method="fast")


def test_a_map_that_the_stride_does_not_divide_never_commutes():
    # Even where it would pass unseen: a constant commutes with everything.
    def zeros(x, offsets):
        return jnp.zeros((len(x) * len(offsets), 2, 4, 1))

    _, commuting = try_commuting(zeros, jnp.ones((2, 5, 8, 1)), (2, 2))
    assert commuting == (False, True)
