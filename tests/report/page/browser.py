"""A real browser at a page, and what a hand does with it. Needs selenium."""

import json
import os
import shutil

import numpy as np
import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
WIDTHS = {"phone": 360, "desktop": 1200}
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no chromium: make test-browser installs it"
    ),
]


def start():
    """Returns a browser without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium has none for root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    return webdriver.Chrome(options=options, service=service)


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
