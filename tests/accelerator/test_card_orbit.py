"""The closed form of the orbit is brute force, at every precision of the card."""

import jax
import numpy as np
import pytest
from comparing import FLOAT32, TF32
from flax import nnx

from research import config
from research.evals.engine.ties import margins
from research.evals.orbit import orbit_logits

pytestmark = pytest.mark.accelerator

SIDE, IMAGES = 16, 4
BOUNDS = {"default": TF32, "high": TF32, "highest": FLOAT32}


def make_network(preset):
    words = ["model=resnet20", "model.depths=[1,1,1]", "model.padding=circular"]
    words += ["data=cifar10", f"data.shape=[{SIDE},{SIDE},3]", f"downsample={preset}"]
    further = ["downsample.reduce.padding=circular"] if preset == "max" else []
    if preset == "blur":
        further = ["downsample.lowpass.padding=circular"]
    cfg = config.compose(*words, *further)
    network = config.network(cfg, rngs=nnx.Rngs(1))
    network.eval()
    return network


def classify_shifts(network, images):
    """Rolls by brute force: (images, SIDE, SIDE, classes)."""
    shifts = [(dy, dx) for dy in range(SIDE) for dx in range(SIDE)]
    rolled = np.concatenate([np.roll(images, shift, (1, 2)) for shift in shifts])
    logits = np.asarray(nnx.jit(lambda net, x: net(x))(network, rolled))
    return np.moveaxis(logits.reshape(SIDE, SIDE, len(images), -1), 2, 0)


@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("preset", ["max", "blur", "max_aps", "lps", "flc"])
def test_the_closed_form_is_brute_force(preset, precision, note):
    images = np.random.default_rng(0).uniform(size=(IMAGES, SIDE, SIDE, 3))
    images = images.astype(np.float32)
    network, bound = make_network(preset), BOUNDS[precision]
    with jax.default_matmul_precision(precision):
        found = orbit_logits(network, images)
        wanted = classify_shifts(network, images)
        margin = margins(network, images)
    assert found.shape[1:3] == (4, 4), "it was not taken in closed form"
    repeats = np.floor_divide(wanted.shape, found.shape)
    errors = np.abs(np.tile(found, repeats) - wanted).max((1, 2, 3)) / wanted.std()
    # Where two phases tie within the rounding, either is right.
    clear = np.ones(IMAGES, bool) if margin is None else margin > bound
    note(f"orbit, {preset}, {precision}: off by {errors.max():.2g} of the spread")
    assert (errors[clear] < bound).all(), errors
