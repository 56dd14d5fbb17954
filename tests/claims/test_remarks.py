"""What is said of the training of the networks behind a verdict."""

import pandas as pd

from research import config
from research.claims.remarks import READ_OUT, describe_training


def runs(*kinds):
    """Runs as (data, images, epochs, head)."""
    keys = ("data.name", "data.train_examples", "train.epochs", "model.head.pool.path")
    return pd.DataFrame(
        {"config": [dict(zip(keys, kind, strict=False)) for kind in kinds]}
    )


def test_epochs_that_differ_are_told_with_their_heads():
    flatten, mean = READ_OUT
    used = runs(("scenes", 8000, 32, flatten), ("scenes", 8000, 64, mean))
    assert describe_training(used) == (
        "Trained on: scenes, 8,000 training images, 32 epochs (flattened) or 64 epochs "
        "(global pooling)."
    )
    several = [("mnist", n, 1, head) for n in (None, 900, 1000) for head in READ_OUT]
    assert describe_training(runs(*several, ("faces", 9, 2))) == (
        "Trained on: faces, 9 training images, 2 epochs; mnist, 900 training images, 1 "
        "epoch; mnist, 1,000 training images, 1 epoch; mnist, all training images, 1 "
        "epoch."
    )


def test_heads_are_known_by_where_they_are():
    found = (config.compose(f"model/head={one}") for one in ("flatten", "gap"))
    assert [cfg.model.head.pool.path for cfg in found] == list(READ_OUT)
