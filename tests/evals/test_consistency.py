"""eval=consistency: maps that move with their images, and maps that do not."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from research.data.split import Split
from research.errors import UserError
from research.evals.consistency import SHIFTS, Consistency, Unshifted, compare
from research.evals.engine.dense import Labeller
from research.nn.layers import Conv
from research.tasks.segmentation import Segmentation

rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (9, 10, 12, 1)).astype(np.uint8)
MASK = (IMAGES[..., 0] > 127).astype(np.uint8)
MASK[:, 4] = 255
SPLIT = Split({"image": IMAGES, "mask": MASK})
CIRCULAR = "consistency_circular,draws=2,max_shift=3"
LINEAR = "consistency_linear,draws=2,max_shift=3"


class Around(nnx.Module):
    """A 3×3 convolution that wraps, of every pixel or, repeated, of every other."""

    def __init__(self, stride):
        self.conv = Conv(1, 2, 3, padding="circular", rngs=nnx.Rngs(0))
        self.stride = stride

    def __call__(self, images):
        x = self.conv(jnp.asarray(images) - 0.5)[:, :: self.stride, :: self.stride]
        for axis in (1, 2):
            x = jnp.repeat(x, self.stride, axis)
        return x


def threshold(images):
    """What each pixel says of itself."""
    value = np.asarray(images)[..., 0] - 0.5
    return np.stack([-value, value], -1)


def constant(images):
    return np.broadcast_to([0.0, 1.0], (*np.shape(images)[:3], 2))


def columns(images):
    """Class 1 in the right half, whatever is there."""
    right = np.broadcast_to(np.arange(12) >= 6, np.shape(images)[:3])
    return np.stack([~right, right], -1).astype(np.float32)


def measure(predict, split=SPLIT, draws=2, **given):
    evaluator = Consistency(draws=draws, task=Segmentation(), **given)
    evaluator.check(predict, split)
    return {one.key: one for one in evaluator(predict, split)}


def test_what_moves_with_its_image_is_consistent():
    found = measure(threshold)
    for one in found.values():
        assert one.value == (0 if one.measure == "flips" else 1), one.key
    assert found[f"{LINEAR}/agreement"].arrays["examples"].shape == (9,)
    around = measure(Around(1))
    assert around[f"{CIRCULAR}/agreement"].value == 1
    assert around["consistency_circular,distance=5/agreement"].value == 1
    assert "consistency_circular,distance=6/agreement" not in around
    # Zeros come in where the other side was: only the border differs.
    assert 0.8 < around[f"{LINEAR}/agreement"].value < 1


def test_a_coarser_grid_is_consistent_on_its_own_shifts_alone():
    found = measure(Around(2))
    assert found[f"{CIRCULAR}/agreement"].value < 0.9
    flips = found["neighbours/flips"]
    assert flips.value > 0.1
    assert flips.arrays["map"].shape == (8, 10, 12)
    steps = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]
    network, unit = Around(2), IMAGES[:8] / np.float32(255)
    still = np.asarray(network(unit)).argmax(-1)
    changed = [
        np.roll(
            np.asarray(network(np.roll(unit, d, (1, 2)))).argmax(-1),
            (-d[0], -d[1]),
            (1, 2),
        )
        != still
        for d in steps
    ]
    np.testing.assert_allclose(flips.arrays["map"], np.mean(changed, 0))
    np.testing.assert_array_equal(flips.arrays["predictions"], still)
    np.testing.assert_array_equal(flips.arrays["images"], IMAGES[:8])
    np.testing.assert_array_equal(flips.arrays["masks"], MASK[:8])


def test_a_constant_map_is_consistent_and_its_accuracy_gives_it_away():
    found = measure(constant)
    known = MASK != 255
    share = (MASK[known] == 1).mean()
    for kind in (CIRCULAR, LINEAR):
        assert found[f"{kind}/agreement"].value == 1
        assert found[f"{kind}/agreement_where_right"].value == 1
        accuracy = found[f"{kind}/pixel_accuracy"].value
        assert accuracy == pytest.approx(share, abs=0.02)
    assert found[f"{CIRCULAR}/pixel_accuracy"].value == pytest.approx(share)


def test_a_map_that_stays_where_it_is_disagrees_by_how_far_the_image_moved():
    """Of H·W pixels, 2·|dx| columns change sides, and on the overlap |dx| do."""
    one = np.ones((1, 10, 12, 1), np.uint8)
    split = Split({"image": np.repeat(one, 400, 0)})
    found = measure(columns, split, max_shift=2, distances=0)
    away = (2 * 1 + 2 * 2) / 5
    value = found["consistency_circular,draws=2,max_shift=2/agreement"].value
    assert value == pytest.approx(1 - 2 * away / 12, abs=0.01)
    value = found["consistency_linear,draws=2,max_shift=2/agreement"].value
    wanted = np.mean([1 - abs(d) / (12 - abs(d)) for d in range(-2, 3)])
    assert value == pytest.approx(wanted, abs=0.01)
    assert {row.measure for row in found.values()} == {"agreement", "flips"}


@pytest.mark.parametrize("kind, shift", SHIFTS.items())
def test_counts_are_those_of_slices(kind, shift):
    offsets = np.array([(0, 0), (2, -3), (-1, 4), (3, 3), (-3, 0), (0, 1)] * 2)[:9]
    label = Labeller(Around(2), batch=4)
    before, _ = label(IMAGES)
    still = Unshifted(SPLIT, before, 255)
    found = compare(label, still, kind, shift, offsets.astype(np.int32))
    after, _ = label(IMAGES, shift, offsets.astype(np.int32))
    for index, (dy, dx) in enumerate(offsets):
        counts = {measure: [0, 0] for measure in found}
        for y, x in np.ndindex(10, 12):
            inside = 0 <= y + dy < 10 and 0 <= x + dx < 12
            if kind == "linear" and not inside:
                continue
            old, true = before[index, y, x], MASK[index, y, x]
            new = after[index, (y + dy) % 10, (x + dx) % 12]
            for measure, counted, holds in (
                ("agreement", True, new == old),
                ("agreement_where_right", old == true, new == old),
                ("pixel_accuracy", true != 255, new == true),
            ):
                counts[measure][0] += counted and holds
                counts[measure][1] += counted
        for measure, each in found.items():
            assert each[index].tolist() == counts[measure], (measure, dy, dx)


def test_measures_with_labels_are_ratios_of_sums_over_the_set():
    found = measure(Around(2), pictures=0)
    assert "neighbours/flips" not in found
    for name in ("agreement_where_right", "pixel_accuracy"):
        for kind in (CIRCULAR, LINEAR):
            row = found[f"{kind}/{name}"]
            assert 0 < row.low < row.value < row.high < 1


def test_the_published_loop_shares_an_offset_in_a_batch_and_has_no_interval():
    found = measure(columns, compat="massc", batch=4, distances=0)
    params = "batch=4,draws=2,max_shift=3"
    row = found[f"massc_circular,{params}/agreement"]
    assert row.low is None and row.interval == ""
    # Batches of 4, 4 and 1 count alike, and each of 6 offsets changes whole columns.
    assert 12 * (1 - row.value) * 6 / 2 == pytest.approx(
        round(12 * (1 - row.value) * 6 / 2), abs=1e-6
    )
    assert f"massc_linear,{params}/agreement" in found


def test_wrong_tasks_and_shifts_are_refused():
    with pytest.raises(UserError, match=r"eval.consistency.max_shift=10: takes 1 to 9"):
        measure(threshold, max_shift=10)
    with pytest.raises(UserError, match="eval=consistency .* set task=segmentation"):
        Consistency().check(threshold, SPLIT)
    with pytest.raises(UserError, match="eval.consistency.compat=zou: takes "):
        Consistency(compat="zou")
