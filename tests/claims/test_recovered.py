"""Runs that were recovered, moved or spread over devices stay runs of their claim."""

from itertools import cycle

import pytest
from pools import Made

from research.claims.c4 import CLAIM
from research.claims.judge import judge
from research.claims.pool import Tables, gather
from research.config import compose_flat
from research.runs import read_metrics, read_rows, read_runs

RECOVERED = [  # what people add to the command of a sweep to get its last runs
    ["retry=failed"],
    ["++retry=failed"],
    ["train.shard_state=true"],
    ["+data.manual_dir=/archive", "data.dir=/scratch"],
    ["objective=train.loss", "train.checkpoint_seconds=5"],
    ["distributed.processes=2", "distributed.process=1"],
    ["distributed.coordinator=auto", "+distributed.extra=1"],
    ["train.device_bytes=0", "++train.steps_per_dispatch=1"],
    ["root=/elsewhere", "name=again", "++eval.accuracy.batch=7"],
]


def made(*endings):
    """Returns runs that support the claim, composed with these endings in turn."""
    found = Made(CLAIM)
    (contrast,) = CLAIM.questions[""].cases.values()
    for arm in contrast.arms:
        found.values(arm, contrast.measure, 99.0, 0.05)
    for run, more in zip(found.runs.values(), cycle(endings), strict=False):
        words = [word.replace("seed=", "++seed=") for word in run["overrides"]]
        run["overrides"] = [*words, *more]
        run["config"] = dict(compose_flat(*run["overrides"]))
    return found


def judge_runs(root):
    tables = Tables(*(read(root) for read in (read_runs, read_rows, read_metrics)))
    return judge("c4", gather(tables, compose=compose_flat))


def test_the_verdict_is_of_all_of_them(tmp_path):
    found = judge_runs(made(*RECOVERED).on_disk(tmp_path))
    assert (found.verdict, found.answers[0].first.n) == ("supported", 10)


@pytest.mark.parametrize("words", [["train.epochs=3"], ["model.dropout=0.5"]])
def test_what_decides_the_weights_leaves_the_claim(tmp_path, words):
    found = judge_runs(made(words).on_disk(tmp_path))
    assert found.verdict == "not run" and not found.answers[0].first.n
