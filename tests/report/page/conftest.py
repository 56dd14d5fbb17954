"""One set of runs and one page for all tests here."""

import pytest
from pages import PLANE, VERDICTS, explored_runs, figure, made, plane_run


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    explored_runs(root / "explored")
    for cell in PLANE:
        plane_run(root / "plane", *cell)
    return root


@pytest.fixture(scope="session")
def page_file(runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("page")
    figure(out)
    figure(out, "all")
    return made(runs, out, verdicts=VERDICTS)


@pytest.fixture(scope="module")
def driver():
    """A browser."""
    from browser import start

    driver = start()
    yield driver
    driver.quit()


@pytest.fixture(params=["phone", "desktop"])
def page(request, driver, page_file):
    """The page in a browser, just opened; afterwards the console must be empty."""
    from browser import WIDTHS, media, opened

    width, mobile = WIDTHS[request.param], request.param == "phone"
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": mobile}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media(driver, scheme="light")
    yield from opened(driver, page_file)
