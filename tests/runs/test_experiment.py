"""An experiment is built once; what is wrong with it is found before it trains."""

import jax
import numpy as np
import pytest
from flax import nnx

from research import config
from research.errors import UserError
from research.runs.experiment import build
from research.tasks.classification import Classification

TINY = ["model=tiny", "data.train_examples=70", "train.epochs=3", "train.batch_size=16"]


@pytest.fixture(scope="module")
def compose(tmp_path_factory):
    place = f"data.dir={tmp_path_factory.mktemp('data')}"
    return lambda *words: config.compose(*TINY, place, *words)


def test_it_holds_what_the_config_names(compose):
    cfg = compose("seed=4", "eval=[accuracy,cost]", "data.validation_examples=9")
    experiment = build(cfg)
    experiment.check()
    assert experiment.steps == 3 * (70 // 16)
    assert isinstance(experiment.task, Classification)
    assert experiment.parameters == 2002
    assert list(experiment.evaluators) == ["accuracy", "cost"]
    assert len(experiment.data.split("validation")) == 9
    expected = config.network(cfg, rngs=nnx.Rngs(4))
    for a, b in zip(
        *(jax.tree.leaves(nnx.state(n)) for n in (experiment.network, expected)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_seeds_share_what_jax_compiles_by(compose):
    one, two = (build(compose(f"seed={seed}")) for seed in (0, 1))
    assert one.task is two.task
    assert one.optimizer is two.optimizer
    assert one.augment is two.augment


@pytest.mark.parametrize(
    "word, error",
    [
        ("train.batch_size=abc", "train.batch_size=abc: takes an integer of at least"),
        ("train.epochs=0", "train.epochs=0: takes an integer"),
        ("seed=x", "seed=x: takes an integer from 0"),
        ("seed=-1", "seed=-1: takes an integer from 0"),
        ("seed=null", "seed=null: takes an integer from 0"),
        ("seed=1.5", "seed=1.5: takes an integer from 0"),
        ("train=null", "train=null: takes keys of its own"),
        ("claims=abc", "claims=abc: takes keys of its own"),
        ("eval.accuracy=null", "eval.accuracy=null: takes keys"),
        ("+optim.foo=1", "optim.foo: no such key"),
        ("+eval.accuracy.foo=1", "eval.accuracy.foo: no such key"),
        ("train.shard_state=1", "train.shard_state=1: takes true or false"),
        ("train.checkpoint_seconds=-1", "train.checkpoint_seconds=-1: takes a number"),
        ("+train.epoch=3", "train.epoch: no such key"),
        ("train.batch_size=71", "train.batch_size=71 for 70 training examples"),
        ("optim.schedule.warmup=9", "optim.schedule.warmup=9 with train.epochs=3"),
    ],
)
def test_a_mistake_is_found_when_it_is_built(compose, word, error):
    with pytest.raises(UserError) as caught:
        build(compose(word))
    assert str(caught.value).startswith(error)


def test_a_loss_that_is_not_made_for_the_network_is_found_by_the_check(compose):
    with pytest.raises(UserError, match=r"loss=margin .* model=capsnet"):
        build(compose("loss=margin", "eval=accuracy")).check()
