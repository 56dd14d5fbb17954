"""Fractions of a pixel: the maps of a dense network are shifted back as far."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.data.split import Split
from research.evals.engine.predictor import Predictor
from research.evals.fractional import Fractional
from research.evals.fractional_orbit import FractionalOrbit
from research.evals.worst import Worst
from research.nn.layers import Conv
from research.nn.signal import fractional_shift
from research.tasks.segmentation import Segmentation
from research.transforms.shifts import circular

rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (6, 9, 11, 1)).astype(np.uint8)  # odd: all of it shifts
MASK = (IMAGES[..., 0] > 127).astype(np.uint8)
SPLIT = Split({"image": IMAGES, "mask": MASK})


class Linear(nnx.Module):
    """A circular convolution: it commutes with every shift. With relu it aliases."""

    def __init__(self, act=lambda x: x):
        rngs = nnx.Rngs(0)
        self.conv = Conv(1, 4, 3, padding="circular", rngs=rngs)
        self.last = Conv(4, 3, 1, rngs=rngs)
        self.act = act

    def __call__(self, images):
        return self.last(self.act(self.conv(images - 0.5)))


@dataclass(frozen=True)
class Rounding(Segmentation):
    """Undoes the nearest whole shift."""

    def undo(self, outputs, offsets):
        return super().undo(outputs, np.rint(offsets))


LINEAR, ALIASING = Linear(), Linear(lambda x: nnx.relu(4 * x))
EVALUATORS = {
    "fractional": lambda task: Fractional(upsampling=[3], max_shift=2, task=task),
    "worst": lambda task: Worst(
        {"circular": circular}, max_shift=1, upsampling=[3], task=task
    ),
    "orbit": lambda task: FractionalOrbit(examples=2, method="brute", task=task),
}


def agreements(name, network, task):
    found = EVALUATORS[name](task)(network, SPLIT)
    kinds = ("agreement", "worst_agreement")
    return {one.key: one.value for one in found if one.measure in kinds}


@pytest.mark.parametrize("name", EVALUATORS)
def test_a_network_that_commutes_with_fractions_agrees_at_all_of_them(name):
    found = agreements(name, LINEAR, Segmentation())
    assert found and set(found.values()) == {1}, found


@pytest.mark.parametrize("name", EVALUATORS)
def test_one_that_aliases_does_not_and_neither_does_rounding(name):
    aliased = agreements(name, ALIASING, Segmentation())
    rounded = agreements(name, LINEAR, Rounding())
    assert min(aliased.values()) < 0.99 and min(rounded.values()) < 0.9


@pytest.mark.parametrize("numbers", [np, jnp])
def test_whole_offsets_are_rolls_bit_by_bit_beside_fractions(numbers):
    logits = Predictor(LINEAR).outputs(IMAGES)[:3]
    offsets = np.array([[2.0, -1.0], [0.25, 0.5], [-3.0, 0.0]], np.float32)
    moved = np.array(fractional_shift(jnp.asarray(logits), jnp.asarray(offsets)))
    for index in (0, 2):
        moved[index] = np.roll(logits[index], offsets[index].astype(int), (0, 1))
    undone = Segmentation().undo(numbers.asarray(moved), offsets)
    assert isinstance(undone, np.ndarray) == (numbers is np)
    np.testing.assert_array_equal(undone[0], logits[0])
    np.testing.assert_array_equal(undone[2], logits[2])
    np.testing.assert_allclose(undone[1], logits[1], atol=1e-6)
    assert not np.array_equal(undone[1], moved[1])


def test_maps_are_shifted_in_blocks(monkeypatch):
    logits = Predictor(LINEAR).outputs(IMAGES)
    offsets = rng.uniform(-2, 2, (6, 2)).astype(np.float32)
    whole = Segmentation().undo(logits, offsets)
    monkeypatch.setattr("research.tasks.segmentation.BLOCK", 4)
    np.testing.assert_allclose(Segmentation().undo(logits, offsets), whole, atol=1e-6)
