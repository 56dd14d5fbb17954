"""The cost of a network: parameters, multiply-adds, activations, receptive fields.

All of it is derived from the computation itself, an image of one shape through the
network in inference mode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.inside import require_network
from research.evals.engine.modules import in_inference
from research.evals.engine.operations import (
    Operations,
    count_operations,
    xla_flops,
)
from research.evals.engine.receptive import describe_field, receptive_fields
from research.evals.evaluator import Evaluator
from research.evals.measurement import Measurement
from research.models.network import Network, fuse
from research.nn.layers import count_parameters
from research.types import Count, Length, Shape

ImageShape = Annotated[Sequence[Count], Length(3, 3, "height, width, channels")]


@dataclass(frozen=True)
class Cost(Evaluator):
    """Yields the cost of a network of ours: of each stage, of its readout, and of all.

    A decimation that fuses into the convolution before it is counted there, as it runs.

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
        shapes = network.map_shapes(shape)
        fields = receptive_fields(network, shape)
        last = len(network.stages) - 1
        parts: list[Callable[..., Any]] = [*network.stages, network.readout]
        costs = part_costs(network, shapes)
        for index, (part, cost) in enumerate(zip(parts, costs, strict=True)):
            if not self.parts and index < last:
                continue
            named = "readout" if index > last else type(part).__name__
            params = {"part": named, "index": index}
            measures: dict[str, Any] = {"parameters": count_parameters(part)}
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
    """Returns the cost of each stage as it runs, and of the readout.

    Args:
      network: in inference mode.
      shapes: (H, W, C) of the input and of the map after each stage.
    """
    costs: list[Operations] = []
    for stage, downsample in fuse(network.stages):
        shape = shapes[len(costs)]
        own = count_operations(stage, shape)
        if downsample is None:
            costs.append(own)
            continue

        def pair(x: Any, stage: Any = stage, downsample: Any = downsample) -> Any:
            return downsample.after(stage, x)

        both = count_operations(pair, shape)
        costs += [both, Operations()] if downsample.decimates else [own, both - own]
    return [*costs, count_operations(network.readout, shapes[-1])]
