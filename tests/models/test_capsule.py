"""Capsules: against definitions written one capsule at a time."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.downsample import Downsample
from research.errors import UserError
from research.models.capsule import capsnet, lengths, loss, route, squash
from research.models.network import Network
from research.models.readout import Head
from research.nn.layers import Conv
from research.tasks.classification import Classification
from research.tasks.losses import margin
from research.tasks.task import check

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def network():
    return capsnet(
        (8, 8, 1),
        3,
        downsample=Downsample,
        width=4,
        window=3,
        channels=2,
        inputs=4,
        units=5,
        decoder=(6, 7),
        rngs=nnx.Rngs(0),
    )


def test_squash_keeps_the_direction_and_bounds_the_length():
    s = RNG.normal(size=(50, 6)).astype(np.float32) * np.logspace(-3, 3, 50)[:, None]
    v, n = np.asarray(squash(jnp.asarray(s))), np.linalg.norm(s, axis=-1)
    np.testing.assert_allclose(
        np.linalg.norm(v, axis=-1), n**2 / (1 + n**2), rtol=0.06, atol=1e-7
    )
    clear = n > 0.1
    cosine = (v * s).sum(-1) / (np.linalg.norm(v, axis=-1) * n)
    np.testing.assert_allclose(cosine[clear], 1, rtol=1e-5)
    assert np.all(np.diff(np.linalg.norm(v, axis=-1)[np.argsort(n)]) >= -1e-6)


def test_gradients_are_finite_at_zero():
    zero = jnp.zeros((2, 4))
    for part in (squash, lengths):
        assert np.isfinite(jax.grad(lambda s, f=part: f(s).sum())(zero)).all()


@pytest.mark.parametrize("iterations", [1, 3])
def test_routing_equals_the_published_procedure(iterations):
    votes = RNG.normal(size=(2, 7, 3, 5))

    def one(u):  # of one example: procedure 1 of Sabour 2017, capsule by capsule
        b = np.zeros((7, 3))
        for _ in range(iterations):
            c = [np.exp(b[i]) / np.exp(b[i]).sum() for i in range(7)]
            v = []
            for j in range(3):
                s = sum(c[i][j] * u[i, j] for i in range(7))
                n2 = s @ s
                v.append(n2 / (1 + n2) * s / np.sqrt(n2))
            for i in range(7):
                for j in range(3):
                    b[i, j] += u[i, j] @ v[j]
        return np.array(v)

    found = route(jnp.asarray(votes, jnp.float32), iterations)
    np.testing.assert_allclose(found, [one(u) for u in votes], rtol=1e-4, atol=1e-6)


def test_each_capsule_of_each_image_votes_with_its_own_matrix(network):
    readout = network.readout
    matrices = np.asarray(readout.matrices[...])
    count, length, classes, units = matrices.shape
    u = RNG.normal(size=(3, count, length)).astype(np.float32)
    votes = np.empty((3, count, classes, units), np.float32)
    for image, capsule, klass in np.ndindex(votes.shape[:3]):
        votes[image, capsule, klass] = u[image, capsule] @ matrices[capsule, :, klass]
    found = readout.capsules(jnp.asarray(u.reshape(3, 1, count, length)))
    expected = route(jnp.asarray(votes), readout.iterations)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_margin_loss_by_cases():
    found = margin(
        jnp.array([[0.95, 0.05, 0.05], [0.4, 0.6, 0.1], [0.5, 0.0, 0.0]]),
        jnp.array([0, 0, 1]),
    )
    expected = [0, 0.5**2 + 0.5 * 0.5**2, 0.9**2 + 0.5 * 0.4**2]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_logits_are_the_lengths_of_capsules(network):
    images = jnp.asarray(RNG.uniform(size=(2, 8, 8, 1)), jnp.float32)
    logits = np.asarray(network(images))
    *_, last = network.features(images)
    capsules = np.asarray(network.readout.capsules(last))
    np.testing.assert_allclose(
        logits, np.linalg.norm(capsules, axis=-1), rtol=1e-3, atol=1e-4
    )
    assert last.shape == (2, 2, 2, 8)
    assert (np.linalg.norm(np.asarray(last).reshape(-1, 4), axis=-1) < 1).all()


def test_reconstruction_sees_the_true_capsule_alone(network):
    capsules = jnp.asarray(RNG.normal(size=(2, 3, 5)), jnp.float32)
    labels = jnp.array([2, 0])
    gradient = jax.grad(lambda c: network.readout.reconstruct(c, labels).sum())
    seen = np.abs(np.asarray(gradient(capsules))).sum(-1) > 0
    np.testing.assert_array_equal(seen, np.eye(3, dtype=bool)[np.asarray(labels)])


def test_loss_is_margin_plus_squared_error(network):
    images = jnp.asarray(RNG.uniform(size=(2, 8, 8, 1)), jnp.float32)
    labels = jnp.array([1, 2])
    value, logits = loss(
        network, {"image": images, "label": labels}, reconstruction=0.01
    )
    *_, last = network.features(images)
    drawn = network.readout.reconstruct(network.readout.capsules(last), labels)
    error = ((np.asarray(drawn) - np.asarray(images).reshape(2, -1)) ** 2).sum(1)
    expected = (np.asarray(margin(logits, labels)) + 0.01 * error).mean()
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(logits, network(images), rtol=1e-6)


def test_a_network_without_capsules_is_refused_before_it_is_trained(network):
    """And one with them is left as it is."""
    task = Classification(loss)
    examples = {
        "image": np.zeros((5, 8, 8, 1), np.uint8),
        "label": np.zeros(5, np.int32),
    }
    head = partial(Head, classes=3)
    rngs = nnx.Rngs(0)
    other = Network((8, 8, 1), [Conv(1, 2, rngs=rngs)], head, rngs=rngs)
    with pytest.raises(UserError, match=r"loss=margin .* model=capsnet"):
        check(task, other, examples)
    before = jax.tree.leaves(nnx.state(network))
    check(task, network, examples)
    after = jax.tree.leaves(nnx.state(network))
    assert all(a is b for a, b in zip(before, after, strict=True))


def test_works_without_a_decoder():
    bare = capsnet(
        (8, 8, 1),
        3,
        downsample=Downsample,
        width=4,
        window=3,
        channels=2,
        inputs=4,
        decoder=None,
        rngs=nnx.Rngs(0),
    )
    batch = {"image": jnp.zeros((1, 8, 8, 1)), "label": jnp.array([0])}
    value, logits = loss(bare, batch)
    np.testing.assert_allclose(value, margin(logits, jnp.array([0]))[0], rtol=1e-6)
