"""Every evaluator of conf/eval measures a dense network, or refuses before training."""

import dataclasses

import numpy as np
import pytest
from flax import nnx

from research import config
from research.config.composing import options_of
from research.data.split import Split
from research.errors import UserError
from research.evals.engine.modules import in_inference

SHAPE, CLASSES = (16, 16, 1), 3
rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (16, *SHAPE)).astype(np.uint8)
MASK = (IMAGES[..., 0] // 86).astype(np.uint8)
MASK[:, 0] = 255
LABEL = np.arange(16, dtype=np.int32) % CLASSES
SPLIT = Split({"image": IMAGES, "mask": MASK, "label": LABEL})
CHEAP = {"max_shift": 1, "examples": 16, "distances": 1, "batch": 16, "draws": 2}
CHEAP |= {"block": 16, "upsampling": 2, "memory": 8, "steps": 2, "method": "brute"}
REFUSED = {"accuracy", "calibration", "explorer", "fidelity", "fit", "flip", "fragile"}
REFUSED |= {"lie", "part", "scramble", "sequences", "spatial", "tta", "window"}
REFUSED |= {"switches"}  # of levels


def build(family="unet"):
    cfg = config.compose(f"model={family}", "model.widths=[4,6]")
    network = config.build(cfg.model)(
        SHAPE,
        CLASSES,
        downsample=config.build(cfg.downsample),
        upsample=config.build(cfg.upsample),
        rngs=nnx.Rngs(0),
    )
    return in_inference(network)


@pytest.fixture(scope="module")
def network():
    return build()


def make(name):
    """An evaluator as its option has it, of the task, with as little work as it has."""
    cfg = config.compose("task=segmentation", f"eval={name}", "data=faces")
    (evaluator,) = config.evals(cfg).values()
    fields = {field.name for field in dataclasses.fields(evaluator)}
    less = {key: value for key, value in CHEAP.items() if key in fields}
    if name in ("worst", "fractional"):
        less["upsampling"] = [2]
    if name == "corruptions":
        kinds = ("brightness", "elastic")
        less["corruptions"] = {one: evaluator.corruptions[one] for one in kinds}
    return dataclasses.replace(evaluator, **less)


@pytest.mark.parametrize("name", options_of("eval"))
def test_a_dense_network_is_measured_or_refused_before_training(name, network):
    evaluator = make(name)
    try:
        evaluator.check(network, SPLIT)
    except UserError as error:
        assert name in REFUSED, error
        assert f"eval={name} " in str(error) and "\n" not in str(error)
        return
    assert name not in REFUSED
    rows = list(evaluator(network, SPLIT))
    assert rows
    for row in rows:
        assert np.isfinite(row.value), row.key
        if row.measure == "agreement":
            assert 0 <= row.value <= 1
