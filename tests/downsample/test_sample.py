"""Every sampler against its definition; companions; margins; draws."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import references
from flax import nnx

from research.downsample import Downsample
from research.downsample.learned import Learned
from research.downsample.lowpass import Binomial, Identity
from research.downsample.reduce import Average, Max, Median
from research.downsample.sample import All, Energy, First, Random
from research.errors import UserError
from research.nn.layers import Undecayed

LAYOUTS = [((8, 8), (2, 2)), ((7, 9), (3, 2))]


@pytest.mark.parametrize("shape, stride", LAYOUTS)
@pytest.mark.parametrize("norm", [1, 1.5, 2, 3, np.inf])
def test_energy_keeps_the_phase_of_largest_norm(norm, shape, stride, maps, run):
    x = maps(5, *shape, 3)
    down = Downsample(3, stride, sample=partial(Energy, norm=norm), rngs=nnx.Rngs(0))
    energies = references.energies(np.float64(x), stride, norm)
    grids = references.phases(np.asarray(x), stride)
    best = energies.argmax(1)
    assert len(set(best)) > 1
    expected = np.stack([grids[p][b] for b, p in enumerate(best)])
    np.testing.assert_array_equal(run(down, x), expected)


def test_energy_is_that_of_the_map_before_the_lowpass(maps, run):
    x = maps(40, 6, 6, 3)
    blur = partial(Binomial, padding="circular")
    down = Downsample(3, 2, lowpass=blur, sample=Energy, rngs=nnx.Rngs(0))
    wide = np.float64(x)
    blurred = references.binomial(wide, 3, "circular")
    best, other = (references.energies(m, (2, 2), 2).argmax(1) for m in (wide, blurred))
    assert (best != other).any()
    grids = references.phases(blurred, (2, 2))
    expected = np.stack([grids[p][b] for b, p in enumerate(best)])
    np.testing.assert_allclose(run(down, x), expected, atol=1e-6)


@pytest.fixture
def learned():
    def build(stride, **options):
        sample = partial(Learned, hidden=5, **options)
        down = Downsample(
            3,
            stride,
            lowpass=partial(Binomial, padding="circular"),
            sample=sample,
            rngs=nnx.Rngs(0),
        )
        down.sample.first.bias[...] = jnp.linspace(-1, 1, 5)
        return down

    return build


@pytest.mark.parametrize("shape, stride", LAYOUTS)
@pytest.mark.parametrize("select", ["before", "after"])
def test_learned_scores_are_two_convolutions_and_a_mean(
    select, shape, stride, learned, maps, run
):
    x = maps(5, *shape, 3)
    down = learned(stride, select=select)
    wide = np.float64(x)
    blurred = references.binomial(wide, 3, "circular")
    first, bias, second = (
        np.float64(p[...])
        for p in (
            down.sample.first.kernel,
            down.sample.first.bias,
            down.sample.second.kernel,
        )
    )
    source = blurred if select == "after" else wide
    logits = references.logits(source, stride, first, bias, second)
    scores = jax.jit(down.sample.scores)(x, jnp.asarray(blurred, jnp.float32))
    assert scores.dtype == jnp.float32
    np.testing.assert_allclose(scores, logits, atol=1e-5)
    grids = references.phases(blurred, stride)
    expected = np.stack([grids[p][b] for b, p in enumerate(logits.argmax(1))])
    np.testing.assert_allclose(run(down, x), expected, atol=1e-6)


def test_learned_mixes_by_gumbel_softmax_in_training(learned, maps):
    """At a low temperature each draw is one phase, as often as the softmax says."""
    x = jnp.tile(maps(1, 4, 4, 3), (6000, 1, 1, 1))
    down = learned((1, 2), temperature=1e-3, select="before")
    drawn = np.asarray(nnx.jit(lambda down, x: down(x))(down, x))
    logits = np.float64(down.sample.scores(x[:1], x[:1]))[0]
    grids = references.phases(references.binomial(x[:1], 3, "circular"), (1, 2))
    hits = [abs(drawn - grid).max((1, 2, 3)) < 1e-3 for grid in grids]
    assert np.mean(hits[0] | hits[1]) > 0.99  # the rest lie between two phases
    chance = 1 / (1 + np.exp(logits[1] - logits[0]))
    assert 0.02 < abs(chance - 0.5)
    assert abs(hits[0].mean() - chance) < 0.02


def test_learned_mixture_has_weights_of_sum_one_and_trains(learned, maps):
    down = learned((2, 2))
    flat = jnp.full((2, 4, 4, 3), 1.5)
    mixed = nnx.jit(lambda down, x: down(x))(down, flat)
    np.testing.assert_allclose(mixed, 1.5, rtol=1e-6)
    graph, params, rest = nnx.as_pure(nnx.split(down, nnx.Param, ...))

    def energy(params, x):
        return (nnx.merge(graph, params, rest)(x) ** 2).sum()

    slopes = jax.jit(jax.grad(energy, (0, 1)))(params, maps(2, 4, 4, 3))
    for leaf in jax.tree.leaves(slopes):
        assert np.isfinite(leaf).all() and (leaf != 0).any()


def test_only_the_pool_parameters_of_lps_take_no_decay(learned):
    state = nnx.state(learned((2, 2)), nnx.Param)
    assert len(jax.tree.leaves(state)) == 3
    assert len(jax.tree.leaves(nnx.state(learned((2, 2)), Undecayed))) == 3
    down = Downsample(3, sample=All, rngs=nnx.Rngs(0))
    assert not jax.tree.leaves(nnx.state(down, Undecayed))


def test_random_draws_every_phase_alike_and_keeps_the_first_after():
    x = jnp.tile(jnp.arange(6.0).reshape(1, 2, 3, 1), (6000, 1, 1, 1))
    down = Downsample(1, (2, 3), sample=Random, rngs=nnx.Rngs(0))
    drawn = nnx.jit(lambda down, x: down(x))(down, x)
    counts = np.bincount(np.asarray(drawn, int).ravel(), minlength=6)
    assert (abs(counts - 1000) < 4 * np.sqrt(1000 * 5 / 6)).all()
    assert not down.decimates
    down.eval()
    assert down.decimates
    assert (down(x) == 0).all()
    view = nnx.view(down, deterministic=False)
    assert not view.decimates


@pytest.mark.parametrize("shape, stride", LAYOUTS)
def test_all_is_a_product_with_every_phase(shape, stride, maps, run):
    x = maps(2, *shape, 3)
    down = Downsample(3, stride, sample=All, rngs=nnx.Rngs(0))
    stacked = np.concatenate(references.phases(np.float64(x), stride), -1)
    kernel = np.float64(down.sample.conv.kernel[...])[0, 0]
    assert kernel.shape == (stride[0] * stride[1] * 3, 3)
    np.testing.assert_allclose(run(down, x), stacked @ kernel, atol=1e-5)
    mean = np.mean(references.phases(np.float64(x), stride), 0)
    y, z = jax.jit(down)(x, 2 * x)
    np.testing.assert_allclose(z, 2 * mean, atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("sample", [First, Energy, Learned, Random])
def test_companions_follow_the_phase_and_the_filter(sample, training, maps):
    """A companion that is the map itself, and one of other channels, come out alike."""
    x = maps(6, 6, 8, 3)
    down = Downsample(
        3,
        (2, 2),
        lowpass=partial(Binomial, padding="circular"),
        sample=sample,
        rngs=nnx.Rngs(0),
    )
    down.train() if training else down.eval()
    y, (same, doubled) = nnx.jit(
        lambda down, x: (lambda y, z: (y, (z[..., :3], z[..., 3:])))(
            *down(x, jnp.concatenate([x, 2 * x], -1))
        )
    )(down, x)
    np.testing.assert_allclose(same, y, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(doubled, 2 * y, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("norm, power", [(2, 2), (1, 1), (np.inf, 1)])
def test_margin_is_the_relative_lead_of_the_best_phase(norm, power, maps):
    x = maps(4, 6, 6, 3)
    down = Downsample(3, 3, sample=partial(Energy, norm=norm), rngs=nnx.Rngs(0))
    scores = np.sort(references.energies(np.float64(x), (3, 3), norm) ** power, 1)
    expected = (scores[:, -1] - scores[:, -2]) / scores[:, -1]
    np.testing.assert_allclose(jax.jit(down.margin)(x), expected, rtol=1e-3, atol=1e-6)


def test_margin_counts_ties(maps):
    x = jnp.concatenate(
        [maps(1, 4, 4, 3), jnp.ones((1, 4, 4, 3)), jnp.zeros((1, 4, 4, 3))]
    )
    for sample in (Energy, Learned):
        down = Downsample(3, 2, sample=sample, rngs=nnx.Rngs(0))
        margin = jax.jit(down.margin)(x)
        assert margin.dtype == jnp.float32
        np.testing.assert_array_equal(margin < 1e-6, [False, True, True])
    for sample, stride in ((First, 2), (All, 2), (Random, 2), (Energy, 1)):
        down = Downsample(3, stride, sample=sample, rngs=nnx.Rngs(0))
        np.testing.assert_array_equal(down.margin(x), 1)


def test_energies_of_bfloat16_maps_do_not_tie(maps):
    """Summed in bfloat16 itself they do: in 8 bits few sums differ."""
    x = jax.nn.relu(maps(200, 8, 8, 4)).astype(jnp.bfloat16)
    down = Downsample(4, 2, sample=Energy, rngs=nnx.Rngs(0))
    margin = jax.jit(down.margin)(x)
    assert margin.dtype == jnp.float32
    assert (margin > 1e-6).all()
    assert (margin < 2**-8).any()


def test_infinite_norm_is_refused_after_a_reduce_that_repeats_values():
    infinite = partial(Energy, norm=np.inf)
    for reduce in (Max, Median):
        words = rf"norm=inf after reduce {reduce.__name__.lower()}.*tie.*norm=2\|1"
        with pytest.raises(UserError, match=words):
            Downsample(1, 2, reduce, sample=infinite, rngs=nnx.Rngs(0))
        Downsample(1, 1, reduce, sample=infinite, rngs=nnx.Rngs(0))
        Downsample(1, 2, reduce, sample=Energy, rngs=nnx.Rngs(0))
        once = partial(reduce, window=1)
        Downsample(1, 2, once, sample=infinite, rngs=nnx.Rngs(0))
    for reduce in (Identity, Average):
        Downsample(1, 2, reduce, sample=infinite, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
    "build, words",
    [
        (partial(Energy, norm=0.5), r"downsample\.sample\.norm=0\.5"),
        (
            partial(Learned, select="After"),
            r"downsample\.sample\.select=After: takes before or after",
        ),
        (partial(Learned, temperature=0), r"downsample\.sample\.temperature=0"),
    ],
)
def test_refuses_what_it_cannot_do(build, words):
    with pytest.raises(UserError, match=words):
        build(1, (2, 2), rngs=nnx.Rngs(0))
