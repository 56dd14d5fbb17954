"""Any overrides: `scripts/train.py` ends well, or with one line that names what it is.

The script's own main function runs in this process: words are prepared, composed,
checked, and everything is built and traced. One case in a few also trains for real.
"""

import contextlib
import json
import math
import os
import re
import shutil
import time
from unittest.mock import patch

import jax
import jax.numpy as jnp
import pytest
from flax import nnx
from hypothesis import example, given, settings
from hypothesis import strategies as st
from in_process import call

from research.config import CONF, compose
from research.config.composing import is_option
from research.runs import run as running
from research.runs.experiment import build
from research.runs.identity import flatten

MINUTES = float(os.environ.get("MINUTES", "0"))
SMALL = ["model=tiny", "data.train_examples=64", "train.batch_size=32"]
SMALL += ["train.epochs=1", "eval=accuracy"]
LARGEST_TRAINED = 20_000  # parameters
CHEAP = {"accuracy", "shift", "cost", "fit", "tta"}  # evaluators that run for real
# Several processes would wait for each other; other folders are not this test's.
ELSEWHERE = re.compile(
    r"distributed|launcher|hydra\.(run|sweep|mode|help|hydra_help|job|searchpath|"
    r"output_subdir|.*logging|callbacks)|^[+~]*(root|store|data\.dir)\b|experiment=(c\d|demo|learning)"
)
GROUPS = {
    str(path.relative_to(CONF)): sorted(one.stem for one in path.glob("*.yaml"))
    for path in CONF.rglob("*")
    if path.is_dir() and any(path.glob("*.yaml"))
    if path.relative_to(CONF).parts[0] not in ("hydra", "figure", "table", "page")
}
EVALUATORS = [option for option in GROUPS["eval"] if is_option(option)]
BASES = [  # words of options, whose keys are tried
    (f"eval=[{','.join(EVALUATORS)}]", "averaging=lookahead"),
    ("model=resnet20", "downsample=adaptive_blur", "optim=sgd"),
    ("model=vit_tiny", "downsample=lps", "augment=crop_flip"),
    ("model=capsnet_small", "averaging=exponential"),
    ("model=airbench", "optim=airbench", "augment=airbench", "eval=tta"),
    ("model=allconv_all", "downsample=max_blur", "optim/schedule=triangle"),
    ("model=chollet", "model/head=grid", "downsample=lp", "eval=shift"),
]
KNOWN = {base: flatten(compose(*base)) for base in BASES}
KEYS = sorted({key for known in KNOWN.values() for key in known})
integers = st.integers(-2, 70) | st.sampled_from([10**30, -(10**30), 2**31, 2**63])
floats = st.floats(-2, 3) | st.sampled_from([math.inf, math.nan, 1e-30, 1e30, 1e300])
names = [option for options in GROUPS.values() for option in options]
names = [name for name in names if "imagenet" not in name and name != "resnet50"]
odd = (
    "'word' null true false \"\" '' ? ??? * ~ $ ${seed} ${nope} ${oc.env:NOPE} a=b 1;2"
)
odd += " {a:1} {} [] [[1]] [ ] ( a b [,] {:} größe 日本 1e5 0x1 1_000 .inf nan ./x a.b"
odd += " choice(1,2) range(3) glob(*) glob(b*) sort(2,1) int(2.5) str(3) 1,2 @ : a:b %"
words = st.sampled_from([*odd.split(), *names, "circular", "valid", "test", "a b"])
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6)
scalars = integers.map(str) | floats.map(str) | words | texts
lists = st.lists(scalars, max_size=4).map(lambda of: f"[{','.join(of)}]")
values = scalars | lists | st.just("{a: 1}")
groups = st.sampled_from(sorted(GROUPS)).flatmap(
    lambda group: st.tuples(
        st.just(group), st.sampled_from(GROUPS[group]) | st.sampled_from(names) | values
    )
)
keys = st.sampled_from(KEYS) | st.sampled_from(
    [
        *(group.replace("/", ".") for group in GROUPS),
        "foo",
        "train.foo",
        "seed.x",
        "eval",
    ]
)
PADDINGS = ["valid", "zero", "reflect", "circular"]
HEAVY = ("resnet50", "vgg13_imagenet", "imagenet2012")  # a minute and GiB to build


def near(known):
    """Returns values that are like the one that a key has, and may well be right."""
    if isinstance(known, bool):
        return st.sampled_from(["true", "false"])
    if isinstance(known, int):
        return st.sampled_from([0, 1, 2, 3, 4, 5, 7, 16, 32, known]).map(str)
    if isinstance(known, float):
        return st.sampled_from([0, 1, 2, 0.1, 0.5, 0.9, 1.5, 1e-9, known]).map(str)
    if isinstance(known, list):
        some = st.sampled_from([*map(str, known), "1", "2", "3", "8", "0.5"])
        return st.lists(some, max_size=4).map(lambda of: f"[{','.join(of)}]")
    if known in PADDINGS:
        return st.sampled_from(PADDINGS)
    return st.sampled_from(["null", "1", "3", str(known)])


def plausible(base):
    """Returns overrides that go well with the options of `base`."""
    of_keys = st.sampled_from(
        [key for key in KNOWN[base] if key.split(".")[-1] not in ("_target_", "path")]
    ).flatmap(lambda key: near(KNOWN[base][key]).map(lambda value: f"{key}={value}"))
    given = st.lists(of_keys | of_keys | right, min_size=1, max_size=3)
    return given.map(lambda words: [*base, *words])


right = st.sampled_from(sorted(GROUPS)).flatmap(
    lambda group: st.sampled_from(
        [f"{group}={one}" for one in GROUPS[group] if one not in HEAVY]
    )
)
settings_of_keys = st.tuples(keys, values).map("=".join)
overrides = st.one_of(
    right,
    settings_of_keys,
    settings_of_keys,
    groups.map("=".join),
    keys.map("~{}".format),
    settings_of_keys.map("~{}".format),
    st.tuples(st.sampled_from("+ ++".split()), settings_of_keys).map("".join),
    texts,
).filter(lambda word: not word.startswith("-") and not ELSEWHERE.search(word))


cases = st.lists(overrides, min_size=1, max_size=3) | st.sampled_from(BASES).flatmap(
    plausible
).filter(lambda words: not any(map(ELSEWHERE.search, words)))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder in which the digits are prepared once."""
    return tmp_path_factory.mktemp("data")


def trace(cfg, folder, **provenance):
    """Builds everything, checks it, and computes the shape of the answers."""
    experiment = build(cfg)
    experiment.check()
    images = jnp.zeros((2, *cfg.data.shape))
    logits = nnx.eval_shape(lambda of, x: of(x), experiment.network, images)
    assert jax.tree.leaves(logits)[0].shape[0] == 2
    params = nnx.state(experiment.network, nnx.Param)
    jax.eval_shape(experiment.optimizer.init, params)
    small = experiment.parameters <= LARGEST_TRAINED and experiment.steps <= 8
    if small and trace.trains and experiment.evaluators.keys() <= CHEAP:
        run(cfg, folder, **provenance)


run = running.run
trace.trains = False


def finite(folder):
    """Whether each number of a run's rows is finite."""
    rows = [
        json.loads(line)
        for path in [*folder.rglob("metrics.jsonl"), *folder.rglob("rows*.jsonl")]
        for line in path.read_text().splitlines()
    ]
    numbers = [n for row in rows for n in row.values() if isinstance(n, int | float)]
    return all(map(math.isfinite, numbers))


def names_something(line, given):
    """Whether a line names a file, or a key, a group or a value that was given."""
    parts = {part for word in given for part in re.split(r"[=+~.@/,]", word) if part}
    if any(word in line for word in given):
        return True
    return "/" in line or any(part in line for part in parts)


def attempt(given, root, data, trains):
    """Runs one case and holds it against the oracle."""
    trace.trains = trains
    place = root / "case"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    with contextlib.chdir(place):
        own = [f"root={place}/root", f"data.dir={data}", *SMALL]
        with patch.object(running, "run", trace):
            status, errors = call("train", *own, *given)
    left = [path for path in place.rglob("*") if path.is_file()]
    left = [path for path in left if ".cache" not in path.parts]
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert status in (0, 2), errors
    if status == 2:
        assert len(lines) == 1 and errors.endswith(lines[0] + "\n"), errors
        assert names_something(lines[0], given), errors
        assert not any("Traceback" in line for line in errors.splitlines()), errors
        assert not [one for one in left if "checkpoints" not in one.parts] or trains, (
            left
        )
    else:
        assert not lines and finite(place), errors


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder for one case after the other."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.slow  # a dozen configs, built and traced
def test_any_overrides_end_well_or_in_one_line(place, data):
    count = 0

    @settings(max_examples=100 if MINUTES else 12)
    @given(cases, st.integers(0, 7))
    @example(["loss=margin"], 1)
    @example(["seed=1"], 0)
    def case(given, nth):
        nonlocal count
        count += 1
        attempt(given, place, data, trains=nth == 0)

    end = time.monotonic() + 60 * MINUTES
    case()
    while time.monotonic() < end:
        case()
    print(f"{count} cases")
