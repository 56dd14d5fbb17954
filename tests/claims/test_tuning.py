"""Learning rates are tried on a seed of their own, and looked up, not declared."""

import pandas as pd
import pytest

from research import claims, config
from research.claims.measure import Measure, less
from research.claims.points import Experiment
from research.claims.pool import Tables, digest_arm, gather
from research.claims.tuning import (
    FACTOR,
    Tuning,
    choose,
    choose_rates,
    digest_trial,
    read_tried,
)
from research.errors import UserError
from research.runs import identity

RATES = (1e-3, 3e-3, 9e-3)
TUNING = Tuning(RATES, seed=1000, epochs=2, examples=50)
C6 = claims.load()["c6"]


@pytest.mark.parametrize(
    "accuracies, best",
    [
        ((0.1, 0.9, 0.2), 3e-3),
        ((0.9, 0.9, 0.9), 3e-3),
        ((0.9, 0.9, 0.1), 1e-3),
        ((0.1, 0.9, 0.9), 3e-3),
        ((float("nan"), 0.2, float("nan")), 3e-3),
        ((float("nan"),) * 3, None),
    ],
)
def test_the_best_is_chosen_and_at_a_tie_the_middle(accuracies, best):
    assert choose(dict(zip(RATES, accuracies, strict=True))) == best


def test_one_more_rate_is_tried_beyond_an_edge():
    def beyond(*accuracies):
        return TUNING.next_rate(dict(zip(RATES, accuracies, strict=True)))

    assert beyond(0.1, 0.2, 0.9) == pytest.approx(RATES[-1] * FACTOR)
    assert beyond(0.9, 0.2, 0.1) == pytest.approx(RATES[0] / FACTOR)
    assert beyond(0.1, 0.9, 0.1) is None
    four = dict(zip((*RATES, 0.027), (0.1, 0.2, 0.8, 0.9), strict=True))
    assert TUNING.next_rate(four) is None and TUNING.next_rate({}) is None
    # Where training at an edge failed, none is tried beyond, nor that one again.
    for failed, best in ((RATES[-1], RATES[-2]), (RATES[0], RATES[1])):
        left = {rate: float(rate == best) for rate in RATES if rate != failed}
        assert TUNING.next_rate(left) is None


def experiment(scale="cpu", **how):
    return Experiment(["c6"], scale=scale, compose=config.compose_flat, **how)


def results(words, accuracy):
    """Runs and metrics of jobs, whose validation accuracy a function says."""
    runs, metrics = [], []
    for number, job in enumerate(words):
        flat = dict(config.compose_flat(*job))
        runs.append({"path": str(number), "config": flat, "overrides": list(job)})
        shared = {"path": str(number), "split": "validation"}
        metrics.append(shared | {"epoch": 1, "accuracy": 1.0})
        metrics.append(shared | {"epoch": 4, "accuracy": accuracy(flat)})
    return pd.DataFrame(runs), pd.DataFrame(metrics)


def test_every_arm_is_tried_and_runs_with_its_best_rate():
    """At the middle rate all but one are best, and that one at the highest."""
    one = experiment()
    trials = one.trials(["primary"])
    assert len(trials) == 3 * len(one.arms("primary"))
    assert all("seed=1000" in job and "eval=[]" in job for job in trials)

    def accuracy(flat):
        wanted = 3e-3 if flat["model.poolings"] == 3 else 1e-3
        return 0.9 if flat["optim.learning_rate"] == wanted else 0.2

    runs, metrics = results(trials, accuracy)
    tried = read_tried(runs, metrics)
    assert len(tried) == len(one.arms("primary"))
    beyond = one.trials(["primary"], tried)
    (last,) = beyond
    assert "model.poolings=3" in last and "optim.learning_rate=0.009" in last
    points = list(one.points(["primary"], ["0"], tried))
    for point in points:
        rate = "0.003" if "model.poolings=3" in point.arm.overrides else "0.001"
        assert f"optim.learning_rate={rate}" in point.words
        # What is tuned is no part of the arm, nor is the run one that tries rates.
        flat = config.compose_flat(*point.words)
        other = config.compose_flat(*point.words, "optim.learning_rate=0.5")
        assert digest_arm(flat) == digest_arm(other)
        assert identity.arm(flat) != identity.arm(other)
    plain = list(one.points(["primary"], ["0"]))
    assert all("learning_rate" not in " ".join(point.words) for point in plain)
    with pytest.raises(UserError, match="tune=only tries them"):
        list(one.points(["primary"], ["0"], {}))


def test_settings_that_tune_nothing_try_nothing():
    assert Tuning.of(config.compose_flat("setting=smoke/scenes")) is None
    book = Experiment(["c1"], scale="cpu", compose=config.compose_flat)
    assert book.trials() == []


def test_a_verdict_counts_the_runs_with_the_rate_that_was_chosen():
    arms = [C6.overrides(arm, "cpu") for arm in C6.primary[:2]]
    tuning = Tuning.of(config.compose_flat(*arms[0]))
    trials = [[*arm, *tuning.overrides(rate)] for arm in arms for rate in tuning.rates]
    earnest = [
        [*arm, f"optim.learning_rate={rate:g}", f"seed={seed}"]
        for arm in arms
        for rate in tuning.rates
        for seed in range(3)
    ]
    best = tuning.rates[1]
    runs, metrics = results(
        trials + earnest, lambda flat: 0.9 * (flat["optim.learning_rate"] == best)
    )
    chosen = choose_rates(runs, metrics)
    assert set(chosen.values()) == {best} and len(chosen) == 2
    measure = Measure("x", "points", "some", "thing")
    flat = list(runs["config"])
    rows = pd.DataFrame(
        {
            "path": runs["path"],
            "split": "test",
            "protocol": "some",
            "measure": "thing",
            "params": [{}] * len(runs),
            "value": [one["optim.learning_rate"] for one in flat],
            "low": 0.0,
            "high": 0.0,
        }
    )
    runs = runs.assign(
        seed=[one["seed"] for one in flat],
        setting="cpu/marks",
        run=runs["path"],
        fingerprints=None,
        dirty=False,
    )
    pool = gather(Tables(runs, rows, metrics), compose=config.compose_flat)
    values = pool.values(C6, less(*C6.primary[:2], measure))
    for arm in C6.primary[:2]:
        assert {seed: one.value for seed, one in values[arm].items()} == dict.fromkeys(
            range(3), best
        )


def test_label_maps_are_tried_by_their_pixels():
    """Beside runs of classifiers, whose accuracy they lack."""
    one = experiment()
    jobs = one.trials(["primary"])
    runs, metrics = results(jobs, lambda flat: 0.5)
    maps = metrics["path"].isin({*runs["path"][:2]})
    metrics["pixel_accuracy"] = metrics["accuracy"].where(maps) / 2
    metrics["accuracy"] = metrics["accuracy"].where(~maps)
    found = sorted(
        x for own in read_tried(runs, metrics).values() for x in own.values()
    )
    assert found == [0.25, 0.25, *[0.5] * (len(jobs) - 2)]


def test_trials_are_found_whatever_the_seed_of_the_arm():
    words = C6.overrides(C6.primary[0], "cpu")
    tuning = Tuning.of(config.compose_flat(*words))
    trial = config.compose_flat(*words, *tuning.overrides(1e-3))
    for seed in (0, 7):
        arm = config.compose_flat(*words, f"seed={seed}", "optim.learning_rate=0.1")
        assert digest_trial(arm, tuning) == digest_arm(trial)
        assert digest_arm(arm) != digest_arm(trial)
