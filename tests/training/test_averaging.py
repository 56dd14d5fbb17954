"""Averages of weights: against the loop that defines them, saved and resumed."""

import signal

import jax.numpy as jnp
import numpy as np
import pytest
from small import EXAMPLES, identical, make_split, train

from research import config
from research.errors import Interrupted
from research.runs.identity import training_digest
from research.training.averaging import Exponential, Lookahead


def run(averaging, moves):
    """The weights after each step of a training that adds moves."""
    weights = {"kernel": jnp.zeros(3), "count": jnp.int32(0)}
    average, seen = weights, []
    for step, move in enumerate(moves, 1):
        weights = {"kernel": weights["kernel"] + move, "count": jnp.int32(step)}
        average, weights = averaging.update(average, weights, jnp.int32(step))
        seen.append(np.asarray(weights["kernel"]))
    assert weights["count"] == len(moves)  # of whole numbers the newest is kept
    return seen


def test_lookahead_goes_a_part_of_the_way_and_on_from_there():
    moves = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    found = run(Lookahead(steps=12, every=5, decay=0.95, power=3), moves)
    weights = average = np.zeros(3)
    for step, move in enumerate(moves, 1):
        weights = weights + move
        if step % 5 == 0:
            kept = 0.95**5 * (step / 12) ** 3
            weights = average = kept * average + (1 - kept) * weights
        if step < 12:
            np.testing.assert_allclose(found[step - 1], weights, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        found[-1], average, rtol=1e-5, atol=1e-6
    )  # steps 11, 12 given up


def test_an_exponential_average_leaves_the_training_alone():
    moves = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
    found = run(Exponential(steps=6, decay=0.9), moves)
    plain = np.cumsum(moves, 0)
    np.testing.assert_allclose(found[:-1], plain[:-1], rtol=1e-5, atol=1e-6)
    average = np.zeros(3)
    for weights in plain:
        average = 0.9 * average + 0.1 * weights
    np.testing.assert_allclose(found[-1], average, rtol=1e-5, atol=1e-6)


def test_an_average_that_warms_up_forgets_where_it_began():
    moves = [np.full(3, 5.0, np.float32), *np.zeros((20, 3), np.float32)]
    plain = run(Exponential(steps=21, decay=0.999), moves)[-1]
    warm = run(Exponential(steps=21, decay=0.999, warmup=True), moves)[-1]
    average = 0.0
    for step in range(1, 22):
        kept = min(0.999, (1 + step) / (10 + step))
        average = kept * average + (1 - kept) * 5
    np.testing.assert_allclose(warm, average, rtol=1e-5)
    assert (plain < 0.2).all() and (warm > 4.9).all()
    short = run(Exponential(steps=21, decay=0.1, warmup=True), moves)[-1]
    np.testing.assert_allclose(short, run(Exponential(21, 0.1), moves)[-1], rtol=1e-5)


def test_older_averages_did_not_warm_up():
    older, now = (config.compose(f"averaging={one}") for one in ("exponential",) * 2)
    del older.averaging.warmup
    assert training_digest(older) == training_digest(now)
    warm = config.compose("averaging=exponential", "averaging.warmup=true")
    assert training_digest(warm) != training_digest(now)


@pytest.mark.slow  # trains each twice
@pytest.mark.parametrize("kind", [Lookahead, Exponential])
def test_a_run_with_an_average_goes_on_bit_by_bit(tmp_path, kind):
    split = make_split()
    straight = train(tmp_path / "straight", split, averaging=kind)
    assert not identical(straight, train(tmp_path / "none", split))

    def strike(step):
        if step == EXAMPLES // 16 + 2:
            raise Interrupted(signal.SIGTERM, step)

    with pytest.raises(Interrupted):
        train(
            tmp_path / "cut",
            split,
            averaging=kind,
            strike=strike,
            checkpoint_seconds=0.0,
        )
    assert identical(straight, train(tmp_path / "cut", split, averaging=kind))
