"""Settings: a wrong one is named with its key, its value and what it takes."""

import jax.numpy as jnp
import pytest

from research import config
from research.errors import UserError
from research.training.settings import Training, parse_dtype


def test_the_fields_are_the_keys_of_the_config():
    keys = config.compose().train
    assert set(Training.__match_args__) == set(keys)
    assert vars(Training(**keys)) == dict(keys)


@pytest.mark.parametrize(
    "key, value, takes",
    [
        ("epochs", 0, "an integer of at least 1"),
        ("epochs", 2.5, "an integer"),
        ("epochs", 10**30, "an integer of at least 1 and of at most 31 bits"),
        ("batch_size", "abc", "an integer of at least 1"),
        ("batch_size", True, "an integer"),
        ("batch_size", None, "an integer"),
        ("batch_size", {"a": 1}, "an integer"),
        ("device_bytes", -1, "an integer of at least 0"),
        ("device_bytes", 2**64, "an integer of at least 0 and of at most 63 bits"),
        ("checkpoint_seconds", -1, "a number of at least 0"),
        ("checkpoint_seconds", "soon", "a number"),
        ("checkpoint_seconds", float("nan"), "a number"),
        ("shard_state", "yes", "true or false"),
        ("dtype", "float64", "float32, bfloat16 or float16"),
        ("dtype", None, "float32, bfloat16"),
        ("steps_per_dispatch", "all", "an integer of at least 1 or auto or epoch"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(key, value, takes):
    cfg = config.compose()
    cfg.train[key] = value
    shown = "null" if value is None else value
    with pytest.raises(UserError) as caught:
        config.check_config(cfg)
    assert str(caught.value).startswith(f"train.{key}={shown}: takes {takes}")


def test_an_unknown_key_is_named():
    cfg = config.compose("+train.epoch=1")
    with pytest.raises(UserError, match=r"train\.epoch: no such key .*epochs"):
        config.check_config(cfg)


def test_a_batch_larger_than_the_split_is_refused():
    training = Training(epochs=1, batch_size=71)
    with pytest.raises(UserError, match=r"train\.batch_size=71 for 70 training .*70"):
        training.plan(70, seed=0)
    assert len(training.plan(71, seed=0)) == 1


def test_a_dtype_is_that_of_jax():
    assert parse_dtype("bfloat16") == jnp.bfloat16
    with pytest.raises(UserError, match=r"train\.dtype=float64: takes float32, bf"):
        parse_dtype("float64")
