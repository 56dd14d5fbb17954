"""Scrambles: rows against NumPy on classifiers whose answers are known."""

import jax.numpy as jnp
import networks
import numpy as np
import pytest
from known import PLACE, ink, measure, pixel, split, table

from research.errors import UserError
from research.evals.scramble import Scramble
from research.models.readout import flatten, mean
from research.transforms.scrambles import draw_orders, draw_seeds

SPLIT = split()
SEEDS = draw_seeds(0, len(SPLIT))


def orders(blocks, places):
    return np.asarray(draw_orders(jnp.asarray(SEEDS), blocks, places))


def test_patches_and_pixels_of_a_classifier_of_one_pixel():
    evaluator = Scramble(grids=[4, 5], blocks=[[4, 6]], batch=8)
    rows = table(measure(evaluator, pixel, SPLIT))
    images = SPLIT.images[..., 0] > 127
    before = images[:, PLACE[0], PLACE[1]]
    # grid 4: patches of 2×3; pixel (3, 4) lies in patch (1, 1) at (1, 1)
    source = orders(1, 16)[:, 0, 1 * 4 + 1]
    after = [
        im[2 * (s // 4) + 1, 3 * (s % 4) + 1]
        for im, s in zip(images, source, strict=True)
    ]
    check(rows, "patch,grid=[4, 4]", np.array(after), before)
    # blocks of 4×6: it lies in block (0, 0) at (3, 4)
    source = orders(4, 24)[:, 0, 3 * 6 + 4]
    after = [im[s // 6, s % 6] for im, s in zip(images, source, strict=True)]
    check(rows, "pixel,block=[4, 6]", np.array(after), before)
    assert rows["patch,grid=[1, 1]/agreement"].value == 1
    assert len(rows) == 6  # 5 does not divide, and a foreign classifier has no stages


def check(rows, name, after, before):
    same, right = after == before, after == SPLIT.labels
    assert 0 < same.mean() < 1
    found = rows[f"{name}/agreement"].arrays["examples"]
    np.testing.assert_array_equal(found, same)
    found = rows[f"{name}/accuracy"].arrays
    np.testing.assert_array_equal(found["examples"], right)
    np.testing.assert_array_equal(found["predictions"], after)


def test_ink_does_not_mind():
    for row in Scramble(grids=[2, 4], blocks=[4])(ink, SPLIT):
        assert row.measure == "accuracy" or row.value == 1


@pytest.mark.parametrize("pool", [mean, flatten])
def test_stages(pool):
    network = networks.pooling(pool)
    rows = table(Scramble(grids=[], blocks=[], sizes=[2])(network, SPLIT))
    stages = [row for row in rows.values() if row.protocol == "stage"]
    assert [row.params["pixels"] for row in stages] == 6 * [[4, 4]]
    assert all(row.params["moved"] == 1 for row in stages)
    # Blocks of 4×4 pixels are 2×2 positions after the pooling: by hand for stage 1.
    first, pooled, last = network.stages
    images = jnp.asarray(SPLIT.images / np.float32(255))
    maps = np.asarray(pooled(first(images)))
    moved = maps.copy()
    for one, result, order in zip(maps, moved, orders(1, 6)[:, 0], strict=True):
        for place, source in enumerate(order):
            (y, x), (v, u) = divmod(place, 3), divmod(int(source), 3)
            result[2 * y : 2 * y + 2, 2 * x : 2 * x + 2] = one[
                2 * v : 2 * v + 2, 2 * u : 2 * u + 2
            ]
    logits = np.asarray(network.readout(last(jnp.asarray(moved))))
    same = logits.argmax(1) == np.asarray(network(images)).argmax(1)
    name = "stage,index=1,moved=1.0,part=Downsample,pixels=[4, 4]"
    found = rows[f"{name}/agreement"].arrays["examples"]
    np.testing.assert_array_equal(found, same)
    found = rows[f"{name}/accuracy"].arrays["predictions"]
    np.testing.assert_array_equal(found, logits.argmax(1))
    # After the last stage global pooling does not see the places.
    noops = [row.params["index"] for row in stages if "no-op" in row.method]
    assert noops == (2 * [2] if pool is mean else [])


def test_positions_that_fill_no_block_stay():
    network = networks.pooling(flatten, "valid")
    rows = Scramble(grids=[], blocks=[], sizes=[2])(network, SPLIT)
    moved = [row.params["moved"] for row in rows if row.protocol == "stage"]
    # maps of 6×10, 3×5; 1×3 holds no two blocks of 2×2
    assert moved == [2 * 16 / 60] * 2 + [2 * 4 / 15] * 2


def test_nothing_that_divides_is_named():
    with pytest.raises(UserError, match=r"eval\.scramble\.grids=\[5, 7\].*8×12"):
        Scramble(grids=[5, 7]).check(ink, SPLIT)
