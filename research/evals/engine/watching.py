"""Watching downsamplers at work, wherever in a network they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from flax import nnx

from research.downsample import Dense, Downsample
from research.downsample.trace import Trace
from research.nn.signal import decimate
from research.types import Map, Stride

Watch = Callable[[str, Downsample, Map], None]  # watch(place, downsampler, its input)


class Watched(nnx.Module):
    """A downsampler whose input somebody sees; it does the same as without.

    Args:
      inner: the downsampler.
      place: in the network.
      watch: called with each dense map that enters.
    """

    def __init__(self, inner: Downsample, place: str, watch: Watch):
        self.inner = inner
        self.place = place
        self.watch = watch

    @property
    def stride(self) -> Stride:
        """That of the downsampler."""
        return self.inner.stride

    def __call__(self, x: Map, z: Map | None = None) -> Any:
        """Downsamples a map, and a companion; see `Downsample`."""
        return self.after(decimate, x, z)

    def after(self, dense: Dense, x: Map, z: Map | None = None) -> Any:
        """Downsamples `dense(x)`, which is computed at every position."""
        whole = dense(x)
        self.watch(self.place, self.inner, whole)
        return self.inner(whole) if z is None else self.inner(whole, z)

    def trace(self, x: Map) -> tuple[Map, Trace]:
        """Returns the downsampled map and its trace; see `Downsample`."""
        self.watch(self.place, self.inner, x)
        return self.inner.trace(x)


def watch_downsamplers(network: nnx.Module, watch: Watch) -> None:
    """Puts a `Watched` in place of each downsampler of a network with a stride.

    Args:
      network: changed; give it a copy.
      watch: called in the order in which maps are downsampled.
    """
    for place, parent, name, part in list(find_downsamplers(network)):
        watched = Watched(part, place, watch)
        if isinstance(parent, nnx.List):
            parent[int(name)] = watched
        else:
            setattr(parent, name, watched)


def find_downsamplers(
    network: nnx.Module,
) -> Iterator[tuple[str, Any, str, Downsample]]:
    """Yields each downsampler with a stride: its place, its parent, name, and itself.

    A place is `stages.1`, or `stages.4.down` within a block.
    """
    for path, parent in nnx.iter_modules(network):
        for name, part in vars(parent).items():
            if isinstance(part, Downsample) and part.stride != (1, 1):
                yield ".".join(map(str, (*path, name))), parent, name, part
