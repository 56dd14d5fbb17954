"""A fingerprint is of what is claimed, not of how it is written down."""

import importlib
import inspect
import re
from dataclasses import fields, replace

import pytest

from research import claims, config
from research.claims import rule, versions
from research.claims.claim import Claim
from research.claims.measure import ACCURACY, Contrast, less
from research.claims.setting import describe_setting

CLAIMS = claims.load()
C2 = CLAIMS["c2"]


def settings(*overrides, scale="smoke"):
    """Returns the contents of C2's settings."""
    composed = config.compose_flat(f"setting={scale}/small", *overrides)
    return {"small": describe_setting(composed)}


def test_claims_have_fingerprints_of_their_own():
    names = {setting for claim in CLAIMS.values() for setting in claim.settings}
    every = {
        name: describe_setting(config.compose_flat(f"setting=smoke/{name}"))
        for name in names
    }
    found = {claim.fingerprint(every) for claim in CLAIMS.values()}
    assert len(found) == len(CLAIMS) and {len(one) for one in found} == {64}
    assert C2.fingerprint(every) == C2.fingerprint(settings())


@pytest.mark.parametrize(
    "change",
    [
        {"margin": 0.6},
        {"sentence": "Pooling reduces fitting."},
        {"no_worse": True},
        {"factor": "head"},
        {"seeds": 10},
        {"arms": {**C2.arms, "another": ("downsample=blur",)}},
        {"arms": {**C2.arms, C2.primary[0]: ("downsample=blur",)}},
        {"contrasts": {"equal heads": (less(*C2.primary, ACCURACY),)}},
        {"details": {}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_decides_changes_it(change):
    assert replace(C2, **change).fingerprint(settings()) != C2.fingerprint(settings())


@pytest.mark.parametrize(
    "change",
    [
        {"note": "Another remark."},
        {"comparison": "The same, in other words."},
        {"reason_for_margin": "A better reason."},
        {"figures": ("another",)},
        {"arms": dict(reversed(C2.arms.items()))},
        {"arms": {arm: tuple(reversed(words)) for arm, words in C2.arms.items()}},
        {"arms": {arm: ("setting=small", *words) for arm, words in C2.arms.items()}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_texts_and_order_do_not(change):
    assert replace(C2, **change).fingerprint(settings()) == C2.fingerprint(settings())


def test_every_field_is_registered_or_a_text():
    """Whoever adds a field must decide, here and in `fingerprint`."""
    text = inspect.getsource(Claim.fingerprint)
    names = {one.name for one in fields(Claim)}
    texts = {name for name in names if not re.search(rf"self\.{name}\b", text)}
    assert texts == {"setting", "comparison", "reason_for_margin", "figures", "note"}


@pytest.mark.parametrize(
    "override, same",
    [
        ("train.epochs=2", False),
        ("optim.learning_rate=0.5", False),
        ("eval.shift.max_shift=1", False),
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
    flat = dict(config.compose_flat("setting=smoke/small"))
    moved = {
        key: value.replace("research.", "research.elsewhere.")
        if isinstance(value, str)
        else value
        for key, value in flat.items()
    }
    assert moved != flat and describe_setting(moved) == describe_setting(flat)


@pytest.mark.parametrize("constant", ["ESTIMATOR", "JUDGEMENT", "RULE"])
def test_versions_and_levels_count(monkeypatch, constant):
    before = C2.fingerprint(settings())
    monkeypatch.setattr(versions, constant, "2")
    after = C2.fingerprint(settings())
    monkeypatch.setattr(rule, "LEVEL", 0.01)
    assert len({before, after, C2.fingerprint(settings())}) == 3


def test_comments_and_docstrings_do_not_count(tmp_path, monkeypatch):
    source = inspect.getsource(importlib.import_module("research.claims.c2"))
    text = source.replace('"""C2', '# A remark.\n"""Once more, C2').replace(
        "margin=0.5,", "margin=0.5,  # half a point"
    )
    (tmp_path / "moved.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    moved = importlib.import_module("moved").CLAIM
    assert moved.fingerprint(settings()) == C2.fingerprint(settings())


def test_a_contrast_of_an_unknown_arm_is_refused():
    with pytest.raises(ValueError, match="elsewhere"):
        replace(C2, details={"x": Contrast({"elsewhere": 1.0}, ACCURACY)})
