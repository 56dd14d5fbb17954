"""The precision that a config asks for is that of every product and convolution."""

import re

import jax
import numpy as np
import pytest
from flax import nnx

from research import config
from research.distributed import devices
from research.errors import UserError
from research.evals.engine.modules import apply, in_inference, take_apart
from research.nn.precision import NAMES, Precision, computing
from research.training.step import Trainer

MODELS = {  # with an option of each kind of product
    "tiny": ["downsample=flc"],
    "mlp": [],
    "vit_tiny": ["model.depth=1"],
    "capsnet_small": ["loss=margin"],
    "resnet20": ["model.padding=circular", "downsample=lps"],
}
PRODUCTS = re.compile(r"stablehlo\.(dot_general|convolution)\b[^\n]*")


def precisions(text):
    """How often each precision stands at a product in a program."""
    found = {}
    for line in PRODUCTS.finditer(text):
        pair = re.search(r"precision(?:_config)? = \[([^\]]*)\]", line[0])
        words = pair[1].replace("#stablehlo<precision ", "").replace(">", "")
        for word in words.split(", "):
            found[word.strip().lower()] = found.get(word.strip().lower(), 0) + 1
    return found


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize("name", MODELS)
def test_training_and_evaluation_multiply_as_asked(name, platform):
    size = 20 if name == "capsnet_small" else 8
    shape = f"data.shape=[{size},{size},1]"
    cfg = config.compose(f"model={name}", shape, *MODELS[name])
    images = np.zeros((4, size, size, 1), np.uint8)
    batch = {"image": images, "label": np.zeros(4, np.int32)}
    mesh = devices.mesh(1)
    network = config.network(cfg, rngs=nnx.Rngs(0))
    parts = take_apart(in_inference(network), mesh)
    trainer = Trainer(
        network,
        task=config.task(cfg),
        optimizer=config.optimizer(cfg)(steps_per_epoch=1, epochs=1),
        augment=config.build_shared(cfg.augment),
        dtype="float32",
        seed=0,
        mesh=mesh,
    )
    for precision in NAMES:
        with computing(precision), jax.set_mesh(mesh):
            step = trainer._step.trace(trainer.initial, batch, trainer._key)
            run = apply.trace(*parts, images.astype(np.float32))
        for traced in (step, run):
            text = traced.lower(lowering_platforms=(platform,)).as_text()
            assert precisions(text).keys() == {precision}


def test_a_word_that_is_no_precision_is_named_with_its_key():
    with pytest.raises(UserError, match="precision.eval=tf32: takes default"):
        Precision.parse({"eval": "tf32"})
