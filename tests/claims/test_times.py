"""Times of operators, which the benchmark leaves, decide C5."""

import json

import numpy as np
import pytest
import recompute
from pools import Made, claim, compose

from research import claims
from research.claims.judge import judge, judge_claim
from research.claims.measure import Timed, less
from research.claims.question import Question
from research.claims.rule import MORE_THAN
from research.report.results import TIMES, Results


def benchmark(factor):
    """What the benchmark leaves where the median takes so many times as long as max."""
    rng, rows = np.random.default_rng(0), []
    for case in ("2×2", "3×3"):
        for size in (16, 32, 64):
            for who in ("ours", "PyTorch"):
                for operator, times in (("max", 1), ("median", factor), ("average", 1)):
                    seconds = 1e-3 * times * np.exp(0.05 * rng.normal(size=30))
                    row = {"case": f"{case} on {size}×{size}"}
                    row |= {"subject": f"{operator}, {who}", "rounds": seconds.tolist()}
                    rows.append(row)
    return {"machine": {}, "rows": rows}


def pool(factor):
    made = Made(claims.load()["c4"])
    made.run("All-CNN", 0)
    return made.pool(benchmark(factor))


@pytest.mark.parametrize(
    "factor, verdict", [(3, "supported"), (1.5, "refuted"), (2, "undetermined")]
)
def test_the_median_is_costly_or_is_not(factor, verdict):
    found = judge("c5", pool(factor))
    assert found.verdict == verdict and found.answers[0].first.n == 30
    assert len(found.answers[0].cases) == 12
    assert found.answers[0].first.interval == "paired t over 30 repeats"
    effects = [case.effect for case in found.answers[0].cases]
    assert effects == pytest.approx([np.log2(factor)] * 12, abs=0.05)


def test_repeats_are_no_seeds_that_are_missing():
    """Five rounds, where claims of networks wait for ten seeds."""
    times = benchmark(3)
    for row in times["rows"]:
        row["rounds"] = row["rounds"][:5]
    made = Made(claims.load()["c4"])
    made.run("All-CNN", 0)
    found = judge("c5", made.pool(times))
    assert found.verdict == "supported" and found.answers[0].first.n == 5
    assert not any("registered" in one for one in found.remarks)


def test_without_a_benchmark_nothing_was_run():
    other = Made(claims.load()["c4"])
    other.run("All-CNN", 0)
    found = judge("c5", other.pool())
    assert found.verdict == "not run"
    assert "scripts/benchmark.py pooling rounds=30 name=reference" in found.remarks[0]


def test_the_file_beside_a_store_is_read(tmp_path):
    made = Made(claims.load()["c4"])
    made.values(
        "All-CNN",
        claims.load()["c4"].details["parameters, All-CNN less ConvPool-CNN"].measure,
        1.0,
    )
    made.on_disk(tmp_path)
    (tmp_path / TIMES).write_text(json.dumps(benchmark(3)))
    found = {one.id: one for one in Results.read(tmp_path, compose=compose).verdicts}
    assert found["C5"].verdict == "supported"


def test_the_independent_script_reads_the_same_times():
    asked = claim(
        {
            "": Question(
                "median over max",
                {"": less("median", "max", Timed("ours", 2, 16))},
                1.0,
                "Why.",
                MORE_THAN,
            )
        },
        "a",
    )
    made = Made(asked)
    made.run("a", 0)
    one = judge_claim("c5", asked, made.pool(benchmark(3))).answers[0].first
    measure = {"implementation": "ours", "window": 2, "size": 16}
    known = {"measure": measure, "arms": {"median": 1.0, "max": -1.0}}
    store = recompute.Store.__new__(recompute.Store)
    store.times = benchmark(3)
    values = recompute.time_arms(known, store)
    differences = [values["median"][i] - values["max"][i] for i in range(30)]
    mean, low, high, _ = recompute.decide(differences, (1, 1))
    assert (mean, low, high) == pytest.approx((one.effect, one.low, one.high))
