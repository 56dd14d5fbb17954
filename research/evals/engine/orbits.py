"""The answers to all circular shifts: in closed form, or one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from research.data.split import read_only
from research.evals.engine.answers import undoes_shifts
from research.evals.engine.chain import Probe
from research.evals.engine.closed_form import ClosedForm
from research.evals.engine.modules import in_inference
from research.evals.engine.predictor import Perturb, Predictor, Stored, Unit
from research.models.network import Network
from research.nn.signal import fractional_shift
from research.tasks.classification import CLASSIFICATION
from research.tasks.task import Outputs, Task
from research.transforms.shifts import circular
from research.types import Images

METHODS = ("auto", "brute", "closed")
BRUTE = "brute force"
Rolled = Float[Array, "rolled height width channels"]


class Method(NamedTuple):
    """How the answers to all shifts are computed.

    Attributes:
      lines: (B, H, W, C) images → P lines of answers (B, Q, …), one at a time.
      period: (P, Q), positions of the grid.
      held: how many answers to an image are held at once.
      name: `closed form, period 4×4`, or `BRUTE`.
      probe: why it was chosen, where the steps of a network were tried.
    """

    lines: Callable[[Stored], Iterator[Outputs]]
    period: tuple[int, int]
    held: int
    name: str
    probe: Probe | None

    def answers(self, images: Stored) -> Outputs:
        """Returns all lines, (B, P, Q, …)."""
        return stack_lines(self.lines(images))


def choose_method(
    predictor: Predictor,
    images: Stored,
    *,
    task: Task = CLASSIFICATION,
    method: str = "auto",
    fine: int = 1,
    memory: int | None = None,
) -> Method:
    """Chooses the closed form where shifts share anything, and brute force elsewhere.

    Args:
      predictor: of any network; the closed form takes a `Network`, whose answers are
        logits that do not change when an image shifts, or logits of every pixel that
        move with it, by the task.
      images: examples.
      task: of the answers.
      method: `brute` never takes the closed form.
      fine: u: the shifts are all multiples of 1/u pixel.
      memory: MiB of maps on each device, of the closed form; see `ClosedForm`.

    Raises:
      UserError: it cannot be known which of the two it takes, at this precision.
    """
    probe = None
    if method != "brute" and isinstance(predictor.predict, Network):
        orbit = ClosedForm(predictor.predict, images, fine=fine, memory=memory)
        probe = orbit.probe
        if orbit.shared and undoes_shifts(task, np.asarray(probe.logits)):
            rows, columns = orbit.period
            name = f"closed form, period {rows}×{columns}"
            held = prod(orbit.period)
            return Method(partial(closed_lines, orbit), orbit.period, held, name, probe)
    height, width = (fine * size for size in images.shape[1:3])
    lines = partial(brute_lines, predictor, fine=fine)
    return Method(lines, (height, width), width, BRUTE, probe)


def closed_lines(orbit: ClosedForm, images: Stored) -> Iterator[Outputs]:
    """Yields the logits of a closed form by the shift down, each time (B, Q, …)."""
    yield from np.moveaxis(orbit.logits(images), 1, 0)


def brute_lines(
    predictor: Predictor, images: Stored | Unit, *, fine: int = 1
) -> Iterator[Outputs]:
    """Yields the answers to all shifts to the right, by the shift down: (B, u·W, …).

    There is a pass for each shift. The images go to the devices once, and are rolled
    there.

    Args:
      predictor: of any network.
      images: B of them.
      fine: u: shifts are by multiples of 1/u pixel.
    """
    height, width = (fine * size for size in images.shape[1:3])
    images, roll = read_only(images), roll_along(fine)
    for dy in np.arange(height, dtype=np.int32):
        yield predictor.outputs(images, roll, np.full(len(images), dy), views=width)


def brute_force(
    predictor: Predictor, images: Stored | Unit, *, fine: int = 1
) -> Outputs:
    """Returns the `brute_lines` of every shift down: (B, u·H, u·W, …)."""
    return stack_lines(brute_lines(predictor, images, fine=fine))


def stack_lines(lines: Iterator[Outputs]) -> Outputs:
    """Returns answers (B, P, Q, …) of P lines (B, Q, …)."""
    return jax.tree.map(lambda *parts: np.stack(parts, 1), *lines)


def answer_bytes(predictor: Predictor, images: Stored) -> int:
    """Returns the size of the answer to one image."""
    network, one = predictor.predict, images[:1]
    if isinstance(network, nnx.Module):
        x = jax.ShapeDtypeStruct(one.shape, jnp.float32)
        answer = jax.eval_shape(in_inference(network), x)
    else:
        answer = predictor.outputs(one)
    leaves = jax.tree.leaves(answer)
    return sum(leaf.size * leaf.dtype.itemsize for leaf in leaves)


def shift_on_grid(fine: int) -> Perturb:
    """Returns the perturbation by (dy, dx) of a grid of 1/u pixel."""
    return circular if fine == 1 else shift_by_fractions(fine)


@cache
def shift_by_fractions(fine: int) -> Perturb:
    """Returns `shift(images, offsets)` by offsets / u pixels; one object for each u."""

    def shift(images: Images, offsets: Int[Array, "batch 2"]) -> Images:
        return fractional_shift(images, offsets / jnp.float32(fine))

    return shift


@cache
def roll_along(fine: int) -> Perturb:
    """Returns `roll(images, dy)`: every image by its dy and by each dx, in a row.

    Both are positions of a grid of 1/u pixel; there is one object for each u.
    """
    move = shift_on_grid(fine)

    def roll(images: Images, dy: Int[Array, " batch"]) -> Rolled:
        count, width = len(images), fine * images.shape[2]
        columns = jnp.tile(jnp.arange(width, dtype=dy.dtype), count)
        offsets = jnp.stack([jnp.repeat(dy, width), columns], 1)
        return move(jnp.repeat(images, width, 0), offsets)

    return roll
