"""Circular padding, global pooling and adaptive sampling: invariant to every shift.

And each of the three is needed: without one the same network is not.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from research import config

SIDE = 16
EXACT = ["model.padding=circular", "downsample=aps"]
FAMILIES = {
    "chollet": ["model=chollet", "model/head=gap", "model.widths=[8,8,8]"],
    "allconv": ["model=allconv_all", "model.widths=[8,8]", "downsample/reduce=conv"],
    "vgg": ["model=vgg13", "model.widths=[8,8]", "model.depths=[1,1]"]
    + ["downsample/reduce=max", "model/head=gmp"],
    "resnet20": ["model=resnet20", "model.widths=[8,16]", "model.depths=[1,1]"],
    "resnet18": ["model=resnet18", "model.widths=[8,16]", "model.depths=[1,1]"],
    "resnet50": ["model=resnet50", "model.widths=[4,8]", "model.depths=[1,1]"]
    + ["downsample/lowpass=binomial", "model/stem=small"],
    "airbench": ["model=airbench", "model.widths=[8,8,8]"],
    "convnext": ["model=convnext_tiny", "model.widths=[8,8]", "model.depths=[1,1]"]
    + ["model.window=3"],
    "vit": ["model=vit_tiny", "model/position=none", "model.depth=1", "model.width=16"]
    + ["model.class_token=true"],
    "vit, convolved positions": ["model=vit_tiny", "model/position=convolved"]
    + ["model.depth=1", "model.width=16"],
}


def build(*overrides):
    cfg = config.compose(*overrides)
    return config.build(cfg.model)(
        (SIDE, SIDE, 3),
        10,
        downsample=config.build(cfg.downsample),
        mean=(0.4, 0.5, 0.6),
        std=(0.2, 0.2, 0.3),
        rngs=nnx.Rngs(1),
    )


@partial(jax.jit, static_argnums=0)
def logits(graph, params, rest, images):
    return nnx.merge(graph, params, rest)(images)


@partial(jax.jit, static_argnums=0)
def descend(graph, params, rest, images, labels):
    def objective(params):
        network = nnx.merge(graph, params, rest)
        scores = network(images)
        loss = optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()
        return loss, nnx.as_pure(nnx.state(network, nnx.Not(nnx.Param)))

    grads, rest = jax.grad(objective, has_aux=True)(params)
    return jax.tree.map(lambda p, g: p - 0.05 * g, params, grads), rest


def split(network):
    graph, params, rest = nnx.split(network, nnx.Param, ...)
    return graph, nnx.as_pure(params), nnx.as_pure(rest)


def trained(network, steps=3):
    network.train()
    graph, params, rest = split(network)
    rng = np.random.default_rng(2)
    for _ in range(steps):
        images = jnp.asarray(rng.uniform(size=(16, SIDE, SIDE, 3)), jnp.float32)
        labels = jnp.asarray(rng.integers(0, 10, 16))
        params, rest = descend(graph, params, rest, images, labels)
    return nnx.merge(graph, params, rest)


def largest_change(network):
    """Over all circular shifts, in standard deviations of the logits."""
    network.eval()
    rng = np.random.default_rng(3)
    images = rng.uniform(size=(2, SIDE, SIDE, 3)).astype(np.float32)
    shifted = [
        np.roll(images, (dy, dx), (1, 2)) for dy in range(SIDE) for dx in range(SIDE)
    ]
    found = logits(*split(network), np.concatenate(shifted))
    found = np.asarray(found).reshape(len(shifted), 2, -1)
    return np.abs(found - found[0]).max() / found.std()


LONG = {"resnet18", "resnet50", "vit"}  # to compile


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(one, marks=pytest.mark.slow) if one in LONG else one
        for one in FAMILIES
    ],
)
def test_invariant_to_every_shift(family):
    network = build(*FAMILIES[family], *EXACT)
    assert largest_change(network) < 1e-4
    assert largest_change(trained(network)) < 1e-4


@pytest.mark.parametrize("family", ["chollet", "resnet20"])
@pytest.mark.parametrize(
    "without", ["model.padding=zero", "model/head=flatten", "downsample=decimate"]
)
def test_each_of_the_three_is_needed(family, without):
    key = without.split("=")[0]
    kept = [o for o in FAMILIES[family] + EXACT if not o.startswith(f"{key}=")]
    assert largest_change(build(*kept, without)) > 1e-2


def test_a_position_embedding_breaks_it():
    kept = [o for o in FAMILIES["vit"] if not o.startswith("model/position")]
    assert largest_change(build(*kept, *EXACT)) > 1e-2
