"""What B7 calls supported is what was found with digits."""

from pathlib import Path

import pandas as pd
import pytest

from research import claims

STORE = Path(__file__).parents[2] / "outputs/reference"


@pytest.fixture(scope="module")
def found():
    """(claim, question) → arms without what they were trained on → outcome."""
    table = pd.read_csv(STORE / "cases.csv", keep_default_na=False)
    originals = {("C3", "a"): "C3a", ("B1", ""): "B1", ("B2", ""): "B2"}
    return {
        (originals[one.id, one.question], one.case): one.outcome
        for one in table.itertuples()
        if (one.id, one.question) in originals
    }


def test_each_question_is_put_in_the_direction_that_was_found(found):
    b7 = claims.load()["b7"]
    asked = {}
    for key, question in b7.questions.items():
        original, _, level = key.partition(", ")
        for case, contrast in question.cases.items():
            same = contrast == original_of(original, level or case)
            outcome = found[original, level or case]
            if not same:  # turned around
                outcome = {"inferior": "superior"}[outcome]
            assert question.rule.word(outcome) == "supported", (key, case)
            asked[original, level or case] = outcome
    assert asked.keys() == found.keys()


def original_of(name, level):
    """Returns the contrast of an original question under one head."""
    claim, question = {"C3a": ("c3", "a"), "B1": ("b1", ""), "B2": ("b2", "")}[name]
    return claims.load()[claim].questions[question].cases[level]
