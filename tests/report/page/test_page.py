"""The page: one file that needs nothing else, the same from the same rows."""

import base64
import json
import re
from dataclasses import replace
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

from research.errors import UserError
from research.report.page.build import ASSETS, STYLES, asset, scale
from research.report.page.pack import cropped, packed
from research.report.page.verdicts import article, glance, number, picture
from research.runs.rows import read_arrays
from research.runs.tables import read_runs


class Elements(HTMLParser):
    """Every start tag with its attributes, and the text of each script."""

    VOID = {"meta", "link", "br", "img", "input", "hr"}

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
        assert code == asset(name)
        assert not re.search(r"fetch\(|XMLHttp|https?://(?!www\.w3\.org)", code)
        imported = set(re.findall(r'from "([^"]+)"', code))
        assert imported <= names, (name, imported)
    assert not re.search(r"url\(|@import", "".join(map(asset, STYLES)))
    assert set(STYLES) == {one.name for one in ASSETS.iterdir() if ".css" in one.name}


def test_elements_are_named_once_and_close(page):
    found = Elements(page).found
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for t, a in found if t == "a" and a["href"] != "#"}
    assert targets <= set(ids)
    labelled = [a["aria-labelledby"] for _, a in found if "aria-labelledby" in a]
    assert set(labelled) <= set(ids) and len(labelled) == 4


def test_its_arrays_are_those_of_the_runs(runs, page):
    (group,) = data_of(page)["sets"]
    assert [one["arm"] for one in group["networks"]] == [
        "max",
        "none",
        "decimate",
        "aps",
    ]
    assert group["all"] == 4 and group["labels"] == [0, 1, 2, 3]
    for one in group["networks"]:
        kept = read_arrays(runs / "explored" / f"explored,{one['arm']}", "explorer")
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


@pytest.mark.parametrize(
    "array",
    [
        np.array([[True, False, True]] * 5),
        np.arange(256).reshape(4, 64),
        np.array([[0, 300, 65535]]),
        np.zeros((0, 4), int),
    ],
)
def test_packing_keeps_an_array(array):
    assert np.array_equal(unpacked(packed(array)), array)


@pytest.mark.parametrize("array", [np.array([-1]), np.array([65536]), np.array([0.5])])
def test_what_does_not_fit_is_refused(array):
    with pytest.raises(ValueError, match="small whole numbers"):
        packed(array)


def test_a_field_of_nothing_has_no_box():
    none = cropped(np.zeros((2, 3, 3), np.uint8))
    assert unpacked(none["boxes"]).tolist() == [[0] * 4] * 2
    assert unpacked(none["values"]).size == 0


def test_sections_without_data_are_hidden(tmp_path, page):
    root = tmp_path / "runs"
    for cell in PLANE:
        plane_run(root, *cell)
    bare = made(root, tmp_path).read_text()

    def hidden(text):
        found = Elements(text).found
        return [a["id"] for tag, a in found if tag == "section" and "hidden" in a]

    assert hidden(page) == []
    assert hidden(bare) == ["verdicts", "shifts", "fields"]


def test_nothing_to_show_is_an_error(tmp_path):
    plane_run(tmp_path, "max", "none", "first")
    with pytest.raises(UserError, match="no verdicts, no rows of explorer"):
        made(tmp_path, tmp_path)


def test_the_scale_is_told_before_all_else(runs, page):
    (told,) = re.findall(r"<b>Scale.</b> (.*?)</p>", page)
    assert told == (
        f"{len(read_runs(runs))} runs; data: digits; model: chollet; at most 1 seed of "
        "each; commit 0000000000."
    )
    table = read_runs(runs)
    table.loc[0, "dirty"] = True
    assert scale(table).endswith("some with changes that were not committed.")


def test_verdicts_are_counted(page):
    assert "Of 4 sentences: 1 supported, 1 refuted, 1 depends, 1 inconclusive." in page
    assert "2 depend." in glance([verdict(verdict="depends: head")] * 2)


def test_networks_are_limited_and_the_rest_counted(runs, tmp_path):
    (group,) = data_of(made(runs, tmp_path, networks=1).read_text())["sets"]
    assert [one["arm"] for one in group["networks"]] == ["max"]
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


def test_a_verdict_tells_its_numbers():
    text = article(verdict(), ["tradeoff"])
    for told in (
        "<b>2.25</b> [1.50, 3.00] percentage points",
        "; 95 %, paired t over 5 seeds",
        "supported if the interval lies above 0.50 percentage points",
        "&lt; 0.001; 0.006 after Holm",
        "2 of 5 seeds are missing",
        "python scripts/train.py -m experiment=c1",
        'data-figure="tradeoff"',
        "dimensions &amp; parameters",
        "<td>0.930</td>",
    ):
        assert told in text, told
    assert "data-figure" not in article(verdict(), [])
    assert "<small>on head</small>" in article(verdict(verdict="depends: on head"), [])


def test_an_interval_is_drawn_to_scale():
    text = picture(verdict(effect=1.0, low=-1.0, high=3.0, margin=1.0))
    low, high = map(float, re.search(r"M([\d.]+) [\d.]+H([\d.]+)M", text).groups())
    zero, margin = (
        float(re.search(rf'class="{name}" d="M([\d.]+)', text)[1])
        for name in ("zero", "margin")
    )
    dot = float(re.search(r'cx="([\d.]+)"', text)[1])
    assert (low, zero, margin, dot, high) == (10, 60, 110, 110, 210)
    assert "<small>1.00 [−1.00, 3.00] percentage points</small>" in text
    assert picture(verdict(effect=None)) == ""


def test_every_case_is_told_and_drawn():
    levels = [("flatten", 0.03, -0.004, 0.064), ("global pooling", 7.36, 6.7, 8.02)]
    keys = ("contrast", "effect", "low", "high", "interval")
    lines = [
        dict(
            zip(keys, (f"primary, {name}", *ends, "paired t over 5 seeds"), strict=True)
        )
        for name, *ends in levels
    ]
    lines.append(lines[0] | {"contrast": "another"})
    both = verdict(verdict="refuted", margin=40.0, details=tuple(lines))
    drawn, text = picture(both), article(both, [])
    assert drawn.count('class="dot"') == 2
    assert "flatten 0.03 [−0.00, 0.06]; global pooling 7.36 [6.70, 8.02]" in drawn
    assert "<small>0.03 to 7.36, 2 cases, percentage points</small>" in drawn
    assert "<dt>Effect, flatten</dt><dd><b>0.03</b> [−0.00, 0.06] percentage" in text
    assert "&lt; 0.001, the largest over the cases; 0.006 after Holm" in text
    for margin, null in ((40.0, "no effect"), (-0.5, "an effect at the margin")):
        assert f"p of {null}" in article(replace(both, margin=margin), [])


def test_an_exact_effect_has_no_interval():
    exact = verdict(effect=36.0, low=36.0, high=36.0, interval="exact count")
    assert "<small>36.0 percentage points</small>" in picture(exact)
    text = article(exact, [])
    assert "[36" not in text and "<b>36.0</b> percentage points; exact count" in text


def test_words_in_backticks_are_code():
    text = article(verdict(remarks=("run `train.py a<b`",)), [])
    assert "run <code>train.py a&lt;b</code>" in text


def test_what_all_verdicts_show_is_shown_once(page):
    places = re.findall(r'data-figure="(\w+)"', page)
    assert places.count("all") == 1 and places.count("tradeoff") == 3
    assert set(data_of(page)["figures"]) == {"all", "tradeoff"}


def test_why_there_are_no_verdicts_is_told(tmp_path):
    plane_run(tmp_path, "max", "none", "first")

    def judge(*tables):
        raise UserError("found none of the experiments")

    with pytest.raises(UserError, match="eval=explorer; found none of the experiments"):
        made(tmp_path, tmp_path, judge=judge)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.0123, "−0.0123"),
        (15860224.0, "15,860,224"),
        (-0.00123, "−0.00123"),
        (0.0, "0"),
        (99.96, "100.0"),
        (float("nan"), "–"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


def colours(theme):
    css = asset("base.css")
    light = dict(re.findall(r"--(\w+): (#\w{6})", css[: css.index("@media")]))
    dark = css[css.index("prefers-color-scheme: dark") :]
    dark = dict(re.findall(r"--(\w+): (#\w{6})", dark[: dark.index("}\n}")]))
    assert set(dark) == set(light)
    return light if theme == "light" else dark


def luminance(colour):
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_its_ground(theme):
    """WCAG 2.2, criteria 1.4.3 and 1.4.11: 4.5 for text, 3 for what is drawn."""
    of = colours(theme)
    text = ("ink", "soft", "accent", "supported", "refuted", "depends", "inconclusive")
    drawn = ("keep", "flip")
    for names, least in ((text, 4.5), (drawn, 3)):
        for name in names:
            for ground in ("paper", "card"):
                pair = sorted(luminance(of[one]) for one in (name, ground))
                assert (pair[1] + 0.05) / (pair[0] + 0.05) >= least, (name, ground)


def test_a_foreign_classifier_has_orbits_and_no_stages(tmp_path):
    def classify(images):
        return images.mean((1, 2)) * np.array([1.0, 0.5, 2.0, 0.0], np.float32)

    page = made(explored_runs(tmp_path, classify), tmp_path)
    (group,) = data_of(page.read_text())["sets"]
    assert [one["stages"] for one in group["networks"]] == [[]] * 4
