"""The capsule network: vectors for activations, agreement for pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from research.downsample import Downsample
from research.errors import UserError
from research.models.network import Network, Stage
from research.nn.activation import Activation, relu
from research.nn.layers import Conv, ConvNormAct, Dense
from research.nn.norm import Norm
from research.nn.signal import at_least_one, widen
from research.tasks.losses import margin
from research.tasks.task import Batch
from research.types import (
    Count,
    Finite,
    Labels,
    Logits,
    Map,
    NonNegative,
    Padding,
    Shape,
    Stride,
)

Capsules = Float[Array, "batch classes units"]
Votes = Float[Array, "batch inputs classes units"]

EPSILON = 1e-7  # under a square root, whose gradient at 0 is infinite


def squash(s: Float[Array, "*shape units"]) -> Float[Array, "*shape units"]:
    """‖s‖²/(1+‖s‖²)·s/‖s‖: keeps the direction, makes the length less than 1.

    In float32 at least: EPSILON^(−3/2), in the gradient at 0, is no number of float16.
    """
    wide = widen(s)
    square = jnp.sum(wide * wide, -1, keepdims=True)
    squashed = wide * square / (1 + square) * jax.lax.rsqrt(square + EPSILON)
    return squashed.astype(s.dtype)


def lengths(v: Float[Array, "*shape units"]) -> Float[Array, "*shape"]:
    """‖v‖, in float32 and with a finite gradient at 0."""
    return jnp.sqrt(jnp.sum(jnp.square(v.astype(jnp.float32)), -1) + EPSILON)


def route(votes: Votes, iterations: int) -> Capsules:
    """Dynamic routing: each input gives more of its vote to where it agrees.

    b = 0; repeat: c = softmax_j(b_ij), v_j = squash(Σ_i c_ij û_j|i), b_ij += û_j|i·v_j.
    The few iterations are unrolled; each is two batched products.

    Args:
      votes: û, the prediction of input i for class j.
      iterations: r; 1 weighs all votes alike.
    """
    v = squash(votes.sum(1) / votes.shape[2])  # of b = 0: all classes alike
    b = jnp.zeros(votes.shape[:-1], votes.dtype)
    for _ in range(iterations - 1):
        b = b + jnp.einsum("bijd,bjd->bij", votes, v)
        v = squash(jnp.einsum("bij,bijd->bjd", jax.nn.softmax(b, axis=-1), votes))
    return v


class PrimaryCapsules(nnx.Module):
    """Convolution, downsampler, squash: each position holds `channels` small vectors.

    (B, H, W, C) → (B, ⌈H'/s⌉, ⌈W'/s⌉, channels·units).

    Args:
      inputs: C.
      channels: capsules at each position.
      units: length of a capsule's vector.
      window: k of the convolution.
      padding: its border mode; `valid` in the paper.
      downsample: factory `downsample(features, *, rngs)`; decimation in the paper.
      rngs: initialises everything.
    """

    def __init__(
        self,
        inputs: int,
        *,
        channels: int,
        units: int,
        window: int,
        padding: Padding,
        downsample: Callable[..., Downsample],
        rngs: nnx.Rngs,
    ):
        self.units = units
        features = channels * units
        self.conv = Conv(inputs, features, window, padding=padding, rngs=rngs)
        self.down = downsample(features, rngs=rngs)
        self.stride: Stride = self.down.stride

    def __call__(self, x: Map) -> Map:
        """Returns the squashed capsules, one after the other in the channels."""
        y = self.down.after(self.conv, x)
        return squash(y.reshape(*y.shape[:3], -1, self.units)).reshape(y.shape)


class DigitCapsules(nnx.Module):
    """The readout: one capsule per class, whose length is that class's logit.

    Every input capsule has a matrix of its own for each class, so this readout knows
    where things are: H·W·channels·classes·inputs·units weights.

    Lengths lie in [0, 1), so that their softmax is all but uniform: with K = 10 no
    class gets more than e/(e + 9), 23 %. Confidences, their mean absolute change
    (`mac`) and the cross-entropy of the `accuracy` evaluator (`loss`) are thus
    compressed and cannot be compared with those of a network whose logits are free.
    Agreement and accuracy can: they depend on the largest logit alone.

    Args:
      shape: (H, W, C) of the last map.
      classes: K.
      inputs: length of a primary capsule's vector; divides C.
      units: length of a class capsule's vector.
      iterations: r of the routing, at least 1.
      image: (height, width, channels) that the decoder draws.
      decoder: hidden widths of the decoder; None for no decoder.
      rngs: draws the matrices (normal, σ = .1) and the decoder.
    """

    def __init__(
        self,
        shape: Shape,
        classes: int,
        *,
        inputs: int,
        units: int,
        iterations: int,
        image: Shape,
        decoder: Sequence[int] | None,
        rngs: nnx.Rngs,
    ):
        if iterations < 1:
            raise UserError(f"model.iterations={iterations}: routing needs at least 1")
        self.iterations = iterations
        init = nnx.initializers.normal(0.1)
        count = prod(shape) // inputs
        self.matrices = nnx.Param(init(rngs.params(), (count, inputs, classes, units)))
        widths = [classes * units, *(decoder or []), prod(image)]
        pairs = zip(widths[:-1], widths[1:], strict=True) if decoder else ()
        self.decoder = nnx.List([Dense(a, b, rngs=rngs) for a, b in pairs])

    def __call__(self, x: Map) -> Logits:
        """(B, H, W, C) → (B, K): the lengths, in [0, 1)."""
        return lengths(self.capsules(x))

    def capsules(self, x: Map) -> Capsules:
        """(B, H, W, C) → (B, K, units)."""
        matrices = self.matrices[...]
        count, length, classes, units = matrices.shape
        u = x.reshape(-1, count, length).astype(matrices.dtype)
        # Votes and routing by `bip,ipjd->bijd` take three times as long on a CPU.
        votes = jnp.einsum("bip,ipk->ibk", u, matrices.reshape(count, length, -1))
        votes = votes.reshape(count, -1, classes, units).swapaxes(0, 1)
        return route(votes, self.iterations)

    def reconstruct(
        self, capsules: Capsules, labels: Labels
    ) -> Float[Array, "batch pixels"]:
        """Draws the image from the capsule of each label alone, values in [0, 1]."""
        mask = jax.nn.one_hot(labels, capsules.shape[1], dtype=capsules.dtype)
        x = (capsules * mask[..., None]).reshape(capsules.shape[0], -1)
        *hidden, last = self.decoder
        for layer in hidden:
            x = jax.nn.relu(layer(x))
        return jax.nn.sigmoid(last(x))


def loss(
    network: Network,
    batch: Batch,
    *,
    upper: Finite = 0.9,
    lower: Finite = 0.1,
    absent: NonNegative = 0.5,
    reconstruction: NonNegative = 0.0005,
) -> tuple[Float[Array, ""], Logits]:
    """Margin loss, and the squared error of the image drawn from the true capsule.

    Args:
      network: a `capsnet`.
      batch: `image`, (batch, H, W, C) in [0, 1], and `label`, (batch,).
      upper: m⁺, the length that a present class should reach.
      lower: m⁻, the length that an absent class should stay under.
      absent: λ, the weight of absent classes.
      reconstruction: weight of the squared error, summed over the pixels of an image.

    Returns:
      The mean loss and the lengths.

    Raises:
      UserError: the network has no capsules.

    References:
      S. Sabour, N. Frosst, G. Hinton, Dynamic Routing Between Capsules, NeurIPS 2017,
      arXiv:1710.09829.
    """
    if not isinstance(network.readout, DigitCapsules):
        raise UserError(
            "loss=margin needs the lengths of capsules, and this network has none: "
            "choose loss=cross_entropy, or model=capsnet or capsnet_small"
        )
    images, labels = batch["image"], batch["label"]
    *_, last = network.features(images)
    capsules = network.readout.capsules(last)
    logits = lengths(capsules)
    value = margin(logits, labels, upper=upper, lower=lower, absent=absent)
    if network.readout.decoder:
        drawn = network.readout.reconstruct(capsules, labels).astype(jnp.float32)
        error = drawn - images.reshape(drawn.shape)
        value = value + reconstruction * jnp.sum(error * error, axis=-1)
    return value.mean(), logits


def capsnet(
    shape: Shape,
    classes: int,
    *,
    downsample: Callable[..., Downsample],
    padding: Padding = "valid",
    width: Count = 256,
    window: Count = 9,
    channels: Count = 32,
    inputs: Count = 8,
    units: Count = 16,
    iterations: Count = 3,
    decoder: Sequence[Count] | None = (512, 1024),
    activation: Activation = relu,
    norm: Norm | None = None,
    mean: float | Sequence[float] = 0.0,
    std: float | Sequence[float] = 1.0,
    rngs: nnx.Rngs,
) -> Network:
    """A convolution, primary capsules, one capsule per class found by routing.

    On 28×28×1 images and ten classes it has 6,804,224 parameters, 8,215,568 with the
    decoder. It is trained with `research.models.capsule.loss`.

    Args:
      shape: (height, width, channels) of an image.
      classes: number of logits.
      downsample: factory `downsample(features, *, rngs)`; decimation in the paper.
      padding: border mode of both convolutions.
      width: channels of the first convolution.
      window: of both convolutions.
      channels: primary capsules at each position.
      inputs: length of a primary capsule's vector.
      units: length of a class capsule's vector.
      iterations: of the routing.
      decoder: hidden widths of the reconstruction; None for none.
      activation: factory of the first activation, `activation(features, *, rngs)`.
      norm: factory of the first norm, `norm(features, *, rngs)`, or None.
      mean: of the images, for standardisation.
      std: of the images.
      rngs: initialises everything.

    References:
      S. Sabour, N. Frosst, G. Hinton, Dynamic Routing Between Capsules, NeurIPS 2017,
      arXiv:1710.09829, section 4.
    """
    at_least_one(window, "model.window")
    act = activation(width, rngs=rngs)
    first = partial(ConvNormAct, norm=norm, act=act, padding=padding)
    stages: list[Stage] = [
        first(shape[-1], width, window, rngs=rngs),
        PrimaryCapsules(
            width,
            channels=channels,
            units=inputs,
            window=window,
            padding=padding,
            downsample=downsample,
            rngs=rngs,
        ),
    ]
    readout = partial(
        DigitCapsules,
        classes=classes,
        inputs=inputs,
        units=units,
        iterations=iterations,
        image=shape,
        decoder=decoder,
    )
    return Network(shape, stages, readout, mean=mean, std=std, rngs=rngs)
