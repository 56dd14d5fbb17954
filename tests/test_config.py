"""Every YAML composes and becomes an object; mistakes get the nearest that exists."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from research import config
from research.errors import UserError
from research.runs.identity import flatten

CONF = Path(__file__).parent.parent / "conf"


def options(group):
    return sorted(
        path.stem
        for path in (CONF / group).glob("*.yaml")
        if not path.stem.startswith("base")
    )


GROUPS = {
    str(path.relative_to(CONF))
    for path in CONF.rglob("*")
    if path.is_dir() and any(path.glob("*.yaml")) and path.parent.name != "setting"
} - {"hydra", "figure", "table", "page", "hydra/launcher", "hydra/sweeper"}


RESNET, VIT = ["model=resnet20"], ["model=vit_tiny"]
OWNERS = {f"model/{part}": RESNET for part in ("block", "shortcut", "stem")}
OWNERS |= {"data/objects": ["data=scenes"], "data/stream": ["data=digits"]}
SWIN = ("anchor", "bias", "embed", "merge", "last_norm")
OWNERS |= {f"model/{part}": ["model=swin_tiny"] for part in SWIN}
OWNERS |= {f"model/{part}": RESNET for part in ("activation", "norm")}
OWNERS |= {"model/position": VIT, "model/head": [], "experiment": []}
GIVEN = ["data.name=any", "data.shape=[8,8,1]", "data.classes=2"]
EVALUATED = ("wrap", "replace", "study")  # what only evaluations choose
# One option of each at once: it takes .2 s.
FREE = sorted(GROUPS - OWNERS.keys() - set(EVALUATED))


@pytest.mark.parametrize("nth", range(max(len(options(group)) for group in FREE)))
def test_every_option_composes(nth):
    chosen = [(group, options(group)) for group in FREE]
    overrides = [f"{group}={known[nth % len(known)]}" for group, known in chosen]
    assert flatten(config.compose(*overrides, *GIVEN))


@pytest.mark.parametrize("group", EVALUATED)
def test_every_option_of_an_evaluation_composes(group):
    for option in options(group):
        assert flatten(config.compose(f"{group}={option}", *GIVEN, config="eval"))


@pytest.mark.parametrize("group", ["hydra/launcher", "hydra/sweeper"])
def test_every_launcher_and_sweeper_composes_without_what_it_needs(group):
    for option in options(group):
        assert config.compose(f"{group}={option}") == config.compose()


@pytest.mark.parametrize("group", OWNERS)
def test_every_part_of_an_option_composes(group):
    for option in options(group):
        assert config.compose(f"{group}={option}", *GIVEN, *OWNERS[group])


def parameters(*overrides):
    cfg = config.compose(*overrides)
    shapes = nnx.eval_shape(lambda: config.network(cfg, rngs=nnx.Rngs(0)))
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(shapes, nnx.Param)))


@pytest.mark.parametrize("preset", options("downsample"))
def test_every_preset_builds_a_network(preset):
    circular = ["model.padding=circular", "data.shape=[32,32,1]"]
    assert parameters(f"downsample={preset}", *circular) > 55_744


@pytest.mark.slow  # every network at full size
@pytest.mark.parametrize("model", options("model"))
def test_every_model_builds(model):
    data = [] if "imagenet" not in model else ["data=imagenet2012"]
    assert parameters(f"model={model}", *data) > 0


@pytest.mark.parametrize("data", ["folder", "tfds"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_data_of_any_channels_need_no_other_defaults(data, channels):
    words = [f"data={data}", f"data.shape=[16,16,{channels}]", "model=tiny"]
    words += ["data.mean=[0.5]", "data.std=[0.25]"]  # null: recorded with prepared data
    cfg = config.compose(*GIVEN, *words)

    def logits():
        network = config.network(cfg, rngs=nnx.Rngs(0))
        return network(jnp.zeros((2, *cfg.data.shape)))

    assert nnx.eval_shape(logits).shape == (2, 2)


@pytest.mark.parametrize("option", options("optim"))
def test_every_optimiser_builds(option):
    for schedule in options("optim/schedule"):
        cfg = config.compose(f"optim={option}", f"optim/schedule={schedule}")
        chain = config.optimizer(cfg)(steps_per_epoch=3, epochs=2)
        params = {"w": jnp.ones((2, 2))}
        chain.update(params, chain.init(params), params)


def test_every_evaluator_is_callable():
    for name in options("eval"):
        evaluators = config.evals(config.compose(f"eval={name}"))
        assert list(evaluators) == [name] and all(map(callable, evaluators.values()))


def test_the_book_network_has_its_parameters():
    assert parameters("data=mnist") == 93_322
    assert parameters("data=mnist", "downsample=strided") == 93_322 + 46_176 - 20_480
    assert parameters("data=mnist", "downsample=blur") == 121_994
    assert parameters("data=mnist", "downsample=none") == 2_038_922


def test_a_model_brings_its_downsampler_and_the_user_has_the_last_word():
    target = lambda *o: config.compose(*o).downsample.reduce._target_  # noqa: E731
    assert target().endswith("Max")
    assert target("downsample=average").endswith("Average")
    assert target("model=chollet", "downsample=decimate").endswith("Identity")


def test_axes_combine_in_any_order():
    one = ["downsample=blur", "downsample/reduce=max", "downsample.reduce.window=3"]
    configs = [config.compose(*order).downsample for order in (one, one[::-1])]
    assert configs[0] == configs[1]
    assert configs[0].reduce.window == 3 and configs[0].lowpass.taps == 3


def test_padding_follows_the_model():
    parts = config.compose("downsample=max_blur", "model.padding=circular").downsample
    assert parts.reduce.padding == parts.lowpass.padding == "circular"
    parts = config.compose("downsample=max_blur").downsample
    assert (parts.reduce.padding, parts.lowpass.padding) == ("valid", "reflect")


def test_downsample_takes_the_configured_stride_or_the_one_asked_for():
    cfg = config.compose("downsample=max", "downsample.stride=3")
    assert config.downsample(cfg, 4, rngs=nnx.Rngs(0)).stride == (3, 3)
    assert config.downsample(cfg, 4, rngs=nnx.Rngs(0), stride=4).stride == (4, 4)
    none = config.compose("downsample=none", "downsample.stride=3")
    assert config.downsample(none, 4, rngs=nnx.Rngs(0), stride=4).stride == (1, 1)


@pytest.mark.parametrize(
    "override, nearest",
    [
        ("model=cholet", "model=cholet: no such option (did you mean chollet?)"),
        ("experiment=Demo", "experiment=Demo: no such option (did you mean demo?)"),
        ("setting=cpu/mnits", "setting/cpu=mnits: no such option"),
        ("downsample=maxx", "did you mean max"),
        ("train.epoch=3", "train.epoch: no such key (did you mean train.epochs"),
        ("train={epoch:3}", "train.epoch: no such key (did you mean train.epochs"),
        ("optim.learningrate=3", "optim.learning_rate"),
        ("train.epochs=[", "train.epochs="),
    ],
)
def test_a_mistake_is_answered_with_the_nearest(override, nearest):
    with pytest.raises(UserError) as caught:
        config.compose(override)
    assert nearest in str(caught.value) and "\n" not in str(caught.value)


BUILD = """
import json, sys
from flax import nnx
from research import config
from research.errors import UserError
from research.runs.identity import flatten

for overrides in json.load(sys.stdin):
    cfg = config.compose(*overrides)
    try:
        nnx.eval_shape(lambda: config.network(cfg, rngs=nnx.Rngs(0)))
        config.check_values(cfg.data)
        config.build(cfg.optim), config.build(cfg.augment), config.evals(cfg)
        config.task(cfg)
        cfg.averaging and config.build(cfg.averaging)
        print("nothing is wrong")
    except UserError as error:
        print(error)
    except Exception as error:
        print(repr(error))
"""
WRONG = {  # words of a command → how its one line begins
    "downsample=blur downsample.lowpass.taps=2.5": (
        "downsample.lowpass.taps=2.5: takes an integer"
    ),
    "downsample=flc downsample.lowpass.nyquist=keeep": (
        "downsample.lowpass.nyquist=keeep: takes zero or keep"
    ),
    "data=cifar10 data.mean=[0.5,0.5]": (
        "data.mean=[0.5, 0.5]: images of 3 channels take one value, or 3"
    ),
    "optim.learning_rate=fast": "optim.learning_rate=fast: takes a number",
    "optim.learning_rate=-1": "optim.learning_rate=-1: takes a number of at least 0",
    "optim.weight_decay=.inf": "optim.weight_decay=.inf: takes a number of at least 0",
    "optim.clip=0": "optim.clip=0: takes a number above 0 or null",
    "optim.schedule.warmup=-1": "optim.schedule.warmup=-1: takes a number of at least",
    "optim/schedule=piecewise optim.schedule.at=[0.5,2]": (
        "optim.schedule.at=[0.5, 2]: takes a list of"
    ),
    "loss.label_smoothing=1": (
        "loss.label_smoothing=1: takes a number of at least 0 and below 1"
    ),
    "model/head=vgg model.head.dropout=-0.1": "model.head.dropout=-0.1: takes a number",
    "augment.shift=-1": "augment.shift=-1: takes an integer of at least 0",
    "data.std=[0]": "data.std=[0]: takes a list of numbers above 0",
    "averaging=lookahead averaging.every=0": (
        "averaging.every=0: takes an integer of at least 1"
    ),
    "optim.clip=true": "optim.clip=True: takes a number above 0 or null",
    "data.train_examples=1.5": (
        "data.train_examples=1.5: takes an integer of at least 1 or null"
    ),
    "eval.shift.max_shift=a": "eval.shift.max_shift=a: takes an integer",
    "model.widths=abc": "model.widths=abc: takes a list of integers",
    "augment.border=x": "augment.border=x: takes circular, zero or reflect",
    "data.std=[0.2,0.2,0.2]": "data.std=[0.2, 0.2, 0.2]: images of 1 channels",
    "model=vit_tiny model.patch=0": "model.patch=0: takes an integer",
    "model=capsnet_small model.window=0": "model.window=0: takes an integer",
    "model.window=2.5": "model.window=2.5: takes an integer",
    "downsample=adaptive_blur downsample.lowpass.taps=0": (
        "downsample.lowpass.taps=0: takes an integer"
    ),
    "downsample=adaptive_blur downsample.lowpass.groups=0": (
        "downsample.lowpass.groups=0: takes an integer"
    ),
    "downsample.stride=2.5": "downsample.stride=2.5: takes an integer",
    "downsample.reduce.window=x": "downsample.reduce.window=x: takes an integer",
    "model.head.units=0": "model.head.units=0: takes an integer",
    "model.head.units=[8,2.5]": (
        "model.head.units=[8, 2.5]: takes an integer of at least 1 or a list of"
    ),
    "model/head=grid model.head.pool.size=0": (
        "model.head.pool.size=0: takes an integer"
    ),
    "downsample=aps downsample.sample.norm=.inf": (
        "downsample.sample.norm=.inf: takes a number"
    ),
    "downsample=lp downsample.reduce.p=.inf": (
        "downsample.reduce.p=.inf: takes a number"
    ),
}


@pytest.fixture(scope="module")
def answers():
    """What each mistake is answered with, as users meet it: types are not checked."""
    command = [sys.executable, "-c", BUILD]
    asked = json.dumps([words.split() for words in WRONG])
    done = subprocess.run(
        command, input=asked, cwd=CONF.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(WRONG, done.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_value_is_named_with_its_key(answers, words):
    assert answers[words].startswith(WRONG[words])


def test_what_a_setting_says_of_other_evaluators_is_passed_over():
    cfg = config.compose("setting=smoke/mnist", "eval=accuracy")
    assert set(cfg.eval) > {"accuracy"} and list(config.evals(cfg)) == ["accuracy"]


def test_a_fixed_subset_is_not_that_of_the_seed():
    """It would count as a subset that follows the seed, and so as another arm."""
    following = config.compose("setting=cpu/scenes", "seed=3")
    assert following.data.subset == 3
    config.check_config(following)
    config.check_config(config.compose("data.subset=7", "seed=3"))
    wrong = config.compose("data.subset=3", "seed=3")
    with pytest.raises(UserError, match=r"data.subset=3 with seed=3: .*\$\{seed\}"):
        config.check_config(wrong)
