"""The answers to all circular shifts: in closed form, or one by one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from research.data.split import read_only
from research.evals.engine.answers import is_invariant
from research.evals.engine.chain import Probe
from research.evals.engine.closed_form import ClosedForm
from research.evals.engine.predictor import Predictor, Stored, Unit
from research.models.network import Network
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
    memory: int | None = None,
) -> Method:
    """Chooses the closed form where shifts share anything, and brute force elsewhere.

    Args:
      predictor: of any network; the closed form takes a `Network`, whose answers are
        logits that do not change when an image shifts, by the task.
      images: examples.
      task: of the answers.
      method: `brute` never takes the closed form.
      memory: MiB of maps on each device, of the closed form; see `ClosedForm`.

    Raises:
      UserError: it cannot be known which of the two it takes, at this precision.
    """
    probe = None
    if method != "brute" and isinstance(predictor.predict, Network):
        orbit = ClosedForm(predictor.predict, images, memory=memory)
        probe = orbit.probe
        if orbit.shared and is_invariant(task, np.asarray(probe.logits)):
            rows, columns = orbit.period
            return Method(orbit.logits, f"closed form, period {rows}×{columns}", probe)
    return Method(partial(brute_force, predictor), BRUTE, probe)


def brute_force(predictor: Predictor, images: Stored | Unit) -> Outputs:
    """Returns the answers to every circular shift, a pass for each: (B, H, W, …).

    The images go to the devices once, and are rolled there.
    """
    height, width = images.shape[1:3]
    images = read_only(images)
    lines = [
        predictor.outputs(images, roll_along, np.full(len(images), dy), views=width)
        for dy in np.arange(height, dtype=np.int32)
    ]
    return jax.tree.map(lambda *parts: np.stack(parts, 1), *lines)


def roll_along(images: Images, dy: Int[Array, " batch"]) -> Rolled:
    """Rolls every image by its dy and by each dx, those of one image in a row."""
    count, width = len(images), images.shape[2]
    columns = jnp.tile(jnp.arange(width, dtype=dy.dtype), count)
    offsets = jnp.stack([jnp.repeat(dy, width), columns], 1)
    return circular(jnp.repeat(images, width, 0), offsets)
