"""Translation-invariant polyphase sampling (TIPS): a mixture of phases per channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from research.downsample.lowpass import Lowpass
from research.downsample.noise import Noise
from research.downsample.sample import Follow, Sampler
from research.nn.layers import Undecayed
from research.nn.regularization import Terms
from research.nn.signal import pad, pair, polyphase, widen
from research.nn.windows import windows
from research.types import Count, Fraction, Length, Map, Natural, Padding, Sides, Stride

Weights = Float[Array, "batch phases channels"]

uniform = nnx.initializers.variance_scaling(1 / 3, "fan_in", "uniform")  # PyTorch's


class Tips(Sampler):
    """y_c = Σ_k τ_{c,k}·phase_k(x)_c: a mixture of all phases, per channel.

    ψ(x) = relu(depthwise 3×3(x)); z = the mean of ψ over each of s_h × s_w equal blocks
    of the map (image quarters at stride 2, not phases); τ = softmax_k(w_c·z_{c,k}).
    (B, H, W, C) → (B, ⌈H/s_h⌉, ⌈W/s_w⌉, C); training and evaluation compute the same.
    Blocks count row by row and phases column by column, as published. Sizes that the
    stride does not divide are reflected at the top and at the left. A companion with as
    many channels is mixed by the same weights, another by their mean over channels.

    **It is not equivariant, for any shift**, whatever its name says. The means of
    blocks change when content moves from one block to the next, so that τ of a shifted
    map is another one. And even with exact weights a mixture commutes with multiples of
    the stride alone: a shift by one pixel moves the phases by different amounts, and
    only their plain sum survives, not what a relu makes of the map. Equivariance takes
    a hard choice (`Energy`, `Learned` in evaluation). It is here for comparison.

    10·C parameters for 3×3 taps, 9 + s_h·s_w multiply-adds a value. They take no weight
    decay.

    In training it adds two terms, and the mean over all its layers is minimised:

        L = L_FM + (1 − α)·loss + α·L_undo
        L_FM = mean over examples and channels of 1 − ‖τ‖₂
        L_undo = mean of (ψ(x) − T_t x)², from epoch t_ε on

    L_FM is 0 for one phase alone and 1 − 1/√(s_h·s_w) for all alike, so it drives τ
    towards one phase. t is drawn for each batch, uniform on the integers up to a
    quarter of the *image* either way, at every layer, as published; ψ never sees it,
    so the best ψ is a blur. No gradient goes into the target T_t x, as the published
    code means (it discards its `detach`).

    Args:
      features: channels C.
      stride: (s_h, s_w); 2 in the publication.
      window: taps k of ψ, or (k_h, k_w).
      padding: of ψ.
      alpha: α, the share of L_undo.
      undo_epoch: t_ε, from 0.
      image: (height, width, …) whose quarter bounds t, pixels; None: the map's own.
      border: what comes in at the border of T_t x: `circular` or `zero`.
      rngs: initialises the weights (uniform, as PyTorch does); draws t.

    References:
      S. Saha, T. Gokhale, Improving Shift Invariance in Convolutional Neural Networks
      with Translation Invariant Polyphase Sampling, WACV 2025, arXiv:2404.07410.
    """

    def __init__(
        self,
        features: int,
        stride: Stride,
        *,
        window: Sides = 3,
        padding: Padding = "zero",
        alpha: Fraction = 0.35,
        undo_epoch: Natural = 0,
        image: Annotated[Sequence[Count], Length(2)] | None = None,
        border: Literal["circular", "zero"] = "circular",
        rngs: nnx.Rngs,
    ):
        super().__init__(features, stride, rngs=rngs)
        self.window = pair(window, "downsample.sample.window")
        self.padding = padding
        self.alpha = alpha
        self.undo_epoch = undo_epoch
        self.image = None if image is None else tuple(image[:2])
        self.border = border
        shape = (*self.window, 1, features)
        self.depthwise = Undecayed(uniform(rngs.params(), shape))
        self.pointwise = Undecayed(uniform(rngs.params(), (1, 1, 1, features)))
        self.noise = Noise(rngs)
        self.terms = Terms(jnp.zeros(2))  # L_FM and L_undo

    def __call__(self, reduced: Map, lowpass: Lowpass) -> tuple[Map, Follow]:
        """Returns the mixed phases of the filtered map."""
        filter_ = lowpass.adapt(reduced)
        filtered = reflected(filter_(reduced), self.stride)
        psi = self.features(filtered)
        weights = self.weights(psi)
        if not self.noise.deterministic:
            self.terms[...] = self.measure(filtered, psi, weights)

        def follow(z: Map) -> Map:
            alike = z.shape[3] == weights.shape[2]
            shares = weights if alike else weights.mean(2, keepdims=True)
            return mix(reflected(filter_(z), self.stride), shares, self.stride)

        return mix(filtered, weights, self.stride), follow

    def features(self, x: Map) -> Map:
        """Returns ψ(x) = relu(depthwise convolution), in float32 at least."""
        taps = widen(self.depthwise[...]).reshape(-1, x.shape[3])
        padded = pad(widen(x), self.window, self.padding, name="sample tips")
        parts = windows(padded, self.window, (1, 1))
        return jax.nn.relu(sum(w * p for w, p in zip(taps, parts, strict=True)))

    def weights(self, psi: Map) -> Weights:
        """Returns τ, phase k being (k mod s_h, ⌊k/s_h⌋): column by column."""
        (rows, columns), (batch, height, width, channels) = self.stride, psi.shape
        blocks = psi.reshape(
            batch, rows, height // rows, columns, width // columns, channels
        )
        means = blocks.mean((2, 4)).reshape(batch, -1, channels)
        return jax.nn.softmax(means * widen(self.pointwise[...])[0, 0], axis=1)

    def measure(self, x: Map, psi: Map, weights: Weights) -> Float[Array, " terms"]:
        """Returns L_FM and L_undo."""
        focus = 1 - jnp.sqrt((weights**2).sum(1)).mean()
        target = jax.lax.stop_gradient(move(widen(x), self.draw(x), self.border))
        return jnp.stack([focus, ((psi - target) ** 2).mean()])

    def draw(self, x: Map) -> Int[Array, " axes"]:
        """Draws t."""
        reach = jnp.array(self.image or x.shape[1:3]) // 4
        return jax.random.randint(self.noise(), (2,), -reach, reach + 1)

    def regularize(
        self, loss: Float[Array, ""], batch: Mapping[str, Any]
    ) -> Float[Array, ""]:
        """Returns L_FM + (1 − α)·loss + α·L_undo, which is 0 before its epoch."""
        if self.fixed:  # nothing to mix
            return loss
        focus, undo = self.terms[...]
        undo = jnp.where(batch["epoch"].max() >= self.undo_epoch, undo, 0)
        return focus + (1 - self.alpha) * loss + self.alpha * undo


def reflected(x: Map, stride: Stride) -> Map:
    """Reflects rows at the top and columns at the left, up to a multiple of s."""
    missing = [-size % step for size, step in zip(x.shape[1:3], stride, strict=True)]
    if missing == [0, 0]:
        return x
    edges = ((0, 0), *((more, 0) for more in missing), (0, 0))
    return jnp.pad(x, edges, mode="reflect")


def mix(x: Map, weights: Float[Array, "batch phases _c"], stride: Stride) -> Map:
    """Returns Σ_k weights[b, k]·phase_k(x[b]), k column by column."""
    phases = widen(polyphase(x, stride))
    batch, count, *shape = phases.shape
    # From row by row to column by column.
    order = jnp.arange(count).reshape(stride).T.reshape(-1)
    return (phases[:, order] * weights[:, :, None, None]).sum(1).astype(x.dtype)


def move(x: Map, offset: Int[Array, " axes"], border: str) -> Map:
    """Returns T_t x, with one t for the batch; `zero` fills what comes in."""
    moved = jnp.roll(x, offset, (1, 2))
    if border == "circular":
        return moved
    inside = []
    for axis in (0, 1):
        source = jnp.arange(x.shape[1 + axis]) - offset[axis]
        inside.append((source >= 0) & (source < x.shape[1 + axis]))
    return jnp.where((inside[0][:, None] & inside[1])[None, :, :, None], moved, 0)
