"""Segmentation by its definitions, pixel by pixel."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from research import config
from research.errors import UserError
from research.evals.engine.answers import score
from research.tasks.pixel_losses import dice, pixel_cross_entropy
from research.tasks.segmentation import Segmentation

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(3, 4, 5, 3)).astype(np.float32)
MASK = RNG.integers(0, 3, (3, 4, 5)).astype(np.uint8)
MASK[0, :2] = 255
BATCH = {"image": jnp.zeros((3, 4, 5, 1)), "mask": jnp.asarray(MASK)}
TASK = Segmentation()


def network(images):
    return jnp.asarray(LOGITS)


def labelled():
    """The logits and labels of each pixel with a label, one after another."""
    for logits, label in zip(LOGITS.reshape(-1, 3), MASK.reshape(-1), strict=True):
        if label != 255:
            yield logits.astype(np.float64), int(label)


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum())


@pytest.mark.parametrize("weights", [None, [0.5, 1.0, 4.0]])
def test_cross_entropy_is_the_mean_over_pixels_with_a_label(weights):
    of = weights or [1, 1, 1]
    losses = [(of[y], -log_softmax(z)[y]) for z, y in labelled()]
    wanted = sum(w * each for w, each in losses) / sum(w for w, _ in losses)
    loss, logits = pixel_cross_entropy(network, BATCH, weights=weights)
    assert loss == pytest.approx(wanted, rel=1e-5)
    np.testing.assert_array_equal(logits, LOGITS)


def test_dice_by_its_sums():
    both, sizes = np.zeros(3), np.zeros(3)
    for logits, label in labelled():
        chances = np.exp(log_softmax(logits))
        both[label] += chances[label]
        sizes += chances + np.eye(3)[label]
    wanted = 1 - np.mean((2 * both + 2) / (sizes + 2))
    assert dice(network, BATCH, smooth=2.0)[0] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("loss", [pixel_cross_entropy, dice])
def test_what_a_network_says_of_pixels_without_a_label_changes_nothing(loss):
    noise = np.where((MASK == 255)[..., None], RNG.normal(size=LOGITS.shape), 0)

    def other(images):
        return jnp.asarray(LOGITS + noise, jnp.float32)

    assert loss(network, BATCH)[0] == pytest.approx(float(loss(other, BATCH)[0]))
    gradient = jax.grad(lambda z: loss(lambda _: z, BATCH)[0])(jnp.asarray(LOGITS))
    assert not np.asarray(gradient)[MASK == 255].any()
    assert np.asarray(gradient)[MASK != 255].all()


@pytest.mark.parametrize("loss", [pixel_cross_entropy, dice])
def test_without_any_label_it_is_finite_and_teaches_nothing(loss):
    blank = BATCH | {"mask": jnp.full((3, 4, 5), 255)}
    value, slope = jax.value_and_grad(lambda z: loss(lambda _: z, blank)[0])(LOGITS)
    assert np.isfinite(value) and not np.asarray(slope).any()


def test_accuracy_is_over_the_pixels_with_a_label():
    found = TASK.score(LOGITS, {"mask": MASK})["pixel_accuracy"]
    for image, share in enumerate(found):
        known = MASK[image] != 255
        right = LOGITS[image].argmax(-1)[known] == MASK[image][known]
        assert share == pytest.approx(right.mean())
    blank = TASK.score(LOGITS, {"mask": np.full_like(MASK, 255)})
    assert (blank["pixel_accuracy"] == 1).all()


@pytest.mark.parametrize("numbers", [np, jnp])
def test_a_shift_is_undone_by_rolling_back(numbers):
    offsets = np.array([(0, 0), (1, -2), (-7, 3)])
    moved = [np.roll(z, tuple(d), (0, 1)) for z, d in zip(LOGITS, offsets, strict=True)]
    undone = TASK.undo(numbers.asarray(np.stack(moved)), offsets)
    np.testing.assert_array_equal(undone, LOGITS)
    np.testing.assert_array_equal(TASK.agreement(undone, numbers.asarray(LOGITS)), 1)
    share = np.mean(moved[1].argmax(-1) == LOGITS[1].argmax(-1))
    assert TASK.agreement(np.stack(moved), LOGITS)[1] == pytest.approx(share)


def test_data_without_masks_have_no_score_and_no_loss():
    assert score(TASK, LOGITS, {"image": np.zeros((3, 4, 5, 1))}) == {}
    with pytest.raises(UserError, match="the data have only image: use data with m"):
        TASK.loss(network, {"image": BATCH["image"]})


def test_answers_of_another_shape_are_refused():
    with pytest.raises(UserError, match=r"each of \(4, 5\) pixels.*shape \(3,\)"):
        TASK.loss(lambda images: jnp.zeros((3, 3)), BATCH)


@pytest.mark.parametrize("words", [[], ["loss=dice", "loss.ignore=0"]])
def test_the_option_brings_its_loss(words):
    cfg = config.compose("task=segmentation", *words)
    made = config.task(cfg)
    assert made.ignore == (0 if words else 255)
    assert np.isfinite(made.loss(network, BATCH)[0])
    assert made == config.task(config.compose("task=segmentation", *words))


def test_a_loss_of_images_is_refused():
    with (
        pytest.raises(UserError, match="loss.ignore: is missing"),
        config.explain_errors(),
    ):
        config.task(config.compose("task=segmentation", "loss=cross_entropy"))


def test_weights_are_one_for_each_class():
    with pytest.raises(UserError, match=r"loss.weights=\[1.0\]: .* each of 3 classes"):
        pixel_cross_entropy(network, BATCH, weights=[1.0])
