"""Fractional shifts against upsampling, rolling and decimating in NumPy."""

import numpy as np
import pytest
from known import PLACE, ink, measure, pixel, split, sure, table

from research.data.split import Split
from research.errors import UserError
from research.evals.fractional import Fractional, draw_fractions

SPLIT = split(shape=(8, 7, 1))  # an even and an odd size


def upsampled(signal, u, axis):
    """Ideal interpolation by u: zeros into the spectrum, ±Nyquist weighted ½."""
    n = signal.shape[axis]
    spectrum = np.moveaxis(np.fft.fft(signal, axis=axis), axis, 0)
    wide = np.zeros((n * u, *spectrum.shape[1:]), complex)
    half = n // 2
    for f in range(-half, half + 1):
        weight = 0.5 if 2 * abs(f) == n else 1
        wide[f % (n * u)] += weight * spectrum[f % n]
    return u * np.moveaxis(np.fft.ifft(wide, axis=0).real, 0, axis)


def shifted(image, u, steps):
    large = upsampled(upsampled(image, u, 0), u, 1)
    return np.roll(large, steps, (0, 1))[::u, ::u]


@pytest.mark.parametrize("u", [2, 3])
def test_pixel(u):
    evaluator = Fractional(upsampling=[u], max_shift=2, batch=8)
    rows = table(measure(evaluator, pixel, SPLIT))
    offsets = draw_fractions(0, len(SPLIT), u, 2)
    steps = np.rint(offsets * u).astype(int)
    images = SPLIT.images[..., 0] / 255
    values = np.array(
        [
            shifted(image, u, step)[PLACE]
            for image, step in zip(images, steps, strict=True)
        ]
    )
    before = images[:, PLACE[0], PLACE[1]]
    name = f"fractional,max_shift=2,upsampling={u}"
    same = (values > 0.5) == (before > 0.5)
    assert 0.2 < same.mean() < 1
    found = rows[f"{name}/agreement"].arrays
    np.testing.assert_array_equal(found["examples"], same)
    np.testing.assert_array_equal(found["predictions"], values > 0.5)
    change = np.abs(sure(values - 0.5) - sure(before - 0.5))
    mac = rows[f"{name}/mac"].arrays["examples"]
    np.testing.assert_allclose(mac, change, atol=1e-4)


def test_ink_is_kept():
    lopsided = Split.labelled(
        SPLIT.images // 2 + 20, SPLIT.labels
    )  # none at the threshold
    for row in Fractional(upsampling=[4])(ink, lopsided):
        if row.measure == "agreement":
            assert row.value == 1


def test_draws_reach_every_fraction_and_are_whole_at_1():
    offsets = draw_fractions(3, 4000, 2, 1)
    steps, times = np.unique(2 * offsets, axis=0, return_counts=True)
    assert len(steps) == 25 and abs(times - 160).max() < 5 * np.sqrt(160)
    whole = draw_fractions(3, 100, 1, 2)
    assert (whole == np.rint(whole)).all()
    np.testing.assert_array_equal(whole[:10], draw_fractions(3, 10, 1, 2))


@pytest.mark.parametrize("u", [0, 5])
def test_other_fractions_are_refused(u):
    with pytest.raises(UserError, match=r"eval\.fractional\.upsampling"):
        Fractional(upsampling=[u])
