"""`wrap=` of scripts/evaluate.py: any subject in any wrapper, rows kept apart."""

import sys
from types import ModuleType

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research import config
from research.data.split import Split
from research.errors import UserError
from research.evals.engine.embedding import Embedder, ask_embeddings
from research.evals.engine.predictor import Predictor
from research.report.arms import label_arms
from research.runs import identity
from research.runs.evaluate import (
    evaluate_foreign,
    evaluate_untrained,
    evaluate_wrapped,
)
from research.runs.foreign import load_foreign
from research.runs.tables import read_rows, read_runs
from research.runs.wrapping import choose_wrapper, wrap_network

DATA = ["data=digits", "model=tiny"]
WRAPS = config.composing.options_of("wrap")


def one_pixel(images):
    """Ten logits of a pixel in the middle, which every shift exchanges for another."""
    images = np.asarray(images)
    value = images[:, images.shape[1] // 2, images.shape[2] // 2, :1]
    return np.cos(10 * value + np.arange(10.0))


def vectors(images):
    """An embedding of as many numbers as an image has rows."""
    return np.asarray(images).mean((2, 3))


@pytest.fixture(autouse=True)
def mine(monkeypatch):
    module = ModuleType("mine")
    module.one_pixel, module.vectors = one_pixel, vectors
    monkeypatch.setitem(sys.modules, "mine", module)


def asked(*words):
    return config.compose(*DATA, *words, config="eval")


def test_a_wrap_is_part_of_the_rows_and_not_of_the_weights():
    plain, mended = asked(), asked("wrap=average")
    other = asked("wrap=average", "wrap.count=5")
    assert identity.mending(plain) == {}
    assert identity.training_digest(plain) == identity.training_digest(mended)
    assert len({identity.arm(one) for one in (plain, mended, other)}) == 3
    digests = [identity.evaluator_digest(o, "accuracy") for o in (plain, mended, other)]
    assert len(set(digests)) == 3
    older = {k: v for k, v in identity.flatten(plain).items() if k != "wrap"}
    assert identity.arm(older) == identity.arm(plain)
    assert identity.evaluator_digest(older, "accuracy") == digests[0]


def test_each_wrap_of_a_sweep_has_a_folder():
    names = [identity.run_name(["predict=a:b", f"wrap={one}"]) for one in WRAPS]
    assert len({*names, identity.run_name(["predict=a:b"])}) == len(WRAPS) + 1
    assert identity.run_name(["wrap.count=5"]) == "wrap.count=5"


@pytest.mark.parametrize("name", ["canonical", "rics"])
def test_a_wrapped_function_answers_every_shift_alike(name):
    bare = load_foreign(asked("predict=mine:one_pixel"))
    mended = load_foreign(asked("predict=mine:one_pixel", f"wrap={name}"))
    images = config.data(asked()).split("test").images[:16]
    moved = np.roll(images, (3, 2), (1, 2))
    ask = {one: Predictor.of(one, batch=16).logits for one in (bare, mended)}
    assert np.abs(ask[bare](images) - ask[bare](moved)).max() > 0.1
    np.testing.assert_array_equal(ask[mended](images), ask[mended](moved))


def test_what_a_foreign_model_says_of_itself_goes_through_its_wrapper():
    words = ("predict=mine:vectors", "adapter.answers=embeddings", "wrap=average")
    found = load_foreign(asked(*words, "wrap.border=circular", "wrap.count=3"))
    assert found.answers == "embeddings" and found.path == "mine:vectors"
    images = np.random.default_rng(0).random((4, 28, 28, 1), np.float32)
    expected = np.mean([np.roll(vectors(images), i, 1) for i in (-1, 0, 1)], 0)
    np.testing.assert_allclose(found(images), expected, rtol=1e-5)
    wrong = load_foreign(asked("predict=mine:vectors", "wrap=average"))
    with pytest.raises(UserError, match=r"an array \(4, 28\) for 4 images"):
        wrong(images)


def test_logits_and_embeddings_of_a_network_go_through_one_wrapper():
    cfg = asked("wrap=average", "wrap.border=circular")
    network = config.network(cfg, rngs=nnx.Rngs(0))
    wrapped = wrap_network(cfg, network)
    images = config.data(cfg).split("test").images[:8]
    logits, embeddings = Embedder(wrapped, batch=8)(images)
    views = [
        Embedder(network, batch=8)(np.roll(images, (i, j), (1, 2)))
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
    ]
    expected = [np.mean(found, 0) for found in zip(*views, strict=True)]
    np.testing.assert_allclose(logits, expected[0], atol=1e-5)
    np.testing.assert_allclose(embeddings, expected[1], atol=1e-5)
    asked_alone = ask_embeddings(wrapped, batch=8)(images)
    np.testing.assert_allclose(asked_alone, embeddings, atol=1e-6)
    assert wrap_network(asked(), network) is network


@pytest.mark.slow  # evaluates every wrapper
def test_constant_images_are_answered_as_without_a_wrapper():
    network = config.network(asked(), rngs=nnx.Rngs(0))
    network.eval()
    images = jnp.full((2, 28, 28, 1), 0.5)
    for name in WRAPS:
        if name != "rics_crop":  # of smaller images
            mended = wrap_network(asked(f"wrap={name}"), network)
            np.testing.assert_allclose(mended(images), network(images), atol=1e-5)


def test_what_a_network_or_task_cannot_take_is_refused():
    flat = asked("model=mlp", "wrap=rics_crop")
    network = config.network(flat, rngs=nnx.Rngs(0))
    with pytest.raises(UserError, match="wrap=rics: shows the network 24×24 of 28×28"):
        wrap_network(flat, network)
    any_size = asked("model/head=gap", "wrap=rics_crop")
    wrapped = wrap_network(any_size, config.network(any_size, rngs=nnx.Rngs(0)))
    assert wrapped(jnp.zeros((2, 28, 28, 1))).shape == (2, 10)
    dense = ["task=segmentation", "model=fcn", "data=scenes"]
    masks = config.compose(*dense, "wrap=average", config="eval")
    with pytest.raises(UserError, match="wrap=average: moves what is seen, and ans"):
        choose_wrapper(masks)
    assert choose_wrapper(config.compose(*dense, "wrap=blur", config="eval"))


@pytest.mark.slow  # a sweep of several wrappers
def test_one_sweep_is_one_table_of_arms(tmp_path):
    """Networks as initialised and functions alike, each in two wrappers and in none."""
    few = ["eval=[accuracy,shift]", "eval.shift.examples=20", "eval.shift.distances=0"]
    for name in ("none", "canonical", "average"):
        for predict in (None, "mine:one_pixel"):
            words = [*few, f"wrap={name}"]
            words += [f"predict={predict}"] if predict else []
            cfg = asked(*words)
            run = evaluate_foreign if predict else evaluate_untrained
            folder = tmp_path / identity.run_name(words)
            run(cfg, folder, choices={"wrap": name, "data": "digits"}, command="")
    arms = label_arms(read_runs(tmp_path))
    labels = {*arms["arm"]}
    assert len(labels) == 6 and {"mine:one_pixel, canonical"} < labels, labels
    rows = read_rows(tmp_path).merge(arms[["path", "arm"]], on="path")
    agree = rows[(rows["protocol"] == "circular") & (rows["measure"] == "agreement")]
    value = agree.set_index("arm")["value"]
    assert value["mine:one_pixel, canonical"] == 1
    assert value["mine:one_pixel, none"] < 1
    assert {*rows["wrap"]} == {"none", "canonical", "average"}


def test_rows_of_the_canvas_are_of_windows(tmp_path):
    """Wrappers go between an evaluator's windows and the classifier."""
    from research.evals.window import Window

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, 40, 40, 1)).astype(np.uint8)
    split = Split.labelled(images, random.integers(0, 10, 12, np.int32))
    cfg = asked("predict=mine:one_pixel", "wrap=rics_crop", "data.shape=[34,34,1]")
    measured = Window(distances=1, max_shift=3)(load_foreign(cfg), split)
    values = {one.key: one.value for one in measured}
    assert 0 <= values["window,distance=1/agreement"] <= 1


def test_a_trained_network_is_wrapped_and_its_folder_stays(tmp_path):
    from finished_run import copy_run

    run = copy_run(tmp_path)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    words = ["wrap=canonical", "eval=[accuracy,shift]"]
    words += ["eval.shift.examples=20", "eval.shift.distances=0"]
    cfg = config.compose(*words, config="eval")
    folder = tmp_path / "evaluate/wrap=canonical/run"
    facts = {"overrides": words, "choices": {"wrap": "canonical"}, "command": ""}
    evaluate_wrapped(cfg, run, folder, **facts)
    files = [path for path in run.rglob("*") if path.is_file()]
    assert {path: path.read_bytes() for path in files} == before
    arms = label_arms(read_runs(tmp_path))
    assert len({*arms["arm"]}) == 2 and arms["arm"].str.contains("canonical").sum() == 1
    rows = read_rows(folder).set_index(["protocol", "measure"])["value"]
    assert rows["circular", "agreement"] == 1
    wrong = [*words, "model=chollet"]
    with pytest.raises(UserError, match="model=chollet: the networks of run_dir"):
        evaluate_wrapped(cfg, run, folder, **facts | {"overrides": wrong})


def test_parts_of_our_networks_are_not_replaced(tmp_path):
    cfg = asked("replace=blur", "eval=accuracy")
    with pytest.raises(UserError, match="replace: swaps operators of PyTorch networks"):
        evaluate_untrained(cfg, tmp_path, choices={}, command="")
    assert not [*tmp_path.iterdir()]
