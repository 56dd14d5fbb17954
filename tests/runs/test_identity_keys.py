"""Every key of every config has a class, which says what changes if it does."""

import pytest
from every_option import CHOOSE, GIVEN, GROUPS, REPORT, compose_option, compose_together

from research.config.composing import compose, options_of
from research.runs.identity import flatten
from research.runs.identity_keys import Kind, Unclassified, classify

COPIED = ("loss", "task")  # whose keys other options copy: each by itself, too
GROUPS_OF_RUNS = [one for one in GROUPS if one not in (*REPORT, *CHOOSE)]


def configs():
    """Yields configs with each option of each group of a run, and of an evaluation."""
    yield from (compose(*GIVEN, config=one) for one in ("train", "eval", "photos"))
    yield from (cfg for _, cfg in compose_together(GROUPS_OF_RUNS))
    for group in COPIED:
        for option in options_of(group):
            yield compose_option(group, option)[1]


@pytest.mark.slow  # composes every option
def test_every_key_of_every_config_is_in_a_class():
    seen = {classify(key) for cfg in configs() for key in flatten(cfg)}
    assert seen == set(Kind)


def test_a_key_in_no_class_is_a_bug():
    with pytest.raises(Unclassified, match="surprise"):
        classify("surprise.key")


@pytest.mark.parametrize(
    "key, kind",
    [
        ("data.dir", Kind.PLACE),
        ("data.directory", Kind.SCIENCE),  # no entry, but below `data`
        ("eval.fit.data.dir", Kind.PLACE),
        ("eval.fit.data.name", Kind.MEASUREMENT),
        ("eval.shift.batch", Kind.MEASUREMENT),
        ("data.stream.workers", Kind.RESOURCE),
        ("data.stream.crop.area", Kind.SCIENCE),
        ("train.epochs", Kind.SCIENCE),
        ("train.shard_state", Kind.RESOURCE),
        ("train.steps_per_dispatch", Kind.RESOURCE),
        ("precision.train", Kind.SCIENCE),
        ("precision.eval", Kind.MEASUREMENT),
        ("hydra.launcher.jobs", Kind.REQUEST),
        ("hydra.job_logging", Kind.RESOURCE),
        ("retry", Kind.REQUEST),
        ("deterministic", Kind.SCIENCE),
    ],
)
def test_the_longest_entry_decides(key, kind):
    assert classify(key) is kind
