"""The answers to all circular shifts: in closed form, or one by one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from research.data.split import read_only
from research.evals.engine.answers import is_invariant
from research.evals.engine.chain import Probe
from research.evals.engine.closed_form import ClosedForm
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
      answers: (B, H, W, C) images → answers (B, P, Q, …).
      name: `closed form, period 4×4`, or `BRUTE`.
      probe: why it was chosen, where the steps of a network were tried.
    """

    answers: Callable[[Stored], Outputs]
    name: str
    probe: Probe | None


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
        logits that do not change when an image shifts, by the task.
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
        if orbit.shared and is_invariant(task, np.asarray(probe.logits)):
            rows, columns = orbit.period
            return Method(orbit.logits, f"closed form, period {rows}×{columns}", probe)
    return Method(partial(brute_force, predictor, fine=fine), BRUTE, probe)


def brute_force(
    predictor: Predictor, images: Stored | Unit, *, fine: int = 1
) -> Outputs:
    """Returns the answers to every circular shift, a pass for each: (B, u·H, u·W, …).

    The images go to the devices once, and are rolled there.

    Args:
      predictor: of any network.
      images: B of them.
      fine: u: shifts are by multiples of 1/u pixel.
    """
    height, width = (fine * size for size in images.shape[1:3])
    images, roll = read_only(images), roll_along(fine)
    lines = [
        predictor.outputs(images, roll, np.full(len(images), dy), views=width)
        for dy in np.arange(height, dtype=np.int32)
    ]
    return jax.tree.map(lambda *parts: np.stack(parts, 1), *lines)


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
