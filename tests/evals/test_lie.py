"""Lie derivatives against the published code, differences, and their own sum."""

from pathlib import Path

import jax
import jax.numpy as jnp
import networks
import numpy as np
import pytest
from flax import nnx
from known import ink, measure, split, table

from research import config
from research.errors import UserError
from research.evals.engine.lie import Flow, divide, push_softmax, split_derivative
from research.evals.lie import Interpolation, Lie
from research.nn.signal import decimate, fractional_shift
from research.transforms.derivatives import bicubic, fourier, shift_down, shift_right

GOLDEN = {
    name: jnp.asarray(array)
    for name, array in np.load(
        Path(__file__).parents[1] / "golden/lie_tiny.npz"
    ).items()
}
SPLIT = split(9, shape=(8, 12, 1))
FOURIER = {"fourier": Interpolation(fourier, local=False)}
BOTH = FOURIER | {"bicubic": Interpolation(bicubic, local=True)}


def conv(x, kernel, bias, stride=1):
    y = jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        ((1, 1), (1, 1)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return jax.nn.relu(y + bias)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_given_the_tangents_it_is_what_the_publication_computes(axis):
    g = GOLDEN
    stages = [
        lambda x: conv(x, g["k1"], g["b1"]),
        lambda x: conv(x, g["k2"], g["b2"], stride=2),
        lambda x: x.mean((1, 2)) @ g["w"] + g["b"],
    ]
    tangents = [g[f"{name}_{axis}"] for name in ("dinput", "dmap", "dstrided")]
    found = split_derivative(stages, g["x"], lambda index, x: tangents[index])
    close = {"rtol": 1e-4, "atol": 1e-5}
    whole = found.contributions.sum(0)
    np.testing.assert_allclose(whole, g[f"logits_{axis}"], **close)
    p = push_softmax(found.output, whole)
    np.testing.assert_allclose(p, g[f"probs_{axis}"], **close)
    np.testing.assert_allclose(jnp.abs(p).mean(-1), g[f"lee_{axis}"], **close)
    first = jnp.sqrt((g[f"map_{axis}"] ** 2).sum((1, 2, 3)))
    size = jnp.sqrt((stages[0](g["x"]) ** 2).sum((1, 2, 3)))
    np.testing.assert_allclose(found.errors[0], first / size, **close)
    _, tail = jax.jvp(
        lambda x: stages[2](stages[1](x)), (stages[0](g["x"]),), (g[f"map_{axis}"],)
    )
    np.testing.assert_allclose(found.contributions[0], tail, **close)


def test_the_published_tangents_are_ours_where_both_are_two_sided():
    """Theirs is one-sided: forward or backward; ours is the mean of the two."""
    x = GOLDEN["x"]
    forward = jnp.roll(x, -1, 2) - x
    backward = x - jnp.roll(x, 1, 2)
    ours = bicubic(x, 2)
    np.testing.assert_allclose(
        ours[:, :, 1:-1], (forward + backward)[:, :, 1:-1] / 2, atol=1e-6
    )
    theirs = GOLDEN["dinput_x"] * 2 / (x.shape[2] - 1)
    near = np.minimum(abs(theirs - forward), abs(theirs - backward))[:, :, 1:-1]
    assert near.max() < 1e-5


@pytest.mark.slow  # compiles a derivative for every stage
@pytest.mark.parametrize(
    "options",
    [
        ["model=tiny", "downsample=max"],
        ["model=tiny", "downsample=blur_aps"],
    ],
)
def test_stages_add_up_to_the_whole(options):
    cfg = config.compose("data=digits", *options)
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    rng = np.random.default_rng(0)  # no two pixels alike, so that maxima are no ties
    images = SPLIT.labelled(
        rng.integers(0, 256, (4, 28, 28, 1), np.uint8), SPLIT.labels[:4]
    )
    rows = table(measure(Lie(FOURIER), network, images))
    for name in FOURIER:
        stages = [
            one for one in rows.values() if one.params.get("interpolation") == name
        ]
        shares = [one.value for one in stages if one.measure == "share"]
        assert len(shares) == len(network.stages) + 1
        assert sum(shares) == pytest.approx(1, abs=1e-4)
    # end to end it is the derivative along ideal fractional shifts
    x = jnp.asarray(images.images, jnp.float32) / 255
    squared, relative = [], []
    for step in np.eye(2, dtype=np.float32):
        along = jnp.tile(step, (4, 1))
        z, change = jax.jvp(
            lambda d: network(fractional_shift(x, d)), (0 * along,), (along,)
        )
        p = jax.nn.softmax(z)
        squared.append(((p * (change - (p * change).sum(-1)[:, None])) ** 2).sum(-1))
        relative.append(jnp.linalg.norm(change, axis=-1) / jnp.linalg.norm(z, axis=-1))
    for measure_, expected in (("squared", squared), ("relative", relative)):
        key = f"lie,interpolation=fourier,move=translation/{measure_}"
        found = rows[key].arrays["examples"]
        np.testing.assert_allclose(found, np.mean(expected, 0), rtol=1e-2)


class Circular(nnx.Module):
    """A circular convolution without a stride: linear, so that it commutes."""

    stride = (1, 1)

    def __call__(self, x):
        return x + 0.5 * jnp.roll(x, 1, 1) - 0.3 * jnp.roll(x, 2, 2)


class Decimate(nnx.Module):
    """Every second row and column."""

    stride = (2, 2)

    def __call__(self, x):
        return decimate(x, self.stride)


def errors(stages, images=SPLIT, **settings):
    network = networks.of(stages, images.images.shape[1:], pool=networks.mean)
    rows = measure(Lie(FOURIER, **settings), network, images)
    return {one.params["index"]: one.value for one in rows if one.measure == "error"}


def test_circular_convolutions_commute_and_decimation_aliases():
    found = errors([Circular(), Decimate(), Circular()])
    assert found[0] < 1e-5 and found[2] < 1e-5 and found[1] > 0.1
    # the mean over positions does not mind shifts
    assert found[3] < 1e-5


def test_of_a_band_limited_image_decimation_keeps_everything():
    wave = 128 + 100 * np.cos(2 * np.pi * np.arange(12) / 12)
    images = np.tile(wave.astype(np.uint8), (9, 8, 1))[..., None]
    slow = SPLIT.labelled(images, SPLIT.labels)
    fast = SPLIT.labelled(images[:, :, np.arange(12) * 5 % 12], SPLIT.labels)
    assert errors([Decimate()], slow)[0] < 0.01 < 0.5 < errors([Decimate()], fast)[0]


def test_moves_have_their_units():
    network = networks.of([networks.Keep()])
    one, ten = (Flow(shift_down, bicubic, unit) for unit in (1.0, 10.0))
    x = jnp.asarray(SPLIT.images / 255, jnp.float32)
    np.testing.assert_allclose(ten(x), 10 * one(x), rtol=1e-6)
    assert Flow(shift_right, bicubic) == Flow(shift_right, bicubic)
    rows = table(measure(Lie(BOTH), network, SPLIT))
    moves = {
        (o.params["interpolation"], o.params["move"])
        for o in rows.values()
        if "move" in o.params
    }
    assert moves == {("fourier", "translation")} | {
        ("bicubic", move) for move in ("translation", "rotation", "scale")
    }


def test_nothing_of_nothing_is_nothing():
    assert list(divide(jnp.array([0.0, 3.0]), jnp.array([0.0, 2.0]))) == [0, 1.5]
    even = SPLIT.labelled(np.full((9, 8, 12, 1), 7, np.uint8), SPLIT.labels)
    network = networks.of([networks.Keep()], pool=networks.mean)
    for one in measure(Lie(FOURIER), network, even):
        assert one.value == pytest.approx(0, abs=1e-6)


def test_what_cannot_be_differentiated_is_refused():
    with pytest.raises(UserError, match="eval=lie differentiates a network of this"):
        Lie(BOTH).check(ink, SPLIT)
