"""Tests of what only an accelerator can show; on a CPU alone they skip.

`scripts/accelerator.sh tests` runs them. ACCELERATOR_REHEARSAL=1 runs them on the CPU,
its own second device in the place of the accelerator, to see that they would run.
"""

import os
from pathlib import Path

import jax
import pytest
from commands import REHEARSAL

HERE = Path(__file__).parent
# The most telling first: the time on a lent card may end before the tests do.
ORDER = ("orbit", "resume", "presets", "learning", "dispatch", "jobs", "rows", "models")


def pytest_collection_modifyitems(items):
    def place(item):
        return ORDER.index(item.path.stem.removeprefix("test_card_"))

    slots = [at for at, item in enumerate(items) if item.path.parent == HERE]
    ours = sorted((items[at] for at in slots), key=place)
    for at, item in zip(slots, ours, strict=True):
        items[at] = item


@pytest.fixture(scope="session", autouse=True)
def accelerator():
    """The device that is tested."""
    if jax.default_backend() == "cpu" and not REHEARSAL:
        pytest.skip(
            "no accelerator: JAX computes on the CPU here; ACCELERATOR_REHEARSAL=1 "
            "runs it there all the same"
        )
    return jax.devices()[-1 if REHEARSAL else 0]


@pytest.fixture(autouse=True)
def compiled_as_for_users(accelerator):
    """Programs for the accelerator have all optimisations, unlike other tests'."""
    jax.config.update("jax_disable_most_optimizations", REHEARSAL)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture
def note():
    """Writes a line to the table that `scripts/accelerator.sh` brings home."""

    def write(line):
        if "ACCELERATOR_NOTES" in os.environ:
            with open(os.environ["ACCELERATOR_NOTES"], "a") as file:
                file.write(f"{line}\n")

    return write


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """A folder in which the digits are prepared once."""
    return tmp_path_factory.mktemp("data")
