"""Embeddings under shifts: against NumPy, of models from elsewhere and of ours."""

import jax
import jax.numpy as jnp
import networks
import numpy as np
import pytest
from known import ink, measure, split, table

from research import config
from research.errors import UserError
from research.evals.embedding import Embedding
from research.evals.engine.embedding import Embedding as Embedded
from research.evals.engine.embedding import ask_embeddings
from research.evals.engine.neighbours import find_nearest, rank_former
from research.evals.shift import Shift
from research.runs.measure import check_all
from research.transforms.shifts import circular, draw_ring, zero

SPLIT = split(examples=31, shape=(8, 12, 1))
SHIFTS = {"circular": circular, "zero": zero}


class Vectors:
    """Gives the first rows of an image as its embedding."""

    answers = "embeddings"

    def __init__(self, rows=slice(0, 3)):
        self.rows = rows

    def __call__(self, images):
        return np.asarray(images)[:, self.rows].reshape(len(images), -1) - 0.3


class Means(Vectors):
    """Gives moments of the pixels, which no circular shift changes."""

    def __call__(self, images):
        means = np.asarray(images).mean((1, 2, 3))
        return np.stack([means, means**2, np.ones_like(means)], 1)


def cosines(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    return (a @ b.T) / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)


def test_neighbours_and_ranks_are_those_of_sorted_cosines():
    rng = np.random.default_rng(0)
    still, moved = rng.normal(size=(2, 20, 6)).astype(np.float32)
    moved = still + 0.5 * moved
    nearest = find_nearest(still)
    ranks = rank_former(moved, still, nearest)
    before, after = cosines(still, still), cosines(moved, still)
    for i in range(20):
        others = [j for j in range(20) if j != i]
        assert nearest[i] == max(others, key=lambda j: before[i, j])
        order = sorted(others, key=lambda j: -after[i, j])
        assert ranks[i] == order.index(nearest[i])
    assert 0 < (ranks > 0).mean() < 1
    np.testing.assert_array_equal(rank_former(still, still, nearest), 0)


def test_many_images_are_compared_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    still, moved = rng.normal(size=(2, 25, 4)).astype(np.float32)
    whole = find_nearest(still), rank_former(moved, still, find_nearest(still))
    monkeypatch.setattr("research.evals.engine.neighbours.ROWS", 7)
    parts = find_nearest(still), rank_former(moved, still, find_nearest(still))
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(a, b)


def test_images_that_are_equal_do_not_flip_by_rounding():
    rng = np.random.default_rng(0)
    still = np.repeat(rng.normal(size=(5, 6)).astype(np.float32), 3, 0)
    noise = 1 + 1e-7 * rng.normal(size=still.shape).astype(np.float32)
    still = still * noise  # as kernels of another order round
    ranks = rank_former(still * noise[::-1], still, find_nearest(still))
    np.testing.assert_array_equal(ranks, 0)
    empty = np.zeros((3, 2), np.float32)
    np.testing.assert_array_equal(rank_former(empty, empty, find_nearest(empty)), 0)


def test_every_row_is_what_numpy_computes():
    predict = Vectors()
    evaluator = Embedding(SHIFTS, distances=2, max_shift=1, batch=8)
    rows = table(measure(evaluator, predict, SPLIT))
    images = SPLIT.images / np.float32(255)
    still = predict(images)
    nearest = find_nearest(still)
    for border, shift in SHIFTS.items():
        name = f"embedding,border={border}"
        offsets = rows[f"{name},distance=2/embedding_change"].arrays["offsets"]
        assert (np.abs(offsets).max(1) == 2).all()
        seen = predict(shift(jnp.asarray(images), jnp.asarray(offsets)))
        change = 1 - np.diag(cosines(still, seen))
        found = rows[f"{name},distance=2/embedding_change"].arrays["examples"]
        np.testing.assert_allclose(found, change, atol=1e-6)
        ranks = rank_former(seen, still, nearest)
        found = rows[f"{name},distance=2/rank_change"].arrays["examples"]
        np.testing.assert_array_equal(found, ranks)
        flip = rows[f"{name},distance=2/neighbour_flip"]
        assert flip.value == (ranks > 0).mean() and 0 < flip.value <= 1
        every = [
            rank_former(
                predict(
                    shift(jnp.asarray(images), jnp.tile(jnp.array([[y, x]]), (31, 1)))
                ),
                still,
                nearest,
            )
            for y in (-1, 0, 1)
            for x in (-1, 0, 1)
        ]
        worst = rows[f"{name},max_shift=1/worst_rank_change"].arrays["examples"]
        np.testing.assert_array_equal(worst, np.max(every, 0))
        assert (
            rows[f"{name},max_shift=1/worst_neighbour_flip"].value
            >= (np.array(every) > 0).mean(1).max()
        )


def test_what_does_not_see_a_shift_changes_nothing():
    rows = table(measure(Embedding({"circular": circular}), Means(), SPLIT))
    assert len(rows) == 4 * 3 + 3
    for one in rows.values():
        assert one.value == pytest.approx(0, abs=1e-6), one.key


def test_networks_of_ours_have_embeddings():
    network = networks.pooling()
    examples = split(examples=9, shape=networks.SHAPE)
    found = ask_embeddings(network, batch=4)(examples.images)
    images = jnp.asarray(examples.images / np.float32(255))
    expected = Embedded(network)(images)["embedding"]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    rows = table(measure(Embedding(SHIFTS, distances=1), network, examples))
    assert all(np.isfinite(one.value) for one in rows.values())


def test_logits_and_too_few_images_are_refused():
    with pytest.raises(UserError, match="compares embeddings, and predict gives logit"):
        Embedding(SHIFTS).check(ink, SPLIT)
    with pytest.raises(UserError, match="eval.embedding.examples=2: takes at least 3"):
        Embedding(SHIFTS, examples=2).check(Vectors(), SPLIT)


def test_no_other_evaluator_takes_embeddings():
    cfg = config.compose("eval=[shift,embedding]")
    with pytest.raises(UserError, match="eval=shift compares logits.*eval=embedding"):
        check_all({"shift": Shift()}, Vectors(), SPLIT, cfg)
    check_all({"embedding": Embedding(SHIFTS)}, Vectors(), SPLIT, cfg)
    cfg.data.classes = 1  # there need be no labels
    check_all({"embedding": Embedding(SHIFTS)}, Vectors(), SPLIT, cfg)


def test_the_offsets_of_a_seed_stay():
    offsets = draw_ring(jax.random.key(0), 31, 1)
    rows = table(measure(Embedding({"zero": zero}, distances=1), Vectors(), SPLIT))
    found = rows["embedding,border=zero,distance=1/neighbour_flip"].arrays["offsets"]
    np.testing.assert_array_equal(found, offsets)
