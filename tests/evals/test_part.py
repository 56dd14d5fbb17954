"""The Picasso protocol on pairs and classifiers whose answers are known."""

import numpy as np
import pytest
from known import PLACE, ink, measure, pixel, split, sure, table

from research.errors import UserError
from research.evals.part import Part

SPLIT = split()


def pairs(examples):
    """Images, and the same ones upside down."""
    images = SPLIT.images[:examples]
    return images, images[:, ::-1].copy(), SPLIT.labels[:examples]


def test_pixel():
    rows = table(measure(Part(pairs, examples=20, batch=8), pixel, SPLIT))
    seen = [images[:, PLACE[0], PLACE[1], 0] > 0 for images in pairs(20)[:2]]
    labels = SPLIT.labels[:20]
    for jumbled, tops in zip((False, True), seen, strict=True):
        found = rows[f"part,jumbled={jumbled}/accuracy"].arrays["examples"]
        np.testing.assert_array_equal(found, tops == labels)
        found = rows[f"part,jumbled={jumbled}/confidence"].value
        assert found == pytest.approx(sure(0.5))
    same = seen[0] == seen[1]
    np.testing.assert_array_equal(rows["part/agreement"].arrays["examples"], same)
    change = sure(0.5) - sure(-0.5)
    found = rows["part/mac"].arrays["examples"]
    np.testing.assert_allclose(found, ~same * change, atol=1e-6)


def test_a_bag_of_pixels_cannot_tell():
    rows = table(Part(pairs, examples=23)(ink, SPLIT))
    assert rows["part/agreement"].value == 1
    accuracies = [rows[f"part,jumbled={j}/accuracy"].value for j in (False, True)]
    assert accuracies[0] == accuracies[1]


@pytest.mark.parametrize("other", [{"shape": (8, 8, 1)}, {"seed": 1}])
def test_images_of_another_split_are_refused(other):
    with pytest.raises(UserError, match="data=faces split=test"):
        Part(pairs, examples=3).check(ink, split(**other))


def test_of_fewer_images_the_pairs_that_are_among_them_count():
    order = np.random.default_rng(0).permutation(20)

    def mixed(examples):
        return tuple(one[order[:examples]] for one in pairs(20))

    few = SPLIT.rows(0, 5)
    rows = table(measure(Part(mixed, examples=20), pixel, few))
    assert rows["part/agreement"].n == 5
    intact, jumbled, labels = Part(mixed, examples=20).choose(few)
    assert {one.tobytes() for one in intact} == {one.tobytes() for one in few.images}
    np.testing.assert_array_equal(jumbled, intact[:, ::-1])
    chosen = [np.flatnonzero((few.images == one).all((1, 2, 3)))[0] for one in intact]
    np.testing.assert_array_equal(labels, few.labels[chosen])
