"""Numbers in documents are those of the stores, and a mistake in a mark is one line."""

import json
import subprocess
import sys

import pytest
from documents import ROOT

from research.errors import UserError

sys.path.insert(0, str(ROOT / "scripts"))
import insert  # noqa: E402

STORE = "outputs/reference/first"


@pytest.mark.slow  # reads every store
@pytest.mark.parametrize("path", insert.list_documents(), ids=lambda path: path.name)
def test_a_document_says_what_the_stores_say(path):
    assert insert.insert(path.read_text()) == path.read_text(), "run scripts/insert.py"


def test_readme_and_results_have_marked_places():
    for name in ("README.md", "docs/results.md"):
        assert insert.PLACE.search((ROOT / name).read_text())


def place(words, value=""):
    return f"a <!-- insert {words} -->{value}<!-- end --> b"


@pytest.mark.parametrize("old", ["", "394", "\nseveral\nlines\n"])
def test_a_count_replaces_whatever_stood_there(old):
    known = json.loads((ROOT / STORE / "store.json").read_text())
    words = f"count {STORE} rows"
    assert insert.insert(place(words, old)) == place(words, f"{known['rows']:,}")


def test_two_places_of_a_line_stay_two():
    words = f"count {STORE} runs"
    text = insert.insert(place(words) + place(words))
    assert text == 2 * place(words, "395")


def test_columns_of_a_table_are_chosen():
    whole = insert.insert(place(f"table {STORE}/verdicts.md"))
    some = insert.insert(place(f"table {STORE}/verdicts.md columns=1,3"))
    lines = [line for line in some.splitlines() if line.startswith("|")]
    assert len(lines) == whole.count("\n|")
    assert {line.count("|") for line in lines} == {3}
    assert "| C2 | refuted |" in lines and "| --- | --: |" in lines


def test_a_table_is_spread_over_columns():
    text = insert.insert(place("spread outputs/reference/photographs/moves.md"))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert lines[0].count("efficientnet_lite") == 3
    assert len(lines) == 2 + 17 and {line.count("|") for line in lines} == {5}
    assert "| 1 px | 84.88 [76.7, 93.0] | 89.53 " in text


def test_texts_are_to_the_left_and_lists_in_lines():
    text = insert.insert(place(f"table {STORE}/verdicts.md columns=1,2,3,4"))
    assert "| --- | --- | --: | --- |" in text
    assert "| flatten 4.45;<br>global pooling 0.00 |" in text


def test_a_cell_is_that_of_the_csv():
    words = f"cell {STORE}/verdicts.csv C2 verdict"
    assert insert.insert(place(words)) == place(words, "refuted")


@pytest.mark.parametrize(
    "words, error",
    [
        ("sum outputs/reference/first", "takes count, table, spread, cell, "),
        ("count outputs/nowhere runs", "outputs/nowhere …: there is no such file"),
        (f"count {STORE} networks", "takes one of runs, rows, metrics, predictions"),
        (f"table {STORE}/verdicts.md columns=9", "it has the columns 1 to 7"),
        (f"cell {STORE}/verdicts.csv C99 verdict", "takes one of C1, "),
    ],
)
def test_a_mistake_is_one_line(words, error):
    with pytest.raises(UserError) as raised:
        insert.insert(place(words))
    assert error in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.slow  # reads every store again
def test_the_command_checks():
    def run(*words):
        script = [sys.executable, "scripts/insert.py", *words]
        return subprocess.run(script, cwd=ROOT, capture_output=True, text=True)

    assert run("--check").returncode == 0
    wrong = run("--chek")
    assert wrong.returncode == 2 and wrong.stderr.startswith("error: --chek: takes")
