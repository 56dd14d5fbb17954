"""ASAP against the published outputs, its spectrum, and what it keeps."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import outputs_of_peers
import pytest
from flax import nnx

from research.downsample import Downsample
from research.downsample.asap import Asap
from research.errors import UserError
from research.nn.signal import fractional_shift, shift


def build(stride=(2, 2), **options):
    lowpass = partial(Asap, **options)
    return Downsample(3, stride, lowpass=lowpass, rngs=nnx.Rngs(0))


def reference(x, stride):
    """The tapered spectrum, by the Fourier transform and one frequency at a time."""
    spectrum = np.fft.fft2(np.float64(x), axes=(1, 2))
    sizes = x.shape[1:3]
    for index in np.ndindex(*sizes):
        gain = 1.0
        for i, size, s in zip(index, sizes, stride, strict=True):
            f = i if i <= size / 2 else i - size
            if s > 1:
                inside = abs(f) < size / s / 2
                gain *= inside * np.sqrt(0.54 + 0.46 * np.cos(2 * np.pi * f / size))
        spectrum[:, *index] *= gain
    return np.fft.ifft2(spectrum, axes=(1, 2))


@pytest.mark.parametrize("case", ["asap_8x8", "asap_8x12"])
def test_the_published_window_is_reproduced(case):
    arrays = outputs_of_peers.read(case)
    y = build(compat="published")(arrays["x"])
    np.testing.assert_allclose(y, arrays["y"], rtol=1e-5, atol=1e-6)
    assert abs(build()(arrays["x"]) - arrays["y"]).max() > 0.01


@pytest.mark.parametrize(
    "size, stride",
    [((8, 8), (2, 2)), ((6, 10), (2, 2)), ((14, 8), (2, 4)), ((9, 6), (3, 2)),
     ((1, 10), (1, 2))],
)  # fmt: skip
def test_it_tapers_the_spectrum_of_any_size(size, stride, maps, run):
    x = maps(2, *size, 3)
    expected = reference(x, stride)
    assert abs(expected.imag).max() < 1e-12  # the window is symmetric
    kept = expected.real[:, :: stride[0], :: stride[1]]
    np.testing.assert_allclose(run(build(stride), x), kept, atol=2e-6)


@pytest.mark.parametrize("size", [6, 8, 10, 14, 16])
def test_constants_stay_as_they_are(size):
    y = build()(jnp.full((1, size, 2 * size, 3), 0.7))
    np.testing.assert_allclose(y, 0.7, rtol=1e-5)


def test_it_follows_fractional_shifts(maps):
    """The coarse map of a shift by d is the coarse map's shift by d/2."""
    x, d = maps(2, 10, 6, 3), jnp.array([[0.3, 1.7], [-2.4, 0.5]])
    x = Asap(3, (2, 2), rngs=nnx.Rngs(0))(x)  # no Nyquist bin
    moved = build()(fractional_shift(x, d))
    np.testing.assert_allclose(moved, fractional_shift(build()(x), d / 2), atol=2e-6)


@pytest.mark.parametrize("size", [(8, 8), (12, 4)])
def test_the_published_one_commutes_with_its_stride_and_darkens(size, maps):
    down, x = build(compat="published"), maps(2, *size, 3)
    moved = down(shift(x, (2, -4)))
    np.testing.assert_allclose(moved, shift(down(x), (1, -2)), atol=2e-6)
    gain = np.sqrt(np.prod([np.hamming(n)[n // 2] for n in size]))
    np.testing.assert_allclose(down(jnp.ones((1, *size, 3))), gain, rtol=1e-5)


@pytest.mark.parametrize("size", [(10, 8), (8, 6), (7, 8), (8, 9)])
def test_the_published_one_is_refused_where_it_destroys_constants(size):
    words = "downsample.lowpass.compat=published.*4×4.*compat=null"
    with pytest.raises(UserError, match=words):
        build(compat="published")(jnp.ones((1, *size, 3)))


def test_other_strides_and_sizes_are_refused():
    with pytest.raises(
        UserError, match=r"compat=published.*downsample.stride=\[3, 3\]"
    ):
        build((3, 3), compat="published")
    with pytest.raises(
        UserError, match="lowpass asap: a 7×8 map is no multiple of 2×2"
    ):
        build()(jnp.ones((1, 7, 8, 3)))
    build((1, 2), compat="published")(jnp.ones((1, 1, 8, 3)))
