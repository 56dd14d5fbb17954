"""Anchoring: against the peers' own outputs, and that the frame follows the map."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.downsample.anchor import Anchor
from research.downsample.sample import Energy, First
from research.errors import UserError
from research.models.patches import Patches

# Of willding123's polyphase anchoring, on fixed random inputs.
PEERS = np.load(Path(__file__).parents[1] / "golden/attention.npz")
X = np.random.default_rng(0).normal(size=(3, 8, 12, 4)).astype(np.float32)


def make(window, sample=Energy):
    return Anchor(4, window, sample=sample, rngs=nnx.Rngs(0))


def test_equals_the_published_anchoring():
    x = jnp.asarray(PEERS["anchor_p2/x"])
    anchor = make((2, 2))
    there, back = anchor(x)
    np.testing.assert_array_equal(there(x), PEERS["anchor_p2/y"])
    phase = anchor.phase(x)
    np.testing.assert_array_equal(np.asarray(phase) @ [2, 1], PEERS["anchor_p2/phase"])
    np.testing.assert_array_equal(back(there(x)), x)


def test_anchored_patches_equal_the_published_ones():
    patches = Patches(4, 6, (2, 2), rngs=nnx.Rngs(0))
    patches.conv.kernel[...] = jnp.asarray(PEERS["poly_merge/kernel"])
    patches.conv.bias[...] = jnp.asarray(PEERS["poly_merge/bias"])
    found = patches(jnp.asarray(PEERS["poly_merge/x"]))
    np.testing.assert_allclose(found, PEERS["poly_merge/y"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("window", [(2, 2), (4, 3), (1, 4)])
def test_the_frame_follows_every_shift_by_whole_windows(window):
    """What is seen in the frame of a shifted map begins at the same window corners."""
    anchor, x = make(window), jnp.asarray(X[:1])
    seen = np.asarray(anchor(x)[0](x))
    for shift in np.ndindex(X.shape[1:3]):
        moved = jnp.roll(x, shift, (1, 2))
        found = np.asarray(anchor(moved)[0](moved))
        steps = [
            range(0, size, w) for size, w in zip(X.shape[1:3], window, strict=True)
        ]
        assert any(
            np.array_equal(found, np.roll(seen, (i, j), (1, 2)))
            for i in steps[0]
            for j in steps[1]
        )


def test_a_fixed_grid_has_no_frame():
    there, back = make((2, 2), First)(jnp.asarray(X), (1, 1))
    np.testing.assert_array_equal(there(jnp.asarray(X)), np.roll(X, (-1, -1), (1, 2)))
    np.testing.assert_array_equal(back(jnp.asarray(X)), np.roll(X, (1, 1), (1, 2)))


def test_phases_tie_after_a_norm_of_positions():
    """Why the frame follows the map before its norm."""
    x = X / np.linalg.norm(X, axis=-1, keepdims=True)
    anchor = make((2, 2))
    margins = [anchor.sample.margin(jnp.asarray(m), anchor.lowpass) for m in (X, x)]
    assert margins[0].min() > 1e-4 and margins[1].max() < 1e-6


def test_patches_that_do_not_divide_a_map_are_refused():
    with pytest.raises(UserError, match="model.strides: patches of 2×5 .* 8×12 map"):
        Patches(4, 6, (2, 5), rngs=nnx.Rngs(0))(jnp.asarray(X))
