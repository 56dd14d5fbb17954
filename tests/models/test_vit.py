"""The transformer, against one written token by token in NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.downsample import Downsample
from research.errors import UserError
from research.models.readout import Head, mean
from research.models.vit import Block, Learned, Sinusoidal, Unplaced, vit

IMAGES = np.random.default_rng(0).uniform(size=(2, 8, 12, 3)).astype(np.float32)
WIDTH, HEADS, PATCH = 8, 2, 4


def make(class_token, position=Learned):
    return vit(
        (8, 12, 3),
        5,
        downsample=Downsample,
        head=lambda *a, **k: Head(*a, pool=mean, **k),
        position=position,
        patch=PATCH,
        width=WIDTH,
        depth=2,
        heads=HEADS,
        hidden=16,
        class_token=class_token,
        rngs=nnx.Rngs(3),
    )


def value(variable):
    return np.asarray(variable[...], np.float64)


def dense(layer, x):
    return x @ value(layer.kernel) + value(layer.bias)


def norm(layer, x):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)
    return x * value(layer.scale) + value(layer.bias)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def block(layer, x):
    size = WIDTH // HEADS
    qkv = dense(layer.attention.inputs, norm(layer.norms[0], x))
    q, k, v = np.split(qkv, 3, axis=-1)
    parts = []
    for head in range(HEADS):
        cut = slice(head * size, (head + 1) * size)
        weights = softmax(q[:, cut] @ k[:, cut].T / np.sqrt(size))
        parts.append(weights @ v[:, cut])
    x = x + dense(layer.attention.outputs, np.concatenate(parts, -1))
    h = dense(layer.expand, norm(layer.norms[1], x))
    h = h / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))  # gelu
    return x + dense(layer.contract, h)


def reference(network, image, class_token):
    """A transformer on a sequence; patches are cut out, the token goes before them."""
    embed, place = network.stages[0], network.stages[2]
    kernel = value(embed.kernel).reshape(-1, WIDTH)
    patches = [
        image[i : i + PATCH, j : j + PATCH].reshape(-1) @ kernel
        for i in range(0, image.shape[0], PATCH)
        for j in range(0, image.shape[1], PATCH)
    ]
    x = np.array(patches) + value(embed.bias)
    x = x + value(place.vectors).reshape(x.shape)
    if class_token:
        x = np.concatenate([value(network.stages[3].token)[None], x])
    for stage in network.stages:
        x = block(stage, x) if isinstance(stage, Block) else x
    x = norm(network.stages[-1], x)
    return dense(network.readout.logits, x[0] if class_token else x.mean(0))


@pytest.mark.parametrize("class_token", [False, True])
def test_equals_a_transformer_on_a_sequence(class_token):
    network = make(class_token)
    images = jnp.asarray(IMAGES)
    expected = [reference(network, image, class_token) for image in IMAGES]
    np.testing.assert_allclose(network(images), expected, rtol=1e-4, atol=1e-5)
    *_, last = network.features(images)
    np.testing.assert_allclose(network.readout(last), expected, rtol=1e-4, atol=1e-5)


def test_without_positions_patches_are_a_bag():
    network = make(True, position=Unplaced)
    images = jnp.asarray(IMAGES)
    moved = jnp.roll(images, (PATCH, 2 * PATCH), (1, 2))
    np.testing.assert_allclose(network(images), network(moved), atol=1e-5)
    placed = make(True)
    assert np.abs(placed(images) - placed(moved)).max() > 1e-3


def test_sinusoidal_positions_are_all_different_and_fit_any_size():
    place = Sinusoidal((5, 7, 16), rngs=nnx.Rngs(0))
    for shape in ((1, 5, 7, 16), (1, 3, 2, 16)):
        vectors = np.asarray(place(jnp.zeros(shape))).reshape(-1, 16)
        gaps = np.linalg.norm(vectors[:, None] - vectors[None], axis=-1)
        assert gaps[~np.eye(len(vectors), dtype=bool)].min() > 0.1
        np.testing.assert_allclose((vectors**2).sum(-1), 8, rtol=1e-5)


def test_learned_positions_take_one_size():
    place = Learned((2, 3, 4), rngs=nnx.Rngs(0))
    with pytest.raises(UserError, match="made for a map of .2, 3, 4.*model/position"):
        place(jnp.zeros((1, 3, 3, 4)))
