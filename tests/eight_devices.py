"""Trains and evaluates on 8 devices: `python tests/eight_devices.py FOLDER`.

Device counts are fixed when JAX starts, so test_devices.py runs this by itself and
compares what it leaves in FOLDER with its own results on 1 and 2 devices.
"""

import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from research.data.plan import Plan
from research.data.split import Split
from research.distributed import devices
from research.downsample import Downsample
from research.evals.accuracy import Accuracy
from research.evals.engine.predictor import Predictor
from research.evals.layers import Layers
from research.evals.orbit import Orbit, orbit_logits
from research.models.network import Network
from research.models.readout import Head, mean
from research.nn.cpu import convolution
from research.nn.layers import BatchNorm, ConvNormAct, convolve
from research.tasks.classification import CLASSIFICATION
from research.training.batches import Resident
from research.training.checkpoint import Checkpoints
from research.training.step import Trainer
from research.transforms.shifts import circular

STEPS = 3


def split():
    """29 examples: neither 8 nor 2 devices divide them."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 29).astype(np.int32)
    images = rng.integers(0, 60, (29, 8, 8, 1)) + 80 * labels[:, None, None, None]
    return Split.labelled(images.astype(np.uint8), labels)


class Block(nnx.Module):
    """Statistics, a random stream, and a kernel large enough to be split."""

    stride = (1, 1)

    def __init__(self, rngs):
        self.conv = ConvNormAct(1, 48, norm=BatchNorm, padding="circular", rngs=rngs)
        self.wide = ConvNormAct(48, 48, norm=BatchNorm, padding="circular", rngs=rngs)
        self.drop = nnx.Dropout(0.2, rngs=rngs)

    def __call__(self, x):
        return self.drop(self.wide(self.conv(x)))


def blur(batch, key):
    noise = jax.random.normal(key, batch["image"].shape) / 50
    return {**batch, "image": batch["image"] + noise}


def trainer(mesh, *, shard_state=False):
    rngs = nnx.Rngs(0)
    stages = [Block(rngs), Downsample(48, rngs=rngs)]
    head = partial(Head, classes=3, pool=mean, units=8)
    return Trainer(
        Network((8, 8, 1), stages, head, mean=0.3, std=0.2, rngs=rngs),
        task=CLASSIFICATION,
        optimizer=optax.adam(1e-3),
        augment=blur,
        dtype="float32",
        seed=0,
        mesh=mesh,
        shard_state=shard_state,
    )


def trained(trainer):
    state, source = trainer.initial, Resident(split(), trainer.mesh)
    plan = Plan(29, batch_size=16, epochs=STEPS, seed=0)
    for batch in source.batches(plan, 0, bool):
        state, _ = trainer.step(state, batch)
    return state


def share(state):
    """The share of the state's bytes that the first device holds."""
    leaves = [leaf for leaf in jax.tree.leaves(state) if leaf.ndim]
    held = sum(leaf.addressable_data(0).nbytes for leaf in leaves)
    return held / sum(leaf.nbytes for leaf in leaves)


def evaluated(network):
    """What evaluators of each kind say, over all the devices there are."""
    few = Split.labelled(split().images[:13], split().labels[:13])
    offsets = np.arange(26, dtype=np.int32).reshape(13, 2) % 5
    found = {
        "shifted": Predictor(network, batch=12).logits(few.images, circular, offsets),
        "orbits": orbit_logits(network, few.images),
    }
    for measured in (
        *Accuracy()(network, few),
        *Layers(shifts=[1], batch=12)(network, few),
        *Orbit(method="brute", examples=3)(network, few),
    ):
        found[measured.key] = measured.arrays["examples"]
    return found


def gathers(mesh):
    """How often the gradient of a convolution gathers the batch that lies on a mesh."""
    convolution.WORTH = 0
    x = devices.shard(jnp.ones((12, 8, 8, 3)), mesh)
    kernel = devices.replicate(jnp.ones((3, 3, 3, 4)), mesh)

    def total(kernel, x):
        return (convolve(x, kernel, (1, 1)) ** 2).sum()

    with jax.set_mesh(mesh):
        text = jax.jit(jax.grad(total)).lower(kernel, x).compile().as_text()
    return text.count("all-gather(") + text.count("all-to-all(")


def main(folder):
    eight = trainer(devices.world(16), shard_state=True)
    state = trained(eight)
    with Checkpoints(folder / "checkpoints") as checkpoints:
        checkpoints.save(STEPS, state)
    network = eight.network(state)
    np.savez(folder / "evaluated.npz", **evaluated(network))
    np.savez(
        folder / "facts.npz",
        devices=eight.mesh.size,
        smaller=devices.world(12).size,
        share=share((state.params, state.opt)),
        gathers=gathers(jax.sharding.Mesh(jax.devices()[:4], ("data",))),
    )
    leaves = jax.tree.leaves(nnx.state(network, nnx.Param))
    np.savez(folder / "parameters.npz", *leaves)


if __name__ == "__main__":
    devices.use_virtual_cpus(8)
    devices.use_compilation_cache(sys.argv[2])
    main(Path(sys.argv[1]))
