"""What the evaluators measure on the accelerator, they measure on the CPU."""

import json
import shutil

import pytest
from commands import run, train

from research.files.lines import read_lines

pytestmark = pytest.mark.accelerator

SETTINGS = ["eval=[accuracy,shift,orbit,layers,scramble,fractional]"]
SETTINGS += ["eval.orbit.examples=64", "eval.shift.distances=2"]


def read_values(folder):
    """Values and numbers of examples, by all that names a row."""
    found = {}
    for path in sorted((folder / "eval").glob("*.jsonl")):
        for row in read_lines(path):
            name = (row["protocol"], json.dumps(row["params"]), row["measure"])
            found[*name, row["method"]] = (row["value"], row["n"])
    return found


def test_rows_are_those_of_the_cpu(digits, tmp_path):
    words = ["model=tiny", "train.epochs=6", "downsample=max_blur", *SETTINGS]
    there = train(tmp_path / "there", digits, *words)
    here = tmp_path / "here"
    shutil.copytree(there, here)
    shutil.rmtree(here / "eval")
    places = [f"run_dir={here}", f"data.dir={digits}"]
    run("evaluate", *places, *SETTINGS, JAX_PLATFORMS="cpu")
    found, wanted = read_values(there), read_values(here)
    assert found.keys() == wanted.keys() and len(found) > 50
    for name, (value, count) in found.items():
        # Rounding may turn an example or two whose best classes tie.
        bound = 1e-3 + 2 / count
        assert value == pytest.approx(wanted[name][0], abs=bound, rel=1e-3), name
