"""One pool of runs for all claims: what is named twice is trained once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from research import claims, config
from research.claims import experiments
from research.claims.experiments import CONF, SCALES, commands, parts, point, points
from research.errors import UserError

ROOT = Path(__file__).parent.parent
CLAIMS = claims.load()


def overrides(name, scale="cpu"):
    """What the scripts get for a point."""
    return name.replace("setting=", f"setting={scale}/").split()


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_has_an_experiment_with_its_arms(name):
    claim = CLAIMS[name]
    assert claim.arms <= set(points(name))
    first = {
        arm for level in claim.levels.values() for one in level for arm in one.arms
    }
    decisive = [
        part
        for which in commands([f"experiment={name}", "only=primary"])
        for part in product_of(which)
    ]
    assert first <= set(decisive)
    header = (CONF / "experiment" / f"{name}.yaml").read_text()
    assert header.startswith(f"# {name.upper()}: ") and "# Supported: " in header
    assert f"python scripts/train.py experiment={name} scale=cpu" in header


def product_of(words):
    """Returns the points of a command line."""
    from itertools import product

    split = [word.partition("=")[::2] for word in words if word != "-m"]
    options = [
        [f"{key}={one}" for one in ([value] if value[:1] == "[" else value.split(","))]
        for key, value in split
    ]
    return [point(one) for one in product(*options)]


def test_equal_points_have_one_folder_and_different_ones_two():
    every = dict.fromkeys(one for name in CLAIMS for one in points(name))
    names, digests = {}, {}
    for one in every:
        given = overrides(one)
        digests.setdefault(config.digest(config.compose(*given)), []).append(one)
        names.setdefault(config.run_name([*given, "seed=0"]), []).append(one)
    assert [same for same in digests.values() if len(same) > 1] == []
    assert [same for same in names.values() if len(same) > 1] == []
    shared = sum(len(points(name)) for name in CLAIMS)
    assert len(every) < 0.7 * shared  # the pool is worth its name


@pytest.mark.parametrize("scale", SCALES)
def test_every_setting_composes(scale):
    settings = sorted(path.stem for path in (CONF / "setting" / scale).glob("*.yaml"))
    assert settings == sorted(p.stem for p in (CONF / "setting/cpu").glob("*.yaml"))
    used = {part["setting"][0] for name in CLAIMS for part in parts(name)}
    assert used == set(settings)
    for setting in settings:
        cfg = config.compose(f"setting={scale}/{setting}")
        assert cfg.name == {"cpu": "reference/runs"}.get(scale, scale)
        chosen = {name for name, node in cfg.eval.items() if "_target_" in node}
        assert "accuracy" in chosen
        assert config.flat(cfg)


def test_a_point_is_what_runs_of_several_seeds_and_scales_share():
    assert (
        point(["setting=cpu/mnist", "seed=3", "downsample=max", "root=/tmp"])
        == point(["downsample=max", "seed=0", "setting=full/mnist", "name=x"])
        == "downsample=max setting=mnist"
    )


def test_primary_parts_come_first_and_other_words_are_passed_on():
    found = list(
        commands(["-m", "experiment=c4,c9", "scale=smoke", "seed=0", "root=x"])
    )
    assert all(line[0] == "-m" and line[-2:] == ["seed=0", "root=x"] for line in found)
    assert all("setting=smoke/" in " ".join(line) for line in found)
    models = [w for line in found for w in line if w.startswith("model=")]
    assert models[:2] == ["model=allconv_all", "model=allconv_convpool"]
    settings = [w for line in found for w in line if w.startswith("setting=")]
    assert settings[:3] == 2 * ["setting=smoke/mnist"] + ["setting=smoke/jumbled"]
    assert len(found) == len({tuple(line) for line in found})
    primary = list(commands(["experiment=c4,c9", "scale=smoke", "only=primary"]))
    assert [line[:-2] for line in found[: len(primary)]] == primary


def test_an_ordinary_command_line_stays_as_it_is():
    for words in (["downsample=max"], ["experiment=demo", "seed=1"], []):
        assert list(commands(words)) == [words]


@pytest.mark.parametrize(
    "words, reason",
    [
        (["experiment=c1,demo"], "experiment=demo"),
        (["experiment=c1", "scale=large"], "scale=large: there are smoke, cpu, full"),
        (["experiment=c1", "only=most"], "only=most: there are primary, details"),
    ],
)
def test_mistakes_are_named(words, reason):
    with pytest.raises(UserError, match=reason):
        list(commands(words))


def test_a_list_of_values_is_tried_and_a_text_is_not(tmp_path, monkeypatch):
    (tmp_path / "experiment").mkdir()
    text = {"primary": [{"setting": "a", "x": ["1", None], "y": "[1,2]", "z": 3}]}
    (tmp_path / "experiment/t.yaml").write_text(yaml.safe_dump(text))
    monkeypatch.setattr(experiments, "CONF", tmp_path)
    assert points("t") == [
        "setting=a x=1 y=[1,2] z=3",
        "setting=a x=null y=[1,2] z=3",
    ]


def test_the_scripts_run_an_experiment_and_judge_it(tmp_path):
    """The real ones, on the smallest experiment, twice."""
    fast = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    line = ["experiment=c6", "only=primary", "scale=smoke", "seed=0"]
    places = [f"root={tmp_path}", f"data.dir={tmp_path}/data"]

    def run(script, *words):
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *words],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | fast,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done

    run("train", *line, *places)
    runs = tmp_path / "smoke"
    assert len(list(runs.glob("*/done.json"))) == 4
    assert run("train", *line, *places).stderr.count("4 done already") == 1
    run("report", f"runs={runs}", f"out={tmp_path}", "table=verdicts", "page=page")
    page = (tmp_path / "page.html").read_text()
    assert "C6" in page and CLAIMS["c6"].sentence in page
    rows = (tmp_path / "verdicts.csv").read_text()
    assert "1 of 5 seeds" in rows and "All 4 runs carry the hash of this rule" in rows
    assert "experiment=c3 scale=smoke" in rows  # what is missing, and what makes it
