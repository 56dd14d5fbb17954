"""Downsampling is three choices: reduce → lowpass → sample.

1. *reduce*: a dense summary of each neighbourhood (`research.downsample.reduce`);
2. *lowpass*: a dense filter that removes what the coarser grid cannot carry
   (`.lowpass`); 3. *sample*: which of the s_h × s_w polyphase grids to keep
   (`.sample`).

Max pooling is (max, none, first), a strided convolution is the convolution before
followed by (identity, none, first), adaptive polyphase sampling is (any, any, energy).

A **dense part** is a module `part(x, stride=(1, 1))`: the map at every position, or,
when a stride is given, what `part(x)[:, ::s_h, ::s_w]` would be, computed at the kept
positions only. Reduces and lowpasses are dense parts, and so are the convolution stages
of the networks. A **sampler** is `sample(reduced, lowpass) → (sampled, follow)`, where
`follow(map)` filters and samples any other map of the reduced map's size alike.

The way back is `research.downsample.upsample`, by the `Trace` of a downsampler.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, overload

from flax import nnx
from jaxtyping import Array, Float

from research.downsample.lowpass import Identity, Lowpass
from research.downsample.reduce import Max, Reduce
from research.downsample.sample import First, Sampler
from research.downsample.trace import Trace, Weights, first_phase
from research.errors import UserError
from research.nn.signal import decimate, pair
from research.types import Map, Sides, Stride

Dense = Callable[..., Map]  # dense(x, stride=(1, 1)) → map


class Downsample(nnx.Module):
    """reduce → lowpass → sample over a map.

    Args:
      features: channels C of the map, which downsampling keeps.
      stride: s, or (s_h, s_w).
      reduce: factory `reduce(features, stride, *, rngs)` of a dense part, which also
        says whether it `repeats` values (see `Sampler.check`).
      lowpass: factory of a dense part with `adapt` (see `research.downsample.lowpass`).
      sample: factory of a sampler. If its choice follows shifts, a reduce or lowpass
        that is given no padding gets a circular one: elsewhere borders would break
        what such a sampler is for.
      rngs: initialises learned parts and feeds random ones.

    Raises:
      UserError: a stride below 1, or parts that cannot keep their promise together.
    """

    def __init__(
        self,
        features: int,
        stride: Sides = 2,
        reduce: Callable[..., Reduce] = Identity,
        lowpass: Callable[..., Lowpass] = Identity,
        sample: Callable[..., Sampler] = First,
        *,
        rngs: nnx.Rngs,
    ):
        self.stride: Stride = pair(stride, "downsample.stride")
        if follows_shifts(sample):
            reduce, lowpass = wrap_by_default(reduce), wrap_by_default(lowpass)
        self.reduce = reduce(features, self.stride, rngs=rngs)
        self.lowpass = lowpass(features, self.stride, rngs=rngs)
        self.sample = sample(features, self.stride, rngs=rngs)
        self.sample.check(self.reduce)

    @property
    def decimates(self) -> bool:
        """Whether this is plain decimation, which fuses into the convolution before."""
        return isinstance(self.reduce, Identity) and self._keeps_first_phase

    @property
    def _keeps_first_phase(self) -> bool:
        return self.sample.fixed and isinstance(self.lowpass, Identity)

    @overload
    def __call__(self, x: Map, z: None = None) -> Map: ...
    @overload
    def __call__(self, x: Map, z: Map) -> tuple[Map, Map]: ...
    def __call__(self, x: Map, z: Map | None = None) -> Map | tuple[Map, Map]:
        """Downsamples a map, and a companion with the same filter and phase.

        Args:
          x: (batch, H, W, C).
          z: a companion, such as a residual shortcut: (batch, H, W, any channels). It
            skips the reduce, which must then keep the size.

        Returns:
          (batch, ⌈H/s_h⌉, ⌈W/s_w⌉, C), or with a valid reduce over k×k windows
          ⌊(H−k)/s_h⌋+1 rows; with a companion, the pair of both.

        Raises:
          UserError: it is no batch of maps, the map is smaller than the stride, or the
            companion does not fit.
        """
        return self.after(decimate, x, z)

    @overload
    def after(self, dense: Dense, x: Map, z: None = None) -> Map: ...
    @overload
    def after(self, dense: Dense, x: Map, z: Map) -> tuple[Map, Map]: ...
    def after(
        self, dense: Dense, x: Map, z: Map | None = None
    ) -> Map | tuple[Map, Map]:
        """`self(dense(x), z)`, computing only what is kept where that is enough.

        Under plain decimation this is the strided convolution of the literature.
        """
        self._require_batch(x, "a map")
        if z is not None:
            self._require_batch(z, "a shortcut")
        if self._keeps_first_phase:
            if self.decimates:
                y = dense(self._checked(x), self.stride)
            else:
                y = self.reduce(self._checked(dense(x)), self.stride)
            return y if z is None else (y, self._companion(decimate(z, self.stride), y))
        reduced = self.reduce(self._checked(dense(x)))
        y, follow = self.sample(reduced, self.lowpass)
        return y if z is None else (y, follow(self._companion(z, reduced)))

    def trace(self, x: Map) -> tuple[Map, Trace]:
        """Returns `self(x)`, and what an upsampler needs to take it back."""
        self._require_batch(x, "a map")
        y: Map
        phase: Weights | None
        if self._keeps_first_phase:
            y, phase = self(x), first_phase(len(x), self.stride)
        else:
            y, phase = self.sample.trace(self.reduce(self._checked(x)), self.lowpass)
        switches = self.reduce.switches(x) if isinstance(self.reduce, Max) else None
        return y, Trace((x.shape[1], x.shape[2]), phase, switches)

    def margin(self, x: Map) -> Float[Array, " batch"]:
        """How clearly the phase of each example won, in evaluation mode: 0 is a tie.

        (first − second) / |first| of the phases' scores, in float32. Equivariance is
        not to be claimed for an example below 1e-6. Samplers that choose nothing return
        1.
        """
        self._require_batch(x, "a map")
        return self.sample.margin(self.reduce(self._checked(x)), self.lowpass)

    def _require_batch(self, x: Map, which: str) -> None:
        if x.ndim != 4:
            hint = "; x[None] is a batch of one map" if x.ndim == 3 else ""
            raise UserError(
                f"{self.label} gets {which} of shape {x.shape}: takes a batch of them, "
                f"(batch, height, width, channels){hint}"
            )

    def _checked(self, x: Map) -> Map:
        if x.shape[1] < self.stride[0] or x.shape[2] < self.stride[1]:
            raise UserError(
                f"{self.label} gets a {x.shape[1]}×{x.shape[2]} map, smaller than its "
                "stride; use a smaller downsample.stride, fewer poolings or larger "
                "images"
            )
        return x

    def _companion(self, z: Map, like: Map) -> Map:
        if z.shape[:3] != like.shape[:3]:
            raise UserError(
                f"{self.label}: the shortcut has {z.shape[1]}×{z.shape[2]} positions "
                f"and the map {like.shape[1]}×{like.shape[2]}; the reduce must keep "
                "the size: set downsample.reduce.padding to zero, reflect or circular"
            )
        return z

    @property
    def label(self) -> str:
        """The three parts and the stride, for error lines."""
        parts = (self.reduce, self.lowpass, self.sample)
        names = ", ".join(type(part).__name__ for part in parts)
        return f"Downsample({names}; stride {self.stride[0]}×{self.stride[1]})"


def follows_shifts(sample: Callable[..., Any]) -> bool:
    """Whether a factory is of a sampler whose choice follows shifts of the map."""
    return getattr(unwrap(sample), "follows", False)


def wrap_by_default(part: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the factory of a part, its padding circular if none was given."""
    built = unwrap(part)
    if isinstance(built, type):
        built = inspect.getattr_static(built, "__init__")
    given = part.keywords if isinstance(part, partial) else {}
    if "padding" in given or "padding" not in inspect.signature(built).parameters:
        return part
    return partial(part, padding="circular")


def unwrap(factory: Callable[..., Any]) -> Callable[..., Any]:
    """Returns what a factory calls: a class, or a function."""
    return factory.func if isinstance(factory, partial) else factory


def keep(
    features: int,
    stride: Sides = 1,
    reduce: Callable[..., Reduce] = Identity,
    lowpass: Callable[..., Lowpass] = Identity,
    sample: Callable[..., Sampler] = First,
    *,
    rngs: nnx.Rngs,
) -> Downsample:
    """Does not downsample: stride 1 whatever the model asks for (preset `none`)."""
    del stride
    return Downsample(features, 1, reduce, lowpass, sample, rngs=rngs)
