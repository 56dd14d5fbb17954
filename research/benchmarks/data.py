"""Reading a whole training split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from omegaconf import DictConfig

from research import config
from research.benchmarks.timing import Row, race


def data(*, cases: Sequence[Sequence[str]], rounds: int, peers: bool) -> Iterator[Row]:
    """Yields a row for each data set: from its config to arrays in memory.

    Args:
      cases: overrides of the `train` config, for each data set; it must be prepared.
      rounds: times it is read.
      peers: ignored: nothing else reads these files.

    Raises:
      UserError: it is not prepared.
    """
    del peers
    for overrides in cases:
        cfg = config.compose(*overrides)
        images = len(config.data(cfg).split("train"))

        def read(cfg: DictConfig = cfg) -> float:
            return config.data(cfg).split("train").images.sum()

        case = f"{' '.join(overrides)}: {images:,} images read and summed"
        yield from race(case, {"ours": read}, rounds=rounds)
