"""The command, and the configs of all data sets."""

import shlex
import subprocess
import sys

import pytest

from research import config
from research.config import CONF

OPTIONS = sorted(path.stem for path in (CONF / "data").glob("*.yaml"))
ASKED = ["data.name=flowers", "data.classes=5", "data.shape=[8,8,3]"]


@pytest.mark.parametrize("option", OPTIONS)
def test_a_config_needs_no_data(option):
    given = ASKED if option in {"folder", "tfds"} else []
    node = config.compose(f"data={option}", *given, config="prepare").data
    assert len(node.mean) == len(node.std) and node.classes > 0
    assert node.overrides.startswith(f"data={option}")
    assert callable(config.build(node.builder))
    again = config.compose(*shlex.split(node.overrides), config="prepare").data
    for key in ("name", "shape", "classes", "builder"):  # what an error says to prepare
        assert again[key] == node[key]


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
