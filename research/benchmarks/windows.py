"""All windows of larger images in closed form, against a loop over the windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from flax import nnx
from omegaconf import DictConfig

from research import config
from research.benchmarks import subjects
from research.benchmarks.orbit import pytorch_loop
from research.benchmarks.timing import Row, Subject, race
from research.errors import UserError
from research.evals.engine.slices import Slices
from research.types import Count


def windows(
    *,
    overrides: Sequence[str],
    sizes: Mapping[int, Count],
    peer: Callable[[], Any],
    batch: Count,
    rounds: int,
    peers: bool,
) -> Iterator[Row]:
    """Yields rows of the logits of all windows of a few larger images.

    Loops are timed on one batch of windows that are cut already, and their time is
    multiplied: every window costs the same.

    Args:
      overrides: of the `train` config: a network without padding.
      sizes: side of the larger images → how many of them.
      peer: factory of the same network in PyTorch.
      batch: windows a call of the loops.
      rounds: of the race.
      peers: whether PyTorch takes part.

    Raises:
      UserError: the network has no closed form.
    """
    cfg = config.compose(*overrides)
    for side, images in sizes.items():
        yield from race_windows(
            cfg, side, images, peer if peers else None, batch=batch, rounds=rounds
        )


def race_windows(
    cfg: DictConfig,
    side: int,
    images: int,
    peer: Callable[[], Any] | None,
    *,
    batch: int,
    rounds: int,
) -> Iterator[Row]:
    """Yields the rows of larger images of one size."""
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    height, width, channels = cfg.data.shape
    form = Slices.of(network, (height, width, channels))
    if form is None:
        raise UserError(
            "benchmarks.windows.overrides: takes a network without padding, such as "
            "model=chollet"
        )
    noise = np.random.default_rng(0).random((images, side, side, channels), np.float32)
    racers: dict[str, Subject] = {
        "ours": partial(form, noise),
        "our loop": subjects.forward_pass(cfg, batch),
    }
    if peer is not None:
        racers["PyTorch"] = pytorch_loop(peer, (batch, channels, height, width), 1)
    count = (side - height + 1) * (side - width + 1)
    scale = count * images / batch
    yield from race(
        f"{height}×{width} in {side}×{side}, loops over {count} windows",
        racers,
        rounds=rounds,
        reference="our loop",
        scales={"our loop": scale, "PyTorch": scale},
    )
