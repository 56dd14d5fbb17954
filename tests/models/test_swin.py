"""Swin: the published block, and that its parts together commute with all shifts."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from research import config
from research.data.split import Split
from research.downsample.sample import Energy
from research.errors import UserError
from research.evals.cost import Cost
from research.evals.engine.closed_form import ClosedForm
from research.evals.engine.orbits import brute_force
from research.evals.engine.predictor import Predictor
from research.evals.engine.receptive import receptive_fields
from research.evals.engine.ties import margins
from research.models.swin import Block
from research.models.windows import Windows
from research.nn.attention import RelativeBias
from research.nn.layers import count_parameters

# Of willding123's anchored Swin block, on a fixed random input.
PEERS = np.load(Path(__file__).parents[1] / "golden/attention.npz")
SIDE = 16
SMALL = ["model=swin_tiny", "model.widths=[8,16]", "model.heads=[2,2]"]
SMALL += ["model.window=4", f"data.shape=[{SIDE},{SIDE},3]", "data.mean=[0.5]"]
ON = "model.padding=circular"
EXACT = 1e-4  # of the outputs' spread
IMAGES = np.random.default_rng(3).uniform(size=(2, SIDE, SIDE, 3)).astype(np.float32)
LABELS = jnp.array([0, 1])
SHIFTS = list(np.ndindex(SIDE, SIDE))
EVALUATION = Split.labelled((255 * IMAGES).astype(np.uint8), np.array([0, 1], np.int32))


def build(*overrides, small=SMALL):
    cfg = config.compose(*small, *overrides)
    network = config.network(cfg, rngs=nnx.Rngs(1))
    for _, bias in nnx.iter_modules(network):
        if hasattr(bias, "table"):
            bias.table[...] = 30 * bias.table[...]  # as if it had been trained
    network.eval()
    return network


def shifted(maps, shifts=SHIFTS):
    return np.concatenate([np.roll(maps, one, (1, 2)) for one in shifts])


def apply(module, x):
    graph, state = nnx.split(module)
    return np.asarray(jax.jit(lambda s, x: nnx.merge(graph, s)(x))(state, x))


def largest_change(network):
    """Over all circular shifts, in standard deviations of the logits."""
    found = apply(network, shifted(IMAGES)).reshape(len(SHIFTS), len(IMAGES), -1)
    return np.abs(found - found[0]).max() / found.std()


def test_equals_the_published_block_in_its_frame():
    given = {
        name.removeprefix("poly_swin_block/"): jnp.asarray(PEERS[name])
        for name in PEERS.files
    }
    rngs = nnx.Rngs(0)
    windows = Windows(8, 2, (4, 4), (8, 8), anchor=Energy, bias=RelativeBias, rngs=rngs)
    norm = partial(nnx.LayerNorm, epsilon=1e-5)
    block = Block(8, 32, windows, norm=norm, norm_after=True, rngs=rngs)
    attention, perceptron = windows.attention, block.perceptron
    attention.bias.table[...] = given["attn.relative_position_bias_table"]
    for layer, name in (
        (attention.inputs, "attn.qkv"),
        (attention.outputs, "attn.proj"),
        (perceptron.expand, "mlp.fc1"),
        (perceptron.contract, "mlp.fc2"),
    ):
        layer.kernel[...] = given[f"{name}.weight"]
        layer.bias[...] = given[f"{name}.bias"]
    for layer, name in zip(block.norms, ("norm1", "norm2"), strict=True):
        layer.scale[...] = given[f"{name}.weight"]
        layer.bias[...] = given[f"{name}.bias"]
    there, _ = windows.anchor(given["x"])
    found = there(block(given["x"]))  # theirs stays in the anchored frame
    np.testing.assert_allclose(found, given["y"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        ["model/embed=anchored", "model/merge=anchored"],
        ["model.norm_after=true", "model/position=none", "model/bias=none"],
        ["model.window=null", "downsample=blur_aps"],
    ],
    ids=str,
)
def test_all_parts_on_no_shift_changes_an_answer(parts):
    assert largest_change(build(ON, *parts)) < EXACT


@pytest.mark.parametrize(
    "off",
    [
        ["model.padding=zero"],
        ["downsample=decimate"],
        ["model/embed=fixed"],
        ["model/merge=fixed"],
        ["model/anchor=first"],
        ["model/bias=relative"],
        ["model/position=learned"],
        ["model/position=sinusoidal"],
    ],
    ids=str,
)
def test_each_part_off_breaks_it(off):
    assert largest_change(build(ON, *off)) > 1e-3


def deviation(stage, x):
    """A stage's map, and how far it is from commuting with all shifts, in RMS of it.

    A stage that downsamples may also shift its map: the best shift counts.
    """
    found = apply(stage, shifted(x))
    found = found.reshape(len(SHIFTS), len(x), *found.shape[1:])
    y = found[SHIFTS.index((0, 0))]
    worst = 0.0
    for shift, one in zip(SHIFTS, found, strict=True):
        for example in range(len(y)):
            moves = [shift] if stage.stride == (1, 1) else np.ndindex(y.shape[1:3])
            rolled = [np.roll(y[example], move, (0, 1)) for move in moves]
            worst = max(worst, min(np.abs(one[example] - r).max() for r in rolled))
    return y, worst / np.sqrt(np.mean(y**2))


@pytest.mark.parametrize(
    "parts", [[], ["model/embed=anchored", "model/merge=anchored"]]
)
def test_every_stage_commutes_with_all_shifts(parts):
    """Maps are rolled back: no stage leaves its anchored frame behind."""
    network = build(ON, *parts)
    x = np.asarray(network.standardize(jnp.asarray(IMAGES[:1])))
    for stage in network.stages:
        x, found = deviation(stage, x)
        assert found < EXACT, type(stage).__name__


def test_windows_on_a_fixed_grid_do_not_commute():
    network = build(ON, "model/anchor=first")
    x = np.asarray(network.standardize(jnp.asarray(IMAGES[:1])))
    found = []
    for stage in network.stages:
        x, one = deviation(stage, x)
        if isinstance(stage, Block):
            found.append(one)
    assert min(found[:2]) > 1e-2 and max(found[2:]) < EXACT  # the last cover their map


@pytest.mark.slow  # compiles both ways
@pytest.mark.parametrize(
    "parts",
    [[], ["model/anchor=first"], ["model/embed=anchored"]],
)
def test_the_closed_form_is_brute_force(parts):
    """Where stages commute is found by trying: blocks on a fixed grid do not."""
    network = build(ON, *parts)
    orbit = ClosedForm(network, IMAGES)
    found, want = orbit.logits(IMAGES), brute_force(Predictor(network), IMAGES)
    repeats = np.floor_divide(want.shape, found.shape)
    assert orbit.shared
    assert orbit.period == ((16, 16) if "model/anchor=first" in parts else (4, 4))
    assert np.abs(np.tile(found, repeats) - want).max() < EXACT * want.std()


def test_margins_are_of_every_choice():
    """Two downsamplers and the two blocks whose windows do not cover their map."""
    network = build(ON)
    found = margins(network, IMAGES)
    assert found is not None and (0 < found).all() and (found < 1).all()
    flat = margins(network, np.ones_like(IMAGES))
    assert flat is not None and flat.max() < 1e-5
    fixed = ["model/embed=fixed", "model/merge=fixed", "model/anchor=first"]
    assert margins(build(*fixed), IMAGES) is None
    assert margins(build(*fixed[:2]), IMAGES) is not None


@pytest.mark.slow  # compiles every stage
def test_cost_and_receptive_fields_walk_its_stages():
    network = build(ON)
    rows = list(Cost()(network, EVALUATION))
    total = {r.measure: r.value for r in rows if r.params == {"part": "network"}}
    assert total["parameters"] == count_parameters(network)
    blocks = [r for r in rows if r.params["part"] == "Block"]
    adds = [r.value for r in blocks if r.measure == "multiply_adds"]
    # 12·C² of the dense layers and 2·16·C of the attention, at H·W positions.
    assert adds == [64 * (12 * 8**2 + 32 * 8)] * 2 + [16 * (12 * 16**2 + 32 * 16)] * 2
    fields = receptive_fields(network, (SIDE, SIDE, 3))
    assert fields[0] == (2, 2) and fields[1:] == [(None, None)] * (len(fields) - 1)
    fixed = build("downsample=decimate", "model/anchor=first", "model/position=none")
    at = [type(one).__name__ for one in fixed.stages].index("Block")
    assert receptive_fields(fixed, (SIDE, SIDE, 3))[at] == (2 + 3 * 2, 2 + 3 * 2)


def count(*overrides):
    cfg = config.compose("model=swin_tiny", "data=cifar10", *overrides)
    network = nnx.eval_shape(lambda: config.network(cfg, rngs=nnx.Rngs(0)))
    return count_parameters(network)


def test_parameters():
    full = count()
    assert full == 304_192
    # The 8×8 windows of the second group cover its maps.
    assert count("model/bias=relative") - full == 2 * 6 * (15**2 - 8**2)
    assert full - count("model/position=none") == 10 * (48 + 96)


@pytest.mark.slow  # trains until it has learnt
def test_it_learns():
    network = build(ON, "model.depths=[2,1]")
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
    trained = nnx.merge(graph, params, rest)
    trained.eval()
    assert largest_change(trained) < EXACT


def test_signals_are_maps_of_height_one():
    words = ["model.strides=[[1,2],[1,2]]", "model.window=[1,4]", "data.shape=[1,32,3]"]
    network = build(ON, *words)
    assert network.map_shapes((1, 32, 3))[-1] == (1, 8, 16)
    x = np.random.default_rng(0).uniform(size=(1, 1, 32, 3)).astype(np.float32)
    found = apply(network, np.concatenate([np.roll(x, d, 2) for d in range(32)]))
    assert np.abs(found - found[0]).max() < EXACT * found.std()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["model.window=3"], r"model.window=3×3: does not fit a 8×8 map; .* 2, 4 or 8"),
        (["model.strides=[3,2]"], "model.strides: patches of 3×3 .* a 16×16 map"),
        (["model.strides=[2,16]"], "model.strides: patches of 16×16 .* a 8×8 map"),
        (["model.heads=[3,2]"], "model.heads: 3 do not divide a width of 8"),
        (
            ["model.depths=[1]"],
            r"model.strides=\[2, 2\] .* model.depths=\[1\] .*: take",
        ),
        (
            ["model.window=null", "model.strides=[1,1]", "data.shape=[13,13,3]"],
            "model.window=null: no side of 2 to 8 divides a 13×13 map",
        ),
    ],
    ids=str,
)
def test_sizes_that_do_not_divide_are_refused(words, line):
    with pytest.raises(UserError, match=line) as caught:
        build(*words)
    assert "\n" not in str(caught.value)


def test_maps_of_other_sizes_are_refused():
    network = build(ON)
    assert network.map_shapes((16, 16, 3))[-1] == (4, 4, 16)
    with pytest.raises(UserError, match="stage 9 of .*model.window=4×4.* 8×8 map"):
        network.map_shapes((32, 32, 3))
