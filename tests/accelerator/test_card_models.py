"""Every model, its loss and all its gradients are those of the CPU."""

import jax
import numpy as np
import optax
import pytest
from comparing import FLOAT32, difference, on_both
from flax import nnx

from research import config

pytestmark = pytest.mark.accelerator

MODELS = sorted(
    path.stem
    for path in (config.CONF / "model").glob("*.yaml")
    if not path.stem.startswith("base")
)
SHALLOW = "model.depths=[1,1,1]"
DEEP = ["model.depths=[1,1,1,1]", "model.widths=[8,16,16,32]", "data.shape=[64,64,3]"]
VGG = ["model.depths=[1,1,1,1,1]", "model.widths=[8,8,16,16,16]"]
SMALLER = {  # of the same layers: compiling takes the time
    "allconv_all": ["model.widths=[16,32]"],
    "allconv_convpool": ["model.widths=[16,32]"],
    "allconv_model": ["model.widths=[16,32]"],
    "allconv_strided": ["model.widths=[16,32]"],
    "capsnet": ["model.width=16", "model.channels=4"],
    "resnet18": DEEP,
    "resnet20": [SHALLOW],
    "resnet32": [SHALLOW],
    "resnet50": DEEP,
    "resnet56": [SHALLOW],
    "vgg13": VGG,
    "vgg13_imagenet": [*VGG, "data.shape=[64,64,3]"],
    "vit_tiny": ["model.depth=1"],
}
# A unit near zero is on here and off there; the gradients then differ by its part.
GRADIENTS = 10 * FLOAT32


@pytest.mark.parametrize("model", MODELS)
def test_a_model_and_its_gradients_are_those_of_the_cpu(model, accelerator, note):
    data = "mnist" if model in ("capsnet", "capsnet_small") else "cifar10"
    words = [f"model={model}", f"data={data}", *SMALLER.get(model, [])]
    cfg = config.compose(*words)
    network = config.network(cfg, rngs=nnx.Rngs(0))
    graph, *states = nnx.split(network, nnx.Param, ...)
    params, rest = map(nnx.as_pure, states)
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(4, *cfg.data.shape)).astype(np.float32)
    labels = np.arange(4) % cfg.data.classes

    def loss(params, rest, x, labels):
        logits = nnx.merge(graph, params, rest)(x)
        # of a network that answers at every pixel, the same at each
        each = labels.reshape(-1, *[1] * (logits.ndim - 2))
        wanted = jax.numpy.broadcast_to(each, logits.shape[:-1])
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, wanted)
        return losses.mean(), logits

    gradient = jax.value_and_grad(loss, argnums=(0, 2), has_aux=True)
    there, here = on_both(accelerator, gradient, params, rest, x, labels)
    found, wanted = (
        np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(grads)])
        for _, grads in (there, here)
    )
    errors = difference(there[0][1], here[0][1]), difference(found, wanted)
    note("model={}: logits off by {:.2g}, gradients by {:.2g}".format(model, *errors))
    assert errors[0] < FLOAT32 and errors[1] < GRADIENTS
