"""How much of the devices' memory one purpose may take, by what they say is free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jax.sharding import Mesh

UNKNOWN = 2**32  # bytes taken as free where a device does not say, as a CPU does not
PART = 8  # of which one is taken


def share(mesh: Mesh) -> int:
    """Returns the bytes that one purpose may take on each device of a mesh."""
    return share_of([device.memory_stats() for device in mesh.local_devices])


def share_of(statistics: Sequence[Mapping[str, int] | None]) -> int:
    """Returns `share` of devices from what each says of its memory, if it does.

    It is an eighth of what is free, since what is computed from arrays of that size
    takes several times as much: a walk through a network holds the maps of three or
    four stages, each with what its layers make of them.
    """
    free = [
        each["bytes_limit"] - each["bytes_in_use"]
        if each and "bytes_limit" in each
        else UNKNOWN
        for each in statistics
    ]
    return max(0, min(free)) // PART
