"""A fingerprint is of what is claimed, not of how it is written down."""

import importlib
import inspect
import re
from dataclasses import fields, replace

import pytest

from research import claims, config
from research.claims import family, versions
from research.claims.claim import Claim
from research.claims.family import CONFIRMATORY, REPLICATION
from research.claims.measure import ACCURACY, Contrast
from research.claims.question import Question
from research.claims.rule import EVERY, SAME
from research.claims.setting import describe_setting

CLAIMS = claims.load()
C2 = CLAIMS["c2"]


def settings(*overrides, scale="smoke"):
    """Returns the contents of C2's settings."""
    return {
        name: describe_setting(
            config.compose_flat(f"setting={scale}/{name}", *overrides)
        )
        for name in C2.settings
    }


def test_claims_have_fingerprints_of_their_own():
    names = {setting for claim in CLAIMS.values() for setting in claim.settings}
    every = {
        name: describe_setting(config.compose_flat(f"setting=smoke/{name}"))
        for name in names
    }
    found = {claim.fingerprint(every) for claim in CLAIMS.values()}
    assert len(found) == len(CLAIMS) and {len(one) for one in found} == {64}
    assert C2.fingerprint(every) == C2.fingerprint(settings())


FIRST = C2.questions[""]
PAIR = next(iter(FIRST.cases.values()))


def asking(**change):
    """Returns questions of which the first is another."""
    return {"questions": {**C2.questions, "": replace(FIRST, **change)}}


@pytest.mark.parametrize(
    "change",
    [
        {"sentence": "Pooling reduces fitting."},
        {"arms": {**C2.arms, "another": ("downsample=blur",)}},
        {"arms": {**C2.arms, C2.primary[0]: ("downsample=blur",)}},
        {"questions": {"": FIRST}},
        {"details": {}},
        asking(margin=0.6),
        asking(rule=SAME),
        asking(factor="head"),
        asking(family=None),
        asking(family=REPLICATION),
        asking(family=CONFIRMATORY._replace(size=8)),
        asking(conditions=()),
        asking(limit=0.02),
        asking(cases={"300 images": PAIR}),
        asking(cases={**FIRST.cases, "300 images": replace(PAIR, base=1.0)}),
        asking(cases={**FIRST.cases, "300 images": replace(PAIR, minus=ACCURACY)}),
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_decides_changes_it(change):
    assert replace(C2, **change).fingerprint(settings()) != C2.fingerprint(settings())


@pytest.mark.parametrize(
    "change",
    [
        {"limits": "Another remark."},
        {"design": "The same, in other words."},
        {"figures": ("another",)},
        {"command": "another"},
        {"arms": dict(reversed(C2.arms.items()))},
        {"arms": {arm: (w[0], *reversed(w[1:])) for arm, w in C2.arms.items()}},
        asking(asks="The same, in other words."),
        asking(reason="A better reason."),
    ],
    ids=lambda change: next(iter(change)),
)
def test_texts_and_order_do_not(change):
    assert replace(C2, **change).fingerprint(settings()) == C2.fingerprint(settings())


def test_a_family_is_not_its_absence():
    """Nor another size of it; only the confirmatory one has a word of its own."""
    found = {
        replace(C2, **asking(family=one)).fingerprint(settings())
        for one in (None, CONFIRMATORY, REPLICATION, REPLICATION._replace(size=3))
    }
    assert len(found) == 4


def test_what_is_asked_afterwards_does_not():
    more = {"later": Question("a less b", {}, 1.0, "Why.", EVERY, afterwards=True)}
    asked = replace(C2, questions=C2.questions | more)
    assert asked.fingerprint(settings()) == C2.fingerprint(settings())
    with pytest.raises(ValueError, match="confirms nothing"):
        replace(more["later"], family=CONFIRMATORY)


def test_every_field_is_registered_or_a_text():
    """Whoever adds a field must decide, here and in `fingerprint` or `register`."""
    text = inspect.getsource(Claim.fingerprint)
    names = {one.name for one in fields(Claim)}
    texts = {name for name in names if not re.search(rf"self\.{name}\b", text)}
    assert texts == {"setting", "design", "limits", "figures", "command"}
    text = inspect.getsource(Question.register)
    names = {one.name for one in fields(Question)}
    texts = {name for name in names if not re.search(rf"self\.{name}\b", text)}
    assert texts == {"asks", "reason", "afterwards"}


@pytest.mark.parametrize(
    "override, same",
    [
        ("train.epochs=2", False),
        ("optim.learning_rate=0.5", False),
        ("eval.fit.examples=1", False),
        ("tuning.rates=[0.1]", False),
        ("tuning.epochs=9", False),
        ("~eval.fit", False),
        ("seeds=9", False),
        ("seed=1", True),
        ("name=another", True),
        ("root=/elsewhere", True),
        ("train.checkpoint_seconds=1", True),
        ("retry=failed", True),
    ],
)
def test_a_setting_counts_by_what_it_computes(override, same):
    before, after = (C2.fingerprint(one) for one in (settings(), settings(override)))
    assert (before == after) is same


def test_a_setting_may_move_and_its_modules_too():
    flat = dict(config.compose_flat("setting=smoke/few"))
    moved = {
        key: value.replace("research.", "research.elsewhere.")
        if isinstance(value, str)
        else value
        for key, value in flat.items()
    }
    assert moved != flat and describe_setting(moved) == describe_setting(flat)


@pytest.mark.parametrize("constant", ["ESTIMATOR", "JUDGEMENT", "RULE", "TUNING"])
def test_versions_and_levels_count(monkeypatch, constant):
    before = C2.fingerprint(settings())
    monkeypatch.setattr(versions, constant, "another")
    after = C2.fingerprint(settings())
    monkeypatch.setattr(family, "LEVEL", 0.01)
    assert len({before, after, C2.fingerprint(settings())}) == 3


def test_comments_and_docstrings_do_not_count(tmp_path, monkeypatch):
    source = inspect.getsource(importlib.import_module("research.claims.c2"))
    text = source.replace('"""C2', '# A remark.\n"""Once more, C2').replace(
        "MARGIN = 0.5", "MARGIN = 0.5  # half a point"
    )
    (tmp_path / "moved.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    moved = importlib.import_module("moved").CLAIM
    assert moved.fingerprint(settings()) == C2.fingerprint(settings())


def test_a_contrast_of_an_unknown_arm_is_refused():
    with pytest.raises(ValueError, match="elsewhere"):
        replace(C2, details={"x": Contrast({"elsewhere": 1.0}, ACCURACY)})


def test_a_rate_that_is_tuned_is_no_part_of_a_setting():
    one, other = (
        config.compose_flat("setting=cpu/few", f"optim.learning_rate={rate}")
        for rate in (0.1, 0.2)
    )
    assert describe_setting(one) == describe_setting(other)
