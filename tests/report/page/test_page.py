"""The page: one file that needs nothing else, the same from the same rows."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from pages import (
    NETWORKS,
    PLANE,
    VERDICTS,
    explored_runs,
    figure,
    made,
    plane_run,
    unpacked,
    verdict,
)

from research.config import compose_flat
from research.errors import UserError
from research.report.page import flips, write
from research.report.page.build import STYLES, describe_commits
from research.report.page.render import ASSETS, read_asset
from research.report.results import Results
from research.runs.rows import read_arrays
from research.runs.tables import read_runs


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text of each script."""

    VOID = {"meta", "link", "br", "img", "input", "hr", "col"}

    def __init__(self, text):
        super().__init__()
        self.found, self.open, self.scripts = [], [], {}
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append((tag, dict(attributes)))

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open and self.open[-1][0] == "script":
            attributes = self.open[-1][1]
            self.scripts[attributes.get("id", attributes.get("type"))] = data


@pytest.fixture(scope="module")
def page(page_file):
    return page_file.read_text()


def data_of(page):
    return json.loads(Elements(page).scripts["data"])


@pytest.mark.slow  # two processes that write the page
def test_the_same_rows_give_the_same_bytes(runs, page, tmp_path):
    figure(tmp_path)
    figure(tmp_path, "all")
    again = made(runs, tmp_path, verdicts=VERDICTS).read_text()
    assert again == page
    assert str(runs) not in page


def test_it_asks_the_network_for_nothing(page):
    elements = Elements(page)
    for tag, attributes in elements.found:
        for name in ("src", "href", "action", "srcset"):
            if attributes.get(name):
                assert attributes[name].startswith(("#", "data:")), (tag, attributes)
    scripts = json.loads(elements.scripts["importmap"])["imports"]
    names = {one.name for one in ASSETS.iterdir() if one.name.endswith(".js")}
    assert set(scripts) == names
    for name, url in scripts.items():
        code = base64.b64decode(url.partition(",")[2]).decode()
        assert code == read_asset(name)
        assert not re.search(r"fetch\(|XMLHttp|https?://(?!www\.w3\.org)", code)
        imported = set(re.findall(r'from "([^"]+)"', code))
        assert imported <= names, (name, imported)
    assert not re.search(r"url\(|@import", "".join(map(read_asset, STYLES)))
    styles = {one.name for one in ASSETS.iterdir() if ".css" in one.name}
    assert {*STYLES, *flips.STYLES} == styles


def test_elements_are_named_once_and_close(page):
    found = Elements(page).found
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for t, a in found if t == "a" and a["href"] != "#"}
    assert targets <= set(ids)
    labelled = [a["aria-labelledby"] for _, a in found if "aria-labelledby" in a]
    assert set(labelled) <= set(ids)
    sections = ["answer", "book", "verdicts", "shifts", "fields", "plane"]
    assert [one for one in ids if one in sections] == sections


def test_its_arrays_are_those_of_the_runs(runs, page):
    (group,) = data_of(page)["sets"]
    words = ["max pooling", "no downsampling", "bare stride", "adaptive phase"]
    assert [one["arm"] for one in group["networks"]] == words
    assert group["all"] == 4 and group["labels"] == [0, 1, 2, 3]
    for one, preset in zip(
        group["networks"], ("max", "none", "decimate", "aps"), strict=True
    ):
        kept = read_arrays(runs / "explored" / f"explored,{preset}", "explorer")
        for name in ("probabilities", "predictions", "classes"):
            array = kept[f"explorer/agreement/{name}"]
            assert np.array_equal(unpacked(one["orbit"][name]), array)
        last = one["stages"][-1]
        key = f"explorer,index={len(one['stages']) - 1},part={last['part']}/size/"
        assert np.array_equal(unpacked(last["rows"]), kept[f"{key}rows"])
        fields = kept[f"{key}fields"]
        boxes = unpacked(last["fields"]["boxes"])
        values = unpacked(last["fields"]["values"])
        for field, (top, left, height, width) in zip(
            fields.reshape(-1, *fields.shape[2:]), boxes, strict=True
        ):
            box, values = values[: height * width], values[height * width :]
            seen = field[top : top + height, left : left + width]
            assert np.array_equal(seen.ravel(), box)
            assert seen.astype(int).sum() == field.astype(int).sum()
        assert not len(values)


def test_sections_without_data_are_left_out(tmp_path, page):
    root = tmp_path / "runs"
    for cell in PLANE:
        plane_run(root, *cell)
    bare = made(root, tmp_path).read_text()

    def shown(text):
        found = Elements(text).found
        ids = [a["id"] for tag, a in found if tag == "section" and "id" in a]
        links = [a["href"][1:] for tag, a in found if tag == "a"]
        assert [one for one in links if one in ids] == ids  # in the same order
        return ids

    assert len(shown(page)) == 6
    assert shown(bare) == ["plane"]


def test_nothing_to_show_is_an_error(tmp_path):
    plane_run(tmp_path, "max", "none", "first")
    with pytest.raises(UserError, match="no verdicts, no rows of explorer"):
        made(tmp_path, tmp_path)


def test_the_scale_is_stated_at_the_end(runs, page):
    (stated,) = re.findall(r"<b>Scale.</b> (.*?)</p>", page)
    assert stated == (
        f"{len(read_runs(runs))} runs; data: digits; model: chollet; at most 1 seed of "
        "each."
    )
    assert page.index("<footer>") < page.index(stated) < page.index("0000000000.")
    table = read_runs(runs)
    table.loc[0, "dirty"] = True
    assert describe_commits(table) == (
        "0000000000; some with changes that were not committed."
    )
    assert describe_commits(table.assign(commit=None)) == ""


def test_networks_are_limited_and_the_rest_counted(runs, tmp_path):
    (group,) = data_of(made(runs, tmp_path, networks=1).read_text())["sets"]
    assert [one["arm"] for one in group["networks"]] == ["max pooling"]
    assert group["all"] == len(NETWORKS)


def test_classes_have_the_names_that_are_given(runs, tmp_path):
    names = {"digits": ["zero", "one", "two", "three"], "other": ["a"]}
    (group,) = data_of(made(runs, tmp_path, names=names).read_text())["sets"]
    assert group["names"] == names["digits"]


def test_foreign_text_stays_text(runs, tmp_path):
    bad = "</script><script>alert(1)</script><b id=C1>&amp;"
    hostile = verdict(sentence=bad, remarks=(bad,), command=bad, details=({bad: bad},))
    names = {"digits": [bad] * 4}
    text = made(runs, tmp_path, verdicts=[hostile], names=names).read_text()
    plain = made(runs, tmp_path, verdicts=[verdict()]).read_text()
    count = [len(re.findall("<script", one)) for one in (text, plain)]
    assert count[0] == count[1] and "<b id=C1" not in text
    assert data_of(text)["sets"][0]["names"][0] == bad


def test_what_all_verdicts_show_is_shown_once(page):
    places = re.findall(r'<img src="data:image/[^"]+" alt="(\w+): ', page)
    assert places.count("all") == 1
    assert places.count("tradeoff") == 3  # C1, C2 and B1


def test_why_there_are_no_verdicts_is_stated(tmp_path):
    plane_run(tmp_path, "max", "none", "first")
    with pytest.raises(UserError, match="eval=explorer; verdicts need runs of"):
        write(Results.read(tmp_path, compose=compose_flat), out=tmp_path / "page.html")


def test_a_foreign_classifier_has_orbits_and_no_stages(tmp_path):
    def classify(images):
        return images.mean((1, 2)) * np.array([1.0, 0.5, 2.0, 0.0], np.float32)

    page = made(explored_runs(tmp_path, classify), tmp_path)
    (group,) = data_of(page.read_text())["sets"]
    assert [one["stages"] for one in group["networks"]] == [[]] * 4
