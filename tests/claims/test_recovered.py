"""Runs that were recovered, moved or spread over devices stay runs of their claim."""

from itertools import cycle

import pytest
from pools import above, levels, on_disk, tables

from research.claims.c4 import CLAIM
from research.claims.judge import judge
from research.claims.pool import gather
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


@pytest.fixture(scope="module")
def made():
    """Runs that support the claim, composed as its experiment does."""
    wanted = levels(CLAIM, above(CLAIM))
    return tables(CLAIM, wanted, spread=CLAIM.margin / 1e3)


def compose_as(runs, *endings):
    """Returns the runs as their overrides compose, with these endings in turn."""
    spelled = [
        [word.replace("seed=", "++seed=") for word in words] + list(more)
        for words, more in zip(runs["overrides"], cycle(endings), strict=False)
    ]
    configs = [dict(compose_flat(*words)) for words in spelled]
    return runs.assign(config=configs, overrides=spelled)


def judge_runs(root):
    pool = gather(
        *(read(root) for read in (read_runs, read_rows, read_metrics)),
        compose=compose_flat,
    )
    return judge("c4", pool)


def test_the_verdict_is_of_all_of_them(made, tmp_path):
    runs, rows, metrics = made
    assert len(runs) >= len(RECOVERED)
    recovered = compose_as(runs, *RECOVERED)
    found = judge_runs(on_disk(tmp_path, (recovered, rows, metrics)))
    assert (found.verdict, found.n) == ("supported", 5)


def test_what_decides_the_weights_leaves_the_claim(made, tmp_path):
    runs, rows, metrics = made
    other = compose_as(runs, ["optim.learning_rate=0.5"])
    found = judge_runs(on_disk(tmp_path, (other, rows, metrics)))
    assert found.verdict == "inconclusive" and not found.n
