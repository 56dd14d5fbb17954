"""Images hold one dot, and the classifier says in which row or column it is."""

import numpy as np
import pytest

from research.data.split import Split
from research.errors import UserError
from research.evals.shift import Shift

SIDE, COUNT, BATCH = 9, 30, 8


@pytest.fixture
def split():
    places = np.random.default_rng(0).integers(0, SIDE, (COUNT, 2))
    images = np.zeros((COUNT, SIDE, SIDE, 1), np.uint8)
    images[np.arange(COUNT), *places.T] = 255
    return Split.labelled(images, places[:, 0].astype(np.int32))


def row(batch):
    return batch.max(2)[..., 0]


def found(measured, protocol, measure, **params):
    """The one measurement with these names and, if given, parameters."""
    [one] = [
        m
        for m in measured
        if (m.protocol, m.measure) == (protocol, measure)
        and params.items() <= m.params.items()
    ]
    return one


def test_circular_compares_two_independent_shifts(split):
    measured = list(Shift(distances=0, batch=BATCH)(row, split))
    one = found(measured, "circular", "agreement")
    first, second = np.moveaxis(one.arrays["offsets"], 1, 0)
    assert one.params == {"max_shift": 3}
    assert (first != second).any(1).mean() > 0.8
    want = first[:, 0] == second[:, 0]
    np.testing.assert_array_equal(one.arrays["examples"], want)
    rows = (split.labels + first[:, 0]) % SIDE
    np.testing.assert_array_equal(one.arrays["predictions"][:, 0], rows)
    accuracy = found(measured, "circular", "accuracy")
    np.testing.assert_array_equal(accuracy.arrays["examples"], first[:, 0] == 0)
    # A dot that moved takes the probability e/(e + 8) of its row to 1/(e + 8).
    moved = (np.e - 1) / (np.e + SIDE - 1) * (first[:, 0] != 0)
    mac = found(measured, "circular", "mac")
    np.testing.assert_allclose(mac.arrays["examples"], moved, atol=1e-6)
    distance = found(measured, "circular", "relative_logit_distance")
    np.testing.assert_allclose(
        distance.arrays["examples"], np.sqrt(2) * (first[:, 0] != 0), atol=1e-6
    )


@pytest.mark.parametrize("protocol", ["zero", "crop"])
def test_dots_may_leave_the_image(protocol, split):
    measured = list(Shift(distances=0, batch=BATCH)(row, split))
    one = found(measured, protocol, "agreement")
    offsets = one.arrays["offsets"]
    moves = offsets if protocol == "zero" else 3 - offsets  # r = 7: ⌊r/2⌋ − o
    assert moves.shape[1] == (1 if protocol == "zero" else 2)
    assert (np.abs(moves) <= 3).all()
    column = np.argmax(split.images.max(1), 1)[:, 0]
    places = np.stack([split.labels, column], 1)[:, None] + moves
    gone = ((places < 0) | (places >= SIDE)).any(-1)
    want = np.where(gone, 0, places[..., 0])  # nothing is seen: the first class
    got = one.arrays["predictions"]
    np.testing.assert_array_equal(got[:, : want.shape[1]], want)
    second = got[:, 1] if protocol == "crop" else split.labels
    np.testing.assert_array_equal(one.arrays["examples"], got[:, 0] == second)
    assert gone.any()


def test_crops_say_that_zeros_come_in(split):
    measured = list(Shift(distances=0, compat="zhang", batch=BATCH)(row, split))
    says = {m.protocol for m in measured if m.method.startswith("zeros come in")}
    assert says == {"crop", "zhang"}


def test_distances_are_exact_and_end_at_half_the_image(split):
    def place(batch):
        return batch.reshape(len(batch), -1)

    measured = list(Shift(distances=9, batch=BATCH)(place, split))
    for protocol in ("circular", "zero"):
        rows = [
            m for m in measured if m.protocol == protocol and "distance" in m.params
        ]
        assert [m.params["distance"] for m in rows] == [1, 2, 3, 4]
    assert all(
        found(measured, "circular", "agreement", distance=d).value == 0
        for d in (1, 2, 3, 4)
    )


def test_shifts_depend_on_the_seed_alone(split):
    def numbers(predict, batch, seed=0):
        measured = Shift(distances=1, batch=batch, seed=seed)(predict, split)
        return [m.arrays["offsets"] for m in measured if "offsets" in m.arrays]

    ours, theirs = numbers(row, 8), numbers(lambda x: row(x) + 1, 16)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (ours[0] != numbers(row, 8, seed=1)[0]).any()


@pytest.mark.parametrize(
    ("compat", "low", "high", "views"),
    [("aps_cifar", -2, 1, 1), ("aps_imagenet", -2, 1, 2), ("zhang", 0, 3, 2)],
)
def test_published_loops_draw_once_a_batch(compat, low, high, views, split):
    many = Split.labelled(np.repeat(split.images, 16, 0), np.repeat(split.labels, 16))
    settings = {"max_shift": 2, "pad": 4, "distances": 0, "batch": BATCH}
    measured = list(Shift(compat=compat, **settings)(row, many))
    one = found(measured, compat, "agreement")
    offsets = one.arrays["offsets"]
    assert one.params["batch"] == BATCH
    assert offsets.shape == (len(many), views, 2)
    batches = offsets.reshape(-1, BATCH, views, 2)
    assert (batches == batches[:, :1]).all()
    assert (np.diff(batches[:, 0, 0], axis=0) != 0).any()
    assert (offsets.min(), offsets.max()) == (low, high)
    assert all(m.interval == "" for m in measured if m.protocol == compat)
    assert found(measured, "circular", "agreement").interval
    if views == 1:
        seen = one.arrays["predictions"]
        np.testing.assert_array_equal(seen[:, 1], many.labels)


@pytest.mark.parametrize(
    "bad", [{"max_shift": 0}, {"max_shift": 9}, {"pad": 0}, {"compat": "kayhan"}]
)
def test_shifts_that_make_no_sense_are_refused(bad, split):
    [(key, value)] = bad.items()
    with pytest.raises(UserError, match=f"eval.shift.{key}={value}"):
        Shift(**bad).check(row, split)
