"""What every evaluator promises, asked of all that conf/eval/ has."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import get_type_hints

import jax
import jax.numpy as jnp
import networks
import numpy as np
import pytest
from flax import nnx
from known import ink
from omegaconf import DictConfig, ListConfig

from research import config
from research.data.split import Split
from research.errors import UserError
from research.evals.changes import Change
from research.evals.evaluator import Evaluator
from research.models.readout import PixelClasses
from research.transforms.corruptions.corruption import Corruption
from research.transforms.corruptions.weather import add_fog
from research.transforms.distortions import rotate

CONF = Path(__file__).parents[2] / "conf/eval"
NAMES = sorted(path.stem for path in CONF.glob("*.yaml"))
COUNTS = {int, int | None, float | int}
FROM_ZERO = {"seed", "distances", "pictures"}
FROM_ZERO |= {("worst", "max_shift"), ("spatial", "rotation")}
FROM_ZERO |= {("embedding", "max_shift"), ("window", "path")}
FROM_ZERO |= {("window", "max_shift")}
FROM_ZERO |= {("offset", "index")}
WRONG = {  # of what is not a number by itself
    ("changes", "changes"): {"rotation": Change(rotate, [])},
    ("corruptions", "corruptions"): {"fog": Corruption(add_fog, [])},
    ("consistency", "compat"): "zou",
    ("cost", "shape"): [8, 8],
    ("embed", "background"): 2.0,
    ("flip", "directions"): [[0, 0]],
    ("flip", "reach"): [8, -7],
    ("fractional", "upsampling"): [5],
    ("fragile", "border"): "zero",
    ("fractional_orbit", "method"): "fast",
    ("layers", "shifts"): [[1, 2, 3]],
    ("location", "objects"): [3],
    ("offset", "modulus"): [4, 0],
    ("offset", "size"): 40,
    ("offset", "learning_rate"): 0.0,
    ("orbit", "method"): "fast",
    ("scramble", "grids"): [0],
    ("scramble", "blocks"): [[1, 2, 3]],
    ("scramble", "sizes"): [0],
    ("shift", "compat"): "kayhan",
    ("sequences", "kinds"): {},
    ("spatial", "rotation"): -2,
    ("spatial", "shifts"): [],
    ("spatial", "step"): 7,
    ("window", "method"): "fast",
    ("worst", "upsampling"): [1],
}
# Nothing to refuse here, or refused by what they are objects of.
OBJECTS = {"task", "data", "pairs", "parts", "shifts", "canvas", "split"}
OBJECTS |= {"interpolations"}
SPLIT = Split.labelled(
    np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1)).astype(np.uint8),
    np.arange(40, dtype=np.int32) % 2,
)


def composed(name, *overrides):
    cfg = config.compose(f"eval={name}", *overrides)
    (evaluator,) = config.evals(cfg).values()
    return cfg.eval[name], evaluator


@pytest.fixture(scope="module", params=NAMES)
def evaluator(request):
    return composed(request.param)[1]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_frozen_dataclass_with_a_field_for_each_key(name):
    node, evaluator = composed(name)
    fields = {field.name for field in dataclasses.fields(evaluator)}
    assert isinstance(evaluator, Evaluator) and evaluator.name == name
    assert fields == {key for key in node if not key.startswith("_")}
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(evaluator, next(iter(fields)), None)


def test_its_values_are_plain(evaluator):
    def leaves(value):
        yield value
        if isinstance(value, Mapping | list | tuple):
            for one in value.values() if isinstance(value, Mapping) else value:
                yield from leaves(one)

    for field in dataclasses.fields(evaluator):
        for value in leaves(getattr(evaluator, field.name)):
            assert not isinstance(value, ListConfig | DictConfig | list), field.name


def test_every_parameter_refuses_what_it_cannot_mean(evaluator):
    hints = get_type_hints(type(evaluator))
    for field in dataclasses.fields(evaluator):
        place = (evaluator.name, field.name)
        if place not in WRONG and field.name in OBJECTS:
            continue
        values = [WRONG.get(place)]
        if hints[field.name] in COUNTS:
            number = type(getattr(evaluator, field.name) or 0)
            from_zero = {field.name, place} & FROM_ZERO
            values = [number(-1)] if from_zero else [number(-1), number(0)]
        for value in values:
            assert value is not None, f"no wrong value of {place} is known"
            key = rf"^eval\.{evaluator.name}\.{field.name}.*takes [^\n]+$"
            with pytest.raises(UserError, match=key):
                dataclasses.replace(evaluator, **{field.name: value})


def test_zero_is_taken_where_it_means_something():
    assert composed("shift", "eval.shift.distances=0")[1].distances == 0
    assert composed("worst", "eval.worst.max_shift=0")[1].max_shift == 0


def test_a_config_with_a_wrong_value_is_refused_when_it_is_built():
    with pytest.raises(
        UserError, match=r"^eval\.layers\.batch=0: takes an integer of at least 1$"
    ):
        composed("layers", "eval.layers.batch=0")
    with pytest.raises(
        UserError, match=r"^eval\.location\.objects=\[3\]: takes a list of 1 or 2"
    ):
        composed("location", "eval.location.objects=[3]")


class Counting(nnx.Module):
    """A stage that counts how often it runs; being traced is no run."""

    stride = (1, 1)

    def __init__(self, runs):
        self.count = lambda: runs.append(1)

    def __call__(self, x):
        jax.debug.callback(self.count)
        return x


def refusal(evaluator, predict, split=SPLIT):
    """The error of `check`, or None."""
    try:
        return evaluator.check(predict, split)
    except UserError as error:
        return str(error)


def test_a_check_computes_nothing(evaluator):
    runs = []
    network = networks.of([Counting(runs)], shape=(28, 28, 1))

    def foreign(images):
        runs.append(1)
        return ink(images)

    for predict in (network, foreign):
        error = refusal(evaluator, predict)
        assert error is None or f"eval={evaluator.name}" in error, error
        jax.effects_barrier()
        assert not runs
    network(jnp.zeros((1, 28, 28, 1)))
    jax.effects_barrier()
    assert runs


def test_examples_without_labels_are_measured_or_refused(evaluator):
    bare = Split({"image": SPLIT.images})
    network = networks.of([networks.Keep()], (28, 28, 1), pool=networks.mean)
    error = refusal(evaluator, network, bare)
    labelled = {"accuracy", "calibration", "explorer", "fit", "part", "spatial", "tta"}
    labelled |= {"segmentation", "consistency"}  # of another task
    labelled |= {"offset"}  # of other data
    assert (error is not None) == (evaluator.name in labelled)
    assert error is None or f"eval={evaluator.name}" in error, error


def test_without_labels_just_the_rows_are_missing_that_it_names(evaluator):
    few = SPLIT.take(np.arange(6))
    bare = Split({"image": few.images})
    if refusal(evaluator, ink, bare) is not None or evaluator.name == "cost":
        return  # it needs labels, or a network of ours
    if evaluator.name == "sequences":
        kinds = dict(list(evaluator.kinds.items())[:1])
        evaluator = dataclasses.replace(evaluator, kinds=kinds, examples=2)
    rows, without = (
        {(one.key, one.measure) for one in evaluator(ink, split)}
        for split in (few, bare)
    )
    assert without and without <= rows
    assert {measure for _, measure in rows - without} == set(evaluator.labelled)
    assert not {measure for _, measure in without} & set(evaluator.labelled)


FAR = {
    "calibration": {"max_shift": 5},
    "consistency": {"max_shift": 5},
    "embedding": {"max_shift": 5},
    "fidelity": {"max_shift": 5},
    "flip": {"reach": (-1, 5)},
    "shift": {"max_shift": 5},
    "spatial": {"shifts": (-5.0, 0.0)},
    "stability": {"max_shift": 5},
    "worst": {"max_shift": 5},
}


@pytest.mark.parametrize("name", FAR)
def test_shifts_as_large_as_the_images_are_refused(name):
    overrides = ["task=segmentation"] if name == "consistency" else []
    stages = [networks.Keep()]
    model = networks.of(stages, (5, 9, 1), pool=networks.mean)
    if overrides:
        rngs = nnx.Rngs(0)
        head = partial(PixelClasses, classes=2)
        model = networks.Network((5, 9, 1), stages, head, rngs=rngs)
    evaluator = dataclasses.replace(composed(name, *overrides)[1], **FAR[name])
    small = Split.labelled(SPLIT.images[:, :5, :9], SPLIT.labels)
    (key,) = FAR[name]
    error = refusal(evaluator, model, small)
    assert error is not None and error.startswith(f"eval.{name}.{key}="), error
    if name != "consistency":
        model = networks.of(stages, (1, 9, 1), pool=networks.mean)
        signals = Split.labelled(SPLIT.images[:, :1, :9], SPLIT.labels)
        assert refusal(evaluator, model, signals) is None, "nothing goes down"
