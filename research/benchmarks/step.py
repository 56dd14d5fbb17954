"""Training steps and forward passes, against PyTorch's and plain XLA's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from research import config
from research.benchmarks import subjects
from research.benchmarks.timing import Row, Subject, race, seconds
from research.nn.cpu import convolution


def step(
    *,
    cases: Mapping[str, Mapping[str, Any]],
    batch: int,
    rounds: int,
    peers: bool,
) -> Iterator[Row]:
    """Yields rows of a training step and of a forward pass of each network.

    Args:
      cases: by name, `overrides` of the `train` config, and `peer`: factory
        `peer(batch) → (step, forward)` of the same network in PyTorch.
      batch: images a step.
      rounds: of the race.
      peers: whether PyTorch takes part.
    """
    product, work = subjects.matrix_product()
    seconds(product)
    peak = work / min(seconds(product)[0] for _ in range(5))
    for name, case in cases.items():
        cfg = config.compose(*case["overrides"])
        theirs = case["peer"](batch) if peers else (None, None)
        makers = (subjects.training_step, subjects.forward_pass)
        kinds = zip(("step", "forward"), makers, theirs, (3, 1), strict=True)
        operations = batch * subjects.operations(cfg)
        for kind, make, peer, passes in kinds:
            racers = make_ours(partial(make, cfg, batch))
            if peer is not None:
                racers["PyTorch"] = peer
            share = subjects.note_share(peak, passes * operations)
            notes = {racer: share for racer in racers}
            yield from race(f"{name} {kind}", racers, rounds=rounds, notes=notes)


def make_ours(make: Callable[[], Subject]) -> dict[str, Subject]:
    """Makes a subject as it is, and once more with XLA's convolutions."""
    ours = make()
    with convolution.enabled(False):
        return {"ours": ours, "plain XLA": make()}
