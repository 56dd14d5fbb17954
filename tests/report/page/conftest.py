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
