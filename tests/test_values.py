"""Every key of every option of every group, each with wrong values of every kind."""

import math
import sys
from functools import cache
from typing import Any

import pytest
from every_option import GIVEN, compose_together
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from research.config import CONF, check_config, check_values, explain_errors
from research.config.composing import check_groups, compose, options_of
from research.config.parameters import parameters
from research.config.schema import SCHEMAS
from research.config.values import check_value
from research.errors import UserError
from research.runs.identity import HOW_TO_BUILD
from research.runs.identity_keys import COPIES

WRONG = ["word", "", " ", None, True, -1, 2.5, [], [None], {"a": 1}, 10**30]
WRONG += [math.inf, math.nan]
# Which of these a key takes, by its last part. Text is a name or a place.
TAKES = {
    "word": "address claim class_names coordinator credits device dir distance figure "
    "manual_dir name masks objective out partition predict python root run_dir runs "
    "scale split store test_split tune url version weights only padding "
    "experiment keep_best profile project uri",
    "None": "address classes clip compile coordinator credits decoder distance "
    "early_epochs examples gain hidden image index manual_dir mask_classes masks "
    "max_shift mean "
    "memory names norm objective out outputs pad pool_padding predict run_dir seeds "
    "shape std store stream subset test_examples train_examples units url version "
    "weights experiment keep_best profile uri",
    "-1": "ignore lower scale upper",
    "2.5": "absent checkpoint_seconds clip early_epochs end epsilon factor gain "
    "layer_scale learning_rate lower memory_gb norm norm_factor p poll_seconds power "
    "reconstruction rotation scale smooth smoothness start step temperature upper "
    "upsampling warmup weight_decay",
    "[]": "amounts arithmetic at arrays blocks cases claims cifar10 decoder gpus grids "
    "max_aps max_aps_polyphase max_bilinear overrides protocols setup shifts sizes "
    "rates splits units upsampling which "
    "1 2 4 16 32 64",
    "inf": "norm",
    "{'a': 1}": "sbatch environment params init arguments",
}
# Of other packages.
FREE = ("init", "remote", "environment", "sbatch", "sampler", "arguments")
SWEEPS = ("hydra/launcher", "hydra/sweeper")


def leaves(node):
    """Yields nodes and keys of single values."""
    for key in node:
        inner = node._get_node(key)
        if OmegaConf.is_missing(node, key) or not isinstance(inner, DictConfig):
            if key not in ("_target_", "path", *HOW_TO_BUILD):
                yield node, key
        elif inner._is_interpolation() or not len(inner):
            yield node, key
        else:
            yield from leaves(inner)


@cache
def walked():
    """Returns the nodes and keys of all options, each parameter once."""
    found = {}

    def walk(config, cfg):
        OmegaConf.set_struct(cfg, False)
        for evaluator in [*cfg.get("eval", ())]:
            if "_target_" not in cfg.eval[evaluator]:
                del cfg.eval[evaluator]  # another option's, and not chosen here
        for node, key in leaves(cfg):
            full = node._get_full_key(key)
            target = node.get("_target_")
            found.setdefault(
                (target, key) if target else full, (config, cfg, node, key)
            )

    for config, schema in SCHEMAS.items():
        given = GIVEN if "data" in schema.__annotations__ else []
        walk(config, compose(*given, config=config))
    for config, cfg in compose_together():
        walk(config, cfg)
    for group in SWEEPS:
        for option in options_of(group):
            node = OmegaConf.load(CONF / group / f"{option}.yaml")
            key = group.partition("/")[2]
            if "claims" in list(node):
                node.claims = ["c1"]
            walk("hydra", OmegaConf.create({"hydra": {key: node}}))
    return list(found.values())


def refusals(config, cfg, node, key):
    """Returns what each wrong value is refused with; None where it is taken."""
    before = node._get_node(key)
    group = node._get_full_key(key).partition(".")[0]
    schema = parameters(SCHEMAS[config]) if config in SCHEMAS else {}
    raw = before if isinstance(before, DictConfig) else before._value()
    answers = {}
    for value in WRONG:
        node[key] = value
        try:
            if "_target_" in node:
                check_values(node, besides=[one for one in node if one != key])
            else:
                check_value(cfg, group, schema.get(group, Any))
            answers[str(value)] = None
        except UserError as error:
            answers[str(value)] = str(error)
    node[key] = raw
    return answers


def may_take(key, value, default):
    """Whether a value is right for a key; that of the default's kind always is."""
    own = {bool: "True", type(None): "None"}.get(type(default))
    return value == own or str(key) in TAKES.get(value, "").split()


@pytest.fixture
def launchers(monkeypatch):
    """Hydra's plugins can be imported, as in a script."""
    monkeypatch.setattr(sys, "path", [str(CONF.parent / "scripts"), *sys.path])


@pytest.mark.slow  # every key of every option, several values each
def test_every_key_refuses_what_it_does_not_take(launchers):
    wrong = []
    for config, cfg, node, key in walked():
        full, default = node._get_full_key(key), node._get_node(key)._value()
        if set(full.split(".")) & set(FREE):
            continue
        for value, answer in refusals(config, cfg, node, key).items():
            said = COPIES.get(full, str(key))
            named = answer is None or said in answer or str(key) in answer
            taken = answer is None and not may_take(key, value, default)
            if taken or not named or "\n" in (answer or ""):
                wrong.append((full, value, answer))
    assert not wrong, "\n".join(map(str, wrong))


def with_hydra(*words, config="train"):
    """Returns a config as the scripts have it, with Hydra's own keys."""
    with explain_errors(config), initialize_config_dir(str(CONF), version_base="1.3"):
        return hydra_compose(config, overrides=list(words), return_hydra_config=True)


@pytest.mark.parametrize("name", options_of("experiment"))
def test_every_experiment_is_taken_with_its_sweep(name, launchers):
    check_config(with_hydra(f"experiment={name}"))


@pytest.mark.parametrize("name", options_of("study"))
def test_every_study_is_taken_with_its_sweep(name, launchers):
    cfg = with_hydra(f"study={name}", config="eval")
    check_config(cfg)
    assert cfg.hydra.sweeper.params.predict


def test_a_bug_in_a_file_of_the_user_keeps_its_traceback(tmp_path, monkeypatch):
    (tmp_path / "broken_file.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    node = OmegaConf.create({"_target_": "broken_file.build"})
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        check_values(node)


@pytest.mark.parametrize(
    "words, answer",
    [
        ("downsample=base", "downsample=base: no such option"),
        ("downsample/reduce=base", "downsample/reduce=base: no such option"),
        ("~optim.learning_rate", "optim.learning_rate: is missing; give optim.lear"),
        ("~model.head", "model.head: is missing; give model/head=OPTION"),
        ("~train.epochs", "train.epochs: is missing"),
        ("~optim", "optim: is missing; give optim=OPTION"),
        ("~split", "split: is missing"),
        ("optim._partial_=false", "optim._partial_=false: how an object is built"),
        ("~loss._target_", "~loss._target_: how an object is built"),
        ("loss._target_=no.such", "loss._target_=no.such: takes the dotted name"),
        ("model.head.pool.path=no", "model.head.pool.path=no: takes the dotted name"),
        ("+train.foo=1", "train.foo: no such key (there are epochs"),
        ("+data.foo=1", "data.foo: no such key"),
        ("+averaging.foo=1", "averaging: has no _target_"),
        (
            "downsample.reduce=max",
            "downsample.reduce=max: downsample/reduce is a gr",
        ),
        ("optim=0", "optim=0: optim is a group (there are adam, adamw"),
        ("~loss=[a]", "~loss=[a]: loss is a group"),
        ("precision=high", "precision=high: takes keys of its own: give precision.K"),
        (
            "optim.learning_rate=1e39",
            "optim.learning_rate=1e+39: takes a number of at least 0 and of at most",
        ),
        (
            "hydra.launcher.jobs=x",
            "hydra.launcher.jobs=x: takes an integer of at l",
        ),
    ],
)
def test_a_wrong_override_is_named(words, answer, launchers):
    launcher = ["hydra/launcher=local"] if "launcher" in words else []
    with pytest.raises(UserError) as caught:
        with explain_errors():
            check_groups([words])
            check_config(with_hydra(*launcher, words))
    assert str(caught.value).startswith(answer) and "\n" not in str(caught.value)
