"""Layerwise equivariance: the laws of circular networks, and NumPy by brute force."""

import jax.numpy as jnp
import networks
import numpy as np
import pytest
from known import ink, measure, split

from research.data.split import Split
from research.errors import UserError
from research.evals.layers import Layers, best_roll, deviation

rng = np.random.default_rng(0)
SPLIT = Split.labelled(
    rng.integers(0, 256, (10, 8, 12, 1)).astype(np.uint8), np.zeros(10, "i4")
)


def measured(network, shifts):
    rows = measure(Layers(shifts=shifts, batch=4), network, SPLIT)
    return {
        (row.params["index"], tuple(row.params["shift"]), row.measure): row
        for row in rows
    }


def test_a_circular_network_is_equivariant_on_its_grid_and_breaks_off_it():
    found = measured(networks.pooling(), [1, 2, [0, 4]])
    for index, stride in ((0, 1), (1, 2), (2, 2)):
        for shift in ((1, 1), (2, 2), (0, 4)):
            error = found[index, shift, "error"]
            on = all(d % stride == 0 for d in shift)
            assert error.params["stride"] == [stride, stride]
            assert error.params["grid"] == ("on" if on else "off")
            cosine = found[index, shift, "cosine"].value
            if on:
                assert error.value == pytest.approx(0, abs=1e-5)
                assert cosine == pytest.approx(1, abs=1e-5)
            else:
                assert error.value > 0.1 and cosine < 0.99


def test_borders_break_equivariance_everywhere():
    found = measured(networks.pooling(padding="zero"), [2])
    assert all(row.value > 0.01 for key, row in found.items() if key[2] == "error")


def test_off_the_grid_against_brute_force():
    network = networks.pooling(padding="zero")
    found = measured(network, [[1, 3]])
    images = SPLIT.images / np.float32(255)
    still, moved = (
        list(map(np.asarray, network.features(jnp.asarray(x))))
        for x in (images, np.roll(images, (1, 3), (1, 2)))
    )
    for index in (1, 2):
        errors = []
        for f, g in zip(still[index], moved[index], strict=True):
            rolls = [
                np.linalg.norm(np.roll(f, (y, x), (0, 1)) - g) / np.linalg.norm(f)
                for y in range(4)
                for x in range(6)
            ]
            errors.append(min(rolls))
        row = found[index, (1, 3), "error"]
        np.testing.assert_allclose(row.arrays["examples"], errors, rtol=1e-4)


def test_deviation_of_known_maps():
    a = jnp.array([[3.0, 0], [3, 0], [0, 0], [0, 0]]).reshape(4, 1, 2, 1)
    b = jnp.array([[0.0, 4], [6, 0], [0, 0], [1, 0]]).reshape(4, 1, 2, 1)
    error, cosine = deviation(a, b)
    np.testing.assert_allclose(error, [5 / 3, 1, 0, 1], rtol=1e-6)
    np.testing.assert_allclose(cosine, [0, 1, 1, 0], atol=1e-6)


def test_best_roll_finds_the_roll():
    maps = rng.normal(size=(4, 5, 6, 3)).astype(np.float32)
    rolls = np.array([(0, 0), (1, 5), (4, 2), (2, 3)])
    moved = [np.roll(x, roll, (0, 1)) for x, roll in zip(maps, rolls, strict=True)]
    found = best_roll(jnp.asarray(maps), jnp.asarray(np.stack(moved)))
    np.testing.assert_array_equal(found, rolls)


def test_a_foreign_classifier_has_no_layers():
    with pytest.raises(UserError, match=r"eval=layers .* function"):
        Layers().check(ink, split())
