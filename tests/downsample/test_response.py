"""What a shift by one pixel leaves of a downsampler's output, against NumPy."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.downsample import Downsample, keep
from research.downsample.reduce import Max
from research.downsample.response import shift_response
from research.downsample.sample import Energy

IMAGE = np.random.default_rng(0).random((8, 8, 1), np.float32)


def response(preset):
    return shift_response(preset(1, rngs=nnx.Rngs(0)), jnp.asarray(IMAGE))


@pytest.mark.parametrize("preset", [keep, partial(Downsample, sample=Energy)])
def test_what_follows_shifts_leaves_no_difference(preset):
    assert not response(preset).difference.any()


@pytest.mark.parametrize(
    "preset", [Downsample, partial(Downsample, reduce=partial(Max, padding="circular"))]
)
def test_what_does_not_follow_leaves_one(preset):
    found = response(preset)
    size = np.linalg.norm(found.difference) / np.linalg.norm(found.output)
    assert size > 0.1


def test_decimation_of_a_shift_shows_the_other_columns():
    found = response(Downsample)
    kept, other = IMAGE[::2, ::2], np.roll(IMAGE, 1, 1)[::2, ::2]
    np.testing.assert_array_equal(found.output, kept)
    np.testing.assert_array_equal(found.shifted, other)
    nearest = min(
        [other - kept, other - np.roll(kept, 1, 1)], key=lambda one: np.linalg.norm(one)
    )
    np.testing.assert_array_equal(found.difference, nearest)
