"""Draws `docs/figures/`: what the figures of the evaluators' page look like.

`python docs/figures.py` trains three networks on digits, measures them and draws every
figure that they have rows for: some minutes on two cores, once. They are examples of
figures, with one seed, and no results.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "outputs/figures"
TRAINED = [
    *("downsample=decimate,max_blur,max_aps", "model.padding=circular"),
    *("model/head=gap", "optim.learning_rate=0.003", "train.batch_size=64"),
    *("train.epochs=6", "data.validation_examples=200", "name=figures"),
    "eval=[accuracy,shift,orbit,fragile,layers,scramble,receptive,flip,calibration"
    ",aliasing,lie,location,window,spatial]",
    *(
        "eval.spatial.examples=40",
        "eval.lie.examples=64",
        "eval.location.examples=400",
        "eval.flip.examples=120",
    ),
]
FIGURES = (
    *("aliasing", "calibration", "curves", "distance", "flip", "fragile"),
    *("layers", "lie", "location", "orbit", "receptive", "scramble"),
    *("spatial", "tradeoff", "window"),
)


def run(script: str, *words: str) -> None:
    """Runs a script of the project."""
    subprocess.run(
        [sys.executable, f"scripts/{script}.py", *words], cwd=ROOT, check=True
    )


def main() -> None:
    """Trains and measures what is not there yet, draws, and copies the pictures."""
    run("train", "-m", *TRAINED)
    run("report", f"runs={RUNS}", f"figure=[{','.join(FIGURES)}]")
    folder = ROOT / "docs/figures"
    folder.mkdir(exist_ok=True)
    for name in FIGURES:
        shutil.copy(RUNS / f"{name}.png", folder)


if __name__ == "__main__":
    main()
