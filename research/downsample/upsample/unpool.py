"""Max-unpooling: values go back to where the maxima came from."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from research.downsample import Downsample
from research.downsample.lowpass import Identity, Lowpass
from research.downsample.reduce import Max
from research.downsample.trace import Switches, Trace
from research.downsample.upsample import Upsample, fit, insert_zeros, require_phase
from research.errors import UserError
from research.nn.signal import pad
from research.types import Map


class Unpool(Upsample):
    """Each value goes to the place of the maximum of its window, zeros elsewhere.

    Per example, channel and window the place is s·m + k + a: k is the phase that was
    kept and a the switch. It inverts max pooling at the maxima. Places that two windows
    share, as they may where an odd map wraps around, take the mean. With a phase that
    follows shifts, down and up together commute with all of them. k² comparisons a
    value of the fine map.

    Args:
      features: channels, as many as the downsampler has.
      downsample: of the same level; a lowpass or a sampler there may follow the
        maximum, and values go back to the places of their windows' maxima all the same.
      lowpass: as in `Upsample`.
      rngs: as in `Upsample`.

    Raises:
      UserError: the downsampler takes no maximum, takes it over windows that overlap,
        or keeps no phase as a whole.

    References:
      V. Badrinarayanan, A. Kendall, R. Cipolla, SegNet, TPAMI 2017, arXiv:1511.00561;
      M. D. Zeiler, R. Fergus, Visualizing and Understanding Convolutional Networks,
      ECCV 2014, arXiv:1311.2901.
    """

    def __init__(
        self,
        features: int,
        downsample: Downsample,
        *,
        lowpass: Callable[..., Lowpass] = Identity,
        rngs: nnx.Rngs,
    ):
        super().__init__(features, downsample, lowpass=lowpass, rngs=rngs)
        require_phase(downsample, "unpool")
        reduce = downsample.reduce
        if isinstance(reduce, Max):
            if reduce.window != self.stride:
                raise UserError(
                    f"upsample=unpool: windows of {list(reduce.window)} at stride "
                    f"{list(self.stride)} overlap or leave gaps, so that maxima share "
                    "places; set downsample.reduce.window to the stride"
                )
            self.window, self.padding = reduce.window, reduce.padding
        elif not isinstance(reduce, Identity) or self.stride != (1, 1):
            raise UserError(
                "upsample=unpool takes the places of maxima, and downsample/reduce="
                f"{type(reduce).__name__.lower()} takes none: use downsample/reduce="
                "max, or upsample=nearest|bilinear|polyphase"
            )

    def expand(self, x: Map, trace: Trace) -> Map:
        """Returns the values at the places of the maxima."""
        if trace.switches is None:  # stride 1 without a reduce: nothing was dropped
            return x
        assert trace.phase is not None  # `require_phase` saw to it
        shape = (x.shape[0], *trace.switches.shape[1:])
        if x.shape[-1] != shape[-1]:
            raise UserError(
                f"upsample=unpool gets {x.shape[-1]} channels and the switches of "
                f"{shape[-1]}: takes as many as were pooled; use model=unet|segnet, or "
                "upsample=nearest|bilinear|polyphase"
            )
        values, shares = (
            fit(insert_zeros(one, self.stride, trace.phase), (shape[1], shape[2]))
            for one in (x, jnp.ones_like(x))
        )
        put = self.put_back(values, trace.switches, trace.size)
        times = self.put_back(shares, trace.switches, trace.size)
        return put / jnp.maximum(times, 1)

    def put_back(self, values: Map, switches: Switches, size: tuple[int, int]) -> Map:
        """Adds the value at each position to the element that its switch names.

        Args:
          values: for the window at each position.
          switches: of the same shape.
          size: (H, W) of the map that was pooled.
        """
        rows, columns = self.window
        total: Map | float = 0.0
        for element in range(rows * columns):
            down, right = divmod(element, columns)
            margins = ((down, rows - 1 - down), (right, columns - 1 - right))
            chosen = jnp.where(switches == element, values, 0)
            total += jnp.pad(chosen, ((0, 0), *margins, (0, 0)))

        def padded(x: Map) -> Map:
            return pad(x, self.window, self.padding)

        shape = (len(values), *size, values.shape[-1])
        like = jax.ShapeDtypeStruct(shape, values.dtype)
        (y,) = jax.linear_transpose(padded, like)(total)
        return y
