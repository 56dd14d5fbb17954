"""A page for each claim: all numbers where it was run, none where it was not."""

import re
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from documents import ROOT
from fake_runs import fake_run

from research import claims
from research.claims import b6
from research.claims.claim import Claim
from research.claims.family import CONFIRMATORY
from research.claims.measure import (
    LOG_RATIO,
    MOVED,
    TRAINING_LOSS,
    less,
    only,
)
from research.claims.question import Question
from research.claims.verdict import Answer, Case, Difference, Verdict
from research.config import compose_flat
from research.errors import UserError
from research.report.documents import (
    background,
    beside,
    claim,
    index,
    judged,
    words,
)
from research.report.levels import format_level, list_measures, measure_levels
from research.report.results import Results
from research.report.tables import cases, verdicts
from research.report.words import spell_arms, word_key

sys.path.insert(0, str(ROOT / "scripts"))
import insert  # noqa: E402

STORE = ROOT / "outputs/reference"
PAGES = sorted((ROOT / "docs/results").glob("*.md"))
ARMS = {"max, flattened": ("downsample=max",), "bare stride": ("downsample=decimate",)}


def find(name):
    folder = insert.APART.get(name)
    return judged.find_claim(STORE / folder if folder else STORE, name, compose_flat)


def test_every_claim_has_a_page_that_the_index_leads_to():
    named = {path.stem for path in PAGES} - {"first_edition"}
    assert named == {*claims.load()}
    text = (ROOT / "docs/results.md").read_text()
    trees = re.findall(r"```{toctree}\n:hidden:\n\n(.*?)```", text, re.DOTALL)
    tree = [page for one in trees for page in one.split()]
    assert tree == [f"results/{one}" for one in [*claims.ids("cba"), "first_edition"]]
    links = re.findall(r"\]\(results/(\w+)\.md\)", text)
    assert {*named, "first_edition"} <= {*links}


def test_the_index_keeps_the_order_of_the_answer():
    text = (ROOT / "docs/results.md").read_text()
    listed = re.findall(r"^\d+\. .*\[(\w+)\]\(results/\w+\.md\)$", text, re.MULTILINE)
    assert listed == [one.upper() for one in claims.ids("cba")]


@pytest.mark.slow  # judges every claim again
def test_the_readme_lists_what_was_decided():
    text = (ROOT / "README.md").read_text()
    listed = re.findall(r"^\| \[(\w+)\]\(docs/results/\w+\.md\) \|", text, re.MULTILINE)
    decided = [one for one in map(find, claims.ids("c")) if one.ran]
    assert listed == [one.verdict.id for one in decided]
    for one in decided:
        line = next(
            line for line in text.splitlines() if f"[{one.verdict.id}](" in line
        )
        assert one.claim.sentence in line
        ran = [answer for answer in one.verdict.answers if answer.verdict != "not run"]
        assert line.count("**") == 2 * len(ran), line
        assert ("not run yet" in line) == (len(ran) < len(one.verdict.answers))


@pytest.mark.slow  # judges every claim again
@pytest.mark.parametrize("name", [*claims.load()])
def test_a_page_has_all_numbers_or_none(name):
    found = find(name)
    text = (ROOT / f"docs/results/{name}.md").read_text()
    assert found.claim.sentence in text and found.claim.design in text
    assert found.claim.limits in text and found.verdict.command in text
    assert found.verdict.fingerprint in text
    if not found.ran:
        assert "**Not run yet.**" in text
        assert "![" not in text and "## The numbers" not in text
        assert not re.search(r"\[−?\d[\d.]*, −?\d", text)
    for answer in found.verdict.answers:
        for case in answer.cases:
            assert spell_arms(case.name) in text or not found.ran
            if answer.verdict != "not run" and case.effect is not None:
                shown = claim.scale_of(answer.unit).format(case.effect)
                assert re.search(rf"\| {re.escape(shown)} \|", text), case
    for measure in list_measures(found.claim) if found.ran else []:
        levels = measure_levels(found.claim, found.pool, measure)
        for one in levels if len(levels) > 1 else []:
            row = f"| {spell_arms(one.arm)} |"
            shown = f"| {format_level(one, measure)} |"
            assert any(row in line and shown in line for line in text.splitlines())
    questions = found.claim.questions.values()
    asked = [one for each in questions for one in each.contrasts]
    for one in found.verdict.details:
        if found.ran and found.claim.details[one["contrast"]] not in asked:
            assert words.say_detail(one["contrast"], one["unit"]) in text


@pytest.mark.slow  # judges every claim
def test_tables_show_no_interval_beyond_what_is_possible():
    results = judged.read_store(STORE, compose_flat)
    for table in (verdicts.tabulate(results), cases.tabulate(results)):
        shown = table.attrs["text"].to_string(max_colwidth=None)
        assert "4.99 [4.97, 5.00]" in shown


def test_published_differences_are_beside_ours():
    text = (ROOT / "docs/results/b6.md").read_text()
    assert all(f"| {one} |" in text for one in b6.PUBLISHED.values())


def make_question(**more):
    return Question(
        asks="log of the flips with bare strides over those with max pooling",
        cases={"": less("bare stride", "max, flattened", MOVED)},
        margin=0.0953,
        reason="A tenth.",
        family=CONFIRMATORY,
        **more,
    )


def make_found(case, question, details=(), **more):
    """A claim that was run, with one question of one case."""
    declared = Claim("It is.", "Asked.", "scenes", ARMS, {"": question}, limits="Few.")
    values = dict(p=0.004, adjusted=0.036, verdict="supported") | more
    answer = Answer(
        key="",
        asks=question.asks,
        cases=(case,),
        margin=question.margin,
        rule=question.rule.text,
        unit=LOG_RATIO,
        family=CONFIRMATORY,
        **values,
    )
    verdict = Verdict("C3", "It is.", "Asked.", (answer,), details=details)
    return judged.Judged(declared, verdict, open_empty(), ROOT / "nowhere")


@cache
def open_empty():
    """A pool in which no arm of any claim has run."""
    with TemporaryDirectory() as folder:
        choices = {"setting": "cpu/scenes"}
        fake_run(Path(folder), "one", choices=choices, overrides=["seed=0"])
        return Results.read(folder, compose=compose_flat).pool


def make_case(**more):
    values = dict(effect=0.7, low=0.5, high=0.9, sd=0.3, n=10)
    values |= dict(interval="paired t over 10 seeds", outcome="superior")
    return Case("", **values | more)


def test_a_line_has_each_verdict_and_a_key_where_that_is_a_word():
    found = make_found(make_case(), make_question())
    (one,) = found.verdict.answers
    assert index.say_all(found) == "**supported**"
    answers = (
        replace(one, key="a"),
        replace(one, key="the stride", verdict="depends: head"),
        replace(one, key="b", verdict="not run"),
    )
    several = replace(found.verdict, answers=answers)
    said = index.say_all(replace(found, verdict=several))
    assert said == (
        "**supported**; the stride: **it depends on the head**; the rest is not run yet"
    )
    assert [word_key(answer.key) for answer in answers] == ["", "the stride", ""]


def test_flips_are_shown_as_ratios_and_named_so():
    detail = {"contrast": "log flips, max_aps over decimate", "effect": -0.7}
    detail |= {"low": -0.9, "high": -0.5, "unit": LOG_RATIO, "n": 10}
    found = make_found(make_case(), make_question(), (detail,))
    text = claim.write_claim(found, "store")
    assert "| 2.01 | [1.65, 2.46] | supported | 10 | 0.300 |" in text
    assert "above 1.10 times as many flips" in text
    assert not re.search(r"\blog\b", text)
    assert "| flips, max and adaptive phase over bare stride | 0.50 |" in text


def test_p_is_told_before_and_after_holm():
    text = claim.write_claim(make_found(make_case(), make_question()), "store")
    assert "0.004; **0.036 after Holm's rule**" in text
    assert "Leaving out any one of the seeds changes no outcome." in text


def test_what_depends_has_no_p():
    question = make_question()
    differs = Difference("max", "average", 0.7, 0.5, 0.9, "paired t over seeds")
    given = dict(verdict="depends: head", p=1.0, adjusted=1.0, interaction=differs)
    found = make_found(make_case(), question, **given)
    (one,) = found.verdict.answers
    two = replace(one, cases=(make_case(), make_case(outcome="equivalent")))
    text = " ".join(claim.remark(two, question, found))
    assert "there is no p value for all of them" in text and "Holm's rule**" not in text
    assert "The cases differ: max over average: 2.01 [1.65, 2.46], paired t" in text


@pytest.mark.slow  # opens the whole store
def test_what_is_compared_within_an_arm_is_shown():
    found = replace(
        make_found(make_case(), make_question()),
        claim=claims.load()["c9"],
        pool=judged.open_pool(STORE, compose_flat),
    )
    lines = [*beside.write_levels(found)][-1].splitlines()
    for part in ("accuracy, intact (%)", "accuracy, parts jumbled (%)"):
        assert part in lines[0]
    (who,) = [line for line in lines if "who it is |" in line]
    assert "100.0 [99.6, 100.0]" in who


@pytest.mark.parametrize(
    "turning, said",
    [
        ((3,), "(seed 3)"),
        ((3, 5), "(seed 3 or 5)"),
        ((1, 2, 3, 4), "(any one of 4 of the 10)"),
    ],
)
def test_seeds_that_turn_an_outcome_are_told(turning, said):
    found = make_found(make_case(turning=turning), make_question())
    text = claim.write_claim(found, "store")
    assert f"change the outcome {said}" in text and "changes no outcome" not in text


@pytest.mark.parametrize("needed, said", [(64, "64"), (None, "over 10,000")])
def test_what_would_decide_it_is_told(needed, said):
    case = make_case(outcome="undetermined", needed=needed)
    found = make_found(case, make_question(), verdict="undetermined")
    text = claim.write_claim(found, "store")
    assert f"| {said} |" in text and "seeds to decide it" in text


def test_seeds_that_are_missing_are_told():
    waits = dict(verdict="undetermined: 4 of 10 seeds", p=None, adjusted=None)
    found = make_found(make_case(n=4), make_question(), **waits)
    text = claim.write_claim(found, "store")
    assert "**Undetermined, after 4 of 10 seeds**" in text and "Holm" not in text


def test_conditions_are_told():
    question = make_question(
        conditions=(only("max, flattened", TRAINING_LOSS),), limit=0.01
    )
    text = claim.write_claim(make_found(make_case(), question), "store")
    assert "Condition: training loss of at most 0.01 nats" in text


@pytest.mark.slow  # judges claims
def test_a_store_that_is_not_there_yet_has_no_runs():
    found = judged.find_claim(STORE / "not_yet", "a1", compose_flat)
    assert not found.ran
    text = index.write_item(found, "results")
    assert text.endswith("**Not run yet**") and "[A1](results/a1.md)" in text
    assert "Not run" in claim.write_claim(found, "store")
    assert "root=mine" in background.write_background(found, "store")


@pytest.mark.parametrize(
    "store, name, error",
    [("outputs/nowhere/c", "c2", "no such store"), ("outputs/reference", "c99", "C1")],
)
def test_what_there_is_not_is_refused(store, name, error):
    with pytest.raises(UserError, match=error):
        judged.find_claim(ROOT / store, name, compose_flat)


def test_a_claim_without_a_page_gets_one(tmp_path, monkeypatch):
    (tmp_path / "docs/results").mkdir(parents=True)
    (tmp_path / "docs/results/c6.md").write_text("by hand")
    monkeypatch.setattr(insert, "ROOT", tmp_path)
    added = {path.stem for path in insert.add_pages()}
    assert added == claims.load().keys() - {"c6"}
    text = (tmp_path / "docs/results/a1.md").read_text()
    assert "<!-- insert claim outputs/reference/accelerator A1 -->" in text
