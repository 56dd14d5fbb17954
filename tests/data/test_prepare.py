"""The command, and the configs of all data sets."""

import shlex
import subprocess
import sys

import pytest

from research import config
from research.config import CONF
from research.data.origin import describe_command
from research.data.source import describe
from research.errors import UserError

OPTIONS = sorted({path.stem for path in (CONF / "data").glob("*.yaml")} - {"base"})
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
