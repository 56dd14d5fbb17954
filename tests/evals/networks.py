"""Small networks of ours whose maps are known, or whose laws are."""

from functools import partial

import jax.numpy as jnp
from flax import nnx

from research.downsample import Downsample
from research.downsample.reduce import Average, Max
from research.models.network import Network
from research.models.readout import Head, flatten, mean
from research.nn.layers import ConvNormAct

SHAPE = (8, 12, 1)


class Forget(nnx.Module):
    """A stage that keeps what there is and drops where: the mean, everywhere."""

    stride = (1, 1)

    def __call__(self, x):
        return jnp.broadcast_to(x.mean((1, 2), keepdims=True), x.shape)


class Keep(nnx.Module):
    """A stage that does nothing."""

    stride = (1, 1)

    def __call__(self, x):
        return x


class Brighter(nnx.Module):
    """A stage with the values in one channel and what exceeds ¾ in another."""

    stride = (1, 1)

    def __call__(self, x):
        return jnp.concatenate([x, jnp.maximum(x - 0.75, 0)], -1)


def of(stages, shape=SHAPE, pool=flatten, **settings):
    """A network with these stages and two classes."""
    head = partial(Head, classes=2, pool=pool)
    return Network(shape, stages, head, rngs=nnx.Rngs(7), **settings)


def pooling(pool=mean, padding="circular", shape=SHAPE, seed=0):
    """conv – max 2×2 – conv: strides 1, 2, 2."""
    rngs = nnx.Rngs(seed)
    reduce = partial(Max, padding="zero" if padding == "zero" else "circular")
    stages = [
        ConvNormAct(shape[-1], 4, padding=padding, rngs=rngs),
        Downsample(4, 2, reduce, rngs=rngs),
        ConvNormAct(4, 6, padding=padding, rngs=rngs),
    ]
    return of(stages, shape=shape, pool=pool)


def averaging(poolings, rngs=None):
    """Three 3×3 convolutions of ones, with average pooling between or none."""
    rngs = nnx.Rngs(0)
    stages = []
    for index in range(3):
        stages.append(ConvNormAct(1, 1, padding="zero", rngs=rngs))
        stages[-1].conv.kernel[...] = jnp.ones((3, 3, 1, 1)) / 9
        if index < poolings:
            stages.append(Downsample(1, 2, partial(Average, padding="zero"), rngs=rngs))
    return of(stages, shape=(32, 32, 1))
