"""Patches: how the positions of p×p cells become one, first of an image, then of maps.

Factories `patches(inputs, outputs, patch, *, downsample, norm, padding, rngs)` of the
stages that do so. What follows shifts chooses a grid by the energy of its phases, and
does so before a norm: after layer normalisation all positions have one norm, so that
phases tie.
"""

from __future__ import annotations

from collections.abc import Callable

from flax import nnx

from research.downsample import Downsample
from research.downsample.anchor import Anchor
from research.downsample.sample import Energy, Sampler
from research.errors import UserError
from research.models.network import Stage
from research.nn.layers import Conv, glorot_uniform
from research.nn.norm import Norm
from research.types import Map, Padding, Stride


def dense(
    inputs: int,
    outputs: int,
    patch: Stride,
    *,
    downsample: Callable[..., Downsample],
    norm: Norm | None,
    padding: Padding,
    rngs: nnx.Rngs,
) -> list[Stage]:
    """A patch at every position, then any downsampler: norm → convolution → downsample.

    `sample=energy` takes the grid whose *projected* patches have the largest norm: the
    adaptive tokens (A-token) and the adaptive merging (A-PMerge) of shift-equivariant
    transformers. It costs p² times the multiply-adds of disjoint patches, which
    decimation computes alone.

    Args:
      inputs: channels of the map.
      outputs: channels of a patch.
      patch: (p_h, p_w), the window of the convolution and the stride.
      downsample: factory `downsample(features, *, rngs, stride)`.
      norm: factory of the norm before the convolution, or None.
      padding: border mode of the convolution.
      rngs: initialises everything (Glorot uniform).

    References:
      R. A. Rojas-Gomez et al., Making Vision Transformers Truly Shift-Equivariant, CVPR
      2024, arXiv:2305.16316.
    """
    before = [] if norm is None else [norm(inputs, rngs=rngs)]
    init = glorot_uniform
    conv = Conv(inputs, outputs, patch, padding=padding, init=init, rngs=rngs)
    return [*before, conv, downsample(outputs, stride=patch, rngs=rngs)]


def disjoint(
    inputs: int,
    outputs: int,
    patch: Stride,
    *,
    sample: Callable[..., Sampler] = Energy,
    downsample: Callable[..., Downsample],
    norm: Norm | None,
    padding: Padding,
    rngs: nnx.Rngs,
) -> list[Stage]:
    """Disjoint patches in a frame, whatever `downsample` and `padding` are.

    Args:
      inputs: as of `dense`.
      outputs: as of `dense`.
      patch: as of `dense`.
      sample: factory of what chooses the frame: `Energy` follows the map, `First` is
        the fixed grid of the published transformers.
      downsample: unused.
      norm: as of `dense`.
      padding: unused; no patch crosses the border.
      rngs: as of `dense`.
    """
    del downsample, padding
    before = None if norm is None else norm(inputs, rngs=rngs)
    return [Patches(inputs, outputs, patch, sample=sample, norm=before, rngs=rngs)]


class Patches(nnx.Module):
    """anchor → norm → convolution of disjoint patches.

    (B, H, W, C) → (B, H/p_h, W/p_w, C'). With `Energy` it commutes with all circular
    shifts up to a shift of the result, as polyphase sampling does, and is computed at
    one grid of the p² alone.

    Args:
      inputs: C.
      outputs: C'.
      patch: (p_h, p_w); divides the map.
      sample: factory of what chooses the frame, by the map before the norm.
      norm: of the map, or None.
      rngs: initialises the convolution (Glorot uniform).

    References:
      polyphase anchoring, arXiv:2306.07470.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        patch: Stride,
        *,
        sample: Callable[..., Sampler] = Energy,
        norm: Stage | None = None,
        rngs: nnx.Rngs,
    ):
        self.stride = patch
        self.anchor = Anchor(inputs, patch, sample=sample, rngs=rngs)
        self.norm = norm
        init = glorot_uniform
        self.conv = Conv(inputs, outputs, patch, padding="valid", init=init, rngs=rngs)

    def __call__(self, x: Map) -> Map:
        """Returns the convolution of the patches.

        Raises:
          UserError: the patches do not divide the map.
        """
        check_division(x.shape[1:], self.stride)
        there, _ = self.anchor(x)
        x = there(x)
        return self.conv(x if self.norm is None else self.norm(x), self.stride)


def check_division(shape: tuple[int, ...], patch: Stride) -> None:
    """Raises UserError where patches do not divide a map.

    Args:
      shape: (H, W, C) of the map.
      patch: (p_h, p_w).
    """
    height, width = shape[:2]
    if height % patch[0] or width % patch[1]:
        raise UserError(
            f"model.strides: patches of {patch[0]}×{patch[1]} do not divide a "
            f"{height}×{width} map; set model.strides or data.shape so that they do"
        )
