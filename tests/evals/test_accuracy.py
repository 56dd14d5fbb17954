import numpy as np
import pytest

from research import config
from research.data.split import Split
from research.evals.accuracy import Accuracy


def test_accuracy_loss_and_what_is_kept():
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.5, 0.4, 0.1]]))
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1)
    split = Split.labelled(images, np.array([0, 2, 1], np.int32))

    def predict(batch):
        return logits[np.rint(batch[:, 0, 0, 0] * 255).astype(int)]

    accuracy, loss = Accuracy(batch=2)(predict, split)
    assert (accuracy.protocol, accuracy.measure, accuracy.n) == (
        "accuracy",
        "accuracy",
        3,
    )
    np.testing.assert_allclose(accuracy.value, 2 / 3)
    assert accuracy.arrays["predictions"].tolist() == [0, 2, 0]
    np.testing.assert_allclose(accuracy.arrays["confidence"], [0.7, 0.6, 0.5], 1e-5)
    np.testing.assert_allclose(loss.value, -np.log([0.7, 0.6, 0.4]).mean(), 1e-5)


@pytest.mark.parametrize("name", ["accuracy", "shift", "orbit"])
def test_its_config_makes_an_evaluator(name):
    evaluators = config.evals(config.compose(f"eval={name}"))
    assert list(evaluators) == [name]
    images = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 1)).astype(np.uint8)
    split = Split.labelled(images, np.zeros(6, np.int32))
    measured = list(evaluators[name](lambda batch: batch[:, 0, :2, 0], split))
    assert all(m.n == 6 for m in measured)
    assert len({m.key for m in measured}) == len(measured)
