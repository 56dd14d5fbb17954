"""The page in a real browser, from disk: clicks, keys, modes; a silent console."""

import pytest

pytest.importorskip("selenium.webdriver")
from browser import (  # noqa: E402
    MARKS,
    all_of,
    canvas,
    choose,
    data_of,
    find,
    media,
    press,
    wait,
)
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

pytestmark = MARKS


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


def test_a_link_leads_to_its_verdict_and_what_is_folded_opens_by_key(page):
    find(page, ".glance a[href='#C2']").click()
    active = "return document.activeElement.id"
    assert page.execute_script(active) == "C2"
    assert not find(page, "#C2 img").is_displayed()
    press(page, "#C2 summary", Keys.ENTER)
    wait(page, "return document.querySelector('#C2 img').naturalWidth > 100")
    assert find(page, "#C2 img").is_displayed()
    page.execute_script("location.hash = 'C10'")  # of the list that is folded
    wait(page, "return document.querySelector('.pending').open")
    assert page.execute_script(active) == "C10"
    assert "2.25 [1.50, 3.00]" in find(page, "#C1 .intervals").text
    press(page, "#C1 .provenance summary", Keys.SPACE)
    button = find(page, "#C1 [data-copy]")
    button.click()
    wait(
        page,
        "return ['Copied', 'Selected'].includes("
        "document.querySelector('#C1 [data-copy]').textContent)",
    )
    assert not all_of(page, "#C10 img")


def test_the_keyboard_gets_past_the_head_and_sees_where_it_is(page):
    page.execute_script("scrollTo(0, 0)")
    ActionChains(page).send_keys(Keys.TAB).perform()
    skip = page.switch_to.active_element
    assert skip.text == "Skip to the content" and skip.rect["x"] >= 0
    style = "return getComputedStyle(document.activeElement).outlineStyle"
    for _ in range(8):
        assert page.execute_script(style) == "solid"
        ActionChains(page).send_keys(Keys.TAB).perform()


def test_effects_lie_where_their_scale_says(page):
    script = """
      const box = (e) => e.getBoundingClientRect();
      const middle = (e) => box(e).x + box(e).width / 2;
      const plot = document.querySelector("#C1 .intervals");
      const ticks = [...plot.querySelectorAll(".axis i")];
      const places = ticks.map((e) => [e.textContent, middle(e)]);
      return [places, middle(plot.querySelector(".dot"))];
    """
    ticks, dot = page.execute_script(script)
    places = {float(text.replace("−", "-")): place for text, place in ticks}
    unit = places[3] - places[2]
    assert unit > 20 and dot == pytest.approx(places[2] + 0.25 * unit, abs=1)


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


def test_on_paper_columns_stay_and_what_cannot_be_clicked_is_gone(page):
    columns = "return getComputedStyle(arguments[0]).gridTemplateColumns.split(' ')"
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert len(page.execute_script(columns, find(page, ".sights"))) == 4
    assert len(page.execute_script(columns, find(page, ".short"))) == 2
    assert not find(page, ".head nav").is_displayed()
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert find(page, ".head nav").is_displayed()


def test_the_opening_can_be_read_at_any_width(page):
    size = "return parseFloat(getComputedStyle(arguments[0]).fontSize)"
    panels = all_of(page, ".opening .panel p")
    assert len(panels) == 5
    assert all(page.execute_script(size, one) >= 14 for one in panels)
    for panel, text in zip(all_of(page, ".opening .panel"), panels, strict=True):
        assert text.size["width"] <= panel.size["width"]
