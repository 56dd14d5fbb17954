"""The command, and the configs of all data sets."""

import shlex
import subprocess
import sys

import numpy as np
import pytest
from building import encoded, load, prepare

from research import config
from research.config import CONF
from research.data.origin import describe_command
from research.data.source import describe
from research.errors import UserError

OPTIONS = sorted(
    {path.stem for path in (CONF / "data").glob("*.yaml")}
    - {"base", "photos"}  # the latter has no builder: it reads a folder
)
ASKED = ["data.name=flowers", "data.classes=5", "data.shape=[8,8,3]"]


def compose(*overrides):
    return config.compose(*overrides, config="prepare").data


def origin(node):
    return config.build(node.builder)(describe(node))


@pytest.mark.parametrize("option", OPTIONS)
def test_a_config_needs_no_data(option):
    node = compose(f"data={option}", *(ASKED if option in {"folder", "tfds"} else []))
    recorded = option in {"folder", "tfds"}
    assert (node.mean is None) == (node.std is None) == recorded
    assert recorded or len(node.mean) == len(node.std)
    assert node.classes > 0
    assert origin(node).spec.shape == tuple(node.shape)


@pytest.mark.parametrize(
    "overrides",
    [[f"data={option}"] for option in OPTIONS if option not in {"folder", "tfds"}]
    + [[f"data={option}", *ASKED] for option in ("folder", "tfds")]
    + [["data=marks", "data.builder.distance=5"]],
)
def test_an_error_says_what_would_prepare_these_data(overrides):
    node = compose(*overrides, "data.dir=there")
    command = shlex.split(describe_command(origin(node)))
    assert command[:2] == ["python", "scripts/prepare.py"]
    assert compose(*command[2:]) == node


def test_the_base_of_the_options_is_not_one_of_them():
    with pytest.raises(UserError) as error:
        compose("data=bases")
    assert "base)" not in str(error.value) and "faces" in str(error.value)


def test_the_command(prepared, tmp_path):
    command = [sys.executable, str(CONF.parent / "scripts" / "prepare.py")]

    def run(*overrides):
        done = subprocess.run(
            [*command, *overrides],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
        )
        assert done.stderr.count("\n") == 1, done.stderr
        return done.returncode, done.stderr

    status, line = run(f"data.dir={prepared}")
    assert status == 0 and "already" in line and "1437 train and 360 test" in line
    status, line = run("data=mnist", f"data.manual_dir={tmp_path}", "data.dir=made")
    assert status == 2
    assert line.startswith(f"error: data.manual_dir={tmp_path} has no train-images")
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_the_advice_is_about_these_data(tmp_path):
    """Under another name a data set has another command; a space is one word."""
    place = f"data.dir='{tmp_path}/my data'"
    for option in ("mnist", "cifar10", "imagenet2012"):
        node = compose(f"data={option}", "data.name=mine", "data.classes=7", place)
        words = shlex.split(describe_command(origin(node)))[2:]
        assert {"data.name=mine", "data.classes=7"} < set(words)
        (where,) = (word for word in words if word.startswith("data.dir="))
        assert where == f"data.dir={tmp_path}/my data"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("name", "../x", "takes the name of a folder"),
        ("name", "", "takes the name of a folder"),
        ("name", "a/b", "takes the name of one folder"),
        ("version", "abc", "three numbers with dots"),
        ("version", "1.0.0/..", "three numbers with dots"),
        ("version", None, "data.version=null: takes the version of"),
        ("shape", [8, 8, 2], r"1 channel, grey, or 3; set data.shape=\[8,8,3\]"),
    ],
)
def test_what_cannot_be_written_is_refused_before_it_is(tmp_path, key, value, said):
    for split in ("train", "test"):
        (tmp_path / "tree" / split / "a").mkdir(parents=True)
        (tmp_path / "tree" / split / "a" / "0.png").write_bytes(
            encoded(np.zeros((4, 4), np.uint8))
        )
    asked = {"name": "toy", "classes": 1, "shape": [8, 8, 3]} | {key: value}
    where = {"dir": tmp_path / "data", "manual_dir": tmp_path / "tree"}
    with pytest.raises(UserError, match=said):
        prepare("folder", **where, **asked)
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert not files and sorted(path.name for path in tmp_path.iterdir())[-1] == "tree"


def test_drawn_data_have_a_version(tmp_path):
    with pytest.raises(UserError, match="data.version=null: takes the version of dig"):
        load("digits", version=None, dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_files_that_are_not_read_are_said(prepared):
    assert f"(data.manual_dir={prepared} was not read)" in prepare(
        "digits", dir=prepared, manual_dir=prepared
    )
