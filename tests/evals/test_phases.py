"""Where adaptive phases are exact: found from sizes, and true of the answers."""

import jax
import numpy as np
import pytest
from flax import nnx

from research import config
from research.data.split import Split
from research.evals.engine.phases import describe_undivided, sampled_maps
from research.evals.shift import Shift
from research.runs.experiment import say_undivided

CIRCULAR = ["model=tiny", "model.padding=circular", "downsample=aps"]


def build(side, *words):
    """A network of the config, for images of one side, and the config."""
    cfg = config.compose(*CIRCULAR, f"data.shape=[{side},{side},1]", *words)
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    return network, cfg


@pytest.mark.parametrize("side, count", [(16, 0), (28, 0), (14, 1), (15, 1), (13, 2)])
def test_maps_that_a_stride_does_not_divide_are_counted(side, count):
    """And where there are none no shift changes the logits; elsewhere some do."""
    network, _ = build(side)
    maps = sampled_maps(network, (side, side, 1))
    assert [one.size[0] for one in maps] == [side, -(-side // 2)]
    assert sum(not one.tiled for one in maps) == count
    images = jax.random.uniform(jax.random.key(0), (8, side, side, 1))
    compute = jax.jit(network)
    moved = compute(np.roll(images, (1, 3), (1, 2)))
    assert (np.abs(moved - compute(images)).max() < 1e-5) == (count == 0)


@pytest.mark.parametrize(
    "side, words, count",
    [
        (16, [], (0, 2)),
        (13, [], (2, 2)),
        (13, ["downsample=max"], None),
        (13, ["downsample=space_to_depth"], None),
    ],
)
def test_the_rows_of_shifts_say_so(side, words, count):
    network, _ = build(side, *words)
    images = np.zeros((4, side, side, 1), np.uint8)
    split = Split.labelled(images, np.zeros(4, np.int32))
    measured = Shift(distances=0, batch=4)(network, split)
    rows = [one for one in measured if one.measure == "undivided_maps"]
    assert [(one.value, one.n) for one in rows] == ([count] if count else [])


def test_a_run_says_so_in_one_line(capsys):
    def lines(side, *words):
        say_undivided(*build(side, *words))
        return capsys.readouterr().err.splitlines()

    (line,) = lines(13)
    assert "2 of 2" in line and "13×13 by 2×2" in line and "multiples of 4×4" in line
    assert lines(16) == lines(13, "downsample=max") == []
    assert lines(13, "model.padding=zero") == []  # where nobody expects it


def test_a_foreign_classifier_has_no_phases():
    assert sampled_maps(lambda images: images, (13, 13, 1)) == []
    assert describe_undivided(nnx.Linear(2, 2, rngs=nnx.Rngs(0)), (13, 13, 1)) == ""
