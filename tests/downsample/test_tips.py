"""TIPS against the published outputs, a loop of our own, and what it does not keep."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import outputs_of_peers
import pytest
from flax import nnx
from scipy import ndimage, special

from research.downsample import Downsample
from research.downsample.learned import Convex
from research.downsample.tips import Tips
from research.models.convnet import chollet
from research.models.readout import Head
from research.nn.layers import count_parameters
from research.nn.regularization import regularize
from research.nn.signal import shift


def build(channels, stride=(2, 2), **options):
    down = Downsample(
        channels, stride, sample=partial(Tips, **options), rngs=nnx.Rngs(0)
    )
    down.eval()
    return down


def test_it_is_the_published_layer():
    case = outputs_of_peers.read("tips_8x8")
    down = build(3)
    down.sample.depthwise[...], down.sample.pointwise[...] = case["dw"], case["pw"]
    psi = down.sample.features(case["x"])
    tau = down.sample.weights(psi).transpose(0, 2, 1)
    for ours, name in ((down(case["x"]), "y"), (psi, "psi"), (tau, "tau")):
        np.testing.assert_allclose(ours, case[name], rtol=1e-5, atol=1e-6)


def reference(x, depthwise, pointwise, stride):
    """One image and one channel at a time, in float64."""
    missing = [-size % s for size, s in zip(x.shape[1:3], stride, strict=True)]
    x = np.pad(x, [(0, 0), *((m, 0) for m in missing), (0, 0)], "reflect")
    y = []
    for image in x:
        for c in range(x.shape[3]):
            plane, taps = image[..., c], depthwise[:, :, 0, c]
            psi = np.maximum(ndimage.correlate(plane, taps, mode="constant"), 0)
            rows = np.split(psi, stride[0], 0)
            blocks = [b.mean() for row in rows for b in np.split(row, stride[1], 1)]
            tau = special.softmax(pointwise[0, 0, 0, c] * np.array(blocks))
            phases = [
                plane[k % stride[0] :: stride[0], k // stride[0] :: stride[1]]
                for k in range(stride[0] * stride[1])
            ]
            y.append(sum(t * phase for t, phase in zip(tau, phases, strict=True)))
    y = np.array(y)
    return y.reshape(len(x), x.shape[3], *y.shape[1:]).transpose(0, 2, 3, 1)


@pytest.mark.parametrize(
    "size, stride",
    [((8, 6), (2, 2)), ((7, 7), (2, 2)), ((1, 9), (1, 2)), ((9, 8), (3, 2))],
)
def test_it_is_a_loop_over_channels(size, stride, maps, run):
    down, x = build(2, stride), maps(3, *size, 2)
    weights = [
        np.float64(w[...]) for w in (down.sample.depthwise, down.sample.pointwise)
    ]
    expected = reference(np.float64(x), *weights, stride)
    np.testing.assert_allclose(run(down, x), expected, rtol=1e-5, atol=1e-6)


def test_a_companion_is_mixed_alike(maps):
    down, x, z = build(2), maps(3, 8, 8, 2), maps(3, 8, 8, 5, seed=1)
    np.testing.assert_allclose(*down(x, x), rtol=1e-6)
    tau = down.sample.weights(down.sample.features(x)).mean(2)
    phases = [z[:, k % 2 :: 2, k // 2 :: 2] for k in range(4)]
    expected = sum(
        t[:, None, None, None] * p for t, p in zip(tau.T, phases, strict=True)
    )
    np.testing.assert_allclose(down(x, z)[1], expected, rtol=1e-5, atol=1e-6)


def test_it_has_ten_parameters_a_channel():
    assert count_parameters(build(5)) == 50
    assert count_parameters(build(5, window=(1, 3))) == 20


@pytest.mark.parametrize("offset", [(0, 1), (0, 2), (4, 4)])
def test_it_is_not_equivariant_as_its_documentation_says(offset, maps):
    down, x = build(3, padding="circular"), maps(2, 8, 8, 3)
    still, moved = down(x), down(shift(x, offset))
    steps = [(offset[0] // 2 + e, offset[1] // 2 + f) for e in (0, 1) for f in (0, 1)]
    assert min(float(abs(moved - shift(still, one)).max()) for one in steps) > 1e-3


def test_exact_weights_do_not_help_a_mixture(maps):
    """It keeps the mean, and neither the map nor the mean of its relu."""
    down = Downsample(3, 2, sample=Convex, rngs=nnx.Rngs(0))
    down.eval()
    x = maps(2, 8, 8, 3)
    still = down(x)
    np.testing.assert_allclose(down(shift(x, (2, 4))), shift(still, (1, 2)), atol=1e-6)
    moved = down(shift(x, (0, 1)))
    assert min(float(abs(moved - shift(still, (0, s))).max()) for s in range(4)) > 0.05
    mean = partial(jnp.mean, axis=(1, 2))
    np.testing.assert_allclose(mean(moved), mean(still), atol=1e-6)
    assert abs(mean(jax.nn.relu(moved)) - mean(jax.nn.relu(still))).max() > 1e-3


def test_convex_mixes_by_the_published_logits():
    case = outputs_of_peers.read("lps_test")
    down = Downsample(3, 2, sample=partial(Convex, hidden=5), rngs=nnx.Rngs(0))
    down.eval()
    sample = down.sample
    sample.first.kernel[...], sample.first.bias[...] = case["w1"], case["b1"]
    sample.second.kernel[...] = case["w2"].mean(-1, keepdims=True)  # only means count
    x = case["x"]
    logits = sample.scores(x, x) + case["b2"].mean()
    np.testing.assert_allclose(logits, case["logits"], rtol=1e-5, atol=1e-5)
    weights = special.softmax(np.float64(case["logits"]), 1)
    phases = [x[:, p::2, q::2] for p in (0, 1) for q in (0, 1)]
    expected = sum(
        w[:, None, None, None] * p for w, p in zip(weights.T, phases, strict=True)
    )
    np.testing.assert_allclose(down(x), expected, rtol=1e-5, atol=1e-6)
    assert (down.margin(x) == 1).all()


# The auxiliary losses.


@pytest.mark.parametrize("border", ["circular", "zero"])
def test_its_terms_are_those_of_the_publication(border, maps):
    down = build(2, border=border, image=(12, 8, 1))
    sample, x = down.sample, maps(3, 8, 8, 2)
    psi = sample.features(x)
    weights = sample.weights(psi)
    targets = {}
    for dy in range(-3, 4):
        for dx in range(-2, 3):
            target = np.zeros_like(x)
            for u, v in np.ndindex(8, 8):
                if border == "circular":
                    target[:, (u + dy) % 8, (v + dx) % 8] = x[:, u, v]
                elif 0 <= u + dy < 8 and 0 <= v + dx < 8:
                    target[:, u + dy, v + dx] = x[:, u, v]
            targets[dy, dx] = float(((psi - target) ** 2).mean())
    norms = np.sqrt((np.float64(weights) ** 2).sum(1))
    down.train()
    drawn = []
    for _ in range(40):
        down(x)
        focus, undo = sample.terms[...]
        np.testing.assert_allclose(focus, (1 - norms).mean(), rtol=1e-5)
        drawn.append(min(targets, key=lambda t: abs(targets[t] - undo)))
        np.testing.assert_allclose(undo, targets[drawn[-1]], rtol=1e-5)
    assert len(set(drawn)) > 15
    assert (np.abs(drawn).max(0) == (3, 2)).all()


def network():
    return chollet(
        (8, 8, 1),
        3,
        downsample=partial(
            Downsample, sample=partial(Tips, alpha=0.25, undo_epoch=2)
        ),
        head=Head,
        padding="circular",
        widths=(4, 4),
        poolings=2,
        rngs=nnx.Rngs(0),
    )  # fmt: skip


@pytest.mark.parametrize("epoch", [0, 1, 2, 7])
def test_the_objective_is_the_mean_over_its_layers(epoch, maps):
    net = network()
    net(maps(2, 8, 8, 1))
    terms = np.stack([net.stages[index].sample.terms[...] for index in (1, 3)])
    assert (terms > 0).all() and terms[0, 1] != terms[1, 1]
    undo = terms[:, 1].mean() if epoch >= 2 else 0
    expected = terms[:, 0].mean() + 0.75 * 1.5 + 0.25 * undo
    batch = {"epoch": jnp.full(2, epoch)}
    found = regularize(net, jnp.float32(1.5), batch)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_gradients_reach_the_weights_and_not_the_target(maps):
    down, x = build(2), maps(3, 8, 8, 2)
    down.train()
    graph, params, rest = nnx.as_pure(nnx.split(down, nnx.Param, ...))

    def objective(params, x):
        net = nnx.merge(graph, params, rest)
        net(x)
        return regularize(net, jnp.float32(0), {"epoch": jnp.zeros(3, int)})

    for leaf in jax.tree.leaves(jax.grad(objective)(params, x)):
        assert abs(leaf).max() > 0
    # A map that ψ makes nothing of gets no gradient: it does through a live target.
    silent = jax.tree.map(lambda p: -jnp.ones_like(p), params)
    assert not jax.grad(objective, 1)(silent, jnp.abs(x)).any()


def test_a_network_without_such_modules_has_the_loss_itself():
    net = Downsample(4, rngs=nnx.Rngs(0))
    loss = jnp.float32(1.5)
    assert regularize(net, loss, {}) is loss


def test_evaluation_draws_nothing(maps):
    down = build(2)
    down(maps(2, 8, 8, 2))
    assert not down.sample.terms[...].any()
