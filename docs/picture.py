"""Draws `docs/picture.png`: a digit, its 784 shifts, and what three networks say.

`python docs/picture.py` trains one network for each of three downsamplers (a minute on
two cores; a second time it finds them), asks each for its answer to every circular
shift of a test image, and draws where that is the answer to the image itself.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from research import config
from research.evals.orbit import orbit_logits
from research.runs.run import load

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "outputs/picture"
ARMS = {
    "decimate": "every other value",
    "max": "max pooling",
    "max_aps": "max, adaptive phase",
}
TRAINING = [
    *("model.padding=circular", "model/head=gap", "optim.learning_rate=0.003"),
    *("train.batch_size=64", "train.epochs=12", "eval=[accuracy,shift]"),
]
Classes = dict[str, np.ndarray]  # of each arm
SAME, OTHER, INK = "#56B4E9", "#D55E00", "#333333"


def train() -> dict[str, Path]:
    """Trains what is not trained yet; returns the run folder of each downsampler."""
    script = [sys.executable, str(ROOT / "scripts/train.py"), "-m"]
    arms = f"downsample={','.join(ARMS)}"
    words = [arms, *TRAINING, f"root={ROOT / 'outputs'}", "name=picture"]
    subprocess.run([*script, *words], check=True, cwd=ROOT)
    return {arm: next(RUNS.glob(f"downsample={arm},*")) for arm in ARMS}


def answer(folders: dict[str, Path], examples: int = 360) -> tuple[np.ndarray, Classes]:
    """Returns test images, and each network's classes at every shift, (N, H, W)."""
    classes: Classes = {}
    for arm, folder in folders.items():
        cfg, network = load(folder)
        network.eval()
        images = config.data(cfg).split("test").images[:examples]
        found = np.asarray(orbit_logits(network, images).argmax(-1))
        height, width = images.shape[1:3]
        times = (1, height // found.shape[1], width // found.shape[2])
        classes[arm] = np.tile(found, times)  # one period of them is what was computed
    return images, classes


def choose(classes: Classes) -> int:
    """Returns the image that is nearest to the mean one in how much changes."""
    changed = np.stack([is_other(one).mean((1, 2)) for one in classes.values()])
    return int(np.abs(changed - changed.mean(1, keepdims=True)).sum(0).argmin())


def is_other(classes: np.ndarray) -> np.ndarray:
    """Returns where an image is not classified as its unshifted self."""
    return classes != classes[:, :1, :1]


def draw(image: np.ndarray, classes: Classes, shares: dict[str, float]) -> Figure:
    """Draws the digit, and where each network gives it another class."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    first, *others = figure.subplots(1, 1 + len(classes))
    first.imshow(image, cmap="gray_r")
    first.set_title("the digit, unshifted", color=INK)
    for axes, (arm, found) in zip(others, classes.items(), strict=True):
        other = np.roll(is_other(found[None])[0], np.array(found.shape) // 2, (0, 1))
        axes.imshow(other, cmap=ListedColormap([SAME, OTHER]), vmin=0, vmax=1)
        count = f"{other.sum()} of {other.size} shifts change it"
        axes.set_title(f"{ARMS[arm]}\n{count}", color=INK, fontsize=11)
        share = f"{100 * shares[arm]:.0f} % of shifts change it"
        axes.set_xlabel(f"mean over the test images:\n{share}")
    for axes in (first, *others):
        axes.set_xticks([])
        axes.set_yticks([])
    figure.supxlabel(
        "Orange: moved there, the digit gets another class than in the middle, "
        "where it was not moved.",
        fontsize=9,
        color=INK,
    )
    return figure


def main() -> None:
    """Trains, asks and draws."""
    images, classes = answer(train())
    one = choose(classes)
    shares = {arm: float(is_other(found).mean()) for arm, found in classes.items()}
    chosen = {arm: found[one] for arm, found in classes.items()}
    figure = draw(images[one, ..., 0], chosen, shares)
    figure.savefig(ROOT / "docs/picture.png", dpi=110)
    print({arm: round(share, 3) for arm, share in shares.items()}, "image", one)


if __name__ == "__main__":
    main()
