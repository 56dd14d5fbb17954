"""Energies above a cut against loops over frequencies, and against known waves."""

import jax.numpy as jnp
import numpy as np
import pytest

from research.nn.aliasing import energies, folded, passband


def wave(f, size=12, phase=0.3):
    """A map (1, size, size, 1) that varies along columns with frequency f."""
    x = np.cos(2 * np.pi * f * np.arange(size) / size + phase)
    return jnp.asarray(np.tile(x, (size, 1))[None, ..., None], jnp.float32)


@pytest.mark.parametrize("stride", [(2, 2), (3, 2), (1, 3), (2, 1)])
@pytest.mark.parametrize("shape", [(8, 12), (7, 9)])
def test_energies_are_sums_over_frequencies(shape, stride):
    x = np.random.default_rng(0).normal(size=(3, *shape, 2)).astype(np.float32)
    spectrum = np.abs(np.fft.fft2(x, axes=(1, 2))) ** 2 / np.prod(shape)
    above = np.zeros(3)
    for i, j in np.ndindex(shape):
        cuts = []
        for index, size, s in zip((i, j), shape, stride, strict=True):
            f = min(index, size - index)
            over, even = 2 * s * f > size, 2 * s * f == size
            cuts.append(0.0 if s == 1 else 1.0 if over else 0.5 if even else 0.0)
        above += max(cuts) * spectrum[:, i, j].sum(-1)
    total, found, mean = energies(jnp.asarray(x), stride)
    np.testing.assert_allclose(found, above, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(total, (x**2).sum((1, 2, 3)), rtol=1e-5)
    means = x.mean((1, 2)) ** 2 * np.prod(shape)
    np.testing.assert_allclose(mean, means.sum(-1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("f", "share"), [(0, 0), (2, 0), (3, 0.5), (4, 1), (6, 1)])
def test_a_wave_is_above_the_cut_or_below(f, share):
    total, above, _ = energies(wave(f), (1, 2))
    assert float(above[0] / total[0]) == pytest.approx(share, abs=1e-5)
    rest, coarse = folded(wave(f), (1, 2))
    # what is above folds as a whole; of the cut itself half of the amplitude
    assert float(rest[0] / coarse[0]) == pytest.approx(share**2, abs=1e-5)


def test_what_folds_can_cancel_what_belongs_there():
    x = wave(1, 8, 0) - wave(3, 8, 0)  # the same at every second position
    rest, coarse = folded(x, (1, 2))
    assert float(coarse[0]) == pytest.approx(0, abs=1e-6) and float(rest[0]) > 1


def test_no_stride_carries_everything():
    np.testing.assert_array_equal(passband(8, 1), 1)
