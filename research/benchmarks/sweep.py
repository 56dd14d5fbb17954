"""How time and memory grow with batch, width and image size: fitted power laws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from flax import nnx
from omegaconf import DictConfig

from research import config
from research.benchmarks import subjects
from research.benchmarks.timing import Row, Subject, exponent, peak_memory, race
from research.evals.engine.closed_form import ClosedForm
from research.types import Count


def sweep(
    *,
    overrides: Sequence[str],
    batch: Count,
    axes: Mapping[str, Mapping[int, Sequence[str]]],
    orbit_batch: Count,
    rounds: int,
    peers: bool,
) -> Iterator[Row]:
    """Yields rows of a training step and of the orbit at each size, and exponents.

    Args:
      overrides: of the `train` config.
      batch: images a step, times the size along an axis without overrides.
      axes: by name, size → further overrides; none: the batch is multiplied.
      orbit_batch: images whose orbit is taken, likewise.
      rounds: of each race.
      peers: ignored: growth is our own.
    """
    del peers
    for axis, points in axes.items():
        for kind, make, count in (
            ("step", subjects.training_step, batch),
            ("orbit", whole_orbit, orbit_batch),
        ):
            taken, grown = [], []
            for size, further in points.items():
                cfg = config.compose(*overrides, *further)
                images = count if further else count * size
                racers = {"ours": make(cfg, images)}
                (row,) = race(f"{kind}, {axis} {size}", racers, rounds=rounds)
                taken.append(row.value)
                yield row
                peak = peak_memory(racers["ours"])
                grown.append(peak)
                yield Row(row.case, "ours", peak, peak, peak, unit="MiB")
            for what, values in (("time", taken), ("memory", grown)):
                power = exponent(list(points), values)
                case = f"{kind}: {what} ∝ {axis}^b"
                yield Row(case, "ours", power, power, power, unit="b")


def whole_orbit(cfg: DictConfig, batch: int) -> Subject:
    """Returns what takes the logits of all shifts of some images of noise."""
    network = config.network(cfg, rngs=nnx.Rngs(0))
    network.eval()
    images = subjects.make_noise(cfg, batch)["image"]
    closed = ClosedForm(network, images)
    return lambda: closed.logits(images)
