"""Every reduce against its definition, in every padding, dense and strided."""

from functools import partial
from functools import reduce as fold

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import references
from flax import nnx

from research.downsample import mixing, reduce
from research.errors import UserError
from research.nn import signal

WINDOWS = {
    "max": (reduce.Max, references.maximum),
    "average": (reduce.Average, references.average),
    "median": (reduce.Median, references.median),
    "lp2": (reduce.Lp, references.lp),
    "lp1": (partial(reduce.Lp, p=1), partial(references.lp, p=1)),
    "lp3.5": (partial(reduce.Lp, p=3.5), partial(references.lp, p=3.5)),
    "soft": (mixing.Soft, references.soft),
    "mixed": (mixing.Mixed, partial(references.mixed, logit=0)),
    "stochastic": (mixing.Stochastic, references.stochastic),
}
LAYOUTS = [
    (2, "zero", (1, 1)),
    (3, "circular", (2, 2)),
    ((3, 2), "reflect", (1, 3)),
    ((4, 1), "valid", (2, 1)),
]


@pytest.mark.parametrize("window, padding, stride", LAYOUTS)
@pytest.mark.parametrize("name", WINDOWS)
def test_equals_its_definition(name, window, padding, stride, maps, run):
    build, reference = WINDOWS[name]
    x = maps(2, 7, 6, 3)
    part = build(3, stride, window=window, padding=padding, rngs=nnx.Rngs(0))
    sizes = (window, window) if isinstance(window, int) else window
    expected = reference(np.float64(x), sizes, padding)[:, :: stride[0], :: stride[1]]
    np.testing.assert_allclose(run(part, x, stride), expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("padding", ["valid", "zero", "reflect", "circular"])
def test_convolution_equals_its_definition(padding, maps, run):
    x = maps(2, 6, 5, 3)
    part = reduce.Convolution(3, (2, 2), padding=padding, rngs=nnx.Rngs(0))
    part.conv.bias[...] = jnp.array([0.1, -0.2, 0.3])
    kernel, bias = (np.float64(p[...]) for p in (part.conv.kernel, part.conv.bias))
    expected = np.maximum(references.correlate(np.float64(x), kernel, padding, bias), 0)
    np.testing.assert_allclose(
        run(part, x, (2, 1)), expected[:, ::2], rtol=1e-5, atol=1e-5
    )


def test_mixture_is_learned(maps, run):
    x = maps(2, 4, 4, 3)
    part = mixing.Mixed(3, (2, 2), padding="zero", rngs=nnx.Rngs(0))
    part.mixture[...] = 1.7
    expected = references.mixed(np.float64(x), (2, 2), "zero", 1.7)
    np.testing.assert_allclose(run(part, x), expected, rtol=1e-6, atol=1e-6)
    graph, state = nnx.split(part)
    slope = jax.jit(jax.grad(lambda state: nnx.merge(graph, state)(x).sum()))(state)
    slope = slope["mixture"][...]
    share = 1 / (1 + np.exp(-1.7))
    maximum, average = (
        reference(np.float64(x), (2, 2), "zero")
        for reference in (references.maximum, references.average)
    )
    np.testing.assert_allclose(
        slope, share * (1 - share) * (maximum - average).sum(), rtol=1e-5
    )


def test_stochastic_draws_elements_in_proportion_to_their_value():
    x = jnp.tile(
        jnp.array([[1.0, -5.0], [2.0, 5.0]])[None, :, :, None], (8000, 1, 1, 1)
    )
    part = mixing.Stochastic(1, (2, 2), rngs=nnx.Rngs(0))
    draw = nnx.jit(lambda part, x: part(x))
    drawn = np.asarray(draw(part, x)).ravel()
    assert set(drawn) == {1.0, 2.0, 5.0}
    shares = np.array([(drawn == value).mean() for value in (1, 2, 5)])
    chances = np.array([1, 2, 5]) / 8
    error = np.sqrt(chances * (1 - chances) / len(drawn))
    assert (abs(shares - chances) < 4 * error).all()
    assert (np.asarray(draw(part, x)).ravel() != drawn).any()  # its own each time
    gradient = jax.jit(jax.grad(lambda x: nnx.clone(part)(x).sum()))(x)
    assert (np.sort(np.asarray(gradient).reshape(len(x), -1)) == [0, 0, 0, 1]).all()


def test_stochastic_of_a_window_without_positive_values_is_zero():
    part = mixing.Stochastic(1, (2, 2), rngs=nnx.Rngs(0))
    x = jnp.array([[0.0, -1.0], [-2.0, 0.0]])[None, :, :, None]
    assert part(x) == 0
    part.eval()
    assert part(x) == 0


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("value", [0.0, 1e-30, 1e25])
def test_gradient_is_finite_on_flat_maps(name, value):
    part = WINDOWS[name][0](1, (2, 2), padding="zero", rngs=nnx.Rngs(0))
    part.eval()
    x = jnp.full((1, 3, 3, 1), value)
    y, gradient = jax.jit(jax.value_and_grad(lambda x: part(x).mean()))(x)
    assert np.isfinite(y) and np.isfinite(gradient).all()


@pytest.mark.parametrize("padding", ["valid", "zero", "reflect", "circular"])
@pytest.mark.parametrize(
    "window, stride",
    [
        (2, (2, 2)),
        (3, (2, 2)),
        pytest.param((3, 2), (3, 3), marks=pytest.mark.slow),
        pytest.param((2, 4), (1, 3), marks=pytest.mark.slow),
    ],
)
def test_equal_values_share_the_gradient_of_the_maximum(window, stride, padding):
    """As JAX's own `maximum` does: first those of a column, then the columns."""
    values = np.random.default_rng(0).integers(0, 3, (2, 7, 8, 3))
    x = jnp.asarray(values, jnp.float32)
    part = reduce.Max(3, stride, window=window, padding=padding, rngs=nnx.Rngs(0))

    def plain(x):
        y = signal.pad(x, window, padding, fill=-jnp.inf)
        for axis in (1, 2):
            span, step = signal.pair(window)[axis - 1], stride[axis - 1]
            last = y.shape[axis] - span
            parts = [y.swapaxes(0, axis)[i : i + last + 1 : step] for i in range(span)]
            y = fold(jnp.maximum, parts).swapaxes(0, axis)
        return y

    y, pull = jax.vjp(jax.jit(lambda x: part(x, stride)), x)
    expected, pull_expected = jax.vjp(jax.jit(plain), x)
    np.testing.assert_array_equal(y, expected)
    given = jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)
    slope, expected = pull(given)[0], pull_expected(given)[0]
    np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize(
    "window, stride", [(2, (2, 2)), pytest.param(3, (2, 3), marks=pytest.mark.slow)]
)
def test_both_modes_of_differentiation_and_vmap_agree(name, window, stride, maps):
    part = WINDOWS[name][0](3, stride, window=window, rngs=nnx.Rngs(0))
    part.eval()
    apply = jax.jit(lambda x: part(x, stride))
    x, along = maps(2, 7, 8, 3), maps(2, 7, 8, 3, seed=1)
    y, slope = jax.jvp(apply, (x,), (along,))
    given = maps(*y.shape, seed=2)
    back = jax.vjp(apply, x)[1](given)[0]
    np.testing.assert_allclose(
        (given * slope).sum(), (back * along).sum(), rtol=1e-3, atol=1e-3
    )
    mapped = jax.vmap(apply)(jnp.stack([x, along]))
    np.testing.assert_allclose(mapped[0], y, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("window", [2, 3, (4, 3)])
def test_slope_of_the_median_is_that_of_the_middle_values(window, maps):
    x = np.float32(np.random.default_rng(0).permutation(2 * 5 * 6 * 3))  # no two equal
    x = x.reshape(2, 5, 6, 3) / 50
    sizes = (window, window) if isinstance(window, int) else window
    part = reduce.Median(3, (1, 1), window=window, rngs=nnx.Rngs(0))
    weights = maps(*jax.eval_shape(part, x).shape)
    slope = jax.jit(jax.grad(lambda x: (part(x) * weights).sum()))(x)
    expected = np.zeros_like(x)
    for b, i, j, c in np.ndindex(weights.shape):
        patch = x[b, i : i + sizes[0], j : j + sizes[1], c]
        order, middle = np.argsort(patch, axis=None), patch.size // 2
        held = order[[middle]] if patch.size % 2 else order[[middle - 1, middle]]
        for at in held:
            di, dj = np.unravel_index(at, patch.shape)
            expected[b, i + di, j + dj, c] += weights[b, i, j, c] / len(held)
    np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "values, shares",
    [
        ([0, 1, 1, 1, 2], [0, 1 / 3, 1 / 3, 1 / 3, 0]),
        ([0, 1, 2, 2], [0, 0.5, 0.25, 0.25]),
    ],
)
def test_equal_values_share_the_slope_of_the_median(values, shares):
    maps = [jnp.full((1, 1, 1, 1), value, jnp.float32) for value in values]
    slopes = jax.grad(lambda maps: reduce.median(maps).sum())(maps)
    np.testing.assert_allclose(np.ravel(slopes), shares, rtol=1e-6)


@pytest.mark.parametrize("build", [build for build, _ in WINDOWS.values()])
def test_bfloat16_is_the_rounded_result(build, maps, run):
    x = jnp.asarray(maps(2, 6, 6, 3), jnp.bfloat16)
    part = build(3, (2, 2), window=3, padding="reflect", rngs=nnx.Rngs(0))
    y = run(part, x)
    assert y.dtype == jnp.bfloat16
    rounded = run(part, x.astype(jnp.float32)).astype(y.dtype)
    # What float32 itself rounds is left of values that cancel, and of no other.
    np.testing.assert_allclose(
        y.astype(jnp.float32), rounded.astype(jnp.float32), rtol=0, atol=1e-7
    )


def test_only_reduces_that_return_a_value_of_the_map_repeat():
    options = {"features": 1, "stride": (2, 2), "rngs": nnx.Rngs(0)}
    assert reduce.Max(**options).repeats
    assert reduce.Median(**options).repeats
    assert not reduce.Max(window=1, **options).repeats
    assert not reduce.Average(**options).repeats
    assert not mixing.Mixed(**options).repeats
    assert not reduce.Convolution(**options).repeats


@pytest.mark.parametrize(
    "build, words",
    [
        (partial(reduce.Lp, p=0.5), r"downsample\.reduce\.p=0\.5.*at least 1"),
        (partial(reduce.Lp, p=np.inf), r"downsample/reduce=max"),
        (partial(reduce.Max, window=0), r"downsample\.reduce\.window=0"),
        (partial(mixing.Soft, window=(2, 2, 2)), r"downsample\.reduce\.window="),
    ],
)
def test_refuses_what_it_cannot_do(build, words):
    with pytest.raises(UserError, match=words):
        build(3, (2, 2), rngs=nnx.Rngs(0))


@pytest.mark.parametrize("padding", ["valid", "reflect"])
def test_a_map_too_small_is_named(padding):
    part = reduce.Max(1, (1, 1), window=5, padding=padding, rngs=nnx.Rngs(0))
    with pytest.raises(UserError, match=r"reduce max.*2×2"):
        part(jnp.ones((1, 2, 2, 1)))
