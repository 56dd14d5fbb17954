import numpy as np
import pytest
from scipy.special import softmax

from research.tasks import metrics


@pytest.fixture
def logits():
    rng = np.random.default_rng(1)
    return rng.normal(0, 3, (2, 40, 5)).astype(np.float32)


@pytest.fixture
def labels():
    return np.random.default_rng(2).integers(0, 5, 40)


def test_against_probabilities(logits, labels):
    a, b = logits
    p, q = softmax(a, -1), softmax(b, -1)
    for i in range(40):
        top = int(p[i].argmax())
        assert metrics.correct(a, labels)[i] == (top == labels[i])
        assert metrics.agreement(a, b)[i] == (top == q[i].argmax())
        np.testing.assert_allclose(
            [metrics.cross_entropy(a, labels)[i], metrics.mac(b, a)[i]],
            [-np.log(p[i, labels[i]]), abs(q[i, top] - p[i, top])],
            rtol=1e-5,
            atol=1e-7,
        )
        np.testing.assert_allclose(
            metrics.relative_logit_distance(b, a)[i],
            np.sqrt(((b[i] - a[i]) ** 2).sum() / (a[i] ** 2).sum()),
            rtol=1e-5,
        )


def test_mac_follows_the_unshifted_prediction():
    shifted, unshifted = np.array([[0.0, 4.0]]), np.array([[1.0, 0.0]])
    p = softmax([[1, 0], [0, 4]], -1)
    np.testing.assert_allclose(metrics.mac(shifted, unshifted), p[0, :1] - p[1, :1])


def test_of_equal_logits_the_first_wins():
    assert metrics.predictions(np.array([[0.0, 2, 2], [1, 1, 1]])).tolist() == [1, 0]


def test_probabilities_do_not_change_with_a_common_offset(logits, labels):
    # float64 so that the offset itself costs no digits
    wide = logits[0].astype(np.float64)
    np.testing.assert_allclose(
        metrics.cross_entropy(wide + 1000, labels),
        metrics.cross_entropy(wide, labels),
        rtol=1e-9,
    )


def test_extreme_logits_stay_finite():
    logits = np.array([[1e4, -1e4]], np.float32)
    assert metrics.cross_entropy(logits, np.array([1])) == 2e4
    assert metrics.confidence(logits, np.array([0])) == 1


def test_relative_distance_of_zero_logits():
    zero, one = np.zeros((1, 3)), np.ones((1, 3))
    assert metrics.relative_logit_distance(zero, zero) == 0
    assert metrics.relative_logit_distance(one, zero) == np.inf


def test_leading_axes_are_batches(logits):
    np.testing.assert_array_equal(
        metrics.confidence(logits, metrics.predictions(logits))[1],
        metrics.confidence(logits[1], metrics.predictions(logits[1])),
    )
