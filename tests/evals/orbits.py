"""Networks whose orbits are known, and the loop over all shifts."""

from functools import partial

import jax.numpy as jnp
import numpy as np
from flax import nnx

from research.downsample import Downsample
from research.downsample.lowpass import Binomial
from research.downsample.reduce import Convolution, Max
from research.models.convnet import chollet
from research.models.readout import Head, flatten, mean

GAP = partial(Head, pool=mean)
FLAT = partial(Head, pool=flatten, units=5)
ROUND = {"padding": "circular"}


def network(shape, downsample, head=GAP, padding="circular", seed=0):
    return chollet(
        (*shape, 1),
        4,
        downsample=downsample,
        head=head,
        padding=padding,
        widths=(3, 4),
        mean=0.5,
        std=0.3,
        rngs=nnx.Rngs(seed),
    )


def smooth(count, shape, seed=0):
    """Random images without ties: a few waves each."""
    rng = np.random.default_rng(seed)
    y, x = np.indices(shape)
    waves = [
        np.cos(
            2 * np.pi * (v * y / shape[0] + u * x / shape[1])
            + rng.uniform(0, 7, (count, 1, 1))
        )
        * rng.normal(size=(count, 1, 1))
        for v in range(4)
        for u in range(4)
    ]
    images = sum(waves)
    images = (images - images.min()) / np.ptp(images)
    return images[..., None].astype(np.float32)


def looped(net, images):
    """Every shift rolled in NumPy, all through the network at once: (B, H, W, K)."""
    count, height, width, _ = images.shape
    shifted = [
        np.roll(images, (dy, dx), (1, 2)) for dy in range(height) for dx in range(width)
    ]
    net = nnx.clone(net)
    net.eval()
    logits = np.asarray(nnx.jit(net)(jnp.asarray(np.concatenate(shifted))))
    return np.moveaxis(logits.reshape(height, width, count, -1), 2, 0)


def spread(orbit, like):
    """Repeats one period over all shifts."""
    repeats = np.floor_divide(like.shape, orbit.shape)
    return np.tile(orbit, repeats)


def assert_same(orbit, want):
    assert np.abs(spread(orbit, want) - want).max() < 1e-4 * want.std()


max_round = partial(Downsample, reduce=partial(Max, **ROUND))
blur_round = partial(Downsample, lowpass=partial(Binomial, **ROUND))
strided = partial(Downsample, reduce=partial(Convolution, **ROUND))
