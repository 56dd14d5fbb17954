"""The cost of a network: parameters, multiply-adds, activations, receptive fields.

All of it is derived from the computation itself, an image of one shape through the
network in inference mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from research.data.split import Split
from research.downsample import Downsample
from research.errors import UserError
from research.evals.engine.inside import require_network
from research.evals.engine.modules import in_inference
from research.evals.engine.operations import (
    Operations,
    count_operations,
    xla_flops,
)
from research.evals.engine.places import find_places, place_shapes
from research.evals.engine.receptive import describe_field, receptive_fields
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.models.level import Level
from research.models.network import Network, Stage, fuse, output_shape
from research.nn.layers import count_parameters
from research.types import Count, Length, Shape

ImageShape = Annotated[Sequence[Count], Length(3, 3, "height, width, channels")]


@dataclass(frozen=True)
class Cost(Evaluator):
    """Yields the cost of a network of ours: of each stage, of its readout, and of all.

    A decimation that fuses into the convolution before it is counted there, as it runs.
    A level counts part by part: the downsampler, what lies below, and the upsampler
    with the skip that follows it.

    Rows have `part` and `index` among their parameters: `parameters`, `multiply_adds`
    and `activation_bytes` of each part and of the `network`, with `xla_flops` of the
    latter; `height`, `width`, `channels`, `receptive_height` and `receptive_width`
    (pixels) of the map after each stage.

    Attributes:
      shape: (height, width, channels) of an image, in place of the split's.
      parts: false leaves out the parts, but for the last stage and the readout.
    """

    name: ClassVar[str] = "cost"
    shape: ImageShape | None = None
    parts: bool = True

    def check(self, predict: Callable[..., Any], split: Split) -> None:
        """Refuses other classifiers, and images that do not pass through."""
        network = require_network(predict, self.name)
        shape = self.image_shape(split)
        try:
            count_operations(network.readout, network.map_shapes(shape)[-1])
        except (UserError, TypeError, ValueError) as error:
            reason = str(error).split("\n")[0]
            raise UserError(
                f"eval.cost.shape={list(shape)}: does not pass through the network "
                f"({reason}); give another, or null for the data's"
            ) from error

    def __call__(
        self, predict: Callable[..., Any], split: Split
    ) -> Iterator[Measurement]:
        """Yields the measurements, part by part."""
        network = in_inference(require_network(predict, self.name))
        shape = self.image_shape(split)
        shapes, fields = place_shapes(network, shape), receptive_fields(network, shape)
        names = [*(place.name for place in find_places(network)), "readout"]
        last = len(names) - 2
        costs = part_costs(network, network.map_shapes(shape))
        numbers = part_parameters([*network.stages, network.readout])
        for index, (name, cost) in enumerate(zip(names, costs, strict=True)):
            if not self.parts and index < last:
                continue
            params = {"part": name, "index": index}
            measures: dict[str, Any] = {"parameters": numbers[index]}
            measures |= vars(cost)
            if index <= last:
                axes = ("height", "width", "channels")
                measures |= dict(zip(axes, shapes[index + 1], strict=True))
            for measure, value in measures.items():
                yield Measurement("cost", measure, value, 1, params=params)
            if index <= last:
                yield from describe_field("cost", fields[index], shape, params)
        yield from self.total(network, shape)

    def total(self, network: Network, shape: Shape) -> Iterator[Measurement]:
        """Yields the cost of the whole network."""
        params = {"part": "network"}
        total = vars(count_operations(network, shape))
        total = total | {"parameters": count_parameters(network)}
        for measure, value in total.items():
            yield Measurement("cost", measure, value, 1, params=params)
        yield Measurement(
            "cost",
            "xla_flops",
            xla_flops(network, shape),
            1,
            params=params,
            method="XLA, before optimisation",
        )

    def image_shape(self, split: Split) -> Shape:
        """Returns the (height, width, channels) of an image."""
        height, width, channels = self.shape or split.images.shape[1:]
        return height, width, channels


def part_costs(network: Network, shapes: Sequence[Shape]) -> list[Operations]:
    """Returns the cost of each part as it runs, and of the readout.

    Args:
      network: in inference mode.
      shapes: (H, W, C) of the input and of the map after each stage.
    """
    costs: list[Operations] = []
    for (stage, downsample), shape in zip_inputs(network, shapes):
        own = stage_costs(stage, shape)
        if downsample is None:
            costs += own
            continue

        def pair(x: Any, stage: Any = stage, downsample: Any = downsample) -> Any:
            return downsample.after(stage, x)

        both = count_operations(pair, shape)
        costs += [both, Operations()] if downsample.decimates else [*own, both - own[0]]
    return [*costs, count_operations(network.readout, shapes[-1])]


def zip_inputs(
    network: Network, shapes: Sequence[Shape]
) -> Iterator[tuple[tuple[Stage, Downsample | None], Shape]]:
    """Yields what runs as one, as `fuse` says, with the shape of its input."""
    index = 0
    for stage, downsample in fuse(network.stages):
        yield (stage, downsample), shapes[index]
        index += 1 if downsample is None else 2


def stage_costs(stage: Stage, shape: Shape) -> list[Operations]:
    """Returns the cost of each part of a stage; of one that is no level, its own.

    Args:
      stage: in inference mode.
      shape: (H, W, C) of its input.
    """
    whole = count_operations(stage, shape)
    if not isinstance(stage, Level):
        return [whole]
    parts = [count_operations(stage.down.trace, shape)]
    at = output_shape(stage.down, shape)
    for inner in stage.stages:
        parts += stage_costs(inner, at)
        at = output_shape(inner, at)
    return [*parts, whole - sum(parts, Operations())]


def part_parameters(stages: Sequence[Callable[..., Any]]) -> list[int]:
    """Returns how many parameters each part of some stages has."""
    counts: list[int] = []
    for stage in stages:
        whole, parts = count_parameters(stage), []
        if isinstance(stage, Level):
            parts = part_parameters([stage.down, *stage.stages])
        counts += [*parts, whole - sum(parts)]
    return counts
