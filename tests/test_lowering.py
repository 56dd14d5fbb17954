"""What accelerators get: every program of the library, lowered for them on a CPU.

Nothing is compiled and nothing runs. Every layer counts as large, so that each would
take oneDNN's convolution in a program for CPUs.
"""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from lowering import PARTITIONED, assert_portable, calls_of, record

from research import config
from research.data.source import Dataset
from research.data.split import Split
from research.distributed import devices
from research.errors import UserError
from research.nn.cpu import convolution, onednn
from research.training import step
from research.training.step import Trainer

pytestmark = pytest.mark.slow  # every network and evaluator is lowered for accelerators

SHAPE, CLASSES = (28, 28, 1), 10  # of data=digits
SIZES = ((16, 16), (12, 20), (15, 13))
SPLIT = Split.labelled(
    np.random.default_rng(0).integers(0, 256, (16, *SHAPE)).astype(np.uint8),
    np.arange(16, dtype=np.int32) % CLASSES,
)
HALVES = dict.fromkeys(("train", "validation"), lambda: SPLIT)
DATA = Dataset("noise", "1", SHAPE, CLASSES, HALVES)
SMALL = {  # of evaluators' parameters, by name
    "data": DATA,
    "pairs": lambda examples: (
        SPLIT.images[:examples],
        SPLIT.images[:examples],
        SPLIT.labels[:examples],
    ),
    "examples": 16,
    "images": 1,
    "steps": 2,
    "classes": 2,
    "batch": 8,
    "block": 8,
    "features": 8,
    "grid": 1,
}
OF_MAPS = ["task=segmentation", "model=unet", "model.widths=[4,6]"]
SCENES = Split(
    {
        "image": np.zeros((2, 32, 32, 1), np.uint8),
        "canvas_mask": np.pad(
            np.ones((2, 16, 16), np.uint8), ((0, 0), *[(16, 16)] * 2)
        ),
    }
)


def options(group):
    names = (path.stem for path in (config.CONF / group).glob("*.yaml"))
    return sorted(name for name in names if not name.startswith("base"))


@pytest.fixture(autouse=True)
def every_layer_is_large(monkeypatch):
    monkeypatch.setattr(convolution, "WORTH", 0)
    with convolution.enabled(True):
        yield


def abstract(build):
    """A module's graph and the shapes of its state; none of it is drawn."""
    graph, state = nnx.split(nnx.eval_shape(build))
    return graph, nnx.as_pure(state)


def as_input(shape):
    return jax.ShapeDtypeStruct((2, *shape), jnp.float32)


@pytest.mark.parametrize("model", ["tiny", "resnet20"])
def test_a_training_step(monkeypatch, model):
    cfg = config.compose(f"model={model}", "augment=crop_flip", "optim=sgd")
    mesh = devices.mesh(16)
    with pytest.MonkeyPatch.context() as patch:
        programs = record(patch)
        step.compile_step.cache_clear()
        trainer = Trainer(
            config.network(cfg, rngs=nnx.Rngs(0)),
            task=config.task(cfg),
            optimizer=config.optimizer(cfg)(steps_per_epoch=4, epochs=2),
            augment=config.build_shared(cfg.augment),
            dtype="float32",
            seed=0,
            mesh=mesh,
        )
        batch = devices.shard(dict(SPLIT.arrays), mesh)
        programs.clear()
        trainer.step(trainer.initial, batch)
    step.compile_step.cache_clear()
    assert programs
    for program in programs:
        assert_portable(program)
    if onednn.available():  # the same programs, for CPUs
        assert any(PARTITIONED in calls_of(one, "cpu") for one in programs)


@pytest.mark.parametrize("name", options("downsample"))
def test_every_preset_forward_and_backward(name):
    def square(graph, state, x):
        return (nnx.merge(graph, state)(x) ** 2).sum()

    compute = jax.jit(jax.grad(square, (1, 2), allow_int=True), static_argnums=0)
    cfg = config.compose(f"downsample={name}")
    parts = abstract(lambda: config.downsample(cfg, 8, rngs=nnx.Rngs(0)))
    accepted = 0
    for size in SIZES:
        try:
            traced = compute.trace(*parts, as_input((*size, 8)))
        except UserError:
            continue
        assert_portable(traced)
        accepted += 1
    assert accepted


@pytest.mark.parametrize("name", options("model"))
def test_every_model_forward(name):
    def run(graph, state, x):
        network = nnx.merge(graph, state)
        network.eval()
        return network(x)

    compute = jax.jit(run, static_argnums=0)
    for side in (16, 28, 32, 64, 224):
        shape = (side, side, 1)
        cfg = config.compose(f"model={name}", f"data.shape={list(shape)}")
        build = partial(config.network, cfg)
        try:
            parts = abstract(lambda build=build: build(rngs=nnx.Rngs(0)))
            traced = compute.trace(*parts, as_input(shape))
        except UserError:
            continue
        assert_portable(traced)
        return
    pytest.fail("no size was accepted")


@pytest.mark.filterwarnings("ignore:(divide|invalid) .*:RuntimeWarning")
@pytest.mark.parametrize("name", options("eval"))
def test_every_evaluator(name, monkeypatch):
    words = OF_MAPS if name in ("consistency", "segmentation") else ["model=tiny"]
    words = [*words, *(["data=scenes"] if name == "offset" else [])]
    cfg = config.compose(*words, f"eval={name}")
    (evaluator,) = config.evals(cfg).values()
    known = {field.name for field in dataclasses.fields(evaluator)} & SMALL.keys()
    evaluator = dataclasses.replace(evaluator, **{key: SMALL[key] for key in known})
    network = config.network(cfg, rngs=nnx.Rngs(0))
    masks = np.zeros((len(SPLIT), *SHAPE[:2]), np.uint8)
    split = Split({**SPLIT.arrays, "mask": masks})
    if name == "offset":
        split = SCENES
    evaluator.check(network, split)
    programs = record(monkeypatch)
    assert list(evaluator(network, split))
    assert programs or name == "cost"
    for program in programs:
        assert_portable(program)
