"""Every network takes every activation and norm, and what is injected is what runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research import config
from research.nn.activation import AliasFree
from research.nn.norm import CHW2
from research.nn.signal import fractional_shift

SMALL = {
    "chollet": ["model=chollet", "model.widths=[4,4]"],
    "local": ["model=local", "model.widths=[4,4]", "model.padding=zero"],
    "allconv": ["model=allconv_all", "model.widths=[4,4]"],
    "resnet": ["model=resnet20", "model.widths=[4,8]", "model.depths=[1,1]"],
    "bottleneck": ["model=resnet50", "model.widths=[4,8]", "model.depths=[1,1]"],
    "vgg": ["model=vgg13", "model.widths=[4,8]", "model.depths=[1,1]"],
    "vit": ["model=vit_tiny", "model.width=8", "model.depth=1", "model.hidden=8"],
    "vit, token": ["model=vit_tiny", "model.width=8", "model.depth=1"]
    + ["model.hidden=8", "model.class_token=true"],
    "capsnet": ["model=capsnet_small", "model.width=4", "model.window=3"]
    + ["model.channels=2"],
    "airbench": ["model=airbench", "model.widths=[4,8,8]", "model.padding=circular"],
    "convnext": ["model=convnext_tiny", "model.widths=[4,8]", "model.depths=[1,1]"],
    "swin": ["model=swin_tiny", "model.widths=[4,8]", "model.depths=[1,1]"]
    + ["model.heads=[1,2]"],
    "xcit": ["model=xcit_tiny", "model.width=8", "model.depth=1", "model.heads=2"],
}
SHAPE = (16, 16, 1)


def build(*overrides):
    cfg = config.compose(*overrides)
    down = config.build(cfg.downsample)
    network = config.build(cfg.model)(SHAPE, 3, downsample=down, rngs=nnx.Rngs(0))
    network.eval()
    return network


def modules(network, kind):
    nodes = (node for _, node in nnx.iter_graph(network))
    return [node for node in nodes if isinstance(node, kind)]


def abstract(*overrides):
    def logits():
        network = build(*overrides)
        found = len(modules(network, AliasFree)), len(modules(network, CHW2))
        return network(jnp.zeros((2, *SHAPE))), jnp.zeros(found)

    return nnx.eval_shape(logits)


LONG = {"swin", "airbench", "bottleneck", "convnext"}  # to trace, five times


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(one, marks=pytest.mark.slow) if one in LONG else one
        for one in SMALL
    ],
)
def test_every_network_takes_them(family):
    parts = ["model/activation=alias_free", "model/norm=chw2"]
    logits, found = abstract(*SMALL[family], *parts)
    assert logits.shape == (2, 3) and min(found.shape) > 0
    assert abstract(*SMALL[family])[1].shape == (0, 0)
    for norm in ("none", "batch", "layer"):
        assert abstract(*SMALL[family], f"model/norm={norm}")[0].shape == (2, 3)


@pytest.mark.parametrize("family", ["chollet", "resnet", "vgg", "allconv", "airbench"])
def test_no_pointwise_activation_is_left(family):
    """With linear parts and an ideal lowpass, fractional shifts change nothing."""
    parts = ["model/activation=alias_free", "model/norm=chw2", "model/head=gap"]
    parts += ["downsample=ideal", "model.padding=circular"]
    if family == "airbench":  # its readout takes the maximum
        parts.remove("model/head=gap")
    network = build(*SMALL[family], *parts)
    graph, state = nnx.split(network)

    @jax.jit
    def last_map(images):
        *_, last = nnx.merge(graph, state).features(images)
        return last.mean((1, 2))

    x = jnp.asarray(np.random.default_rng(0).uniform(size=(2, *SHAPE)), jnp.float32)
    half = jnp.full((2, 2), 0.5)
    x = fractional_shift(fractional_shift(x, half), -half)
    moved = fractional_shift(x, jnp.array([[0.3, 1.6], [-2.5, 0.7]]))
    gap = jnp.abs(last_map(moved) - last_map(x)).max() / last_map(x).std()
    assert gap < 1e-4


def test_a_class_token_is_a_map_of_one_position():
    network = build(*SMALL["vit, token"], "model/activation=alias_free")
    block = next(stage for stage in network.stages if hasattr(stage, "attention"))
    tokens = jnp.asarray(np.random.default_rng(0).normal(size=(2, 17, 8)), jnp.float32)
    found = block.activate(tokens, (4, 4))
    places = block.act(tokens[:, 1:].reshape(2, 4, 4, 8)).reshape(2, 16, 8)
    np.testing.assert_allclose(found[:, 1:], places, atol=1e-6)
    want = block.act.polynomial(tokens[:, :1])
    np.testing.assert_allclose(found[:, :1], want, atol=1e-6)
