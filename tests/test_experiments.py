"""Experiments are derived from claims: each point once, what decides first."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from in_process import call

from research import claims, config
from research.claims.points import SCALES, Experiment
from research.errors import UserError
from research.runs import identity

ROOT = Path(__file__).parent.parent
CLAIMS = claims.load()


def experiment(*names, scale="smoke", **how):
    return Experiment(names, scale=scale, compose=config.compose_flat, **how)


@pytest.fixture
def train(monkeypatch):
    """The script, as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import train

    return train


@pytest.mark.slow  # composes some thousand configs
@pytest.mark.parametrize("scale", SCALES)
def test_every_arm_of_every_claim_composes(scale):
    digests, spellings = {}, {}
    for claim in CLAIMS.values():
        for arm in claim.arms:
            overrides = claim.overrides(arm, scale)
            digest = identity.arm(config.compose_flat(*overrides))
            digests.setdefault(digest, set()).add(frozenset(overrides))
            name = identity.run_name([*overrides, "seed=0"])
            spellings.setdefault(name, set()).add(digest)
    # One spelling for a point: so all claims that name it are on record in its run.
    assert [words for words in digests.values() if len(words) > 1] == []
    assert [runs for runs in spellings.values() if len(runs) > 1] == []
    shared = sum(len(claim.arms) for claim in CLAIMS.values())
    assert len(digests) < 0.85 * shared  # the pool is worth its name


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_says_how_it_is_run(name):
    claim, text = CLAIMS[name], sys.modules[f"research.claims.{name}"].__doc__
    assert text.startswith(f"{name.upper()}: ")
    command = f"python scripts/train.py experiment={name} scale=cpu"
    assert f"`{claim.command or command}`" in text
    assert "argin" in text or "escriptive" in text or "margins" in text
    assert claim.design and claim.limits
    assert all(one.reason and one.margin >= 0 for one in claim.questions.values())
    decided = any(one.family is None for one in claim.questions.values())
    assert claim.primary or decided or not claim.questions


@pytest.mark.parametrize("scale", SCALES)
def test_every_setting_composes(scale):
    folder = config.CONF / "setting"
    settings = sorted(path.stem for path in (folder / scale).glob("*.yaml"))
    assert settings == sorted(path.stem for path in (folder / "cpu").glob("*.yaml"))
    used = {setting for claim in CLAIMS.values() for setting in claim.settings}
    assert used == set(settings)
    assert used == {path.stem for path in (folder / scale).glob("*.yaml")}
    for setting in settings:
        cfg = config.compose(f"setting={scale}/{setting}")
        assert cfg.name == scale and cfg.seeds > 0
        chosen = {name for name, node in cfg.eval.items() if "_target_" in node}
        assert {"accuracy", "segmentation"} & chosen


def test_what_decides_comes_first_and_seeds_are_outermost():
    found = list(experiment("c4", "c9", scale="cpu").points())
    primary = list(experiment("c4", "c9", scale="cpu").points(["primary"]))
    assert found[: len(primary)] == primary
    first = ["model=allconv_all", "model=allconv_convpool"]
    assert [one.arm.overrides[-1] for one in primary[:2]] == first
    seeds = [str(s) for s in range(10) for _ in range(5)]
    assert [one.seed for one in primary] == seeds
    arms = [one.arm for one in primary]
    assert arms == 10 * arms[:5]
    rest = [one.seed for one in found[len(primary) :]]
    assert rest == sorted(rest)


def test_arms_of_settings_with_fewer_seeds_end_earlier():
    found = list(experiment("b1", "b4", scale="cpu").points(["details"]))
    counts = {one.arm: 0 for one in found}
    for one in found:
        counts[one.arm] += 1
    cifar = {arm: n for arm, n in counts.items() if "cpu/cifar" in arm.overrides[0]}
    assert set(cifar.values()) == {6} and set(counts.values()) == {6, 10}


@pytest.mark.slow  # composes every arm of every claim
def test_equal_points_are_trained_once(monkeypatch):
    every = list(experiment(*CLAIMS).points(seeds=["0"]))
    digests = [identity.arm(config.compose_flat(*one.arm.overrides)) for one in every]
    assert len(set(digests)) == len(digests) == 118
    # What decides one claim and is a detail of another comes with what decides.
    decisive = experiment(*CLAIMS).arms("primary")
    assert digests[: len(decisive)] == list(decisive)

    spelt = dict(CLAIMS["c3"].arms)
    first = next(iter(spelt))
    setting, *others = spelt[first]
    spelt["another spelling"] = (setting, *reversed(others), "train.dtype=float32")
    other = CLAIMS["c3"].__class__(**{**vars(CLAIMS["c3"]), "arms": spelt})
    before = len(list(experiment("c3").points(seeds=["0"])))
    monkeypatch.setitem(claims.load(), "c3", other)
    assert len(list(experiment("c3").points(seeds=["0"]))) == before


def test_a_run_knows_every_claim_that_names_its_arm():
    point = next(experiment("c3").points())
    assert {"c3", "b1", "b3"} <= point.fingerprints.keys()
    assert "c10" not in point.fingerprints and "c8" not in point.fingerprints
    assert f"+claims.c3={point.fingerprints['c3']}" in point.words
    cfg = config.compose(*point.words)
    assert dict(cfg.claims) == point.fingerprints
    plain = [word for word in point.words if not word.startswith("+claims")]
    assert identity.run_name(point.words) == identity.run_name(plain)
    assert identity.training_digest(cfg) == identity.training_digest(
        config.compose(*plain)
    )


def test_what_is_overridden_is_another_claim_if_results_depend_on_it():
    known = next(experiment("c3").points()).fingerprints
    for words, same in [
        (("root=/elsewhere", "train.checkpoint_seconds=1"), True),
        (("train.epochs=2",), False),
        (("eval.stability.examples=5",), False),
    ]:
        point = next(experiment("c3", variants=[words]).points())
        assert point.arm.further == words
        assert (point.fingerprints == known) is same


def test_a_sweep_over_another_key_multiplies_the_arms():
    rates = [("optim.learning_rate=1",), ("optim.learning_rate=0.5",)]
    found = list(experiment("c2", variants=rates).points(["primary"], ["0", "1"]))
    assert len(found) == len(set(one.arm for one in found)) * 2 == 24
    assert [one.arm.further for one in found[:2]] == rates


@pytest.mark.parametrize(
    "names, scale, reason",
    [
        (["C1"], "cpu", "experiment=C1: there are c1, c2"),
        (["c1"], "large", "scale=large: there are smoke, cpu, full"),
    ],
)
def test_mistakes_are_named(names, scale, reason):
    with pytest.raises(UserError, match=reason):
        experiment(*names, scale=scale)
    for wrong in ("seeds=few", "seeds=0", "seeds=null"):
        with pytest.raises(UserError, match=f"{wrong.replace('null', 'None')}: takes"):
            list(experiment("c3", variants=[(wrong,)]).points())


def test_a_command_line_that_names_claims_goes_to_their_sweeper(train):
    words = ["-m", "experiment=c4,c9", "scale=smoke", "tune=only", "seed=0", "root=x"]
    assert train.with_sweeper(words) == [
        "-m",
        "hydra/sweeper=points",
        "hydra.sweeper.claims=[c4,c9]",
        "hydra.sweeper.scale=smoke",
        "hydra.sweeper.tune=only",
        "seed=0",
        "root=x",
    ]
    assert "hydra.sweeper.claims=[C3]" in train.with_sweeper(["experiment=C3"])


def test_an_ordinary_command_line_stays_as_it_is(train, tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text("")
    for words in (
        ["downsample=max"],
        ["experiment=demo", "seed=1"],
        ["experiment=null"],
        [],
        ["-m", "experiment=demo,learning_rate"],
        ["--config-dir", str(tmp_path), "experiment=mine", "scale=2"],
        [f"--config-dir={tmp_path}", "experiment=mine"],
    ):
        assert train.with_sweeper(words) == words


def test_the_sweeper_reads_the_command_line(train):
    from hydra_plugins.sweepers.points import Points

    sweeper = Points(claims=["c4"], scale="smoke", only="primary", tune="never")
    sweeper.context = SimpleNamespace(config_loader=None)
    words = ["seed=range(1,3)", "root=x", "train.epochs=1,2"]
    one, lists, seeds = sweeper.plan(words)
    jobs = [point.words for point in one.points(lists, seeds)]
    assert [one for job in jobs for one in job if one.startswith("seed=")] == (
        4 * ["seed=1"] + 4 * ["seed=2"]
    )
    assert all(job[0] == "setting=smoke/mnist" and "root=x" in job for job in jobs)
    epochs = [one for job in jobs for one in job if one.startswith("train.epochs=")]
    assert epochs == 4 * ["train.epochs=1", "train.epochs=2"]


FAST = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}


def script(name, *words, status=0):
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | FAST,
    )
    assert done.returncode == status, done.stderr[-2000:]
    return done


@pytest.mark.parametrize(
    "words, reason",
    [
        ("experiment=c99", "experiment=c99: there are c1, c2, c3"),
        ("experiment=c1,demo", "by itself airbench, demo, learning_rate, networks"),
        ("experiment=c1 scale=large", "scale=large: there are smoke, cpu, full"),
        ("experiment=c1 only=most", "only=most: there are primary, details"),
        ("experiment=c3 only=details", "experiment=c3 only=details: nothing there"),
        ("experiment=c1 tune=later", "tune=later: there are first, only, never"),
    ],
)
def test_a_mistake_is_one_line(words, reason):
    status, error = call("train", *words.split())
    assert status == 2
    assert error.startswith("error: ") and error.count("\n") == 1
    assert reason in error


@pytest.mark.slow  # a dozen runs
def test_the_scripts_run_an_experiment_and_judge_it(tmp_path):
    """The real ones, on the smallest experiment that tunes, twice."""
    line = ["experiment=c4", "only=primary", "scale=smoke", "seed=0,1"]
    places = [f"root={tmp_path}", f"data.dir={tmp_path}/data"]
    script("train", *line, *places, "tune=only")
    runs = tmp_path / "smoke"
    tried = len(list(runs.glob("*/done.json")))
    assert tried in range(4, 7)  # two rates of two arms, and one beyond an edge
    script("train", *line, *places)
    assert len(list(runs.glob("*/done.json"))) == tried + 4
    assert script("train", *line, *places).stderr.count("4 done already") >= 1
    # One broke, and is got through with options that decide nothing of its weights.
    (next(runs.glob("*seed=1,*/done.json"))).unlink()
    help_it = ["train.shard_state=true", "train.checkpoint_seconds=5", "retry=all"]
    again = script("train", *line, *places, *help_it).stderr
    assert "3 done already, 1 resumed" in again
    out = [f"out={tmp_path}", "table=[verdicts,cases]", "page=page"]
    script("report", f"runs={runs}", *out)
    page = (tmp_path / "page.html").read_text()
    said = "sees 18 of the 28 pixels along each axis; without them, 7<"
    assert "C4" in page and said in page
    table = pd.read_csv(tmp_path / "verdicts.csv").set_index("id")
    assert table.loc["C4", "verdict"] != "not run"
    assert "All 4 runs carry the fingerprint" in table.loc["C4", "remarks"]
    assert "experiment=c3 scale=smoke" in table.loc["C3", "remarks"]
    # Packed, a store says the same, and a point that it holds counts as done.
    script("pack", f"runs={runs}", f"out={tmp_path}/store")
    elsewhere = [f"root={tmp_path}/other", f"data.dir={tmp_path}/data"]
    done = script("train", *line, *elsewhere, f"store={tmp_path}/store").stderr
    assert "4 jobs: 4 done already" in done
