"""Equivariance by differentiation: the local error, and the stages it arises in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from flax import nnx

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.inside import require_one_answer
from research.evals.engine.lie import EndToEnd, Flow, OverStages, multiply_strides
from research.evals.engine.modules import in_inference
from research.evals.engine.predictor import Predictor
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.models.network import Network
from research.transforms.derivatives import (
    Derivative,
    magnify,
    rotate,
    shift_down,
    shift_right,
)
from research.types import Count


@dataclass(frozen=True)
class Interpolation:
    """What a moved image is between its pixels.

    Attributes:
      derivative: D, of `research.transforms.derivatives`.
      local: whether D at a pixel depends on its neighbours alone, so that rotations and
        changes of scale, which are not periodic, have a derivative, too.
    """

    derivative: Derivative
    local: bool


@dataclass(frozen=True)
class Lie(Evaluator):
    """Differentiates a network along shifts, rotations and changes of scale.

    L f(x) = d/dt T_{−t/j} f(T_t x) at t = 0, with j the stride of f, is J_f(x)·d/dt T_t
    x − (1/j) d/dt T_t f(x): one `jvp`, no differences. For logits the outer T is the
    identity. Yields for each `interpolation` and `move` (`translation`, per pixel, mean
    of down and right; `rotation`, per degree; `scale`, per per cent)

    - `lee`: the mean over classes of |L p| of the probabilities, the published error.
      It vanishes where a network is sure of everything;
    - `squared`: ‖L p‖²;
    - `relative`: ‖L z‖/‖z‖ of the logits, by which networks of any scale compare.

    and of networks of ours, for shifts and for each stage (`index`, `part`, `stride`,
    the readout last), with v_i what the local derivative of stage i becomes in z/‖z‖

    - `share`: ⟨v_i, Σ v⟩/‖Σ v‖², of sums over examples and axes: they add up to 1 and
      may be negative; squared norms would not add;
    - `contribution`: ‖v_i‖;
    - `error`: ‖L f_i(x_{i−1})‖/‖x_i‖, of the stage by itself, per pixel of the image.

    Circular convolutions with stride 1 contribute 0 by `fourier`; zero padding does at
    the border, decimation and relu alias. A derivative does not see jumps: adaptive
    phases, maxima; give the agreement at whole and half pixels beside it. Costs a `jvp`
    for each move, and about n²/2 of single stages for n of them.

    Attributes:
      interpolations: by name.
      examples: how many of the split, from the first; None: all.
      batch: examples a call.

    References:
      N. Gruver, M. Finzi, M. Goldblum, A. G. Wilson, The Lie Derivative for Measuring
      Learned Equivariance, ICLR 2023, arXiv:2210.02984.
    """

    name: ClassVar[str] = "lie"
    interpolations: Mapping[str, Interpolation]
    examples: Count | None = 512
    batch: Count = 64

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses what JAX cannot differentiate."""
        if not isinstance(predict, nnx.Module):
            raise UserError(
                f"eval=lie differentiates a network of this project, and predict is a "
                f"{type(predict).__name__}: leave lie out of eval"
            )
        require_one_answer(predict, split, self.name)

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements of each interpolation, end to end, then by stage."""
        self.check(predict, split)
        assert isinstance(predict, nnx.Module)
        images, network = split.first(self.examples).images, in_inference(predict)
        for name, interpolation in self.interpolations.items():
            for move, flows in list_moves(interpolation).items():
                module = EndToEnd(network, flows)
                found = Predictor.of(module, batch=self.batch).outputs(images)
                for measure, each in found.items():
                    yield Measurement.of_examples(
                        "lie",
                        measure,
                        each.mean(1, dtype=np.float64),
                        params={"interpolation": name, "move": move},
                        bounds=None,
                    )
            if isinstance(network, Network):
                yield from self.by_stage(network, images, name, interpolation)

    def by_stage(
        self,
        network: Network,
        images: np.ndarray,
        name: str,
        interpolation: Interpolation,
    ) -> Iterator[Measurement]:
        """Yields the measurements of each stage, and of the readout."""
        module = OverStages(network, interpolation.derivative)
        found = Predictor.of(module, batch=self.batch).outputs(images)
        inner = found["inner"].sum((0, 1), dtype=np.float64)
        whole = inner.sum()  # Σ_i ⟨v_i, Σ v⟩ = ‖Σ v‖²
        parts = [*network.stages, network.readout]
        for index, (part, stride) in enumerate(
            zip(parts, [*multiply_strides(network), network.stride], strict=True)
        ):
            params = {"interpolation": name, "index": index}
            params |= {"part": type(part).__name__, "stride": list(stride)}
            share = float(inner[index] / whole) if whole > 0 else 0.0
            yield Measurement("lie", "share", share, len(images), params=params)
            row = partial(Measurement.of_examples, "lie", params=params, bounds=None)
            for measure, kind in (("contribution", "norm"), ("error", "error")):
                yield row(measure, found[kind][..., index].mean(1, dtype=np.float64))


def list_moves(interpolation: Interpolation) -> dict[str, tuple[Flow, ...]]:
    """Returns by name the flows of the images that an interpolation allows."""
    derivative = interpolation.derivative
    moves: dict[str, tuple[Flow, ...]] = {
        "translation": (Flow(shift_down, derivative), Flow(shift_right, derivative))
    }
    if interpolation.local:
        moves["rotation"] = (Flow(rotate, derivative, np.pi / 180),)
        moves["scale"] = (Flow(magnify, derivative, 0.01),)
    return moves
