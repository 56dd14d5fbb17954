"""Measures of predictions: pure functions of logits, one value per example.

A prediction is the class with the largest logit; among equal ones it is the first.
Everything takes and returns NumPy arrays: logits are few, and it makes no difference
whether they come from a network of ours or from somebody else's classifier.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

Scores = Float[np.ndarray, "*batch classes"]  # logits
Classes = Int[np.ndarray, "*batch"]
Values = Float[np.ndarray, "*batch"]


def predictions(logits: Scores) -> Classes:
    """Top-1 classes; of equal logits the first."""
    return logits.argmax(-1)


def log_probabilities(logits: Scores) -> Scores:
    """The logarithm of softmax, in float64."""
    centred = logits - logits.max(-1, keepdims=True).astype(np.float64)
    return centred - np.log(np.exp(centred).sum(-1, keepdims=True))


def confidence(logits: Scores, classes: Classes) -> Values:
    """Probability that softmax gives to a class of each example."""
    chosen = np.take_along_axis(log_probabilities(logits), classes[..., None], -1)
    return np.exp(chosen[..., 0])


def correct(logits: Scores, labels: Classes) -> Values:
    """1 where the prediction is the label, 0 elsewhere: its mean is the accuracy."""
    return (predictions(logits) == labels).astype(np.float64)


def cross_entropy(logits: Scores, labels: Classes) -> Values:
    """−log p(label), in nats."""
    return -np.take_along_axis(log_probabilities(logits), labels[..., None], -1)[..., 0]


def agreement(a: Scores, b: Scores) -> Values:
    """1 where both predict the same class, 0 elsewhere."""
    return (predictions(a) == predictions(b)).astype(np.float64)


def mac(shifted: Scores, unshifted: Scores) -> Values:
    """|p_shifted(ŷ) − p(ŷ)| with ŷ the prediction on the unshifted image; in [0, 1].

    Its mean is the mean absolute change (Azulay & Weiss 2018, arXiv:1805.12177).
    """
    top = predictions(unshifted)
    return np.abs(confidence(shifted, top) - confidence(unshifted, top))


def relative_logit_distance(shifted: Scores, unshifted: Scores) -> Values:
    """‖z_shifted − z‖₂ / ‖z‖₂; 0 where both logits are zero, ∞ where only z is."""
    moved = np.linalg.norm((shifted - unshifted).astype(np.float64), axis=-1)
    size = np.linalg.norm(unshifted.astype(np.float64), axis=-1)
    with np.errstate(divide="ignore"):
        return np.divide(moved, size, out=np.zeros_like(moved), where=moved > 0)
