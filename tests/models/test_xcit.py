"""XCiT: what a block computes, and which shifts its networks commute with."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from research import config
from research.errors import UserError
from research.evals.engine.closed_form import ClosedForm
from research.evals.engine.orbits import brute_force
from research.evals.engine.predictor import Predictor
from research.evals.engine.receptive import receptive_fields
from research.models.xcit import Block
from research.nn.layers import count_parameters
from research.nn.signal import fractional_shift

SIDE = 16
SHAPE = (SIDE, SIDE, 3)
SMALL = ["model=xcit_tiny", "model.width=16", "model.heads=2", "model.depth=2"]
SMALL += [f"data.shape={list(SHAPE)}", "data.mean=[0.5]"]
ON = ["model.padding=circular", "downsample=aps"]
EXACT = 1e-4  # of the outputs' spread
IMAGES = np.random.default_rng(3).uniform(size=(2, *SHAPE)).astype(np.float32)
LABELS = jnp.array([0, 1])
SHIFTS = list(np.ndindex(SIDE, SIDE))


def build(*overrides, **given):
    cfg = config.compose(*SMALL, *overrides)
    if given:
        factory, down = config.build(cfg.model, **given), config.build(cfg.downsample)
        network = factory(SHAPE, 10, downsample=down, rngs=nnx.Rngs(1))
    else:
        network = config.network(cfg, rngs=nnx.Rngs(1))
    network.eval()
    return network


def apply(module, x):
    graph, state = nnx.split(module)
    return np.asarray(jax.jit(lambda s, x: nnx.merge(graph, s)(x))(state, x))


def largest_change(network):
    """Over all circular shifts, in standard deviations of the logits."""
    moved = np.concatenate([np.roll(IMAGES, one, (1, 2)) for one in SHIFTS])
    found = apply(network, moved).reshape(len(SHIFTS), len(IMAGES), -1)
    return np.abs(found - found[0]).max() / found.std()


@pytest.mark.parametrize(
    "parts",
    [
        [],
        ["model/position=convolved", "model/last_norm=none"],
        ["model/norm=token", "downsample=max_aps"],
    ],
    ids=str,
)
def test_no_shift_changes_an_answer(parts):
    assert largest_change(build(*ON, *parts)) < EXACT


@pytest.mark.parametrize(
    "off",
    ["model.padding=zero", "downsample=decimate", "model/position=sinusoidal"],
)
def test_each_part_off_breaks_it(off):
    assert largest_change(build(*ON, off)) > 1e-2


def test_blocks_commute_with_all_shifts():
    block = next(one for one in build(*ON).stages if isinstance(one, Block))
    x = np.random.default_rng(0).normal(size=(2, 6, 8, 16)).astype(np.float32)
    for shift in [(1, 0), (0, 1), (3, 5)]:
        moved = apply(block, np.roll(x, shift, (1, 2)))
        wanted = np.roll(apply(block, x), shift, (1, 2))
        np.testing.assert_allclose(moved, wanted, atol=1e-5)


class Square(nnx.Module):
    """x + x²/4 of what is band-limited to a quarter, so that it does not alias."""

    def __init__(self, features, *, rngs):
        del features, rngs

    def __call__(self, x):
        spectrum = jnp.fft.fft2(x, axes=(1, 2))
        for axis in (1, 2):
            frequency = np.fft.fftfreq(x.shape[axis])
            kept = (np.abs(frequency) < 0.25).reshape((-1, 1, 1)[: 4 - axis])
            spectrum = spectrum * kept
        x = jnp.fft.ifft2(spectrum, axes=(1, 2)).real
        return x + x**2 / 4


def gap_at_half_a_pixel(network):
    spectrum = np.fft.fft2(IMAGES, axes=(1, 2))
    spectrum[:, SIDE // 2] = spectrum[:, :, SIDE // 2] = 0
    x = np.fft.ifft2(spectrum, axes=(1, 2)).real.astype(np.float32)
    offset = jnp.full((len(x), 2), 0.5)
    logits = apply(network, x)
    moved = apply(network, np.asarray(fractional_shift(jnp.asarray(x), offset)))
    return np.abs(moved - logits).max() / logits.std()


def test_with_alias_free_parts_fractional_shifts_change_no_answer():
    """Any alias-free activation can be injected: here one that is its own lowpass."""
    parts = ["model.padding=circular", "downsample=ideal"]
    parts += ["model/norm=token", "model/last_norm=none"]
    assert gap_at_half_a_pixel(build(*parts, activation=Square)) < EXACT
    assert gap_at_half_a_pixel(build(*parts)) > 10 * EXACT  # GELU aliases
    normalized = [*parts, "model/last_norm=layer"]  # divides each position
    assert gap_at_half_a_pixel(build(*normalized, activation=Square)) > 10 * EXACT


def test_the_closed_form_is_brute_force():
    network = build(*ON)
    orbit = ClosedForm(network, IMAGES)
    found, want = orbit.logits(IMAGES), brute_force(Predictor(network), IMAGES)
    assert orbit.period == (4, 4)
    assert np.abs(np.tile(found, (1, 4, 4, 1)) - want).max() < EXACT * want.std()


@pytest.mark.slow  # traces networks of full size
def test_parameters_and_receptive_field():
    cfg = config.compose("model=xcit_tiny", "data=cifar10")
    network = nnx.eval_shape(lambda: config.network(cfg, rngs=nnx.Rngs(0)))
    c = 96
    attention = 4 * c**2 + 4 * c + 4
    neighbours = 2 * 10 * c + 2 * c
    block = attention + neighbours + 8 * c**2 + 5 * c + 3 * c + 3 * 2 * c
    patches = 27 * c // 2 + 9 * c**2 // 2 + 2 * (c + c // 2)
    total = patches + 4 * block + 2 * c + 10 * c + 10
    assert count_parameters(network) == total == 501_962
    assert receptive_fields(build(), SHAPE)[3] == (7, 7)
    assert receptive_fields(build(), SHAPE)[-1] == (None, None)


@pytest.mark.slow  # trains until it has learnt
def test_it_learns():
    network = build(*ON, "model.depth=1")
    network.train()
    graph, *states = nnx.split(network, nnx.Param, ...)
    params, rest = map(nnx.as_pure, states)
    optimizer = optax.adam(1e-2)

    def step(carry, _):
        def loss(params):
            logits = nnx.merge(graph, params, rest)(jnp.asarray(IMAGES))
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, LABELS)
            return losses.mean()

        params, state = carry
        value, gradient = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), (value, gradient)

    @jax.jit
    def train(params):  # one program: compiling takes the time
        return jax.lax.scan(step, (params, optimizer.init(params)), None, 8)

    (params, _), (losses, gradient) = train(params)
    assert losses[-1] < losses[0] / 2
    assert all(np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["model.strides=[3,2]"], "model.strides: patches of 3×3 .* a 16×16 map"),
        (["model.strides=[]"], r"model.strides=\[\]: takes a list"),
        (["model.width=9", "model.heads=3"], "model.width=9: .* a multiple of 2"),
        (["model.heads=3"], "model.heads: 3 do not divide a width of 16"),
    ],
    ids=str,
)
def test_sizes_that_do_not_divide_are_refused(words, line):
    with pytest.raises(UserError, match=line) as caught:
        build(*words)
    assert "\n" not in str(caught.value)
