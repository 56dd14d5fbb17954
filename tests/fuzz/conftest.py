"""`make test` draws a few cases, always the same; `make test-fuzz` new ones."""

import os
import time

import pytest
from hypothesis import HealthCheck, Phase, settings

MINUTES = float(os.environ.get("MINUTES", "0"))  # for each test
settings.register_profile(
    "fuzz",
    max_examples=100 if MINUTES else 12,
    deadline=None,
    derandomize=not MINUTES,
    database=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fuzz")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Repeats a test, with new cases each time, until its minutes are over."""
    names = pyfuncitem._fixtureinfo.argnames
    given = {name: pyfuncitem.funcargs[name] for name in names}
    start, rounds = time.monotonic(), 0
    while not rounds or time.monotonic() < start + 60 * MINUTES:
        pyfuncitem.obj(**given)
        rounds += 1
    pyfuncitem.user_properties.append(("rounds", rounds))
    return True


def pytest_terminal_summary(terminalreporter):
    """Says how often each test was repeated."""
    for report in terminalreporter.stats.get("passed", []) if MINUTES else []:
        for _, rounds in report.user_properties:
            terminalreporter.write_line(f"{report.nodeid}: {rounds} times 100 cases")
