"""Orbits over fractions of a pixel, against a loop that upsamples in NumPy."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from networks import of
from orbits import FLAT, GAP, assert_same, smooth, strided
from orbits import network as pooling
from test_fractional import upsampled

from research.data.split import Split
from research.downsample import Downsample
from research.downsample.lowpass import Ideal
from research.errors import UserError
from research.evals.engine.closed_form import ClosedForm
from research.evals.engine.orbits import brute_force
from research.evals.engine.predictor import Predictor
from research.evals.fractional_orbit import FractionalOrbit
from research.models.convnext import convnext
from research.nn.activation import AliasFree
from research.nn.layers import ConvNormAct
from research.nn.norm import CHW2

IDEAL = partial(Downsample, lowpass=Ideal)


def alias_free(head=GAP, padding="circular", downsample=IDEAL, side=8):
    return convnext(
        (side, side, 1),
        4,
        downsample=downsample,
        head=head,
        activation=AliasFree,
        norm=CHW2,
        padding=padding,
        patch=2,
        widths=(3, 4),
        depths=(1, 1),
        window=3,
        layer_scale=1,
        mean=0.5,
        std=0.3,
        rngs=nnx.Rngs(0),
    )


def first_activates():
    """Activates before it downsamples, so that an image's Nyquist bin gets through."""
    rngs = nnx.Rngs(0)
    act = AliasFree(3, rngs=rngs)
    stage = ConvNormAct(1, 3, padding="circular", act=act, rngs=rngs)
    return of([stage, IDEAL(3, rngs=rngs)], shape=(8, 8, 1))


def looped(net, images, u):
    """(B, uH, uW, K): images upsampled, rolled and decimated, one by one."""
    count, height, width, _ = images.shape
    large = upsampled(upsampled(images, u, 1), u, 2)
    shifted = [
        np.roll(large, (dy, dx), (1, 2))[:, ::u, ::u]
        for dy in range(u * height)
        for dx in range(u * width)
    ]
    net = nnx.clone(net)
    net.eval()
    logits = np.asarray(nnx.jit(net)(jnp.asarray(np.concatenate(shifted), jnp.float32)))
    return np.moveaxis(logits.reshape(u * height, u * width, count, -1), 2, 0)


def noise(count, shape, seed=0):
    """With energy in the Nyquist bin."""
    values = np.random.default_rng(seed).uniform(size=(count, *shape, 1))
    return values.astype(np.float32)


CASES = {
    # name: (make a network, u, images, period in positions of the grid, shared)
    "alias-free": (alias_free, 2, smooth, (1, 1), True),
    "alias-free, thirds": (alias_free, 3, smooth, (1, 1), True),
    "alias-free, noise": (alias_free, 2, noise, (1, 1), True),
    "alias-free, flat": (partial(alias_free, FLAT, side=12), 2, smooth, (24, 24), True),
    "alias-free, flat, noise": (
        partial(alias_free, FLAT, side=12),
        2,
        noise,
        (24, 24),
        True,
    ),
    "a border": (partial(alias_free, padding="zero"), 2, smooth, (16, 16), False),
    "decimated": (partial(alias_free, downsample=Downsample), 2, smooth, (8, 8), True),
    "activates first": (first_activates, 2, noise, (16, 16), True),
    "relu": (partial(pooling, (8, 8), strided), 2, noise, (8, 8), True),
    "relu, not square": (partial(pooling, (8, 12), strided), 3, noise, (12, 12), True),
    "relu, flat": (partial(pooling, (8, 8), strided, FLAT), 2, smooth, (16, 16), True),
}


LONG = {  # to compile, and the others say as much
    "alias-free",
    "alias-free, thirds",
    "alias-free, flat",
    "alias-free, flat, noise",
    "relu, not square",
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(one, marks=pytest.mark.slow) if one in LONG else one
        for one in CASES
    ],
)
def test_equals_the_loop_over_all_fractions(name):
    make, u, draw, period, shared = CASES[name]
    net = make()
    shape = (12, 12) if "free, flat" in name else (8, 8)
    shape = (8, 12) if "square" in name else shape
    images = draw(3, shape)
    orbit = ClosedForm(net, images, fine=u)
    logits = orbit.logits(images)
    assert (orbit.period, orbit.shared) == (period, shared)
    want = looped(net, images, u)
    assert_same(logits, want)
    if period == (1, 1):  # which all of them are then
        assert np.abs(want - want[:, :1, :1]).max() < 1e-4 * want.std()


def test_an_alias_free_network_is_computed_once():
    orbit = ClosedForm(alias_free(), smooth(2, (8, 8)), fine=4)
    assert all(step.rolls == (1, 1) for step in orbit.steps)
    flat = ClosedForm(alias_free(FLAT, side=12), smooth(2, (12, 12)), fine=4)
    assert [step.rolls for step in flat.steps[:-1]] == [(1, 1)] * len(orbit.steps[:-1])
    assert flat.steps[-1].rolls == (48, 48) and flat.steps[-1].pixel == (16, 16)


def test_whole_pixels_are_as_before():
    net, images = alias_free(), smooth(2, (8, 8))
    orbit = ClosedForm(net, images)
    assert orbit.period == (4, 4)
    fine = ClosedForm(net, images, fine=2).logits(images)
    assert_same(fine, orbit.logits(images))


def test_brute_force_is_the_loop():
    net, images = pooling((8, 8), strided), noise(3, (8, 8))
    found = brute_force(Predictor(net, batch=8), images, fine=2)
    np.testing.assert_allclose(found, looped(net, images, 2), atol=1e-4)


@pytest.fixture(scope="module")
def split():
    images = (255 * smooth(6, (8, 8))).astype(np.uint8)
    return Split.labelled(images, np.arange(6, dtype=np.int32) % 4)


def rows(evaluator, net, split):
    found = list(evaluator(net, split))
    assert {one.protocol for one in found} == {"fractional_orbit"}
    assert {one.params["upsampling"] for one in found} == {evaluator.upsampling}
    return {one.measure: one for one in found}


def test_rows_of_an_alias_free_network(split):
    found = rows(FractionalOrbit(upsampling=3, batch=64), alias_free(), split)
    for measure in ("agreement", "worst_agreement", "distinct"):
        assert found[measure].value == 1
    assert found["agreement"].method == "closed form, period 1×1"
    assert found["agreement"].arrays["map"].shape == (24, 24)
    assert found["closed_form_error"].value < 1e-4


@pytest.mark.parametrize(
    "net", [alias_free(downsample=Downsample), pooling((8, 8), strided, FLAT)]
)
def test_both_methods_measure_the_same(split, net):
    closed, brute = (
        rows(FractionalOrbit(method=method, batch=64), net, split)
        for method in ("closed", "brute")
    )
    for measure, row in brute.items():
        np.testing.assert_allclose(closed[measure].value, row.value, atol=1e-5)
        assert row.method == "brute force"
    np.testing.assert_array_equal(
        closed["agreement"].arrays["map"], brute["agreement"].arrays["map"]
    )
    assert closed["agreement"].value < 1


def test_networks_that_do_not_commute_take_brute_force(split):
    found = rows(FractionalOrbit(method="closed"), alias_free(padding="zero"), split)
    assert found["skipped"].value == 1 and found["commutation_refused"].value > 1e-2


@pytest.mark.parametrize("u", [1, 5])
def test_other_grids_are_refused(u):
    with pytest.raises(UserError, match=r"eval\.fractional_orbit\.upsampling"):
        FractionalOrbit(upsampling=u)
