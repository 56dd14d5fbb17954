"""A small network with everything that a checkpoint must hold, and its training."""

from functools import partial

import jax
import numpy as np
import optax
from flax import nnx

from research.data.split import Split
from research.downsample import Downsample
from research.files.lines import MetricsFile
from research.models.network import Network
from research.models.readout import Head, mean
from research.nn.layers import BatchNorm, ConvNormAct
from research.tasks.classification import CLASSIFICATION
from research.training import optim
from research.training.checkpoint import Checkpoints
from research.training.loop import fit
from research.training.observer import Observer
from research.training.settings import Training

EXAMPLES = 70  # 4 batches of 16, and 6 left over
TIMES = ("examples_per_second", "input_wait")  # differ from run to run


def make_split():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, EXAMPLES).astype(np.int32)
    images = rng.integers(0, 60, (EXAMPLES, 8, 8, 1))
    images += 80 * labels[:, None, None, None]  # the class is the brightness
    return Split.labelled(images.astype(np.uint8), labels)


class Noisy(nnx.Module):
    """Statistics and a random stream."""

    stride = (1, 1)

    def __init__(self, rngs):
        self.conv = ConvNormAct(1, 4, norm=BatchNorm, rngs=rngs)
        self.drop = nnx.Dropout(0.2, rngs=rngs)

    def __call__(self, x):
        return self.drop(self.conv(x))


def make_network(seed=0):
    rngs = nnx.Rngs(seed)
    stages = [Noisy(rngs), Downsample(4, rngs=rngs)]
    head = partial(Head, classes=3, pool=mean, units=8)
    return Network((8, 8, 1), stages, head, mean=0.3, std=0.2, rngs=rngs)


def leave(batch, key):
    """An augmentation that changes nothing."""
    del key
    return batch


def blur(batch, key):
    """An augmentation that depends on the key."""
    noise = 0.01 * jax.random.normal(key, batch["image"].shape)
    return {**batch, "image": batch["image"] + noise}


def make_adam(epochs):
    return optim.build(
        direction=optax.scale_by_adam,
        learning_rate=0.05,
        schedule=optim.cosine,
        weight_decay=1e-3,
        steps_per_epoch=EXAMPLES // 16,
        epochs=epochs,
    )


class Rows(Observer):
    """Writes rows as a run does, and calls `strike` with the number of each step."""

    def __init__(self, metrics, strike=lambda step: None):
        self.metrics, self.strike, self.notes = metrics, strike, []

    def resume(self, step, notes):
        self.notes += notes
        self.metrics.truncate(step)

    def advance(self, step, row):
        self.strike(step)

    def record(self, row):
        self.metrics.append(row)


def train(folder, split, *, strike=lambda step: None, **settings):
    """Trains in a folder; `settings` are of `Training` where it has such fields."""
    fields = {"epochs": 3, "batch_size": 16}
    fields |= {k: settings.pop(k) for k in Training.__match_args__ if k in settings}
    chosen = {
        "task": CLASSIFICATION,
        "optimizer": make_adam(fields["epochs"]),
        "augment": blur,
        "seed": 1,
        "checkpoints": Checkpoints(folder / "checkpoints"),
    }
    with MetricsFile(folder) as metrics:
        return fit(
            settings.pop("network", None) or make_network(),
            split,
            training=Training(**fields),
            observer=Rows(metrics, strike),
            **chosen | settings,
        )


def leaves(network):
    return [np.asarray(x) for x in jax.tree.leaves(nnx.state(network, nnx.Param))]


def identical(a, b):
    return all(np.array_equal(x, y) for x, y in zip(leaves(a), leaves(b), strict=True))
