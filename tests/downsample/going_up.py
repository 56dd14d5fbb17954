"""Upsamplers and their downsamplers, for tests."""

from functools import partial

import jax.numpy as jnp
from flax import nnx

from research.downsample import Downsample
from research.downsample.lowpass import Binomial
from research.downsample.reduce import Max
from research.downsample.upsample.bilinear import Bilinear
from research.downsample.upsample.ideal import Ideal
from research.downsample.upsample.nearest import Nearest
from research.downsample.upsample.polyphase import Polyphase
from research.downsample.upsample.sub_pixel import SubPixel
from research.downsample.upsample.transposed import Transposed
from research.downsample.upsample.unpool import Unpool

CIRCULAR = partial(Max, padding="circular")
BLUR = partial(Binomial, padding="circular")
FILTERED = partial(Polyphase, lowpass=BLUR, gain=None)
MEMBERS = {
    "nearest": Nearest,
    "bilinear": Bilinear,
    "transposed": partial(Transposed, window=3),
    "sub_pixel": SubPixel,
    "ideal": Ideal,
    "polyphase": Polyphase,
    "filtered": FILTERED,
    "unpool": Unpool,
}


def levels(member, down=Downsample, *parts, features=3, stride=2, **options):
    """A downsampler and its upsampler, in evaluation mode."""
    rngs = nnx.Rngs(0)
    down = down(features, stride, *parts, rngs=rngs)
    up = member(features, down, rngs=rngs, **options)
    down.eval()
    up.eval()
    return down, up


def there_and_back(down, up, x):
    y, trace = down.trace(x)
    return up(y, trace)


def spread(a, b):
    """The largest difference as a share of the spread of the first."""
    return float(jnp.abs(a - b).max() / a.std())
