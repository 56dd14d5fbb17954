"""Maximum-sampling bias: how much of the largest value downsampling passes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from research.data.split import Split
from research.downsample import Downsample
from research.evals.engine.inside import require_network
from research.evals.engine.modules import in_inference
from research.evals.engine.predictor import Predictor
from research.evals.engine.watching import find_downsamplers, watch_downsamplers
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.nn.signal import widen
from research.types import Count, Images, Map, Stride

Sums = Float[Array, "batch layers 2"]  # of the weights, and how many windows


@dataclass(frozen=True)
class Maximum(Evaluator):
    """Measures the weight that each downsampler puts on the largest value of a window.

    The windows are the s_h × s_w cells of the map that enters it. Of output m and the
    arg-max a of its cell, the weight is ∂y[m]/∂x[a], with choices, mixing weights and
    predicted filters held: 1 for max pooling, 1/(s_h·s_w) for average pooling, for
    decimation the share of windows whose first value is the largest, for a mixture of
    phases the weight of that of the largest. For a choice this is the published measure
    P(y = max of the window); for soft, stochastic and ℓp reduces it is a derivative,
    which may exceed 1. Largest values that are equal count together. Windows of one
    value, such as those that a relu cut off, are left out.

    Yields `maximum_bias` of each downsampler (`index`, from the image on) and of `all`,
    the mean over them, over examples with such windows; nothing for a network that
    does not downsample. The weights of all windows come from one pull-back of random
    signs, the diagonal of the Jacobian on average (Hutchinson): exact where cells do
    not see each other, unbiased where they do, as for a blur.

    Attributes:
      examples: how many, from the first.
      batch: examples a call.

    References:
      S. Saha, T. Gokhale, WACV 2025, arXiv:2404.07410 (the bias of choices).
    """

    name: ClassVar[str] = "maximum"
    examples: Count = 512
    batch: Count = 128

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses other classifiers."""
        require_network(predict, self.name)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements, downsampler by downsampler."""
        network = require_network(predict, self.name)
        if not any(find_downsamplers(network)):
            return
        images = split.first(self.examples).images
        found = Predictor(MaximumWeights(network), batch=self.batch).outputs(images)
        sums, counts = np.moveaxis(np.asarray(found, np.float64), 2, 0)
        shares = np.divide(
            sums, counts, out=np.full_like(sums, np.nan), where=counts > 0
        )
        for index, each in enumerate(shares.T):
            yield describe(each[~np.isnan(each)], index)
        seen = ~np.isnan(shares).all(1)
        yield describe(np.nanmean(shares[seen], axis=1), "all")


def describe(each: Float[np.ndarray, " examples"], index: int | str) -> Measurement:
    """Returns the mean over examples of one downsampler, or of all."""
    row = partial(Measurement.of_examples, "maximum", "maximum_bias")
    return row(each, params={"index": index}, bounds=None)


class MaximumWeights(nnx.Module):
    """images (B, H, W, C) → (B, layers, 2): sums of the weights, and their numbers.

    Args:
      network: with at least one downsampler; stays as it is.
    """

    def __init__(self, network: nnx.Module):
        self.network = in_inference(network)

    def __call__(self, images: Images) -> Sums:
        """Returns them in the order in which the network downsamples."""
        found: list[Array] = []

        def watch(place: str, part: Downsample, x: Map) -> None:
            held = part.sample.hold(part.reduce(x), part.lowpass)
            found.append(sum_weights(lambda z: held(part.reduce(z)), x, part.stride))

        network = nnx.merge(*nnx.split(self.network))
        watch_downsamplers(network, watch)
        network(images)
        return jnp.stack(found, 1)


def sum_weights(
    down: Callable[[Map], Map], x: Map, stride: Stride
) -> Float[Array, "batch 2"]:
    """Returns the sum over windows of ∂y[m]/∂x[a(m)], and how many windows there are.

    Args:
      down: a downsampler whose choices are held.
      x: (B, H, W, C).
      stride: (s_h, s_w).
    """
    y, pull = jax.vjp(down, x)
    rows, columns = (
        min(size // s, kept)
        for size, s, kept in zip(x.shape[1:3], stride, y.shape[1:3], strict=True)
    )
    signs = jax.random.rademacher(jax.random.key(0), y.shape, y.dtype)
    inside = (jnp.arange(y.shape[1]) < rows)[:, None]
    inside &= jnp.arange(y.shape[2]) < columns
    signs *= inside[..., None]
    (gradient,) = pull(signs)
    cut = partial(cells, rows=rows, columns=columns, stride=stride)
    values, gradients = cut(widen(x)), cut(widen(gradient))
    top = values.max((2, 4), keepdims=True)
    largest = values == top
    tells = ~largest.all((2, 4))
    weights = (gradients * largest).sum((2, 4)) * signs[:, :rows, :columns]
    axes = (1, 2, 3)
    return jnp.stack([(weights * tells).sum(axes), tells.sum(axes)], 1)


def cells(
    x: Map, *, rows: int, columns: int, stride: Stride
) -> Float[Array, "batch rows s_h columns s_w channels"]:
    """Returns the s_h × s_w cells of a map, from the first on."""
    x = x[:, : rows * stride[0], : columns * stride[1]]
    return x.reshape(len(x), rows, stride[0], columns, stride[1], x.shape[3])
