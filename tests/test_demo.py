"""`make demo`: five arms that differ in one choice, and commands that go on from it."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from research import config
from research.runs import identity

ROOT = Path(__file__).parent.parent
DEMO = config.CONF / "experiment/demo.yaml"
sys.path.insert(0, str(ROOT / "scripts"))
from command_line import prepare_words  # noqa: E402


def sweep():
    """The axes of the demo."""
    return yaml.safe_load(DEMO.read_text())["hydra"]["sweeper"]["params"]


def test_its_arms_differ_in_their_downsampler_alone():
    arms = sweep()["downsample"].split(",")
    assert len(arms) == 5
    cfgs = [config.compose("experiment=demo", f"downsample={arm}") for arm in arms]
    science = [identity.science(cfg) for cfg in cfgs]
    differing = {
        key
        for one in science
        for key in one.keys() | science[0].keys()
        if one.get(key) != science[0].get(key)
    }
    assert differing and all(key.partition(".")[0] == "downsample" for key in differing)
    for cfg in cfgs:
        # What is exact by construction is, and the page has something to explore.
        assert cfg.model.padding == "circular" and "explorer" in cfg.eval


def commands():
    """The commands that `make demo` runs, and those that it prints at its end."""
    done = subprocess.run(
        ["make", "-n", "demo", "VENV=.venv", "BIN=bin", "READY="],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    found = re.findall(r"bin/python scripts/(\w+)\.py ([^\"\n]*)", done.stdout)
    return [(script, shlex.split(words)) for script, words in found]


def test_the_commands_that_it_prints_are_right():
    ran, printed = commands()[:2], commands()[2:]
    assert [script for script, _ in ran] == ["train", "report"]
    assert [script for script, _ in printed] == ["train", "evaluate", "report"]
    primary = {"evaluate": "eval"}
    for script, words in printed:
        name = primary.get(script, script)
        given = [word for word in prepare_words(words, name) if word != "-m"]
        overrides = OverridesParser.create().parse_overrides(given)
        assert any(one.is_sweep_override() for one in overrides) == ("-m" in words)
        chosen = [one.input_line for one in overrides if not one.is_sweep_override()]
        config.compose(*chosen, config=name)
    sweep_name = dict(word.split("=", 1) for word in printed[0][1] if "=" in word)[
        "name"
    ]
    assert printed[1][1][0] == f"run_dir=outputs/{sweep_name}/*"
    assert printed[2][1] == [f"runs=outputs/{sweep_name}"]


def test_the_committed_table_tells_the_story():
    """Agreement rises from arm to arm; those of the first three are apart."""
    lines = (ROOT / "outputs/reference/demo/table.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = {line[0]: line[2] for line in cells if len(line) > 2}
    found = {
        arm: [float(one) for one in re.findall(r"[\d.]+", rows[arm])]
        for arm in sweep()["downsample"].split(",")
    }
    (_, _, first), (_, low, high), (_, third, _) = list(found.values())[:3]
    assert first < low and high < third
    assert found["max_aps"][0] == found["none"][0] == 100
