"""The explorers in a real browser: what they show is what was stored."""

import re
from functools import partial

import numpy as np
import pytest
from pages import NETWORKS, explored_run, made, unpacked

from research.downsample import Downsample
from research.downsample.reduce import Max

pytest.importorskip("selenium.webdriver")
from browser import (  # noqa: E402
    MARKS,
    all_of,
    canvas,
    choose,
    data_of,
    find,
    hover,
    opened,
    press,
    wait,
)
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

pytestmark = MARKS


def orbit(group, arm):
    one = next(one for one in group["networks"] if one["arm"] == arm)["orbit"]
    return {name: unpacked(one[name]) for name in ("predictions", "probabilities")}


def test_every_shift_shows_what_was_stored(page):
    (group,) = data_of(page)["sets"]
    images = unpacked(group["images"])
    height, width = images.shape[1:3]
    choose(page, "shifts", "2")  # the third image
    for row, column in ((3, 12), (13, 0)):
        dy, dx = row - height // 2, column - width // 2
        hover(page, "#shifts .side .pad", row, column, (height, width))
        where = find(page, "#shifts .where").text
        parts = (f"{abs(dy)} px {'down' if dy > 0 else 'up'}",)
        parts += (f"{abs(dx)} px {'right' if dx > 0 else 'left'}",)
        assert where == f"shifted {', '.join(parts)}"
        shown = canvas(page, "#shifts .picture")[..., 0]
        assert np.array_equal(shown, np.roll(images[2, ..., 0], (dy, dx), (0, 1)))
        for card in all_of(page, "#shifts .card"):
            stored = orbit(group, card.find_element(By.TAG_NAME, "h3").text)
            period = stored["predictions"].shape[1:]
            at = (2, dy % period[0], dx % period[1])
            said = card.find_element(By.CSS_SELECTOR, ".says").text
            assert said == str(stored["predictions"][at])
            bars = card.find_elements(By.CSS_SELECTOR, ".well i")
            heights = [float(b.get_attribute("style")[8:-2]) for b in bars]
            assert heights == pytest.approx(
                stored["probabilities"][at] / 2.55, abs=0.01
            )


def test_arrow_keys_walk_the_map_and_are_announced(page):
    pad = "#shifts .side .pad"
    press(page, pad, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_LEFT)
    assert find(page, "#shifts .where").text == "shifted 2 px down, 1 px left"
    assert "2 px down" in find(page, pad).get_attribute("aria-label")
    wait(
        page,
        "return document.querySelector('#shifts output').textContent"
        ".startsWith('shifted 2 px down, 1 px left. ')",
    )
    press(page, pad, *[Keys.ARROW_DOWN] * 5)
    assert find(page, "#shifts .where").text == "shifted 7 px up, 1 px left"
    press(page, pad, Keys.HOME)
    assert find(page, "#shifts .where").text == "not shifted"


def test_a_finger_drags_over_the_map(page):
    (group,) = data_of(page)["sets"]
    height, width = unpacked(group["images"]).shape[1:3]
    pad = find(page, "#shifts .side .pad")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", pad)
    box = page.execute_script("return arguments[0].getBoundingClientRect()", pad)
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    for kind, cell in (("Start", (2, 2)), ("Move", (5, 6)), ("Move", (9, 3))):
        at = {
            "x": box["x"] + (cell[1] + 0.5) * box["width"] / width,
            "y": box["y"] + (cell[0] + 0.5) * box["height"] / height,
        }
        touch = {"type": f"touch{kind}", "touchPoints": [at]}
        page.execute_cdp_cmd("Input.dispatchTouchEvent", touch)
    end = {"type": "touchEnd", "touchPoints": []}
    page.execute_cdp_cmd("Input.dispatchTouchEvent", end)
    page.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    assert find(page, "#shifts .where").text == "shifted 2 px down, 5 px left"


def test_maps_show_where_predictions_are_kept(page):
    (group,) = data_of(page)["sets"]
    height, width = unpacked(group["images"]).shape[1:3]
    arm, image, tops = next(
        (one["arm"], image, tops)
        for one in group["networks"]
        for image, tops in enumerate(unpacked(one["orbit"]["predictions"]))
        if len(np.unique(tops)) > 1
    )
    for other in [card.text for card in all_of(page, "#shifts .card h3")]:
        if other != arm:
            choose(page, "shifts", other)
    choose(page, "shifts", str(group["labels"][image]))
    tops = np.tile(tops, (height // tops.shape[0], width // tops.shape[1]))
    kept = np.roll(tops == tops[0, 0], (height // 2, width // 2), (0, 1))
    shown = canvas(page, "#shifts .card canvas").astype(int)
    assert kept.any() and not kept.all()
    assert np.array_equal(shown[..., 2] > shown[..., 0], kept)  # blue, or vermilion
    text = find(page, "#shifts .agrees b").text
    assert text == f"{100 * kept.mean():.1f} % of all shifts"


def test_networks_come_and_go_but_never_all(page):
    arms = [card.text for card in all_of(page, "#shifts .card h3")]
    assert arms == ["max pooling", "no downsampling", "bare stride", "adaptive phase"]
    for arm in arms:
        choose(page, "shifts", arm)
    assert [card.text for card in all_of(page, "#shifts .card h3")] == arms[-1:]
    choose(page, "shifts", arms[0])
    assert [card.text for card in all_of(page, "#shifts .card h3")] == [
        arms[0],
        arms[3],
    ]


def test_the_first_two_fields_differ_in_pooling_alone(driver, tmp_path):
    wide = partial(Downsample, reduce=partial(Max, padding="circular"))
    largest = wide, *NETWORKS["aps"][1:]
    for preset, parts, head, data in (
        ("decimate", NETWORKS["decimate"], "gap", "digits"),
        ("max_blur", largest, "gap", "mnist"),
        ("max", NETWORKS["decimate"], "gap", "mnist"),  # sees less than after flatten
        ("max", NETWORKS["max"], "flatten", "mnist"),
        ("none", NETWORKS["none"], "flatten", "mnist"),
    ):
        explored_run(tmp_path, preset, parts, **{"model/head": head, "data": data})
    for page in opened(driver, made(tmp_path, tmp_path / "out")):
        arms = [card.text for card in all_of(page, "#fields .card h3")]
        pair = [
            f"mnist, {one}, flattened" for one in ("max pooling", "no downsampling")
        ]
        assert sorted(arms) == pair


def test_units_see_what_was_stored(page):
    (group,) = data_of(page)["sets"]
    height, width = unpacked(group["images"]).shape[1:3]
    cards = all_of(page, "#fields .card")
    assert [card.find_element(By.TAG_NAME, "h3").text for card in cards] == [
        "max pooling",
        "no downsampling",
    ]
    hover(page, "#fields .side .pad", 0, 4, (5, 5))
    stage = group["networks"][0]["stages"][-1]
    row, column = stage["ys"][0], stage["xs"][-1]
    rows, columns = unpacked(stage["rows"])[row], unpacked(stage["columns"])[column]
    text = cards[0].text
    assert f"unit ({row}, {column}) of" in text
    assert f"can see {rows.sum()}×{columns.sum()} px" in text
    assert f"looks at {stage['sizes'][0][-1]:.1f}" in text
    outline = cards[0].find_element(By.CSS_SELECTOR, ".outline").get_attribute("style")
    place = [float(part) for part in re.findall(r"([\d.]+)%", outline)]
    expected = [
        np.flatnonzero(rows)[0] / height,
        np.flatnonzero(columns)[0] / width,
        rows.sum() / height,
        columns.sum() / width,
    ]
    assert place == pytest.approx([100 * part for part in expected], abs=0.01)
    press(page, "#fields .side .pad", Keys.ARROW_LEFT, Keys.ARROW_DOWN)
    label = find(page, "#fields .side .pad").get_attribute("aria-label")
    assert label.endswith("row 2, column 4 of 5")


def test_a_sampler_that_chooses_by_the_whole_image_sees_it(page):
    for arm in ("adaptive phase", "no downsampling", "max pooling"):
        choose(page, "fields", arm)
    (card,) = all_of(page, "#fields .card")
    assert "can see the whole image\n" in card.text
    place = card.find_element(By.CSS_SELECTOR, ".outline").get_attribute("style")
    assert re.findall(r"([\d.]+)%", place) == ["0", "0", "100", "100"]
    choose(page, "fields", "conv 1")
    assert "can see 3×3 px" in card.text


def test_the_effective_field_is_put_over_the_image(page):
    (group,) = data_of(page)["sets"]
    stage = group["networks"][0]["stages"][-1]
    seen = [unpacked(stage[name]) for name in ("rows", "columns")]
    middle = [stage[name][len(stage[name]) // 2] for name in ("ys", "xs")]
    lit = np.outer(seen[0][middle[0]], seen[1][middle[1]])
    image = unpacked(group["images"])[0, ..., 0]
    with_field = canvas(page, "#fields .view canvas").astype(int)
    find(page, "#fields .toggle").click()
    without = canvas(page, "#fields .view canvas").astype(int)
    assert np.array_equal(without[lit][:, 0], image[lit])
    assert np.array_equal((with_field != without).any(-1) & ~lit, np.zeros_like(lit))
    assert (with_field[lit] != without[lit]).any()
    assert (without[~lit][:, 0] != image[~lit]).all()


def test_the_question_is_answered_with_the_networks_chosen(page):
    reply = find(page, "#fields .answer-text").text
    assert "of the 14×16 pixels" in reply and "5×5 (11 %) in no downsampling" in reply
    assert "8×8 (29 %) in max pooling" in reply
    choose(page, "fields", "no downsampling")
    assert "in no downsampling" not in find(page, "#fields .answer-text").text
    choose(page, "fields", "conv 1")
    assert "after conv 1" in find(page, "#fields .card").text
    assert "can see 3×3 px" in find(page, "#fields .card").text
