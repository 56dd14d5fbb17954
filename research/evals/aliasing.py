"""Aliasing: what of each map is too fine for the grid that it is sampled to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from research.data.split import Split
from research.downsample import Downsample
from research.evals.engine.inside import require_network
from research.evals.engine.modules import in_inference
from research.evals.engine.predictor import Predictor
from research.evals.engine.watching import find_downsamplers, watch_downsamplers
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.models.network import Network
from research.nn.aliasing import energies, folded
from research.types import Count, Images, Map

MAPS = ("input", "reduced", "filtered")


@dataclass(frozen=True)
class Aliasing(Evaluator):
    """Measures the maps of every downsampler before it samples them by its stride s.

    For each downsampler (`index` in the order of use, `part` its place, `stride`) and
    each `map` (`input`, which enters it; `reduced`, after the reduce; `filtered`, after
    the lowpass, which is what is sampled), with sums over examples and channels:

    - `share`: Σ|X|² above the new Nyquist, max(|f_y|/H, |f_x|/W) > 1/2s, over Σ|X|²;
      frequencies exactly there count half;
    - `share_around_mean`: the same without the means of channels in Σ|X|²;
    - `folded`: ‖(D − DB)x‖²/‖Dx‖², D the decimation and B the ideal lowpass: what
      really lands on the coarse grid.

    Maps count as periodic. They have no interval over examples: compare seeds. Networks
    that are trained with a blur carry more energy before it, so that `input` or
    `filtered` alone says little. Costs a pass with each dense map computed in full, and
    6 Fourier transforms a downsampler.

    Attributes:
      examples: how many of the split, from the first; None: all.
      batch: examples a call.

    References:
      (a share above the cut) L. Chen et al., When Semantic Segmentation Meets Frequency
      Aliasing, ICLR 2024, arXiv:2403.09065; (folds) A. Ribeiro, T. Schön, How
      Convolutional Neural Networks Deal with Aliasing, ICASSP 2021, arXiv:2102.07757.
    """

    name: ClassVar[str] = "aliasing"
    examples: Count | None = 512
    batch: Count = 128

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses other classifiers."""
        require_network(predict, self.name)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements, downsampler by downsampler."""
        network = in_inference(require_network(predict, self.name))
        strides = {place: part.stride for place, *_, part in find_downsamplers(network)}
        if not strides:
            yield Measurement("aliasing", "skipped", 1, 0, method=SKIPPED)
            return
        images = split.first(self.examples).images
        sums = Predictor.of(Spectra(network), batch=self.batch).outputs(images)
        for (index, place), maps in sums.items():
            for kind, each in zip(MAPS, maps.swapaxes(0, 1), strict=True):
                params = {"index": index, "part": place, "map": kind}
                params["stride"] = list(strides[place])
                row = partial(Measurement, "aliasing", n=len(images), params=params)
                total, above, mean, fold, coarse = each.sum(0, dtype=np.float64)
                yield row("share", ratio(above, total))
                yield row("share_around_mean", ratio(above, total - mean))
                yield row("folded", ratio(fold, coarse))


class Spectra(nnx.Module):
    """A network whose output is the energies of the maps that it downsamples.

    Args:
      network: stays as it is.
    """

    def __init__(self, network: Network):
        self.network = network

    def __call__(self, images: Images) -> dict[tuple[int, str], jax.Array]:
        """Returns, by index in the order of use and place, (B, maps, sums)."""
        found: dict[tuple[int, str], jax.Array] = {}

        def watch(place: str, part: Downsample, x: Map) -> None:
            reduced = part.reduce(x)
            maps = (x, reduced, part.lowpass(reduced))
            sums = [
                jnp.stack([*energies(one, part.stride), *folded(one, part.stride)], -1)
                for one in maps
            ]
            found[len(found), place] = jnp.stack(sums, 1)

        network = nnx.merge(*nnx.split(self.network))
        watch_downsamplers(network, watch)
        network(images)
        return found


def ratio(part: float, whole: float) -> float:
    """Returns part / whole, and 0 of nothing."""
    return float(part / whole) if whole > 0 else 0.0


SKIPPED = "no downsampler with a stride"
