"""Laws of the whole page: its outline, what stands where, its size, its banner."""

import re

import pandas as pd
import pytest
from pages import VERDICTS, Judged, figure, made, verdict
from test_page import Elements

from research.report.page import write
from research.report.page.build import is_smoke
from research.report.results import Results

MOST = 3_000_000  # bytes
DIGEST = re.compile(r"\b[0-9a-f]{40,64}\b")


class Outside(Elements):
    """The text outside scripts and `<details>`."""

    def __init__(self, text):
        self.text = []
        super().__init__(text)

    def handle_data(self, data):
        super().handle_data(data)
        if not {"details", "script", "style"} & {tag for tag, _ in self.open}:
            self.text.append(data)


@pytest.fixture(scope="module")
def page(page_file):
    return page_file.read_text()


def test_headings_are_in_order(page):
    levels = [int(tag[1]) for tag, _ in Elements(page).found if re.match(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1 and {2, 3, 4} <= set(levels)
    for before, after in zip(levels, levels[1:], strict=False):
        assert after <= before + 1


def test_the_answer_stands_first_then_the_example_then_the_verdicts(page):
    text = " ".join(" ".join(Outside(page).text).split())
    order = [
        "How does removing",
        "sees 18 of the 28",
        "30,976",
        "these 4 sentences",
        "C1",
    ]
    places = [text.index(one) for one in order]
    assert places == sorted(places)


def test_digests_and_commits_are_folded(page):
    assert DIGEST.search(page), "the fingerprint is there"
    text = " ".join(Outside(page).text)
    assert not DIGEST.search(text) and "0000000000" not in text


def test_every_verdict_has_its_limits(runs, tmp_path):
    given = [verdict(**{**vars(one), "limits": f"Limit {one.id}."}) for one in VERDICTS]
    given = [type(one)(**{**vars(one), "answers": old.answers}) for one, old in zip(
        given, VERDICTS, strict=True)]  # fmt: skip
    page = made(runs, tmp_path, verdicts=given).read_text()
    for one in given:
        start = page.index(f'id="{one.id}"')
        found = page.index(f"<b>Limits.</b> Limit {one.id}.")
        others = [page.index(f'id="{other.id}"') for other in given if other != one]
        assert start < found and not any(start < at < found for at in others)


def test_only_what_was_run_has_an_article(page):
    found = Elements(page).found
    articles = [a["id"] for tag, a in found if tag == "article"]
    assert articles == ["C1", "C2", "B1"]
    assert [a["id"] for tag, a in found if tag == "li" and "id" in a] == ["C10"]
    assert "1 sentence has not been run yet: C10" in page


def test_there_is_a_banner_if_and_only_if_it_is_a_smoke_run(runs, tmp_path):
    found = Results.read(runs)
    for setting, smoke in (("smoke/few", True), ("cpu/few", False), (None, False)):
        table = found.runs.assign(setting=None)
        table.loc[table.index[0], "setting"] = setting
        assert is_smoke(table) == smoke
        results = Judged(table, found.rows, found.metrics, given=VERDICTS)
        page = write(results, out=tmp_path / "page.html").read_text()
        assert ("mean nothing" in page) == smoke
        if smoke:
            assert page.index("mean nothing") < page.index("<h1>")
    assert not is_smoke(pd.DataFrame({"seed": [0]}))


def test_all_but_the_explorers_is_there_without_scripts(runs, tmp_path):
    figure(tmp_path)
    page = made(runs, tmp_path, verdicts=VERDICTS).read_text()
    main = page[page.index("<main") : page.index("<noscript>")]
    assert "<script" not in main and "data-explorer" not in main
    assert main.count('<img src="data:image/') == 8  # the opening's five, three figures
    assert main.count('class="glance"') == 1 and main.count("<article") == 3
    assert (
        "<noscript"
        not in made(runs / "explored", tmp_path).read_text()[: page.index("<main")]
    )


def test_a_figure_is_described_by_the_caption_beside_it(runs, tmp_path):
    figure(tmp_path)
    (tmp_path / "tradeoff.txt").write_text("Dots of\ntwo networks.\n")
    page = made(runs, tmp_path, verdicts=[verdict()]).read_text()
    assert 'alt="tradeoff: Dots of two networks."' in page
    (tmp_path / "tradeoff.txt").unlink()
    page = made(runs, tmp_path, verdicts=[verdict()]).read_text()
    assert 'alt="tradeoff: Two networks."' in page  # the design


def test_it_is_small(page_file):
    assert page_file.stat().st_size < MOST
