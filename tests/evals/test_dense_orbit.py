"""The closed form of dense networks: answers of all shifts are shifts of a few."""

from functools import partial

import numpy as np
import pytest
from dense_networks import CLASSES, build, scenes
from flax import nnx
from known import measure

from research.errors import UserError
from research.evals.engine.closed_form import ClosedForm
from research.evals.engine.orbits import BRUTE, brute_force, choose_method
from research.evals.engine.predictor import Predictor
from research.evals.explorer import Explorer
from research.evals.fractional_orbit import FractionalOrbit
from research.evals.fragile import Fragile
from research.evals.orbit import Orbit
from research.evals.scramble import Scramble
from research.models.network import Network
from research.models.readout import PixelClasses, ScoreMaps
from research.nn.layers import Conv
from research.tasks.classification import Classification
from research.tasks.segmentation import Segmentation

EXACT = ["downsample=max_aps", "upsample=polyphase"]
PERIODIC = ["downsample=max", "downsample.reduce.padding=circular", "upsample=bilinear"]
CASES = {
    # name: (shape, overrides, period, whether anything is shared)
    "unet, exact": ((8, 12), ["unet", *EXACT], (1, 1), True),
    "segnet, exact": ((8, 12), ["segnet", "downsample=max_aps"], (1, 1), True),
    "unet, periodic": ((8, 12), ["unet", *PERIODIC], (2, 2), True),
    "unet of three": ((8, 12), ["unet of three", *PERIODIC], (4, 4), True),
    "fcn, periodic": ((8, 12), ["fcn", *PERIODIC], (4, 4), True),
    "segnet, periodic": ((8, 12), ["segnet", "downsample=max"], (2, 2), True),
    "stride 2×1": (
        (6, 5),
        ["unet", *PERIODIC, "downsample.stride=[2,1]"],
        (2, 1),
        True,
    ),
    "6 = 2·3, then 3 is odd": (
        (8, 6),
        ["unet of three", *PERIODIC],
        (4, 6),
        True,
    ),
    "zero": ((6, 8), ["unet", *PERIODIC, "model.padding=zero"], (6, 8), False),
}


def spread(orbit, shape, fine=1):
    """Answers (B, P, Q, H, W, K) of all shifts, which are shifts of those of a few."""
    period, full = orbit.shape[1:3], [fine * size for size in shape]

    def answer(dy, dx):
        p, q = dy % period[0], dx % period[1]
        return np.roll(orbit[:, p, q], ((dy - p) // fine, (dx - q) // fine), (1, 2))

    rows = [[answer(dy, dx) for dx in range(full[1])] for dy in range(full[0])]
    return np.moveaxis(np.array(rows), 2, 0)


def assert_brute(orbit, net, images, fine=1):
    want = brute_force(Predictor(net, batch=64), images, fine=fine)
    got = spread(orbit.logits(images), images.shape[1:3], fine)
    assert np.abs(got - want).max() < 1e-4 * want.std()


LONG = {"unet of three", "6 = 2·3, then 3 is odd", "stride 2×1", "zero"}  # to compile


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(one, marks=pytest.mark.slow) if one in LONG else one
        for one in CASES
    ],
)
def test_equals_brute_force(name):
    shape, overrides, period, shared = CASES[name]
    net, images = build(shape, *overrides), scenes(3, shape).images
    orbit = ClosedForm(net, images)
    assert orbit.period == period and orbit.shared == shared
    assert orbit.logits(images).shape == (3, *period, *shape, CLASSES)
    assert_brute(orbit, net, images)


def test_answers_at_fractions_of_a_pixel():
    shape = (6, 8)
    images = scenes(2, shape).images
    net = build(shape, "unet", *PERIODIC)
    orbit = ClosedForm(net, images, fine=2)
    assert orbit.period == (4, 4)
    assert_brute(orbit, net, images, fine=2)


def test_a_network_without_grid_answers_at_each_fraction_of_one_pixel():
    """They do not stand for each other: a shift by ½ takes the Nyquist bin away."""
    rngs = nnx.Rngs(0)
    head = partial(PixelClasses, classes=CLASSES)
    stages = [Conv(1, 3, 3, padding="circular", rngs=rngs)]
    net = Network((6, 8, 1), stages, head, rngs=rngs)
    images = np.random.default_rng(0).integers(0, 256, (2, 6, 8, 1)).astype(np.uint8)
    orbit = ClosedForm(net, images, fine=2)
    assert [step.rolls for step in orbit.steps] == [(1, 1), (2, 2)]
    assert_brute(orbit, net, images, fine=2)


@pytest.mark.slow  # compiles both ways
def test_what_is_rolled_once_is_not_rolled_again():
    """A level of stride 2 behind one of stride 4 needs nothing; the other way 2 × 2."""
    shape = (8, 16)
    small, large = (build(shape, name, *PERIODIC) for name in ("unet", "unet of three"))
    images = scenes(2, shape).images
    narrow = [Conv(4, 1, 1, rngs=nnx.Rngs(0)), Conv(3, 1, 1, rngs=nnx.Rngs(0))]
    for first, second, rolls in (
        ([*large.stages, narrow[1]], [*small.stages], [(4, 4)]),
        ([*small.stages, narrow[0]], [*large.stages], [(2, 2), (2, 2)]),
    ):
        net = Network((*shape, 1), [*first, *second], ScoreMaps, rngs=nnx.Rngs(0))
        orbit = ClosedForm(net, images)
        assert orbit.period == (4, 4)
        assert [step.rolls for step in orbit.steps if step.rolls != (1, 1)] == rolls
        assert_brute(orbit, net, images)


def rows_of(evaluator, net, split):
    evaluator.check(net, split)
    return {row.measure: row for row in evaluator(net, split)}


@pytest.mark.parametrize(
    "overrides, method",
    [
        (["unet", *EXACT], "closed form, period 1×1"),
        pytest.param(
            *(["unet of three", *PERIODIC], "closed form, period 4×4"),
            marks=pytest.mark.slow,
        ),
        (["fcn", *PERIODIC, "model.padding=zero"], BRUTE),
    ],
)
def test_the_rows_are_those_of_brute_force(overrides, method, monkeypatch):
    shape = (8, 12)
    net, split = build(shape, *overrides), scenes(5, shape)
    task = Segmentation()
    closed = rows_of(Orbit(task=task), net, split)
    monkeypatch.setattr("research.evals.orbit.HELD", 20_000)  # blocks of an image
    brute = rows_of(Orbit(task=task, method="brute", batch=64), net, split)
    assert closed["agreement"].method == method
    assert ("closed_form_error" in closed) == (method != BRUTE)
    assert brute.keys() == {
        "agreement",
        "worst_agreement",
        "pixel_accuracy",
        "worst_pixel_accuracy",
    } | ({"ties"} & closed.keys())
    for name in brute.keys() - {"ties"}:
        got, want = closed[name], brute[name]
        assert got.value == pytest.approx(want.value, abs=1e-3)
        assert got.arrays.keys() == want.arrays.keys()
        for key, array in got.arrays.items():  # rounding may flip a pixel
            np.testing.assert_allclose(array, want.arrays[key], atol=0.011)
    agreement = closed["agreement"].arrays["map"]
    assert agreement.shape == shape and agreement[0, 0] == 1
    assert ("ties" in closed) == (overrides[1:] == EXACT)
    if overrides[1:] == EXACT:
        assert closed["worst_agreement"].value == 1
    else:
        assert closed["worst_agreement"].value < 0.99
    if method != BRUTE:
        error = closed["closed_form_error"]
        assert error.value < 1e-4 and error.n == len(split)


def test_the_check_is_of_the_answer_where_its_shift_has_moved_it():
    """Every chosen shift is beyond the period, and every pixel counts."""
    shape = (8, 12)
    net, split = build(shape, "unet", *PERIODIC), scenes(4, shape)
    right = ClosedForm.logits

    def wrong_in_a_pixel(self, images):
        logits = right(self, images).copy()
        logits[..., 5, 7, 1] += 0.1 * logits.std()
        return logits

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClosedForm, "logits", wrong_in_a_pixel)
        with pytest.raises(UserError, match="the closed form errs by"):
            list(Orbit(task=Segmentation())(net, split))


def test_small_memory_changes_nothing():
    shape = (8, 12)
    net, split = build(shape, "unet of three", *PERIODIC), scenes(5, shape)
    orbit = ClosedForm(net, split.images)
    want = orbit.logits(split.images)
    level = next(i for i, step in enumerate(orbit.steps) if step.rolls == (4, 4))
    inside = 3 * (8 * 12) + 3 * 24 + 4 * 24 + 4 * 6 + 5 * 6 + 4 * 6
    assert orbit.steps[level].values > inside
    orbit.memory = 0
    assert orbit.room(level, 5) == 1
    np.testing.assert_allclose(orbit.logits(split.images), want, atol=1e-5)
    whole = rows_of(Orbit(task=Segmentation()), net, split)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("research.evals.orbit.HELD", 5 * shape[0] * shape[1] * 4)
        few = rows_of(Orbit(task=Segmentation(), memory=1), net, split)
    assert few["agreement"].value == pytest.approx(whole["agreement"].value, abs=1e-3)
    assert few["closed_form_error"].n == 1 and whole["closed_form_error"].n == 5


def test_maps_of_a_task_that_does_not_move_them_have_no_closed_form():
    shape = (8, 12)
    net, images = build(shape, "unet", *EXACT), scenes(2, shape).images
    predictor = Predictor(net, batch=64)
    moving = choose_method(predictor, images, task=Segmentation())
    assert moving.name == "closed form, period 1×1"
    assert choose_method(predictor, images, task=Classification()).name == BRUTE


def test_fractions_have_a_closed_form_of_answers_that_move():
    shape = (6, 8)
    net, split = build(shape, "unet", *EXACT), scenes(3, shape)
    found = measure(FractionalOrbit(task=Segmentation()), net, split)
    assert {row.method for row in found} == {"closed form, period 2×2"}
    brute = measure(FractionalOrbit(task=Segmentation(), method="brute"), net, split)
    expected = {row.measure: row.value for row in brute}
    for row in found:
        if row.measure in expected:
            assert row.value == pytest.approx(expected[row.measure], abs=0.005)
    agreement = next(row for row in found if row.measure == "agreement")
    whole = agreement.arrays["map"][::2, ::2]
    assert (whole == 1).all() and agreement.value < 1


@pytest.mark.parametrize(
    "evaluator", [Explorer(), Fragile(), Scramble(grids=[2], blocks=[2], sizes=[1])]
)
def test_evaluators_of_one_answer_refuse_maps_before_training(evaluator):
    shape = (8, 12)
    split = scenes(2, shape)
    split = type(split)({**split.arrays, "label": np.zeros(2, np.int32)})
    message = f"eval={evaluator.name} is of one answer an image"
    with pytest.raises(UserError, match=message) as refused:
        evaluator.check(build(shape, "fcn", *EXACT), split)
    assert "\n" not in str(refused.value)
