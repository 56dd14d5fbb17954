"""Every lowpass against its definition, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import references
from flax import nnx

from research.downsample import lowpass
from research.downsample.adaptive import Adaptive
from research.errors import UserError


@pytest.mark.parametrize("padding", ["valid", "zero", "reflect", "circular"])
@pytest.mark.parametrize("taps", range(1, 8))
def test_binomial_equals_its_definition(taps, padding, maps, run):
    x = maps(2, 7, 8, 3)
    part = lowpass.Binomial(3, (2, 2), taps=taps, padding=padding, rngs=nnx.Rngs(0))
    expected = references.binomial(np.float64(x), taps, padding)
    np.testing.assert_allclose(run(part, x), expected, atol=1e-6)
    np.testing.assert_allclose(run(part, x, (2, 3)), expected[:, ::2, ::3], atol=1e-6)


@pytest.mark.parametrize("shape", [(8, 6), (4, 10)])
def test_haar_decimated_is_the_approximation_band(shape, maps, run):
    x = maps(2, *shape, 3)
    part = lowpass.Haar(3, (2, 2), rngs=nnx.Rngs(0))
    expected = references.haar(np.float64(x))
    np.testing.assert_allclose(run(part, x, (2, 2)), expected, atol=1e-6)
    np.testing.assert_allclose(run(part, x)[:, ::2, ::2], expected, atol=1e-6)


@pytest.mark.parametrize(
    "shape, stride",
    [((8, 8), (2, 2)), ((6, 10), (2, 2)), ((9, 12), (3, 4)), ((7, 12), (1, 3))],
)
def test_ideal_equals_the_masked_spectrum(shape, stride, maps, run):
    x = maps(2, *shape, 3)
    part = lowpass.Ideal(3, stride, rngs=nnx.Rngs(0))
    expected = references.ideal(np.float64(x), stride)
    np.testing.assert_allclose(run(part, x), expected, atol=2e-6)
    np.testing.assert_allclose(
        run(part, x, stride), expected[:, :: stride[0], :: stride[1]], atol=2e-6
    )


@pytest.mark.parametrize(
    "shape, stride", [((8, 8), (2, 2)), ((12, 16), (3, 4)), ((8, 12), (2, 3))]
)
def test_flc_equals_the_cropped_spectrum(shape, stride, maps, run):
    x = maps(2, *shape, 3)
    part = lowpass.Ideal(3, stride, nyquist="keep", rngs=nnx.Rngs(0))
    expected = references.flc(np.float64(x), stride)
    np.testing.assert_allclose(run(part, x, stride), expected, atol=2e-6)
    dense = run(part, x)[:, :: stride[0], :: stride[1]]
    np.testing.assert_allclose(dense, expected, atol=2e-6)


@pytest.mark.parametrize(
    "nyquist, shape, stride, need",
    [
        ("zero", (7, 8), (2, 2), "2×2"),
        ("zero", (8, 8), (3, 2), "3×2"),
        ("keep", (6, 8), (2, 2), "4×4"),
        ("keep", (10, 10), (2, 1), "4×1"),
    ],
)
def test_frequency_filters_refuse_what_they_cannot_carry(nyquist, shape, stride, need):
    part = lowpass.Ideal(1, stride, nyquist=nyquist, rngs=nnx.Rngs(0))
    with pytest.raises(
        UserError, match=f"lowpass ideal.*{shape[0]}×{shape[1]}.*{need}"
    ):
        part(jnp.ones((1, *shape, 1)))


@pytest.fixture
def adaptive():
    """An adaptive lowpass on 4 channels, with statistics as after some training."""
    part = Adaptive(4, (2, 2), groups=2, padding="reflect", rngs=nnx.Rngs(0))
    draw = np.random.default_rng(1)
    for variable, values in (
        (part.norm.mean, draw.normal(size=18)),
        (part.norm.var, draw.uniform(0.5, 2, 18)),
        (part.norm.scale, draw.normal(size=18)),
        (part.norm.bias, draw.normal(size=18)),
    ):
        variable[...] = jnp.asarray(values, jnp.float32)
    return part


def affine(norm):
    mean, var, scale, bias = (
        np.float64(v[...]) for v in (norm.mean, norm.var, norm.scale, norm.bias)
    )
    gain = scale / np.sqrt(var + norm.epsilon)
    return gain, bias - mean * gain


@pytest.mark.parametrize("channels", [4, 6])
def test_adaptive_equals_its_definition(adaptive, channels, maps, run):
    main, x = maps(2, 5, 4, 4), maps(2, 5, 4, channels, seed=1)
    kernel = np.float64(adaptive.conv.kernel[...])
    expected = references.adaptive(
        np.float64(x), np.float64(main), kernel, *affine(adaptive.norm), 2, "reflect"
    )
    adaptive.eval()
    y = jax.jit(lambda main, x: adaptive.adapt(main)(x))(main, x)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    y = jax.jit(lambda main, x: adaptive.adapt(main, (2, 3))(x))(main, x)
    np.testing.assert_allclose(y, expected[:, ::2, ::3], rtol=1e-5, atol=1e-5)


def test_adaptive_kernels_are_weighted_means(adaptive, maps):
    adaptive.eval()
    kernels = jax.jit(adaptive.kernels)(maps(2, 5, 4, 4))
    assert kernels.shape == (2, 5, 4, 2, 9)
    assert (kernels > 0).all()
    np.testing.assert_allclose(kernels.sum(-1), 1, rtol=1e-6)
    assert np.ptp(np.asarray(kernels), axis=(0, 1, 2)).min() > 0.01  # they do adapt


def test_adaptive_statistics_are_updated_once_a_step(adaptive, maps):
    @nnx.jit
    def means(part, x):
        filter_ = part.adapt(x)
        after = part.norm.mean[...]
        filter_(x), filter_(2 * x)
        return after, part.norm.mean[...]

    before = adaptive.norm.mean[...]
    adapted, filtered = means(adaptive, maps(2, 5, 4, 4))
    np.testing.assert_array_equal(filtered, adapted)
    assert (before != adapted).any()


@pytest.mark.parametrize("channels, which", [(6, "map"), (4, "companion")])
def test_groups_that_do_not_divide_are_named(channels, which, maps):
    main, companion = maps(1, 4, 4, 4), maps(1, 4, 4, 6)
    words = f"groups=4 do not divide the 6 channels of the {which}.*lowpass.groups"
    with pytest.raises(UserError, match=words):
        part = Adaptive(channels, (2, 2), groups=4, rngs=nnx.Rngs(0))
        jax.eval_shape(lambda x, z: nnx.clone(part).adapt(x)(z), main, companion)


@pytest.mark.parametrize("taps", [0, 8])
def test_binomial_takes_one_to_seven_taps(taps):
    with pytest.raises(UserError, match=f"downsample.lowpass.taps={taps}.*from 1 to 7"):
        lowpass.Binomial(1, (2, 2), taps=taps, rngs=nnx.Rngs(0))


def test_another_nyquist_is_refused():
    """A typo would be the plain ideal filter under the name of FLC pooling."""
    words = "downsample.lowpass.nyquist=keeep: takes zero or keep"
    with pytest.raises(UserError, match=words):
        lowpass.Ideal(1, (2, 2), nyquist="keeep", rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
    "part, words",
    [
        (lowpass.Binomial(1, (2, 2), taps=5, rngs=nnx.Rngs(0)), "lowpass binomial"),
        (lowpass.Haar(1, (2, 2), rngs=nnx.Rngs(0)), "lowpass haar"),
        (Adaptive(1, (2, 2), groups=1, rngs=nnx.Rngs(0)), "reflect"),
    ],
)
def test_reflection_names_layer_and_sizes(part, words):
    with pytest.raises(UserError, match=f"{words}.*1×1"):
        part(jnp.ones((1, 1, 1, 1)))


@pytest.mark.parametrize(
    "build", [lowpass.Binomial, lowpass.Haar, lowpass.Ideal, Adaptive]
)
def test_bfloat16_is_computed_in_float32(build, maps, run):
    x = jnp.asarray(maps(2, 8, 8, 8), jnp.bfloat16)
    part = build(8, (2, 2), rngs=nnx.Rngs(0))
    y = run(part, x)
    assert y.dtype == jnp.bfloat16
    wide = run(part, x.astype(jnp.float32))
    np.testing.assert_allclose(np.float32(y), wide, rtol=2**-8, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_gradient_of_the_adaptive_filter_is_finite_on_flat_maps(value):
    part = Adaptive(2, (2, 2), groups=2, rngs=nnx.Rngs(0))
    x = jnp.full((2, 4, 4, 2), value)
    graph, state = nnx.split(part)

    def loss(state, x):
        return (nnx.merge(graph, state)(x) ** 2).sum()

    for leaf in jax.tree.leaves(jax.jit(jax.grad(loss, (0, 1)))(state, x)):
        assert np.isfinite(leaf).all()


@pytest.mark.parametrize("size", [(6, 8), (6, 7), (5, 8), (5, 7)])
def test_haar_at_kept_positions_is_the_dense_one(size):
    """On odd maps the last window sees the border, on even ones none does."""
    down = lowpass.Haar(2, (2, 2), rngs=nnx.Rngs(0))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, *size, 2)), jnp.float32)
    np.testing.assert_array_equal(down(x, (2, 2)), down(x)[:, ::2, ::2])
