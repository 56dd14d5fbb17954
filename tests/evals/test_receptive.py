"""Effective receptive fields: the theoretical size, autodiff and known Gaussians."""

import jax
import jax.numpy as jnp
import networks
import numpy as np
import pytest
from known import measure

from research.data.split import Split
from research.evals.engine.inside import Inside
from research.evals.receptive import (
    Receptive,
    effective_fields,
    extent,
    fit_gaussian,
    size,
)

rng = np.random.default_rng(0)
SPLIT = Split.labelled(
    rng.integers(1, 256, (6, 32, 32, 1)).astype("u1"), np.zeros(6, "i4")
)


def rows_of(network, split=SPLIT):
    rows = measure(Receptive(examples=6), network, split)
    return {(row.params["index"], row.measure): row for row in rows}


def test_extent_is_the_theoretical_size_where_every_path_counts():
    three = rows_of(networks.averaging(0))
    assert [three[i, "extent"].value for i in range(3)] == [3, 5, 7]
    # 3×3 of ones: above 4.55 % of the peak everywhere; 7×7 of three: 1·1/(7·7) < 4.55 %
    assert three[0, "size"].value == 3
    profile = np.convolve(np.convolve(np.ones(3), np.ones(3)), np.ones(3))
    square = np.outer(profile, profile)
    assert three[2, "size"].value == np.sqrt((square > 0.0455 * square.max()).sum())
    field = three[2, "size"].arrays["map"]
    np.testing.assert_allclose(field[13:20, 13:20] * 9**3, square, rtol=1e-5)
    pooled = rows_of(networks.averaging(2))
    assert [pooled[i, "extent"].value for i in range(5)] == [3, 4, 8, 10, 18]


def test_fields_are_the_gradient_of_the_centre():
    network = networks.pooling(shape=(32, 32, 1), padding="zero")
    network.std = (0.5,)
    images = SPLIT.images[:3]
    found = list(effective_fields(Inside(network, name="receptive", batch=3), images))
    x = jnp.asarray(images / np.float32(255))

    def centre(x):
        maps = list(network.features(x))
        return [y[:, y.shape[1] // 2, y.shape[2] // 2].sum() for y in maps]

    gradients = jax.jacrev(centre)(x)
    for field, gradient in zip(found, gradients, strict=True):
        expected = np.abs(gradient).sum(-1).mean(0)
        np.testing.assert_allclose(field, expected, atol=1e-5)


def test_a_gaussian_is_recovered_off_centre_and_lopsided():
    y, x = np.mgrid[:24, :32]
    field = 7 * np.exp(-((y - 10) ** 2) / (2 * 2.5**2) - (x - 18) ** 2 / (2 * 4.0**2))
    found = fit_gaussian(field)
    assert found.sigma_y == pytest.approx(2.5, rel=1e-3)
    assert found.sigma_x == pytest.approx(4, rel=1e-3)
    assert found.fit == pytest.approx(1, abs=1e-6)
    # what lies above 4.55 % of the peak is an ellipse of √(−2 ln .0455) = 2.49 σ
    area = np.pi * -2 * np.log(0.0455) * 2.5 * 4
    assert size(field) == pytest.approx(np.sqrt(area), rel=0.02)


def test_degenerate_fields():
    empty = np.zeros((8, 8))
    assert size(empty) == extent(empty) == 0
    assert np.isnan(fit_gaussian(empty)).all()
    point = empty.copy()
    point[4, 4] = 2.0
    assert size(point) == extent(point) == 1
    assert fit_gaussian(point).sigma_y < 0.6
    corners = empty.copy()
    corners[0, 1] = corners[3, 6] = 1
    assert extent(corners) == pytest.approx(np.sqrt(4 * 6))
