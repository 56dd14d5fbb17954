"""The Python of README and docs runs, and what they add to the project works."""

import os
import shutil
import subprocess
import sys

import pytest
from documents import DOCUMENTS, ROOT, blocks, commands, files, name

OWN = ROOT / "docs/your_own.md"
TINY = ["train.epochs=1", "data.train_examples=64", "train.batch_size=32"]


@pytest.mark.parametrize(
    "path",
    [path for path in DOCUMENTS if blocks(path, "python") and path != OWN],
    ids=name,
)
def test_the_python_of_a_document_runs(path, monkeypatch):
    """Block by block, with what those before it defined."""
    monkeypatch.chdir(ROOT)
    names = {"__name__": "document"}
    for code in blocks(path, "python"):
        exec(compile(code, name(path), "exec"), names)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the project with the files that `your_own.md` shows."""
    folder = tmp_path_factory.mktemp("checkout")
    for part in ("research", "conf", "scripts"):
        shutil.copytree(
            ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__")
        )
    for place, text in files(OWN).items():
        assert not (ROOT / place).exists(), place
        (folder / place).write_text(text)
    (folder / "mine.py").write_text(
        "import numpy as np\n\n\ndef classify(images):\n"
        "    ink = np.asarray(images).mean((1, 2, 3))\n"
        "    return -((ink[:, None] - np.linspace(0.05, 0.2, 10)) ** 2)\n"
    )
    return folder


def run(checkout, words):
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_files_of_all_kinds_are_shown():
    shown = files(OWN)
    folders = ("downsample/reduce/", "model/", "data/", "eval/", "upsample/")
    for folder in folders:
        assert [one for one in shown if one.startswith(f"conf/{folder}")], folder
    assert len(shown) == 2 * len(folders) + 1  # a claim has no YAML


BUILD = """
import sys

import jax.numpy as jnp
from flax import nnx

from research import config

cfg = config.compose(*sys.argv[1:])
network = config.network(cfg, rngs=nnx.Rngs(0))
network.eval()
answer = network(jnp.zeros((1, *cfg.data.shape)))
assert answer.shape[:3] == (1, *cfg.data.shape[:2]), answer.shape
"""


@pytest.mark.slow  # a real training for each command
@pytest.mark.parametrize(
    "words",
    list(commands(OWN)),
    ids=lambda words: " ".join(words[1:])[:60],
)
def test_what_is_added_is_trained_and_measured(checkout, words):
    script, *rest = words[1:]
    if "data=scenes" in rest:  # which take a minute to draw
        run(checkout, ["-c", BUILD, *rest])
    elif script == "scripts/train.py" and not {"--help", "experiment=b9"} & {*rest}:
        measured = [word for word in rest if word.startswith("eval=")]
        run(checkout, [script, *rest, *TINY, *(measured or ["eval=accuracy"])])
        assert list(checkout.glob("outputs/runs/*/done.json"))
    else:
        run(checkout, [script, *rest])
