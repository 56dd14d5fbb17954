"""Precision: what is asked for is in every product, of training and of evaluation."""

import ast
import re
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research import config
from research.distributed import devices
from research.errors import UserError
from research.evals.engine.modules import apply, in_inference, take_apart
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.nn.cpu import convolution
from research.nn.precision import BFLOAT16, FLOAT32, TF32, Precision, computing, current
from research.nn.precision import rounding_unit as unit
from research.runs.evaluate import evaluate_new, evaluate_run
from research.runs.experiment import build
from research.runs.run import run
from research.training.step import Trainer, train_step
from research.training.validation import sum_step

ROOT = Path(__file__).parent.parent
MODELS = {
    "chollet": ["model=chollet"],
    "resnet": ["model=resnet20", "downsample=lps"],
    "vit": ["model=vit_tiny", "model.patch=7"],
    "capsnet": ["model=capsnet_small", "loss=margin"],
    "mlp": ["model=mlp"],
}
PLATFORMS = ("cuda", "tpu")
PRODUCT = re.compile(r"stablehlo\.(?:dot_general|dot|convolution)\b.*")
ASKED = re.compile(r"precision(?:_config)? = \[([^\]]*)\]")


@pytest.fixture(autouse=True)
def convolutions_of_accelerators():
    with convolution.enabled(False):
        yield


def precisions(traced, platform):
    """The precisions of all products in a program for another platform."""
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    found = []
    for line in PRODUCT.findall(text):
        asked = ASKED.search(line)
        words = re.findall(r"DEFAULT|HIGHEST|HIGH", asked[1] if asked else "")
        found += words or ["DEFAULT"]
    return found


def assert_all(precision, trace):
    """That all of a program's products have a precision, on either platform."""
    with computing(precision):
        traced = trace()
        for platform in PLATFORMS:
            found = precisions(traced, platform)
            assert found and set(found) == {precision.upper()}


def make(model):
    cfg = config.compose("data=mnist", *MODELS[model])
    return cfg, config.network(cfg, rngs=nnx.Rngs(0))


BATCH = {"image": np.zeros((4, 28, 28, 1), np.uint8), "label": np.zeros(4, np.int32)}


@pytest.mark.slow  # traces the steps of many networks
@pytest.mark.parametrize("model", MODELS)
def test_the_training_step(model):
    cfg, network = make(model)
    fixed = {
        "task": config.task(cfg),
        "optimizer": config.optimizer(cfg)(steps_per_epoch=4, epochs=1),
        "augment": config.build_shared(cfg.augment),
    }
    mesh = devices.mesh(1)
    trainer = Trainer(network, dtype="float32", seed=0, mesh=mesh, **fixed)
    key = np.asarray(jax.random.key_data(jax.random.key(0)))

    def trace():
        step = partial(
            train_step, graph=trainer.graph, dtype=jnp.dtype("float32"), **fixed
        )
        with jax.set_mesh(mesh):
            return jax.jit(step).trace(trainer.initial, BATCH, key)

    for precision in ("default", "high"):
        assert_all(precision, trace)


@pytest.mark.parametrize("model", MODELS)
def test_evaluation_and_validation(model):
    cfg, network = make(model)
    graph, state = take_apart(in_inference(network), devices.mesh(1))
    images = np.zeros((2, 28, 28, 1), np.float32)
    task = config.task(cfg)
    for precision in ("default", "highest"):
        assert_all(precision, lambda: apply.trace(graph, state, images))
        assert_all(precision, lambda: sum_step.trace(task, graph, state, BATCH))


# Convolutions, and filters that are matrices; all others add, compare or pick.
MULTIPLYING = {"strided", "space_to_depth", "strided_blur", "adaptive_blur"}
MULTIPLYING |= {"ideal", "flc", "asap", "lps", "blur_lps"}


@pytest.mark.slow  # traces every preset
@pytest.mark.parametrize(
    "preset",
    [p.stem for p in (ROOT / "conf/downsample").glob("*.yaml") if "base" not in p.stem],
)
def test_the_downsamplers_that_multiply(preset):
    cfg = config.compose(f"downsample={preset}", "model.padding=circular")
    down = config.downsample(cfg, 8, rngs=nnx.Rngs(0))
    graph, state = nnx.split(down)
    state = nnx.as_pure(state)

    def total(state, x):
        return (nnx.merge(graph, state)(x) ** 2).sum()

    x = jnp.zeros((2, 12, 12, 8))

    def trace():
        return jax.jit(jax.grad(total, argnums=1)).trace(state, x)

    for precision in ("high", "highest"):
        with computing(precision):
            traced = trace()
            for platform in PLATFORMS:
                found = set(precisions(traced, platform))
                assert found == (
                    {precision.upper()} if preset in MULTIPLYING else set()
                )


def test_no_code_asks_for_a_precision_of_its_own():
    asking = []
    for path in (ROOT / "research").rglob("*.py"):
        if path.name == "precision.py" or "peers" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in (
                "Precision",
                "default_matmul_precision",
                "DotAlgorithmPreset",
            ):
                asking.append((path.name, node.lineno))
    assert not asking


class Spy(Evaluator):
    """Notes the precision in which a program of its own is traced."""

    seen: list = []
    name = "spy"

    def __call__(self, predict, split):
        def traced(x):
            self.seen.append(current())
            return x

        jax.jit(traced)(jnp.zeros(3))
        yield Measurement("spy", "one", 1, 1)


@pytest.fixture
def spied(tmp_path, monkeypatch):
    """A run at given precisions, and what its programs were traced in."""
    seen = []

    def spy(batch, key):
        seen.append(current())
        return batch

    def score(*arguments):
        seen.append(f"validation: {current()}")
        return real(*arguments)

    from research.training import validation

    real = validation.sum_batch
    monkeypatch.setattr(validation, "sum_batch", score)
    monkeypatch.setattr(
        config,
        "build_shared",
        lambda node, f=config.build_shared: (
            spy if node._key() == "augment" else f(node)
        ),
    )
    monkeypatch.setattr(config, "evals", lambda cfg: {"accuracy": Spy()})
    Spy.seen.clear()

    def do(*overrides):
        cfg = config.compose(
            "model=tiny",
            f"data.dir={tmp_path / 'data'}",
            "data.train_examples=64",
            "data.validation_examples=10",
            "train.epochs=1",
            "train.batch_size=32",
            *overrides,
        )
        folder = tmp_path / "run"
        run(cfg, folder, choices={}, command="", overrides=overrides)
        return folder, seen

    return do


def test_a_run_trains_and_measures_at_its_precisions(spied, tmp_path):
    folder, seen = spied("precision.train=high", "precision.eval=default")
    assert set(seen) == {"high", "validation: high"}
    assert Spy.seen == ["default"]
    assert jax.config.jax_default_matmul_precision is None, "it is put back"
    cfg = config.compose("precision.eval=highest", "eval=accuracy", config="eval")
    Spy.seen.clear()
    evaluate_run(cfg, folder)
    cfg = config.compose(
        "precision.eval=high", f"data.dir={tmp_path / 'data'}", config="eval"
    )

    def classify(images):
        return np.zeros((len(images), 10), np.float32)

    evaluate_new(cfg, classify, tmp_path / "foreign", choices={}, command="")
    assert Spy.seen == ["highest", "high"]


@pytest.mark.parametrize(
    "given, line",
    [
        ("precision.train=fast", "precision.train=fast: takes default, high or high"),
        ("precision.eval=1", "precision.eval=1: takes default, high or highest"),
        ("+precision.test=high", "precision.test: no such key (there are train, eval)"),
        ("precision=high", "precision=high: takes keys of its own: give precision.K"),
        ("deterministic=often", "deterministic=often: takes true or false"),
    ],
)
def test_a_wrong_value_is_one_line(tmp_path, given, line):
    cfg = config.compose("model=tiny", f"data.dir={tmp_path}", given)
    with pytest.raises(UserError) as refused:
        build(cfg)
    assert str(refused.value).startswith(line)


def test_rounding_follows_precision_and_backend():
    assert {unit(name, "cpu") for name in ("default", "high", "highest")} == {FLOAT32}
    assert [unit(n, "gpu") for n in ("default", "highest")] == [TF32, FLOAT32]
    assert unit("default", "tpu") == unit("highest", "new") == BFLOAT16
    assert current() == "default"
    with jax.default_matmul_precision("tensorfloat32"):
        assert unit(current(), "gpu") == TF32


def test_older_configs_have_the_defaults():
    assert Precision.of({}) == Precision(train="default", eval="highest")
    assert Precision.of(config.compose()) == Precision()
