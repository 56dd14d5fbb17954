"""A real run, made once: small enough to be copied for each test that harms it."""

import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from research import config
from research.runs.run import run

TINY = (
    *("model=tiny", "data.train_examples=128", "data.validation_examples=32"),
    *("train.epochs=2", "train.batch_size=32", "eval=accuracy"),
    "train.checkpoint_seconds=0",  # several checkpoints, so that one can be harmed
)


@cache
def make_run():
    """Returns a folder of runs with one run in it, and the data's folder beside it."""
    root = Path(mkdtemp(prefix="finished_run"))
    train(root / "runs" / "run")
    return root


def train(folder, *more, data=None):
    """Trains as `scripts/train.py` does, into a folder."""
    place = f"data.dir='{data or folder.parents[1] / 'data'}'"
    overrides = [*TINY, place, *more]
    choices = {"model": "tiny", "downsample": "max", "data": "digits"}
    return run(
        config.compose(*overrides),
        folder,
        choices=choices,
        command="test",
        overrides=overrides,
    )


def copy_run(where):
    """Copies the finished run below a folder, data and all; returns its run folder."""
    shutil.copytree(make_run(), where, dirs_exist_ok=True)
    return Path(where) / "runs" / "run"
