"""Classification: what is right, what a shift does, and that equal configs are one."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax

from research import config
from research.errors import UserError
from research.tasks.classification import CLASSIFICATION, Classification
from research.tasks.losses import cross_entropy
from research.tasks.task import Task

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(6, 4)).astype(np.float32)
LABELS = RNG.integers(0, 4, 6).astype(np.int32)


def give(images):
    """A network that knows the answer whatever it sees."""
    del images
    return jnp.asarray(LOGITS)


BATCH = {"image": jnp.zeros((6, 2, 2, 1)), "label": jnp.asarray(LABELS)}


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_is_of_smoothed_labels(smoothing):
    value, outputs = cross_entropy(give, BATCH, label_smoothing=smoothing)
    target = (1 - smoothing) * np.eye(4)[LABELS] + smoothing / 4
    expected = -(target * log_softmax(LOGITS, -1)).sum(-1).mean()
    assert float(value) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(outputs, LOGITS)


def test_answers_at_every_pixel_are_refused():
    maps = np.zeros((6, 2, 2, 4), np.float32)
    asked = [
        lambda: CLASSIFICATION.loss(lambda images: jnp.asarray(maps), BATCH),
        lambda: CLASSIFICATION.score(maps, BATCH),
        lambda: CLASSIFICATION.agreement(maps, maps),
    ]
    for ask in asked:
        with pytest.raises(UserError, match="takes one answer an image"):
            ask()


@pytest.mark.parametrize("library", [np, jnp])
def test_scores_and_agreement_are_per_example(library):
    logits = library.asarray(LOGITS)
    batch = {"label": library.asarray(LABELS)}
    scores = CLASSIFICATION.score(logits, batch)
    assert tuple(scores) == CLASSIFICATION.scores
    np.testing.assert_array_equal(scores["accuracy"], LOGITS.argmax(-1) == LABELS)
    other = library.roll(logits, 1, 0)
    expected = LOGITS.argmax(-1) == np.roll(LOGITS, 1, 0).argmax(-1)
    np.testing.assert_array_equal(CLASSIFICATION.agreement(logits, other), expected)


def test_a_class_does_not_move_with_its_image():
    offsets = np.ones((6, 2), np.int32)
    assert CLASSIFICATION.undo(LOGITS, offsets) is LOGITS


def test_equal_configs_give_the_very_same_task():
    """JAX compares it, and so compiles one step for all seeds of a sweep."""
    one = config.task(config.compose("seed=1"))
    assert isinstance(one, Classification) and isinstance(one, Task)
    assert one is config.task(config.compose("seed=2", "model=tiny"))
    assert one != config.task(config.compose("loss.label_smoothing=0.1"))


def test_the_loss_group_and_a_model_choose_what_is_minimised():
    minimised = lambda *o: config.task(config.compose(*o)).minimise  # noqa: E731
    assert minimised().func is cross_entropy
    assert minimised("loss.label_smoothing=0.2").keywords == {"label_smoothing": 0.2}
    capsules = minimised("model=capsnet_small")
    assert capsules.func.__module__ == "research.models.capsule"
    assert minimised("loss=margin").keywords == capsules.keywords
    assert minimised("model=capsnet_small", "loss=cross_entropy").func is cross_entropy
