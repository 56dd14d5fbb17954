"""The composition: fast paths are the three dense steps; sizes, companions, errors."""

import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.downsample import Downsample, keep
from research.downsample.adaptive import Adaptive
from research.downsample.learned import Learned
from research.downsample.lowpass import Binomial, Haar, Ideal, Identity
from research.downsample.mixing import Mixed, Soft, Stochastic
from research.downsample.reduce import Average, Convolution, Lp, Max, Median
from research.downsample.sample import All, Energy, First, Random
from research.errors import UserError
from research.nn.layers import Conv

REDUCES = [Identity, Max, Average, Median, Lp, Soft, Mixed, Stochastic, Convolution]
LOWPASSES = [Identity, Binomial, Ideal, Haar, partial(Adaptive, groups=2)]
SAMPLES = [First, Energy, Learned, Random, All]


def three_steps(down, dense, x):
    """The definition under `First`: everything dense, then decimation."""
    y = down.lowpass(down.reduce(dense(x)))
    return y[:, :: down.stride[0], :: down.stride[1]]


def value_and_slopes(function, params, x, weights):
    """Value and gradients, by parameters and map, of a fixed random functional."""

    def loss(params, x):
        y = function(params, x)
        return (y * weights[:, : y.shape[1], : y.shape[2]]).sum(), y

    return jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(params, x)


@pytest.mark.parametrize(
    "reduce, lowpass",
    [(reduce, Identity) for reduce in REDUCES]
    + [(Identity, lowpass) for lowpass in LOWPASSES[1:]],
)
@pytest.mark.parametrize(
    "shape, stride, padding",
    [
        ((8, 8), (2, 2), "circular"),
        ((6, 9), (2, 3), "zero"),
        ((9, 5), (3, 1), "reflect"),
    ],
)
def test_fast_paths_equal_the_dense_definition(
    reduce, lowpass, shape, stride, padding, maps
):
    """Strided pooling and strided filters behind a convolution, with gradients."""
    if reduce is not Identity:
        reduce = partial(reduce, padding=padding)
    if lowpass not in (Identity, Ideal):
        lowpass = partial(lowpass, padding=padding)
    down = Downsample(4, stride, reduce, lowpass, rngs=nnx.Rngs(0))
    conv = Conv(4, 4, padding=padding, rngs=nnx.Rngs(1))
    down.eval()
    graph, params, rest = nnx.as_pure(nnx.split((down, conv), nnx.Param, ...))
    x, weights = maps(2, *shape, 4), maps(2, *shape, 4, seed=1)

    def fast(params, x):
        down, conv = nnx.merge(graph, params, rest)
        return down.after(conv, x)

    def dense(params, x):
        return three_steps(*nnx.merge(graph, params, rest), x)

    fast, dense = (value_and_slopes(f, params, x, weights) for f in (fast, dense))
    assert fast[0][1].shape[1:3] == tuple(
        -(-size // s) for size, s in zip(shape, stride, strict=True)
    )
    for a, b in zip(jax.tree.leaves(fast), jax.tree.leaves(dense), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size, window, stride", [(8, 2, 2), (9, 3, 2), (11, 2, 3)])
def test_valid_windows_give_the_sizes_of_strided_pooling(size, window, stride):
    down = Downsample(1, stride, partial(Max, window=window), rngs=nnx.Rngs(0))
    y = down(jnp.ones((1, size, size, 1)))
    assert y.shape[1] == (size - window) // stride + 1


HALF = pytest.param(jnp.bfloat16, marks=pytest.mark.slow)  # traces all of them again


@pytest.mark.parametrize("dtype", [jnp.float32, HALF])
@pytest.mark.parametrize("reduce", REDUCES)
def test_any_three_parts_compose(reduce, dtype):
    """All 225 triples: shapes, dtypes, in training and evaluation, with a companion."""
    x = jax.ShapeDtypeStruct((2, 8, 12, 4), dtype)
    z = jax.ShapeDtypeStruct((2, 8, 12, 6), dtype)
    if reduce is not Identity:
        reduce = partial(reduce, padding="circular")
    for lowpass in LOWPASSES:
        for sample in SAMPLES:

            def outputs(x, z, lowpass=lowpass, sample=sample):
                down = Downsample(4, (2, 3), reduce, lowpass, sample, rngs=nnx.Rngs(0))
                training = down(x, z)
                down.eval()
                return training, down(x, z)

            for y, follower in jax.eval_shape(outputs, x, z):
                assert (y.shape, y.dtype) == ((2, 4, 4, 4), dtype)
                assert (follower.shape, follower.dtype) == ((2, 4, 4, 6), dtype)


@pytest.mark.parametrize(
    "reduce, lowpass, sample",
    [(partial(reduce, padding="circular"), Identity, Energy) for reduce in REDUCES[1:]]
    + [(Identity, lowpass, Learned) for lowpass in LOWPASSES]
    + [(Average, Binomial, Random), (Soft, partial(Adaptive, groups=2), All)],
)
def test_gradients_are_finite_in_training(reduce, lowpass, sample, maps):
    """Through every part, on varied and on all-zero maps."""
    down = Downsample(4, 2, reduce, lowpass, sample, rngs=nnx.Rngs(0))
    graph, params, rest = nnx.as_pure(nnx.split(down, nnx.Param, ...))

    def energy(params, x):
        return (nnx.merge(graph, params, rest)(x) ** 2).sum()

    slopes = jax.jit(jax.grad(energy, (0, 1)))
    for x in (maps(2, 8, 8, 4), jnp.zeros((2, 8, 8, 4))):
        assert all(
            np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes(params, x))
        )


def test_stride_one_is_the_dense_part_alone(maps, run):
    x = maps(2, 5, 6, 3)
    for build in (partial(Downsample, stride=1), partial(keep, stride=7)):
        down = build(3, reduce=partial(Median, padding="zero"), rngs=nnx.Rngs(0))
        assert down.stride == (1, 1)
        np.testing.assert_array_equal(run(down, x), run(down.reduce, x))
    assert keep(3, 2, rngs=nnx.Rngs(0)).decimates


def test_only_plain_decimation_decimates():
    def decimates(*parts):
        return Downsample(2, 2, *parts, rngs=nnx.Rngs(0)).decimates

    assert decimates(Identity, Identity, First)
    assert not decimates(Max, Identity, First)
    assert not decimates(Identity, Binomial, First)
    for sample in SAMPLES[1:]:
        assert not decimates(Identity, Identity, sample)


def test_a_reduce_that_shrinks_the_map_leaves_no_place_for_a_companion(maps):
    x = maps(1, 7, 7, 2)
    for sample in (First, Energy):
        valid = partial(Max, padding="valid")
        down = Downsample(2, 2, valid, sample=sample, rngs=nnx.Rngs(0))
        with pytest.raises(UserError, match=r"shortcut has .*reduce\.padding to zero"):
            down(x, x)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_map_smaller_than_its_stride_is_named(sample):
    down = Downsample(1, (2, 4), sample=sample, rngs=nnx.Rngs(0))
    with pytest.raises(UserError, match=r"2×3 map.*smaller.*downsample\.stride"):
        down(jnp.ones((1, 2, 3, 1)))


UNCHECKED = """
import jax.numpy as jnp
from flax import nnx
from research.downsample import Downsample
from research.downsample.lowpass import Identity, Ideal
from research.downsample.reduce import Average, Max
from research.downsample.sample import All, Energy, First
from research.errors import UserError

for sample in (First, Energy, All):
    for parts in ((Max,), (Identity, Ideal), (Average, Identity)):
        down = Downsample(4, 2, *parts, sample=sample, rngs=nnx.Rngs(0))
        for call in (down, down.margin, lambda x: down(jnp.ones((1, 8, 8, 4)), x)):
            for shape in ((), (4,), (8, 4), (8, 8, 4), (1, 2, 8, 8, 4)):
                try:
                    call(jnp.ones(shape))
                except UserError as error:
                    line = str(error)
                    assert str(shape) in line and "(batch, height" in line, line
                    assert ("x[None]" in line) == (len(shape) == 3), line
                else:
                    raise AssertionError(shape)
        for shape in ((2, 0, 8, 4), (2, 8, 1, 4)):
            try:
                down(jnp.ones(shape))
            except UserError as error:
                assert "smaller than its stride" in str(error) or "window" in str(error)
            else:
                raise AssertionError(shape)
        assert down(jnp.ones((0, 8, 8, 4))).shape[0] == 0
"""


def test_what_is_no_batch_of_maps_is_named():
    """As a user calls it: no types are checked at run time."""
    subprocess.run([sys.executable, "-c", UNCHECKED], check=True)


@pytest.mark.parametrize(
    "reduce, lowpass, sample",
    [(reduce, Binomial, partial(Energy, norm=1)) for reduce in REDUCES]
    + [(Average, lowpass, Energy) for lowpass in LOWPASSES]
    + [(Max, Binomial, Energy), (Max, Binomial, Learned)],
)
def test_adaptive_samplers_commute_with_shifts_by_default(
    reduce, lowpass, sample, maps
):
    """The parts that are given no padding wrap around, so nothing is lost silently."""
    down = Downsample(4, 2, reduce, lowpass, sample, rngs=nnx.Rngs(0))
    down.eval()
    x = maps(6, 8, 8, 4)
    compute = jax.jit(down)
    y, moved = compute(x), compute(jnp.roll(x, (1, 3), (1, 2)))
    clear = jax.jit(down.margin)(x) > 1e-5
    assert clear.sum() > 2
    errors = [
        np.abs(np.roll(y, shift, (1, 2)) - moved).max(axis=(1, 2, 3))
        for shift in np.ndindex(4, 4)
    ]
    assert np.min(errors, 0)[clear].max() < 1e-5


def test_a_padding_that_is_given_stays():
    parts = partial(Max, padding="zero"), partial(Binomial, padding="reflect")
    down = Downsample(4, 2, *parts, sample=Energy, rngs=nnx.Rngs(0))
    assert (down.reduce.padding, down.lowpass.padding) == ("zero", "reflect")
    plain = Downsample(4, 2, Max, Binomial, rngs=nnx.Rngs(0))
    assert (plain.reduce.padding, plain.lowpass.padding) == ("valid", "reflect")


@pytest.mark.parametrize("stride", [0, (2, 0), (1, 2, 3), -1])
def test_a_stride_that_is_none_is_named(stride):
    with pytest.raises(UserError, match=r"downsample\.stride="):
        Downsample(1, stride, rngs=nnx.Rngs(0))


def test_construction_needs_no_draws():
    def build():
        return nnx.state(
            Downsample(4, 2, Convolution, Adaptive2, Learned, rngs=nnx.Rngs(0))
        )

    Adaptive2 = partial(Adaptive, groups=2)
    assert all(
        isinstance(leaf, jax.ShapeDtypeStruct)
        for leaf in jax.tree.leaves(nnx.eval_shape(build))
    )


def test_two_of_a_kind_share_a_compiled_step(maps):
    """Graph definitions are equal, so that a step over either is traced once."""

    def build(seed):
        return Downsample(
            4,
            2,
            Stochastic,
            partial(Binomial, taps=5),
            partial(Learned, hidden=3),
            rngs=nnx.Rngs(seed),
        )

    assert nnx.graphdef(build(0)) == nnx.graphdef(build(1))
