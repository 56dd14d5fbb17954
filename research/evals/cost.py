"""What a network costs: parameters, multiply-adds, activations, receptive field, maps.

All of it is derived from the computation itself, an image of one shape through the
network in evaluation mode: nothing goes by the names of layers, so a new stage or
downsampler is measured as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from research.data.split import Split
from research.downsample import Downsample
from research.downsample.sample import Scored
from research.errors import UserError
from research.evals.measurement import Measurement
from research.models.network import Network, fuses, output_shape
from research.nn.cpu import convolution, onednn

Shape = tuple[int, int, int]
PROBES = (16, 32)  # sides of the maps on which a window is measured
FAR = 1e3  # what no value of a map reaches: not infinite, for 0 · inf is not 0


@dataclass(frozen=True)
class Cost:
    """Of one image through a part.

    Attributes:
      multiply_adds: of convolutions and matrix products. Adding and comparing (pooling,
        a blur by shifted adds, norms) is not in it; XLA's count has them.
      activation_bytes: of what these return, the "activations" of I. Radosavovic et
        al., Designing Network Design Spaces, CVPR 2020, arXiv:2003.13678.
    """

    multiply_adds: int = 0
    activation_bytes: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.multiply_adds + other.multiply_adds,
            self.activation_bytes + other.activation_bytes,
        )

    def __sub__(self, other: Cost) -> Cost:
        return self + other * -1

    def __mul__(self, times: int) -> Cost:
        return Cost(self.multiply_adds * times, self.activation_bytes * times)


def evaluate(
    predict: Callable[..., Any],
    split: Split,
    *,
    shape: Sequence[int] | None = None,
    parts: bool = True,
) -> Iterator[Measurement]:
    """Yields the cost of a network: of each stage, of its readout, and of all of it.

    A decimation that fuses into the convolution before is counted as it runs: there.

    Args:
      predict: a network of ours.
      split: whose images say the shape.
      shape: (height, width, channels) of an image, in place of the split's.
      parts: false leaves out the parts, but for the last stage and the readout.

    Yields:
      Rows with `part` and `index` among their parameters: `parameters`,
      `multiply_adds` and `activation_bytes` of each part and of the `network`, whose
      `xla_flops` stands beside; `height`, `width`, `channels`, `receptive_height` and
      `receptive_width` (pixels) of the map after each stage.

    Raises:
      UserError: not a network of ours, or the shape does not pass through it.
    """
    if not isinstance(predict, Network):
        raise UserError(
            "eval=cost: measures the networks of this project; a foreign predict=… has "
            "no stages to look into; leave cost out of eval"
        )
    network = in_evaluation(predict)
    shape = tuple(shape or split.images.shape[1:])
    shapes = network.map_shapes(shape)
    names = [type(stage).__name__ for stage in network.stages]
    fields = receptive_fields(network, shape)
    for index, (name, cost) in enumerate(
        zip([*names, "readout"], part_costs(network, shapes), strict=True)
    ):
        last = index == len(names)
        if not parts and index < len(names) - 1:
            continue
        part = network.readout if last else network.stages[index]
        measures: dict[str, Any] = {"parameters": count(part)} | vars(cost)
        if not last:
            measures |= dict(
                zip(("height", "width", "channels"), shapes[index + 1], strict=True)
            )
        params = {"part": name, "index": index}
        for measure, value in measures.items():
            yield Measurement("cost", measure, value, 1, params=params)
        if not last:
            for axis, measure in enumerate(("receptive_height", "receptive_width")):
                seen = fields[index][axis]
                yield Measurement(
                    "cost",
                    measure,
                    shape[axis] if seen is None else seen,
                    1,
                    params=params,
                    method="whole map" if seen is None else "r + (k − 1)·j",
                )
    total = vars(cost_of(network, shape)) | {"parameters": count(network)}
    for measure, value in total.items():
        yield Measurement("cost", measure, value, 1, params={"part": "network"})
    yield Measurement(
        "cost",
        "xla_flops",
        xla_flops(network, shape),
        1,
        params={"part": "network"},
        method="XLA, before optimisation",
    )


def count(part: nnx.Module) -> int:
    """Returns the number of parameters of a part."""
    return sum(p.size for p in jax.tree.leaves(nnx.state(part, nnx.Param)))


def in_evaluation(module: nnx.Module) -> nnx.Module:
    """Returns a copy in evaluation mode, so that the caller's stays as it is."""
    copy = nnx.clone(module)
    copy.eval()
    return copy


def part_costs(network: Network, shapes: Sequence[Shape]) -> list[Cost]:
    """Returns the cost of each stage as it runs, and of the readout."""
    stages, costs = list(network.stages), []
    for index, stage in enumerate(stages):
        own = cost_of(stage, shapes[index])
        before = stages[index - 1] if index else None
        if isinstance(stage, Downsample) and before is not None and fuses(before):
            pair = cost_of(
                lambda x, s=stage, b=before: s.after(b, x), shapes[index - 1]
            )
            if stage.decimates:
                costs[-1], own = pair, Cost()
            else:
                own = pair - costs[-1]
        costs.append(own)
    return [*costs, cost_of(network.readout, shapes[-1])]


def cost_of(part: Callable[..., Any], shape: Shape) -> Cost:
    """Returns the cost of `part(map)` for one map of a shape."""
    x = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    return jaxpr_cost(jax.make_jaxpr(part)(x).jaxpr)


def jaxpr_cost(jaxpr: Any) -> Cost:
    """Adds up the convolutions and matrix products of a jaxpr and those inside it.

    A scan counts its body once for each turn; a conditional its dearest branch; a while
    loop, whose turns are unknown, its body once.
    """
    total = Cost()
    for equation in jaxpr.eqns:
        products = equation_products(equation)
        if products is not None:
            out = equation.outvars[0].aval
            total += Cost(out.size * products, out.size * out.dtype.itemsize)
        inner = [jaxpr_cost(one) for one in jaxprs_of(equation.params.values())]
        if equation.primitive.name == "cond":
            inner = [max(inner, key=lambda cost: cost.multiply_adds)]
        turns = equation.params.get("length", 1) if inner else 1
        total += sum(inner, Cost()) * turns
    return total


def equation_products(equation: Any) -> int | None:
    """Returns the products behind each result of a convolution or matrix product."""
    if equation.primitive.name == "conv_general_dilated":
        kernel = equation.invars[1].aval.shape
        outputs = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
        return prod(kernel) // outputs
    if equation.params.get("target_name") == onednn.TARGET:
        return prod(equation.invars[1].aval.shape[:3])
    if equation.primitive.name == "dot_general":
        (contracted, _), _ = equation.params["dimension_numbers"]
        return prod(equation.invars[0].aval.shape[axis] for axis in contracted)
    return None


def jaxprs_of(values: Any) -> Iterator[Any]:
    """Yields the jaxprs among the parameters of an equation."""
    for value in values:
        if isinstance(value, tuple | list):
            yield from jaxprs_of(value)
        elif hasattr(value, "eqns"):
            yield getattr(value, "jaxpr", value)


def xla_flops(network: Network, shape: Shape) -> float:
    """Returns XLA's own count of floating-point operations, two to a multiply-add.

    It leaves out the products with zeros around a map, and adds what is elementwise.
    """
    x = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
    with convolution.enabled(False):
        lowered = jax.jit(lambda x: network(x)).lower(x)
    return float(lowered.cost_analysis()["flops"])


def receptive_fields(
    network: Network, shape: Shape
) -> list[tuple[int | None, int | None]]:
    """Returns the theoretical receptive field (rows, columns) after each stage.

    r ← r + (k − 1)·j, j ← j·s over the stages' windows k and strides s; borders aside,
    so it can exceed the image. None: the whole map, for a global filter, attention, or
    a sampler that chooses its grid by looking at all of it.
    """
    fields: list[tuple[int | None, int | None]] = []
    size: list[int | None] = [1, 1]
    jump = [1, 1]
    shapes = network.map_shapes(shape)
    for stage, at in zip(network.stages, shapes[:-1], strict=True):
        for axis, window in enumerate(windows(stage, at)):
            before = size[axis]
            size[axis] = (
                None
                if before is None or window is None
                else before + (window - 1) * jump[axis]
            )
            jump[axis] *= stage.stride[axis]
        fields.append((size[0], size[1]))
    return fields


def windows(stage: nnx.Module, shape: Shape) -> tuple[int | None, int | None]:
    """Measures how many rows and columns of a map one result of a stage depends on.

    Rows, then columns, of a random map are changed one at a time, far up and far down,
    so that a maximum and a rectifier show it too: what changes the result in the middle
    lies in its window. A 16×16 map does for most stages; where all
    of it is seen, the borders of a 32×32 map tell a large window from a global one. A
    stage that takes maps of one size only is measured on that.

    Returns:
      k for each axis, from the first row seen to the last; None for all of the map.
    """
    if any(chooses(part) for _, part in nnx.iter_modules(stage)):
        return None, None  # by what it sees of the whole map, though not by its values
    small, large = ((side, side, shape[2]) for side in PROBES)
    if not takes(stage, small) or not takes(stage, large):
        return spans(stage, shape, range(shape[0]), range(shape[1]))
    found = spans(stage, small, range(PROBES[0]), range(PROBES[0]))
    if None in found:
        borders = (0, PROBES[1] - 1)
        if None not in spans(stage, large, borders, borders):
            found = spans(stage, large, range(PROBES[1]), range(PROBES[1]))
    return found


def chooses(part: Any) -> bool:
    """Whether a part keeps the phase that scores best: by all of the map."""
    return isinstance(part, Scored) and not part.fixed


def takes(stage: nnx.Module, shape: Shape) -> bool:
    """Whether a map of this shape passes through a stage."""
    try:
        output_shape(stage, shape)
    except UserError:
        return False
    return True


def spans(
    stage: nnx.Module, shape: Shape, rows: Sequence[int], columns: Sequence[int]
) -> tuple[int | None, int | None]:
    """Returns the extent of the rows, and columns, that the middle result depends on.

    Args:
      stage: in evaluation mode.
      shape: of the map it is tried on.
      rows: which to try, in order.
      columns: which to try.

    Returns:
      From the first position seen to the last; None if these are the first and last
      tried.
    """
    random = np.random.default_rng(0)
    clean = random.normal(size=shape)
    far = FAR * random.uniform(0.5, 1.5, size=shape)
    count = len(rows) + len(columns)
    images = np.repeat(clean[None], 1 + 2 * count, axis=0).astype(np.float32)
    for sign, first in ((1, 1), (-1, 1 + count)):
        for probe, row in enumerate(rows, first):
            images[probe, row] = sign * far[row]
        for probe, column in enumerate(columns, first + len(rows)):
            images[probe, :, column] = sign * far[:, column]
    y = np.asarray(apply(*nnx.split(stage), images))
    middle = y[:, y.shape[1] // 2, y.shape[2] // 2]
    seen = np.any(middle[1:] != middle[0], axis=-1).reshape(2, count).any(0)
    return extent(rows, seen[: len(rows)]), extent(columns, seen[len(rows) :])


def extent(places: Sequence[int], seen: np.ndarray) -> int | None:
    """From the first place seen to the last; None if these are the ends."""
    if len(places) > 1 and seen[0] and seen[-1]:
        return None
    kept = np.asarray(places)[seen]
    return int(kept[-1] - kept[0] + 1) if kept.size else 0


@jax.jit(static_argnums=0)
def apply(graph: nnx.GraphDef, state: Any, x: jax.Array) -> jax.Array:
    """A stage as a function; equal stages share its compilation."""
    return nnx.merge(graph, state)(x)
