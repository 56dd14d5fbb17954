"""Test-time augmentation, against the six views written out."""

import jax.numpy as jnp
import numpy as np

from research.data.split import Split
from research.evals.tta import WEIGHTS, Tta

RNG = np.random.default_rng(0)


def test_it_is_the_mean_of_the_image_its_mirror_and_four_moved_ones():
    images = RNG.integers(0, 256, (40, 6, 6, 1), np.uint8)
    labels = RNG.integers(0, 3, 40).astype(np.int32)
    kernel = RNG.normal(size=(36, 3)).astype(np.float32)

    def predict(x):
        return np.tanh(np.asarray(x).reshape(len(x), -1) @ kernel)

    unit = images.astype(np.float32) / 255
    padded = np.pad(unit, [(0, 0), (1, 1), (1, 1), (0, 0)], "reflect")
    logits = 0.0
    for weight, start in ((0.5, 1), (0.25, 0), (0.25, 2)):
        seen = padded[:, start : start + 6, start : start + 6]
        both = predict(seen) + predict(seen[:, :, ::-1])
        logits = logits + weight * both / 2
    (found,) = Tta()(predict, Split.labelled(images, labels))
    assert found.value == (logits.argmax(1) == labels).mean()
    np.testing.assert_array_equal(found.arrays["predictions"], logits.argmax(1))
    assert sum(WEIGHTS.values()) == 1


def test_a_view_that_moves_nothing_is_the_image():
    images = jnp.asarray(RNG.random((2, 5, 7, 3), np.float32))
    plain, mirrored, *_ = WEIGHTS
    np.testing.assert_array_equal(plain(images), images)
    np.testing.assert_array_equal(mirrored(images), images[:, :, ::-1])
