"""Rotations with translations, on classifiers whose answers are known."""

import jax.numpy as jnp
import numpy as np
import pytest
from known import PLACE, ink, measure, pixel, split, table
from scipy import ndimage

from research.errors import UserError
from research.evals.spatial import Spatial
from research.transforms.distortions import turn_and_move

SPLIT = split(12, shape=(8, 8, 1))
SMALL = {"shifts": (-1, 0, 1.5), "rotation": 30, "step": 15, "draws": 4, "batch": 8}


def posed(images, poses):
    """The images at poses (θ, t_y, t_x), by SciPy."""
    found = []
    for image, (angle, *t) in zip(images, poses, strict=True):
        cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        turn = np.array([[cos, sin], [-sin, cos]])
        middle = (np.array(image.shape[:2]) - 1) / 2
        offset = middle + np.array(t) - turn @ middle
        of_channel = image[..., 0] / 255
        found.append(
            ndimage.affine_transform(
                of_channel, turn, offset, order=1, mode="grid-constant"
            )
        )
    return np.array(found)


def at(poses):
    """The answers of `pixel` at a pose for each example: right, and its loss."""
    value = posed(SPLIT.images, poses)[:, PLACE[0], PLACE[1]]
    right = (value > 0.5) == SPLIT.labels
    z = np.where(SPLIT.labels == 1, 8 * (value - 0.5), 8 * (0.5 - value))
    return right, np.log1p(np.exp(-z))


def test_no_pose_is_the_image_bit_by_bit():
    for shape in ((8, 8, 3), (7, 12, 1)):
        x = jnp.asarray(np.random.default_rng(0).random((5, *shape)), jnp.float32)
        same = turn_and_move(x, jnp.zeros((5, 3)), jnp.zeros(5, jnp.uint32))
        np.testing.assert_array_equal(same, x)


def test_the_grid_is_every_pose():
    evaluator = Spatial(**SMALL)
    rows = table(measure(evaluator, pixel, SPLIT))
    grid = evaluator.grid()
    assert grid.shape == (3, 3, 5, 3) and len({*map(tuple, grid.reshape(-1, 3))}) == 45
    right, loss = zip(
        *(at(np.tile(p, (12, 1))) for p in grid.reshape(-1, 3)), strict=True
    )
    right, loss = np.array(right), np.array(loss)
    # a value near ½ may fall on either side
    clear = (np.abs(loss - np.log(2)) > 1e-3).all(0)
    found = rows["spatial,attack=grid/worst_accuracy"].arrays["examples"]
    np.testing.assert_array_equal(found[clear], right.all(0)[clear])
    mean = rows["spatial,attack=grid/accuracy"]
    assert mean.arrays["map"].shape == (3, 3, 5) and clear.any()
    np.testing.assert_allclose(
        rows["spatial,attack=grid/worst_loss"].arrays["examples"][clear],
        loss.max(0)[clear],
        rtol=1e-3,
    )
    turned = (grid.reshape(-1, 3)[:, 1:] == 0).all(-1)
    only = rows["spatial,attack=rotation/worst_accuracy"].arrays["examples"]
    np.testing.assert_array_equal(only[clear], right[turned].all(0)[clear])
    assert only.mean() > found.mean()


def test_the_worst_of_a_few_lies_in_the_box():
    evaluator = Spatial(**SMALL)
    poses = evaluator.draw(12)
    assert poses.shape == (4, 12, 3)
    assert (poses >= [-30, -1, -1]).all() and (poses <= [30, 1.5, 1.5]).all()
    np.testing.assert_array_equal(poses[:, :5], evaluator.draw(5))
    rows = table(measure(evaluator, pixel, SPLIT))
    right, loss = map(np.array, zip(*map(at, poses), strict=True))
    found = rows["spatial,attack=random,draws=4/worst_accuracy"].arrays["examples"]
    np.testing.assert_array_equal(found, right.all(0))
    worst = rows["spatial,attack=random,draws=4/worst_loss"].arrays["examples"]
    np.testing.assert_allclose(worst, loss.max(0), rtol=1e-3)


def test_an_attacker_takes_a_wrong_answer_before_a_high_loss():
    def three(images):  # wrong with a lower loss where the pixel is dark
        value = np.asarray(images)[:, PLACE[0], PLACE[1], 0] > 0.5
        bright, dark = np.array([0.01, 0.0, 0.0]), np.array([0.0, 0.1, -9.0])
        return np.where(value[:, None], bright, dark)

    zeros = SPLIT.labelled(SPLIT.images, np.zeros(12, np.int32))
    rows = table(measure(Spatial(**SMALL), three, zeros))
    wrong = rows["spatial,attack=grid/worst_accuracy"].arrays["examples"] == 0
    loss = rows["spatial,attack=grid/worst_loss"].arrays["examples"]
    assert wrong.any()
    np.testing.assert_allclose(loss[wrong], np.log(1 + np.exp(0.1)), rtol=1e-3)


def test_without_a_turn_nothing_moves_ink():
    still = {"shifts": [0], "rotation": 0}
    for one in measure(Spatial(**still), ink, SPLIT):
        if "agreement" in one.measure:
            assert one.value == 1


def test_a_step_divides_the_rotation():
    with pytest.raises(UserError, match=r"^eval\.spatial\.step=7: takes degrees"):
        Spatial(step=7)
