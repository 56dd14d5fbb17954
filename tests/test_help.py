"""`--help` of each script: one screen, whose keys, options and commands are there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from research import config
from research.config.composing import options_of

SCRIPTS = Path(__file__).parent.parent / "scripts"
sys.path.insert(0, str(SCRIPTS))
from command_line import SWEEPING, prepare_words  # noqa: E402
from help import SCRIPTS as RENAMED  # noqa: E402
from help import TEXTS, show_help  # noqa: E402

ABOUT = OmegaConf.to_container(OmegaConf.load(TEXTS))
LINES, COLUMNS = 60, 112
CONFIGS = sorted(path.stem for path in config.CONF.glob("*.yaml"))


def test_each_script_has_one():
    assert sorted(ABOUT) == CONFIGS


@pytest.mark.parametrize("name", CONFIGS)
def test_it_is_one_screen_and_says_what_is_there(name):
    text = show_help(name)
    lines = text.splitlines()
    assert len(lines) <= LINES and max(map(len, lines)) <= COLUMNS
    cfg = config.compose(config=name)
    for key in ABOUT[name]["keys"]:
        assert f"  {key}=" in text
        parent, _, last = key.rpartition(".")
        assert last in (OmegaConf.select(cfg, parent) if parent else cfg), key
    words = text.split()
    for groups in ABOUT[name].get("tasks", {}).values():
        for group in groups:
            assert options_of(group) and set(options_of(group)) <= set(words), group


@pytest.mark.parametrize("name", CONFIGS)
def test_its_examples_are_commands(name):
    for line in ABOUT[name]["examples"]:
        words = re.sub(r"^-m | --cfg job --resolve$|^step ", "", line)
        given = prepare_words(shlex.split(words), name)
        overrides = OverridesParser.create().parse_overrides(given)
        swept = [one for one in overrides if one.is_sweep_override()]
        assert bool(swept) == line.startswith("-m ")
        assert not swept or name in SWEEPING
        spelled = [
            f"{one.get_key_element()}={next(iter(one.sweep_string_iterator()))}"
            if one.is_sweep_override()
            else one.input_line
            for one in overrides
        ]
        config.compose(*spelled, config=name)


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_the_scripts_print_it(word, tmp_path):
    """With whatever else was typed; options of one's own are listed, too."""
    (tmp_path / "downsample").mkdir()
    (tmp_path / "downsample" / "bespoke.yaml").write_text("{}")
    more = ["experiment=c1", "--config-dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "train.py"), *more, word],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Trains a network") and "bespoke" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["downsample"]


def test_the_names_of_scripts_are_right():
    for name in CONFIGS:
        script = RENAMED.get(name, name)
        assert (SCRIPTS / f"{script}.py").is_file()
        assert f"  python scripts/{script}.py " in show_help(name)


OTHERS = sorted(
    path.name
    for path in SCRIPTS.glob("*.py")
    if 'if __name__ == "__main__":' in path.read_text()
    and path.stem not in {RENAMED.get(name, name) for name in CONFIGS}
)


@pytest.mark.parametrize("script", OTHERS)
def test_those_without_a_config_print_what_they_do(script):
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / script), "--help"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert script in done.stdout and not done.stderr
