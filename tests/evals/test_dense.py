"""Dense answers: a mask moves with its image, so agreement is of the shift undone."""

from dataclasses import dataclass

import jax.numpy as jnp
import networks
import numpy as np
import pytest
from flax import nnx

from research.data.split import Split
from research.errors import UserError
from research.evals.changes import Change, Changes
from research.evals.embed import Embed
from research.evals.engine.predictor import Predictor
from research.evals.fractional import Fractional
from research.evals.orbit import Orbit
from research.evals.shift import Shift
from research.evals.worst import Worst
from research.models.readout import mean
from research.nn.layers import Conv
from research.tasks.segmentation import Segmentation
from research.transforms.distortions import brighten
from research.transforms.shifts import circular

SHAPE = (8, 12, 1)
rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (9, *SHAPE)).astype(np.uint8)
SPLIT = Split({"image": IMAGES, "mask": (IMAGES[..., 0] > 127).astype(np.int32)})
BARE = Split({"image": IMAGES})


@dataclass(frozen=True)
class Masks:
    """Two classes for each pixel; a shift moves the answer."""

    scores = ("pixel_accuracy",)

    def loss(self, network, batch):
        raise NotImplementedError

    def score(self, outputs, batch):
        right = outputs.argmax(-1) == batch["mask"]
        return {"pixel_accuracy": right.mean((1, 2))}

    def undo(self, outputs, offsets):
        return Segmentation().undo(outputs, offsets)

    def agreement(self, a, b):
        return (a.argmax(-1) == b.argmax(-1)).mean((1, 2))


class Dense(nnx.Module):
    """A circular convolution and a pointwise one; between them the grid, or half."""

    def __init__(self, stride):
        rngs = nnx.Rngs(0)
        self.conv = Conv(1, 6, 3, padding="circular", rngs=rngs)
        self.classify = Conv(6, 2, 1, rngs=rngs)
        self.stride = stride

    def __call__(self, images):
        x = nnx.relu(self.conv(images - 0.5))[:, :: self.stride, :: self.stride]
        for axis in (1, 2):  # the nearest value
            x = jnp.repeat(x, self.stride, axis)
        return self.classify(x)


EQUIVARIANT, BROKEN = Dense(1), Dense(2)


def values(evaluator, predict, split=SPLIT):
    evaluator.check(predict, split)
    return {one.key: one for one in evaluator(predict, split)}


def test_both_answers_vary_over_the_image():
    for network in (EQUIVARIANT, BROKEN):
        tops = Predictor(network).outputs(IMAGES).argmax(-1)
        assert tops.shape == (9, 8, 12) and 0.1 < tops.mean() < 0.9


def test_an_equivariant_network_agrees_at_every_circular_shift():
    found = values(Shift(distances=2, task=Masks()), EQUIVARIANT)
    agreement = {k: v.value for k, v in found.items() if k.endswith("/agreement")}
    assert agreement["circular,max_shift=3/agreement"] == 1
    assert agreement["circular,distance=1/agreement"] == 1
    assert agreement["circular,distance=2/agreement"] == 1
    # What zeros fill at one border has left at the other one.
    assert 0.5 < agreement["zero,max_shift=3/agreement"] < 1
    assert 0.5 < agreement["crop,max_shift=3/agreement"] < 1
    broken = values(Shift(distances=1, task=Masks()), BROKEN)
    assert broken["circular,max_shift=3/agreement"].value < 0.95
    assert broken["circular,distance=1/agreement"].value < 0.95


def test_without_the_undoing_even_equivariance_is_disagreement():
    class Still(Masks):
        def undo(self, outputs, offsets):
            return outputs

    found = values(Shift(distances=0, task=Still()), EQUIVARIANT)
    assert found["circular,max_shift=3/agreement"].value < 0.95


def test_rows_are_those_that_the_answers_and_the_data_allow():
    measures = lambda found: {one.measure for one in found.values()}  # noqa: E731
    shift = Shift(distances=0, task=Masks())
    assert measures(values(shift, EQUIVARIANT)) == {"agreement", "pixel_accuracy"}
    assert measures(values(shift, EQUIVARIANT, BARE)) == {"agreement"}
    logits = lambda images: images.mean((1, 2)) * [1.0, 2.0]  # noqa: E731
    assert measures(values(Shift(distances=0), logits, BARE)) == {
        "agreement",
        "mac",
        "relative_logit_distance",
    }
    assert measures(values(Orbit(), logits, BARE)) == {
        "agreement",
        "worst_agreement",
        "distinct",
        "mac",
    }


def test_a_score_is_of_the_answer_with_the_shift_undone():
    found = values(Shift(distances=0, task=Masks()), EQUIVARIANT)
    still = Predictor(EQUIVARIANT).outputs(IMAGES).argmax(-1) == SPLIT["mask"]
    got = found["circular,max_shift=3/pixel_accuracy"].arrays["examples"]
    np.testing.assert_allclose(got, still.mean((1, 2)))


@pytest.mark.parametrize("split", [SPLIT, BARE])
def test_the_orbit_is_by_brute_force(split):
    found = values(Orbit(block=4, batch=50, task=Masks()), EQUIVARIANT, split)
    assert {one.method for one in found.values()} == {"brute force"}
    assert found["orbit/agreement"].value == found["orbit/worst_agreement"].value == 1
    np.testing.assert_array_equal(
        found["orbit/agreement"].arrays["map"], np.ones((8, 12))
    )
    broken = values(Orbit(block=4, task=Masks()), BROKEN, split)
    by_shift = broken["orbit/agreement"].arrays["map"]
    np.testing.assert_array_equal(by_shift[::2, ::2], np.ones((4, 6)))
    assert by_shift[1::2].max() < 0.95 and by_shift[:, 1::2].max() < 0.95
    still = Predictor(BROKEN).outputs(IMAGES)
    moved = Predictor(BROKEN).outputs(np.roll(IMAGES, (3, 5), (1, 2)))
    same = np.roll(moved, (-3, -5), (1, 2)).argmax(-1) == still.argmax(-1)
    assert by_shift[3, 5] == pytest.approx(same.mean())
    assert ("orbit/worst_pixel_accuracy" in broken) == (split is SPLIT)


def test_other_evaluators_undo_the_shift_too():
    worst = Worst({"circular": circular}, max_shift=1, task=Masks())
    name = "worst,border=circular,max_shift=1/worst_agreement"
    assert values(worst, EQUIVARIANT)[name].value == 1
    assert values(worst, BROKEN)[name].value < 0.95
    embed = Embed(size=0.4, steps=2, task=Masks())
    name = "embed,size=0.4,steps=2"
    for network, still in ((EQUIVARIANT, True), (BROKEN, False)):
        found = values(embed, network)
        assert (found[f"{name}/flip"].value == 0) == still
        assert (found[f"{name}/jaggedness"].value == 0) == still
        assert found.keys() == {f"{name}/flip", f"{name}/jaggedness"}
    whole = Fractional(upsampling=[1], task=Masks())
    found = values(whole, EQUIVARIANT)
    assert found["fractional,max_shift=3,upsampling=1/agreement"].value > 0.99


def test_changes_compare_dense_answers_where_they_stand():
    kinds = {"brightness": Change(brighten, [0.0, 0.9])}
    found = values(Changes(kinds, task=Masks()), EQUIVARIANT)
    assert found["brightness,amount=0.0/agreement"].value == 1
    assert found["brightness,amount=0.9/agreement"].value < 1
    worst = found["brightness,amounts=[0.0, 0.9]/worst_pixel_accuracy"]
    single = [found[f"brightness,amount={a}/pixel_accuracy"] for a in (0.0, 0.9)]
    each = np.minimum(*(one.arrays["examples"] for one in single))
    np.testing.assert_array_equal(worst.arrays["examples"], each)


def test_logits_that_move_with_the_image_have_no_closed_form():
    class Compass(Masks):
        """Reads a row out of logits, which a shift down moves on."""

        def undo(self, outputs, offsets):
            pairs = zip(outputs, offsets, strict=True)
            return np.stack([np.roll(one, -dy) for one, (dy, _) in pairs])

        def agreement(self, a, b):
            return (a.argmax(-1) == b.argmax(-1)).astype(np.float32)

    network = networks.pooling(mean)
    how = {one.method for one in values(Orbit(examples=2), network, BARE).values()}
    assert how == {"closed form, period 2×2"}
    orbit = Orbit(examples=2, task=Compass())
    found = values(orbit, network, BARE)
    assert {one.method for one in found.values()} == {"brute force"}
    by_row = found["orbit/agreement"].arrays["map"]
    logits = Predictor(network).logits(np.roll(IMAGES[:2], 1, 1))
    still = Predictor(network).logits(IMAGES[:2]).argmax(-1)
    assert by_row[1, 0] == (np.roll(logits, -1, 1).argmax(-1) == still).mean()


def test_outputs_are_any_tree_with_a_row_for_each_image():
    def detect(images):
        boxes = np.arange(4.0) * images.mean((1, 2))
        sevens = np.full(len(images), 7)
        return {"boxes": boxes, "classes": (images.max((1, 2)), sevens)}

    found = Predictor(detect, batch=4).outputs(IMAGES)
    unit = IMAGES / np.float32(255)
    np.testing.assert_allclose(found["boxes"], detect(unit)["boxes"], rtol=1e-5)
    assert found["boxes"].dtype == np.float32
    np.testing.assert_allclose(found["classes"][0], unit.max((1, 2)), rtol=1e-6)
    np.testing.assert_array_equal(found["classes"][1], np.full(9, 7))
    with pytest.raises(UserError, match=r"logits \(9, classes\) are wanted"):
        Predictor(detect, batch=4).logits(IMAGES)


def test_numbers_are_not_arrays_with_a_row_for_each_image():
    def listed(images):
        return {"boxes": images.mean((1, 2)), "classes": [7] * len(images)}

    with pytest.raises(UserError, match=r"an array \(\) for 4 images"):
        Predictor(listed, batch=4).outputs(IMAGES)
