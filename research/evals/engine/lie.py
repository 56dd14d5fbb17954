"""Lie derivatives of networks: what an infinitesimal move changes, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from research.models.network import Network
from research.transforms.derivatives import Derivative
from research.types import Images, Logits, Map, Stride

Function = Callable[[Array], Array]
Generator = Callable[[Images, Derivative], Images]  # see research.transforms
Each = Float[Array, " _batch"]


@dataclass(frozen=True)
class Flow:
    """d/dt T_t x of images at t = 0: a value, so that equal ones share a program.

    Attributes:
      generator: of the flow, of `research.transforms.derivatives`.
      derivative: of the interpolation.
      unit: of t, in that of the generator.
    """

    generator: Generator
    derivative: Derivative
    unit: float = 1.0

    def __call__(self, images: Images) -> Images:
        """Returns the change per unit."""
        return self.unit * self.generator(images, self.derivative)


class Decomposition(NamedTuple):
    """The Lie derivative of a composition f = f_n ∘ … ∘ f_1 of maps.

    Attributes:
      output: f(x), (B, K).
      contributions: (n, B, K), J_{n…i+1} of the local derivative of f_i; their sum is
        the derivative of f.
      errors: (n, B), the norm of each local derivative over that of the map.
    """

    output: Logits
    contributions: Float[Array, "stages batch classes"]
    errors: Float[Array, "stages batch"]


def split_derivative(
    stages: Sequence[Function], x: Map, moved: Callable[[int, Map], Map]
) -> Decomposition:
    """Splits the Lie derivative of a chain exactly over its stages.

    With t_i the change of map i as it moves with the image, the local derivative of f_i
    at x_{i−1} is L f_i = J_i t_{i−1} − t_i, and since t_n = 0 (a vector does not move)
    J_f t_0 = Σ_i J_{n…i+1} L f_i. One forward pass and one `jvp` for each pair of
    stages, no differences: the vectors add up to rounding.

    Args:
      stages: the last one maps to (B, K).
      x: (B, H, W, C).
      moved: `moved(i, x_i) → t_i`, d/dt T_t x_i at t = 0; i = 0 is the input.
    """
    here, waiting, errors = moved(0, x), jnp.zeros((0, *x.shape)), []
    for index, stage in enumerate(stages, 1):
        y, push = jax.linearize(stage, x)
        pushed = jax.vmap(push)(jnp.concatenate([waiting, here[None]]))
        last = index == len(stages)
        here = jnp.zeros_like(y) if last else moved(index, y)
        local = pushed[-1] - here
        errors.append(divide(norm(local), norm(y)))
        waiting, x = jnp.concatenate([pushed[:-1], local[None]]), y
    return Decomposition(x, waiting, jnp.stack(errors))


class EndToEnd(nnx.Module):
    """A network whose output is how its probabilities and logits change under moves.

    Args:
      predict: images → logits, differentiable.
      moves: of the images.
    """

    def __init__(self, predict: nnx.Module, moves: tuple[Flow, ...]):
        self.predict = predict
        self.moves = moves

    def __call__(self, images: Images) -> dict[str, Float[Array, "batch moves"]]:
        """Returns `lee`, `squared` and `relative` of each move; see `eval=lie`."""
        found: dict[str, list[Each]] = {"lee": [], "squared": [], "relative": []}
        for move in self.moves:
            logits, change = jax.jvp(self.predict, (images,), (move(images),))
            p = push_softmax(logits, change)
            found["lee"].append(jnp.abs(p).mean(-1))
            found["squared"].append((p**2).sum(-1))
            found["relative"].append(divide(norm(change), norm(logits)))
        return {name: jnp.stack(each, 1) for name, each in found.items()}


class OverStages(nnx.Module):
    """A network whose output is what each stage adds to the derivative by shifts.

    Args:
      network: of ours.
      derivative: D, of the interpolation.
    """

    def __init__(self, network: Network, derivative: Derivative):
        self.network = network
        self.derivative = derivative

    def __call__(self, images: Images) -> dict[str, Float[Array, "batch axes stages"]]:
        """Returns `inner`, ⟨v_i, L z⟩/‖z‖² of the logits z, `norm`, ‖v_i‖/‖z‖, `error`.

        v_i are the `contributions` of `split_derivative`, and `error` its `errors`.
        """
        found: dict[str, list[Array]] = {"inner": [], "norm": [], "error": []}
        strides = [(1, 1), *multiply_strides(self.network)]
        for axis in (1, 2):

            def moved(index: int, x: Map, axis: int = axis) -> Map:
                return -self.derivative(x, axis) / strides[index][axis - 1]

            x = jnp.asarray(self.network.standardize(images))
            chain: list[Function] = [*self.network.stages, self.network.readout]
            logits, each, errors = split_derivative(chain, x, moved)
            v = divide(each, norm(logits)[:, None])
            found["inner"].append((v * v.sum(0)).sum(-1))
            found["norm"].append(jnp.sqrt((v**2).sum(-1)))
            found["error"].append(errors)
        return {name: jnp.moveaxis(jnp.stack(v), 2, 0) for name, v in found.items()}


def multiply_strides(network: Network) -> list[Stride]:
    """Returns the cumulative stride of the map after each stage."""
    down, right, found = 1, 1, []
    for stage in network.stages:
        down, right = down * stage.stride[0], right * stage.stride[1]
        found.append((down, right))
    return found


def push_softmax(logits: Logits, change: Logits) -> Logits:
    """Returns how the probabilities change with the logits."""
    p = jax.nn.softmax(logits)
    return p * (change - (p * change).sum(-1, keepdims=True))


def norm(x: Float[Array, "batch ..."]) -> Each:
    """‖x‖ of each example."""
    return jnp.sqrt((x.reshape(len(x), -1) ** 2).sum(-1))


def divide(
    a: Float[Array, "*some"], b: Float[Array, "*others"]
) -> Float[Array, "*some"]:
    """Returns a / b, and 0 where b is."""
    return jnp.where(b > 0, a / jnp.where(b > 0, b, 1), 0)
