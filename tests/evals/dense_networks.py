"""Small networks that answer at every pixel, and images with label maps for them."""

import jax
import numpy as np
from flax import nnx
from orbits import smooth

from research import config
from research.data.split import Split
from research.evals.engine.predictor import Predictor
from research.models.readout import PixelClasses

CLASSES = 3
FAMILIES = {
    "unet": ["model=unet", "model.widths=[4,6]", "model.depth=1"],
    "unet of three": ["model=unet", "model.widths=[3,4,5]", "model.depth=1"],
    "fcn": ["model=fcn", "model.widths=[3,4,5]", "model.depth=1"],
    "segnet": ["model=segnet", "model.widths=[4]", "model.depths=[1]"],
}


def build(shape, family, *overrides):
    """A network whose batch norms are generic, and whose classes all occur."""
    cfg = config.compose(*FAMILIES[family], *overrides)
    network = config.build(cfg.model)(
        (*shape, 1),
        CLASSES,
        downsample=config.build(cfg.downsample),
        upsample=config.build(cfg.upsample),
        rngs=nnx.Rngs(0),
    )
    draw = np.random.default_rng(1)
    for variable in jax.tree.leaves(
        nnx.state(network, nnx.BatchStat), is_leaf=lambda x: isinstance(x, nnx.Variable)
    ):
        variable[...] *= draw.uniform(0.5, 2, variable[...].shape)
    if isinstance(network.readout, PixelClasses):
        logits = Predictor(network).outputs(scenes(4, shape).images)
        network.readout.conv.bias[...] -= logits.mean((0, 1, 2))
    return network


def scenes(count, shape):
    """Waves without ties, and where they are high."""
    images = (255 * smooth(count, shape)).astype(np.uint8)
    masks = np.digitize(images[..., 0], [90, 160]).astype(np.int32)
    return Split({"image": images, "mask": masks})
