"""A seed draws the same shifts, orders and noise whatever JAX takes for a number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research.evals.engine.canvas import Canvas
from research.transforms.augment import augment
from research.transforms.distortions import add_noise
from research.transforms.scrambles import draw_orders
from research.transforms.shifts import draw_offsets, draw_ring
from research.transforms.windows import move_windows

KEY = jax.random.key(5)
RNG = np.random.default_rng(0)
IMAGES = RNG.random((6, 8, 9, 2), np.float32)
SEEDS = jnp.arange(6, dtype=jnp.uint32)
CANVASES = RNG.integers(0, 256, (6, 12, 13, 2), np.uint8)
CORNERS = np.full((6, 2), 2, np.int32)


def batch():
    return {"image": jnp.asarray(IMAGES), "index": jnp.arange(6, dtype=jnp.int32)}


DRAWS = {
    "offsets": lambda: draw_offsets(KEY, 50, -3, 3),
    "ring": lambda: draw_ring(KEY, 50, 2),
    "orders": lambda: draw_orders(SEEDS, 2, 9),
    "noise": lambda: add_noise(jnp.asarray(IMAGES), jnp.full(6, 0.1, "f4"), SEEDS),
    "shifts": lambda: augment(batch(), KEY, shift=2, border="zero")["image"],
    "windows": lambda: move_windows(
        batch() | {"canvas": jnp.asarray(CANVASES), "corner": jnp.asarray(CORNERS)},
        KEY,
        shift=2,
    )["image"],
    "canvas": lambda: Canvas(3, 4, (0.5,))(jnp.asarray(IMAGES), jnp.asarray(CORNERS)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_they_are_those_of_32_bits(name):
    wanted = np.asarray(DRAWS[name]())
    with jax.enable_x64(True):
        found = np.asarray(DRAWS[name]())
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert found.dtype == wanted.dtype or name == "orders"


def test_and_those_that_runs_were_made_with():
    shape = (50, 2)
    np.testing.assert_array_equal(
        draw_offsets(KEY, 50, -3, 3), jax.random.randint(KEY, shape, -3, 4)
    )
    sorts = [jax.random.bits(jax.random.key(seed), (2, 9)) for seed in range(6)]
    orders = np.argsort(np.stack(sorts), axis=-1, kind="stable")
    np.testing.assert_array_equal(draw_orders(SEEDS, 2, 9), orders)
