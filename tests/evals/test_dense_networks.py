"""Every evaluator of conf/eval measures a dense network, or refuses before training."""

import dataclasses
from functools import cache

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
CHEAP |= {"block": 16, "upsampling": 2, "memory": 8, "steps": 2}
REFUSED = {"accuracy", "calibration", "explorer", "fidelity", "fit", "flip", "fragile"}
REFUSED |= {"lie", "part", "scramble", "sequences", "spatial", "tta", "window"}
REFUSED |= {"stability", "switches"}  # the latter of levels
REFUSED |= {"offset"}  # of other data


FAMILIES = {
    "unet": ["model.widths=[4,6]"],
    "segnet": ["model.widths=[4,6]", "model.depths=[1,1]"],
    "fcn": ["model.widths=[4,6]", "model.depth=1"],
    "tiny": [],
}


@cache
def build(family="unet"):
    """A small network of a family, untrained, in inference mode."""
    cfg = config.compose(f"model={family}", *FAMILIES[family])
    parts = {"downsample": config.build(cfg.downsample)}
    if "upsample" in cfg:
        parts["upsample"] = config.build(cfg.upsample)
    factory = config.build(cfg.model)
    return in_inference(factory(SHAPE, CLASSES, **parts, rngs=nnx.Rngs(0)))


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


@pytest.mark.slow  # every evaluator of a real run
@pytest.mark.parametrize("name", options_of("eval"))
def test_a_dense_network_is_measured_or_refused_before_training(name):
    evaluator, network = make(name), build()
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


@pytest.mark.slow  # compiles every dense network
@pytest.mark.parametrize("family", ["segnet", "fcn"])
@pytest.mark.parametrize("name", ["segmentation", "consistency", "aliasing", "maximum"])
def test_other_dense_networks_are_measured_as_well(name, family):
    evaluator, network = make(name), build(family)
    evaluator.check(network, SPLIT)
    rows = list(evaluator(network, SPLIT))
    assert rows and all(np.isfinite(row.value) for row in rows)


def test_the_refusal_names_what_measures_label_maps():
    with pytest.raises(UserError, match="eval=accuracy is of .* eval=segmentation and"):
        make("accuracy").check(build(), SPLIT)


@pytest.mark.parametrize("name", ["segmentation", "consistency"])
def test_one_answer_an_image_is_no_label_map(name):
    with pytest.raises(UserError, match=rf"eval={name} .* shape \(3,\): use a model"):
        make(name).check(build("tiny"), SPLIT)


@pytest.mark.parametrize(
    "words, chosen",
    [
        ([], ["segmentation", "consistency"]),
        (["eval=orbit"], ["orbit"]),
        (["eval=[shift,worst]", "loss=dice"], ["shift", "worst"]),
    ],
)
def test_the_task_chooses_evaluators_and_the_user_others(words, chosen):
    assert [*config.compose("task=segmentation", *words).eval] == chosen


def test_other_tasks_keep_theirs():
    assert [*config.compose().eval] == ["accuracy", "shift"]
