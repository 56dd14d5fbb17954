"""What makes two runs the same: every key has a class, and what follows from it."""

import pytest
import yaml

from research import config
from research.config.composing import options_of
from research.runs import identity
from research.runs.identity import run_name, science, training_digest
from research.runs.identity_keys import Kind, classify
from research.runs.store import Store


def test_an_option_that_is_put_below_an_evaluator_is_of_the_evaluator():
    line = "+data@eval.window.canvas=folder"
    assert identity.key_of(line) == "eval.window.canvas"
    assert identity.key_of("data/stream@data.stream=none") == "data.stream"


RECOVERED = [  # what people add to get a broken sweep through, or run it elsewhere
    ["retry=failed"],
    ["objective=train.loss"],
    ["train.shard_state=true"],
    ["train.steps_per_dispatch=4", "precision.eval=default"],
    ["train.checkpoint_seconds=5", "train.device_bytes=1"],
    ["distributed.coordinator=localhost:1", "distributed.processes=2"],
    ["data.manual_dir=/files", "data.dir=/elsewhere", "root=/out", "name=other"],
    ["++retry=none", "hydra.verbose=true"],
    ["eval=orbit", "split=validation"],
]


@pytest.mark.parametrize("more", RECOVERED, ids=" ".join)
def test_what_only_gets_a_run_through_changes_neither_run_nor_name(more):
    plain = ["downsample=max_blur", "seed=3"]
    before, after = config.compose(*plain), config.compose(*plain, *more)
    assert training_digest(before) == training_digest(after)
    assert identity.arm(before) == identity.arm(after)
    assert run_name(plain) == run_name([*plain, *more])


@pytest.mark.parametrize(
    "more",
    [
        ["seed=4"],
        ["train.epochs=3"],
        ["precision.train=high"],
        ["deterministic=true"],
        ["optim=sgd"],
        ["downsample/lowpass=ideal"],
        ["model/head=gap"],
        ["loss.label_smoothing=0.1"],
        ["data.train_examples=10"],
        ["data.validation_examples=10"],
    ],
    ids=" ".join,
)
def test_what_decides_the_weights_changes_both(more):
    assert training_digest(config.compose()) != training_digest(config.compose(*more))
    assert run_name([]) != run_name(more)


def test_another_spelling_is_the_same_run():
    spellings = [
        ["downsample=max3"],
        ["downsample=max", "downsample/reduce=max3"],
        ["downsample.reduce.window=3"],
        ["downsample.reduce.window=3.0", "++seed=0"],
    ]
    assert len({training_digest(config.compose(*one)) for one in spellings}) == 1


def test_seeds_are_runs_of_one_arm():
    runs = [config.compose(f"seed={seed}") for seed in (0, 1)]
    assert len({identity.arm(one) for one in runs}) == 1
    assert len({training_digest(one) for one in runs}) == 2


def test_an_evaluator_is_its_parameters_and_its_split():
    plain = config.compose("eval=[shift,fit]")
    known = {name: identity.evaluator_digest(plain, name) for name in ("shift", "fit")}

    def changed(*more):
        now = config.compose("eval=[shift,fit]", *more)
        return {n for n in known if identity.evaluator_digest(now, n) != known[n]}

    assert changed("eval.shift.max_shift=2") == {"shift"}
    assert changed("eval.fit.examples=7") == {"fit"}
    assert changed("split=validation", "data.validation_examples=9") == {"shift", "fit"}
    assert changed("data.test_examples=9") == {"shift", "fit"}
    assert changed("data.dir=/there", "model=tiny", "seed=1") == set()
    fewer = config.compose("data.test_examples=9")
    assert training_digest(fewer) == training_digest(config.compose())


def test_the_precision_of_evaluation_is_a_parameter_of_every_evaluator():
    names = [f"eval=[{','.join(options_of('eval'))}]"]
    plain = identity.evaluator_digests(config.compose(*names))
    same = identity.evaluator_digests(config.compose(*names, "precision.eval=highest"))
    other = identity.evaluator_digests(config.compose(*names, "precision.eval=high"))
    trained = config.compose(*names, "precision.train=high", "deterministic=true")
    assert plain == same == identity.evaluator_digests(trained)
    assert plain.keys() == other.keys() and len(plain) > 10
    assert not set(plain.values()) & set(other.values())


@pytest.mark.parametrize("name", ["orbit", "explorer"])
def test_the_memory_of_an_evaluator_is_no_part_of_it(name):
    """Rows of older runs still count: all that kept a digest had 512 MiB."""
    named = {"name": name, "split": "test", "test": "test", "own.seed": 0}
    kept = identity.digest(named | {"own.memory": 512})
    for memory in (None, 512, 64):
        own = {f"eval.{name}.memory": memory, f"eval.{name}.seed": 0}
        assert identity.evaluator_digest({"split": "test"} | own, name) == kept
    assert classify(f"eval.{name}.memory") is Kind.RESOURCE
    assert classify(f"eval.{name}.block") is Kind.MEASUREMENT


def test_an_evaluator_with_data_of_its_own_is_another():
    plain = identity.flatten(config.compose("eval=fit"))
    assert plain["eval.fit.data.name"] == "digits", "a copy of the run's own"
    digest = identity.evaluator_digest(plain, "fit")
    for key, value, same in (
        ("eval.fit.data.dir", "/elsewhere", True),
        ("eval.fit.data.train_examples", 9, False),
    ):
        changed = identity.evaluator_digest(plain | {key: value}, "fit")
        assert (changed == digest) is same, key


def test_objects_count_by_name_so_modules_can_move():
    cfg = identity.flatten(config.compose("model=resnet20", "downsample=aps"))
    moved = {
        key: value.replace("research.", "research.some.other.room.")
        if isinstance(value, str)
        else value
        for key, value in cfg.items()
    }
    assert moved != cfg
    assert training_digest(moved) == training_digest(cfg)
    replaced = cfg | {"downsample.reduce._target_": "mine.Identity"}
    assert training_digest(replaced) != training_digest(cfg), "not ours, though alike"


def test_a_default_can_be_added(monkeypatch):
    before = identity.flatten(config.compose())
    after = before | {"optim.nesterov": False}
    assert training_digest(before) != training_digest(after)
    monkeypatch.setitem(identity.ABSENT, "optim.nesterov", False)
    assert training_digest(before) == training_digest(after)
    used = before | {"optim.nesterov": True}
    assert training_digest(before) != training_digest(used)
    assert identity.difference(before, used) == ("optim.nesterov", False, True)


# Of all of them together, as the code before these keys computed them.
KEPT = "998c728d5326576ecc5414c365e96fafc60a289f94199b033a414a6481617e95"


def digests_of_runs():
    """Digest of the training and of each evaluator, of every run that is kept."""
    fixture = config.CONF.parent / "tests/data/first_edition_run/config.yaml"
    yield yaml.safe_load(fixture.read_text())
    for run in Store(config.CONF.parent / "outputs/reference/first").runs():
        yield run.config


@pytest.mark.slow  # composes the configs of all older runs
def test_digests_of_older_runs_stay():
    """They were written before some keys were there, by code that is now gone."""
    found = []
    for cfg in digests_of_runs():
        evaluators = identity.evaluator_digests(cfg)
        found.append([training_digest(cfg), *sorted(evaluators.items())])
        given = identity.flatten(cfg) | {
            "precision.train": "default",
            "precision.eval": "highest",
            "deterministic": False,
        }
        assert training_digest(given) == found[-1][0]
        assert identity.evaluator_digests(given) == evaluators
    assert len(found) > 100
    assert identity.digest({"all": found}) == KEPT


def test_an_object_can_be_renamed(monkeypatch):
    before = identity.flatten(config.compose("downsample=max"))
    after = before | {
        "downsample.reduce._target_": "research.downsample.reduce.Maximum"
    }
    assert training_digest(before) != training_digest(after)
    monkeypatch.setitem(identity.FORMERLY, "Maximum", "Max")
    assert training_digest(before) == training_digest(after)


def test_no_path_of_code_is_in_the_science():
    for model in options_of("model"):
        for key, value in science(config.compose(f"model={model}")).items():
            assert "_target_" not in key and "research" not in str(value), (key, value)


def test_nested_flat_and_composed_configs_are_one(tmp_path):
    from omegaconf import OmegaConf

    cfg = config.compose("model=vit_tiny")
    text = OmegaConf.to_yaml(cfg, resolve=True)
    forms = [cfg, identity.flatten(cfg), yaml.safe_load(text)]
    assert len({training_digest(form) for form in forms}) == 1


def test_names_of_folders():
    words = ["seed=0", "model=x", "root=/a", "data.dir=/b"]
    assert run_name(words) == run_name(words[::-1]) == "model=x,seed=0"
    assert run_name(["downsample/reduce=max"]) == "downsample.reduce=max"
    assert run_name(["setting=cpu/mnist", "+model.new=1"]) == (
        "+model.new=1,setting=cpu.mnist"
    )
    assert run_name([]) == "default"
    assert run_name(["model.widths=[8, 8]"]) == "model.widths=8,8"


def test_long_names_stay_readable():
    """As of five overrides that a new user typed."""
    words = ["data=digits", "downsample=max", "model=chollet", "model/head=gap"]
    words += ["+model.padding=circular", "optim.learning_rate=0.003"]
    before = run_name([*words, "train.epochs=5"])
    assert before == (
        "+model.padding=circular,data=digits,downsample=max,model.head=gap,"
        "model=chollet,optim.learning_rate=0.003,train.epochs=5"
    )
    longer = run_name([*words, "train.epochs=10", "train.batch_size=64"])
    assert longer == (
        "padding=circular,data=digits,downsample=max,head=gap,model=chollet,"
        "learning_rate=0.003,batch_size=64,epochs=10"
    )
    clash = run_name([*words, "train.epochs=10", "augment.shift=1", "data.shift=2"])
    assert "augment.shift=1,data.shift=2" in clash and ",epochs=10" in clash


def test_the_longest_names_are_cut_and_stay_apart():
    long = [f"model.größe{i:02}=value" for i in range(20)]
    name = run_name(long)
    assert name == run_name(long[::-1])
    assert 190 < len(name.encode()) <= 200 and name.startswith("größe00=value,")
    other = run_name([*long[:-1], "model.größe19=other"])
    assert other != name and other[:100] == name[:100]


@pytest.mark.parametrize(
    ("model", "own", "other"),
    [
        ("resnet20", ["model/activation=relu", "model/norm=batch"], "model/norm=chw2"),
        ("chollet", ["model/activation=relu", "model/norm=none"], "model/norm=batch"),
        ("vit_tiny", ["model/activation=gelu_tanh"], "model/activation=gelu"),
        ("airbench", ["model/norm=fixed_scale"], "model/norm=batch"),
        ("airbench", ["model.norm.momentum=.6"], "model.norm.momentum=.5"),
        ("vgg13", ["model/norm=batch"], "model.norm=null"),
    ],
)
def test_a_part_that_the_network_had_of_its_own_is_no_other(model, own, other):
    plain = config.compose(f"model={model}")
    assert "model.activation" not in science(plain)
    same = config.compose(f"model={model}", *own)
    assert training_digest(same) == training_digest(plain)
    changed = config.compose(f"model={model}", other)
    assert training_digest(changed) != training_digest(plain)
    key, before, now = identity.difference(plain, changed)
    assert key.startswith(("model.norm", "model.activation")) and before != now
    if key == "model.norm" and model == "resnet20":
        assert (before, now) == ("BatchNorm", "CHW2")


def test_training_images_that_are_drawn_by_the_seed_are_one_arm():
    own = [
        config.compose_flat("data.subset=${seed}", f"seed={seed}") for seed in (0, 1)
    ]
    assert identity.arm(own[0]) == identity.arm(own[1])
    assert identity.training_digest(own[0]) != identity.training_digest(own[1])
    first = config.compose_flat("seed=1")
    fixed = config.compose_flat("data.subset=0", "seed=1")
    digests = {identity.training_digest(one) for one in (own[1], first, fixed)}
    assert len(digests) == 3
    assert len({identity.arm(one) for one in (own[1], first, fixed)}) == 3


def test_where_the_canvas_of_an_evaluator_lies_is_no_part_of_it():
    words = ["eval=window", "+data@eval.window.canvas=digits"]

    def digest(*more, without=()):
        flat = identity.flatten(config.compose(*words, *more))
        kept = {k: v for k, v in flat.items() if k not in without}
        return identity.evaluator_digest(kept, "window")

    known = digest()
    assert digest("eval.window.canvas.dir=/elsewhere") == known
    assert digest(without=["eval.window.canvas.test_examples"]) == known
    assert digest("eval.window.canvas.test_examples=9") != known
    assert digest("eval.window.canvas.name=another") != known
    assert classify("eval.window.canvas.dir") is Kind.PLACE
