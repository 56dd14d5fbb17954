"""One command on a folder of photographs, as a new user gives it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from research import config
from research.errors import UserError
from research.runs.evaluate import evaluate_foreign, evaluate_untrained
from research.runs.tables import read_rows

ROOT = Path(__file__).parents[1]
MODEL = """
import numpy as np

def sharp(images):
    # which of three columns of single pixels is lightest: any move may change it
    x = np.asarray(images)
    return 20 * np.stack([x[:, 3::8, k::16].mean((1, 2, 3)) for k in (3, 8, 13)], 1)

def empty(images):
    return np.zeros((len(images), 1))
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "theirs.py").write_text(MODEL)
    (tmp_path / "album/sea").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(12):
        small = rng.integers(0, 256, (12, 16, 3)).astype(np.uint8)
        picture = Image.fromarray(small).resize((80, 60), Image.Resampling.BICUBIC)
        picture.save(tmp_path / f"album/sea/{number}.jpg")
    return tmp_path


def words_of(place, *words):
    """What every command here says: small images, and where things are."""
    around = [] if "data.central=1" in words else ["data.central=0.8"]
    folders = [f"root={place / 'out'}", f"data.dir={place / 'data'}"]
    folders += [f"data.manual_dir={place / 'album'}"]
    return [*words, *around, *folders, "data.shape=[32,32,3]"]


def call(place, *words):
    paths = os.pathsep.join([str(place), str(ROOT)])
    return subprocess.run(
        [sys.executable, ROOT / "scripts/photos.py", *words_of(place, *words)],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow  # the whole script
def test_a_table_figures_and_a_page_from_one_command(place):
    done = call(place, "predict=theirs:sharp")
    assert done.returncode == 0, done.stderr
    (folder,) = (place / "out/photos/album").iterdir()
    assert "no labels, and so no rows of window (accuracy" in done.stderr
    files = {"moves.md", "moves.csv", "moves.png", "fragile.svg", "flips.html"}
    assert files <= {path.name for path in folder.iterdir()}
    table = pd.read_csv(folder / "moves.csv")
    assert list(table["move"]) == ["1 px", "1 px, worst of 8", "2 px", "3 px", "4 px"]
    assert (table["n"] == 12).all() and "moves.md" in done.stdout
    page = (folder / "flips.html").read_text()
    assert re.search(r"<figcaption[^>]*>sea/\d+\.jpg</figcaption>", page)
    measures = set(read_rows(folder)["measure"])
    assert "agreement" in measures and "accuracy" not in measures

    # the folder changes: rows of other photographs are not mixed with these
    next((place / "album/sea").glob("*.jpg")).unlink()
    again = call(place, "predict=theirs:sharp")
    assert again.returncode == 2
    assert "holds rows of other photographs (12, and" in again.stderr


@pytest.fixture
def theirs(place, monkeypatch):
    """The functions can be imported, in this process."""
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.delitem(sys.modules, "theirs", raising=False)


def run(place, config_name, *words):
    cfg = config.compose(*words_of(place, *words), config=config_name)
    evaluate = evaluate_untrained if cfg.predict is None else evaluate_foreign
    evaluate(cfg, place / "out/run", choices={}, command="")


@pytest.mark.parametrize(
    "script, words, said",
    [
        ("photos", ["predict=theirs:empty"], r"finite logits \(12, classes\) of 2"),
        ("photos", ["predict=theirs:sharp", "data.central=1"], "eval.window.distances"),
        (
            "eval",
            ["predict=theirs:sharp", "data=photos"],
            "eval=accuracy compares with labels, and the data have only image, canvas",
        ),
        ("eval", ["data=photos", "eval=shift"], "data.classes=null: photos/album"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(place, theirs, script, words, said):
    with pytest.raises(UserError, match=said) as caught:
        run(place, script, *words)
    assert "\n" not in str(caught.value)
    assert not [*(place / "out").rglob("*.jsonl")]


def test_a_model_is_asked_for(place):
    done = call(place)
    assert done.returncode == 2
    assert done.stderr.startswith("error: predict=null: takes the model to evaluate")


def test_evaluators_that_need_no_label_run_on_photographs(place, theirs):
    names = "flip,stability,worst,orbit,fidelity,scramble"
    small = ["eval.worst.max_shift=1", "eval.flip.reach=[0,1]", "eval.orbit.examples=1"]
    words = ["predict=theirs:sharp", "data=photos", f"eval=[{names}]", *small]
    run(place, "eval", *words)
    rows = read_rows(place / "out/run")
    assert set(rows["evaluator"]) == set(names.split(","))
    assert not rows["measure"].str.contains("accuracy|fidelity|right").any()
    assert "window" in {given.get("shift") for given in rows["params"]}  # real content


def test_a_network_of_ours_as_initialised_runs_if_it_knows_its_classes(place):
    run(place, "eval", "data=photos", "data.classes=4", "eval=window")
    method = read_rows(place / "out/run")["method"]
    assert (method.str.endswith("closed form")).any()  # model=chollet does not pad
