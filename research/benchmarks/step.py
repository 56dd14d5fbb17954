"""Training steps and forward passes, against PyTorch's and plain XLA's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypedDict

import jax

from research import config
from research.benchmarks import subjects
from research.benchmarks.arithmetic import computing_in, name_case
from research.benchmarks.peers.library import Mode, keep_running
from research.benchmarks.timing import Row, Subject, race
from research.nn.cpu import convolution
from research.types import Count

PARTS = (("step", subjects.training_step, 3), ("forward", subjects.forward_pass, 1))
Peer = Callable[..., tuple[Subject, Subject]]


class Case(TypedDict):
    """A network that is timed: `overrides` of the `train` config, and its `peer`."""

    overrides: Sequence[str]
    peer: Peer | None


def step(
    *,
    cases: Mapping[str, Case],
    batch: Count,
    arithmetic: Sequence[str],
    compile: Mode | None,
    rounds: Count,
    peers: bool,
) -> Iterator[Row]:
    """Yields rows of a training step and of a forward pass of each network.

    Args:
      cases: by name; a peer is a factory `peer(batch, dtype=…, mode=…) → (step,
        forward)` of the same network in PyTorch, or None.
      batch: images a step.
      arithmetic: that they are timed in, of `ARITHMETICS`.
      compile: mode of `torch.compile`, by which PyTorch takes part once more; or None.
      rounds: of the race.
      peers: whether PyTorch takes part.
    """
    for kind in arithmetic:
        with computing_in(kind, peers=peers) as chosen:
            peak = subjects.peak_speed(chosen.dtype)
            for name, case in cases.items():
                cfg = config.compose(*case["overrides"], f"train.dtype={chosen.dtype}")
                peer = case["peer"] if peers else None
                forward = batch * subjects.operations(cfg)
                for at, (part, make, passes) in enumerate(PARTS):
                    racers = make_ours(partial(make, cfg, batch))
                    racers |= make_theirs(peer, at, batch, chosen.dtype, compile)
                    share = subjects.note_share(peak, passes * forward)
                    yield from race(
                        name_case(f"{name} {part}", kind, arithmetic),
                        racers,
                        rounds=rounds,
                        notes={racer: share for racer in racers},
                    )


def make_theirs(
    peer: Peer | None, part: int, batch: int, dtype: str, mode: str | None
) -> dict[str, Subject]:
    """Returns a part of a peer as it is, and compiled if there is a mode for that."""
    if peer is None:
        return {}
    modes: dict[str, str | None] = {"PyTorch": None}
    modes |= {} if mode is None else {"PyTorch compiled": mode}

    def make(mode: str | None) -> Subject:
        return peer(batch, dtype=dtype, mode=mode)[part]

    return keep_running({who: partial(make, mode) for who, mode in modes.items()})


def make_ours(make: Callable[[], Subject]) -> dict[str, Subject]:
    """Makes a subject as it is and, on a CPU, once more with XLA's convolutions."""
    ours = make()
    if jax.default_backend() != "cpu":
        return {"ours": ours}
    with convolution.enabled(False):
        return {"ours": ours, "plain XLA": make()}
