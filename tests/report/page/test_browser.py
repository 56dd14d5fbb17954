"""The page in a real browser, from disk: clicks, hovers, keys; a silent console."""

import json
import os
import re
import shutil
from functools import partial

import numpy as np
import pytest
from pages import NETWORKS, explored_run, made, unpacked

from research.downsample import Downsample
from research.downsample.reduce import Max

webdriver = pytest.importorskip("selenium.webdriver")
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no chromium: make test-browser installs it"
    ),
]
WIDTHS = {"phone": 360, "desktop": 1200}


@pytest.fixture(scope="module")
def driver():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium has none for root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture(params=WIDTHS)
def page(request, driver, page_file):
    """The page, just opened; afterwards the console must be empty."""
    width, mobile = WIDTHS[request.param], request.param == "phone"
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": mobile}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media(driver, scheme="light")
    yield from opened(driver, page_file)


def opened(driver, file):
    """Yields the driver at a page; afterwards the console must be empty."""
    driver.get("about:blank")
    driver.get(file.as_uri())
    wait(driver, "return document.documentElement.dataset.ready === 'true'")
    yield driver
    assert driver.get_log("browser") == []


def media(driver, *, scheme="light", motion="reduce"):
    features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
    listed = [{"name": name, "value": value} for name, value in features.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": listed})


def wait(driver, script):
    return WebDriverWait(driver, 10, 0.02).until(lambda d: d.execute_script(script))


def find(page, css):
    return page.find_element(By.CSS_SELECTOR, css)


def all_of(page, css):
    return page.find_elements(By.CSS_SELECTOR, css)


def choose(page, section, text):
    """Clicks a choice of a section by its text or title."""
    for label in all_of(page, f"#{section} .choice"):
        if text in (label.text, label.get_attribute("title")):
            label.click()
            return
    raise AssertionError(f"no choice {text}")


def data_of(page):
    script = "return document.getElementById('data').textContent"
    return json.loads(page.execute_script(script))


def hover(page, css, row, column, shape):
    """Moves the mouse to the middle of a cell of a map."""
    element = find(page, css)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    size = element.size
    offset = [
        ((place + 0.5) / count - 0.5) * length
        for place, count, length in zip(
            (column, row),
            (shape[1], shape[0]),
            (size["width"], size["height"]),
            strict=True,
        )
    ]
    ActionChains(page).move_to_element_with_offset(
        element, *map(round, offset)
    ).perform()


def press(page, css, *keys):
    element = find(page, css)
    page.execute_script("arguments[0].focus()", element)
    ActionChains(page).send_keys(*keys).perform()


def canvas(page, css):
    """Returns the (H, W, 4) pixels of a canvas."""
    script = (
        "const c = document.querySelector(arguments[0]);"
        "const copy = new OffscreenCanvas(c.width, c.height);"
        "const context = copy.getContext('2d', { willReadFrequently: true });"
        "context.drawImage(c, 0, 0);"
        "const d = context.getImageData(0, 0, c.width, c.height);"
        "return [c.height, c.width, Array.from(d.data)]"
    )
    height, width, values = page.execute_script(script, css)
    return np.array(values).reshape(height, width, 4)


def test_it_fits_and_everything_has_a_name(page):
    page.execute_script(
        "document.querySelectorAll('details').forEach(d => d.open = true)"
    )
    wait(page, "return [...document.images].every(i => i.complete && i.naturalWidth)")
    widths = "const e = document.documentElement; return [e.scrollWidth, e.clientWidth]"
    scrolled, inner = page.execute_script(widths)
    assert scrolled == inner
    nameless = []
    named = {"button", "link", "checkbox", "radio", "image", "img", "application"}
    for node in page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]:
        role = node.get("role", {}).get("value")
        if role in named | {"combobox", "region"} and not node.get("ignored"):
            if not node.get("name", {}).get("value"):
                nameless.append(node)
    assert not nameless


def test_a_verdict_opens_by_click_and_by_key(page):
    find(page, ".tile[href='#C2']").click()
    wait(page, "return document.getElementById('C2').open")
    wait(page, "return document.querySelector('#C2 img').naturalWidth > 100")
    assert page.execute_script("return document.activeElement.parentElement.id") == "C2"
    ActionChains(page).send_keys(Keys.ENTER).perform()
    assert not page.execute_script("return document.getElementById('C2').open")
    press(page, "#C1 summary", Keys.SPACE)
    assert "2.25 [1.50, 3.00] percentage points" in find(page, "#C1 .numbers").text
    button = find(page, "#C1 [data-copy]")
    button.click()
    wait(
        page,
        "return ['Copied', 'Selected'].includes("
        "document.querySelector('#C1 [data-copy]').textContent)",
    )
    assert not all_of(page, "#C10 img") and "no rows yet" in page.page_source


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


def test_arrow_keys_walk_the_map_and_are_told(page):
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
    told = find(page, "#shifts .agrees b").text
    assert told == f"{100 * kept.mean():.1f} % of all shifts"


def test_networks_come_and_go_but_never_all(page):
    arms = [card.text for card in all_of(page, "#shifts .card h3")]
    assert arms == ["max", "none", "decimate", "aps"]
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
        assert sorted(arms) == [f"mnist, {p}, head=flatten" for p in ("max", "none")]


def test_units_see_what_was_stored(page):
    (group,) = data_of(page)["sets"]
    height, width = unpacked(group["images"]).shape[1:3]
    cards = all_of(page, "#fields .card")
    assert [card.find_element(By.TAG_NAME, "h3").text for card in cards] == [
        "max",
        "none",
    ]
    hover(page, "#fields .side .pad", 0, 4, (5, 5))
    stage = group["networks"][0]["stages"][-1]
    row, column = stage["ys"][0], stage["xs"][-1]
    rows, columns = unpacked(stage["rows"])[row], unpacked(stage["columns"])[column]
    told = cards[0].text
    assert f"unit ({row}, {column}) of" in told
    assert f"can see {rows.sum()}×{columns.sum()} px" in told
    assert f"looks at {stage['sizes'][0][-1]:.1f}" in told
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
    for arm in ("aps", "none", "max"):
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
    assert "of the 14×16 pixels" in reply and "5×5 (11 %) in none" in reply
    assert "8×8 (29 %) in max" in reply
    choose(page, "fields", "none")
    assert "in none" not in find(page, "#fields .answer-text").text
    choose(page, "fields", "conv 1")
    assert "after conv 1" in find(page, "#fields .card").text
    assert "can see 3×3 px" in find(page, "#fields .card").text


def test_the_plane_shows_the_measure_and_the_slices_chosen(page):
    (plane,) = data_of(page)["planes"]
    measure = plane["measures"][1]
    choose(page, "plane", measure["name"])
    choose(page, "plane", "lowpass")
    captions = [one.text for one in all_of(page, "#plane caption")]
    assert captions == ["lowpass: none", "lowpass: binomial"]
    second = all_of(page, "#plane .heat")[1]
    cells = [one.text for one in second.find_elements(By.CSS_SELECTOR, "td b")]
    value = {tuple(cell[:3]): cell[3] for cell in measure["cells"]}
    expected = [
        f"{100 * value[reduce, 'binomial', sample]:.1f} %"
        for reduce in plane["axes"]["reduce"]
        for sample in plane["axes"]["sample"]
    ]
    assert cells == expected
    choose(page, "plane", "interaction")
    first = find(page, "#plane .heat td b").text.replace("−", "-")
    left = {tuple(cell[:3]): cell[3] for cell in measure["interactions"]}
    expected = 100 * left["identity", "none", "first"]
    assert float(first) == pytest.approx(expected, abs=0.051)
    shown = [one.text for one in all_of(page, "#plane .dots .value")]
    levels = [level for axis in measure["effects"].values() for level in axis]
    values = [100 * value for _, value, _, _ in levels]
    assert [float(one.removesuffix(" %")) for one in shown] == (
        pytest.approx(values, abs=0.051)
    )


def test_dark_mode_repaints(page):
    light = canvas(page, "#shifts .card canvas")
    ground = "return getComputedStyle(document.body).backgroundColor"
    before = page.execute_script(ground)
    media(page, scheme="dark")
    assert page.execute_script(ground) != before
    WebDriverWait(page, 10, 0.02).until(
        lambda page: (canvas(page, "#shifts .card canvas") != light).any()
    )


def test_nothing_moves_where_less_motion_is_wanted(page):
    script = "return getComputedStyle(document.querySelector('.well i')).transition"
    assert page.execute_script(script).startswith("none")
    media(page, motion="no-preference")
    assert "height" in page.execute_script(script)
