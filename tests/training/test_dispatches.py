"""Steps dispatched at once, compiled as for users: with all optimisations."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPARE = """
import sys
import jax, numpy as np
from flax import nnx
from research import config
from research.data.plan import Plan
from research.data.split import Split
from research.distributed import devices

devices.prepare(sys.argv[1])
from research.training.batches import Resident
from research.training.step import Trainer

rng = np.random.default_rng(0)
images = rng.integers(0, 256, (64, 8, 8, 1), np.uint8)
split = Split.labelled(images, rng.integers(0, 10, 64).astype(np.int32))
cfg = config.compose("data.shape=[8,8,1]", *sys.argv[2:])


def leaf(x):
    keys = jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(x) if keys else x)


def train(most):
    trainer = Trainer(
        config.network(cfg, rngs=nnx.Rngs(0)),
        task=config.task(cfg),
        optimizer=config.optimizer(cfg)(steps_per_epoch=4, epochs=1),
        augment=config.build_shared(cfg.augment),
        dtype="float32",
        seed=0,
        mesh=devices.mesh(16),
    )
    plan, state = Plan(64, 16, 1, 0), trainer.initial
    batches = Resident(split, trainer.mesh).batches(plan, 0, bool, most)
    for steps, batch in zip(plan.dispatches(0, most), batches):
        state, _ = (trainer.step if len(steps) == 1 else trainer.scan)(state, batch)
    return [leaf(x) for x in jax.tree.leaves(state)]


one, several = train(1), train(3)
assert len(one) == len(several) > 5
sys.exit(any(a.tobytes() != b.tobytes() for a, b in zip(one, several)))
"""


RESNET = ["model=resnet20", "model.depths=[1,1,1]", "optim=sgd", "augment=circular"]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(RESNET, marks=pytest.mark.slow),  # whose compilation takes long
        ["model=mlp"],
    ],
    ids=" ".join,
)
def test_they_are_the_same_bit_by_bit(tmp_path, words):
    environment = {"PYTHONPATH": str(ROOT), "XLA_FLAGS": ""}
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, str(tmp_path), *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
