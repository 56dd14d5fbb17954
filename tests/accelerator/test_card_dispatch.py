"""Several steps in one call of the device are as many calls of one step."""

import numpy as np
import pytest
from commands import read_losses, train

pytestmark = pytest.mark.accelerator


def test_eight_steps_a_dispatch_are_eight_dispatches(digits, tmp_path):
    words = ["model=tiny", "augment=crop", "precision.train=highest"]
    losses = [
        read_losses(
            train(tmp_path / str(k), digits, *words, f"train.steps_per_dispatch={k}")
        )
        for k in (1, 8)
    ]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)
