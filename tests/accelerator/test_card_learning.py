"""Networks learn on the accelerator in each dtype that it is fast in."""

import numpy as np
import pytest
from commands import read_losses, train, unclocked

pytestmark = pytest.mark.accelerator


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_the_digits_are_learnt(dtype, digits, tmp_path):
    words = ["model=resnet20", "model.depths=[1,1,1]", "train.epochs=12"]
    folder = train(tmp_path, digits, *words, f"train.dtype={dtype}")
    losses = read_losses(folder)
    assert np.isfinite(losses).all() and losses[-1] < losses[0] / 3
    rows = unclocked(folder / "eval/accuracy.jsonl")
    accuracy = {row["measure"]: row["value"] for row in rows}
    assert accuracy["accuracy"] > 0.8
