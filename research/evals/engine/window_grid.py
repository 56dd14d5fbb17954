"""All windows around the centre of canvases: asked one by one, or in closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from research.errors import UserError
from research.evals.engine.embedding import embedding_change
from research.evals.engine.grids import Found, Grid
from research.evals.engine.predictor import prepare
from research.evals.engine.slices import Slices
from research.evals.engine.steps import Answer
from research.evals.engine.tolerance import current_tolerance
from research.evals.engine.windows import Canvases, format_size
from research.evals.measurement import Measurement
from research.tasks.metrics import agreement, correct
from research.transforms.shifts import Crop

Ask = Callable[[Any], Answer]  # of corners (N, 2), or of one offset (dy, dx)


def ask_moved(ask: Ask, views: Canvases, offset: Any) -> Answer:
    """Returns the answer to content that has moved by (dy, dx).

    Args:
      ask: `ask(corners)`, of the windows there.
      views: the examples; their windows go the opposite way.
      offset: (dy, dx), pixels.
    """
    return ask(views.corners - np.asarray(offset, np.int32))


def ask_slices(form: Slices, views: Canvases, max_shift: int) -> Ask:
    """Returns `ask(offset)` as `ask_moved`, of answers in closed form.

    Args:
      form: of the network.
      views: the examples.
      max_shift: m: offsets are at most so large.
    """
    height, width = (side + 2 * max_shift for side in views.size)
    corners = views.corners - np.int32(max_shift)
    block = form.block((height, width, views.split.images.shape[3]))
    crop, images = Crop(height, width), views.split.images
    parts = [
        form(np.asarray(prepare(crop, images[one], corners[one])))
        for one in (slice(at, at + block) for at in range(0, len(images), block))
    ]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def ask(offset: Any) -> Answer:
        row, column = (max_shift - int(one) for one in offset)
        return found["logits"][:, row, column], found["embedding"][:, row, column]

    return ask


def name_method(views: Canvases, form: Slices | None) -> str:
    """Returns what the rows of the grid say of how they were computed."""
    return views.method if form is None else f"{views.method}; closed form"


def check_form(
    found: Answer, asked: Answer, form: Slices, views: Canvases
) -> Measurement:
    """Returns how far the closed form is from the network.

    Args:
      found: in closed form, of one window of each canvas.
      asked: of the network, of the same.
      form: of the network.
      views: the examples.

    Raises:
      UserError: farther than rounding can take it.
    """
    wanted = asked[0]
    error = float(np.abs(found[0] - wanted).max() / max(wanted.std(), 1e-30))
    most = current_tolerance().closed_form
    if not error <= most:
        raise UserError(
            f"eval=window: the closed form of windows of {format_size(form.size)} is "
            f"{error:.1e} standard deviations off the network, more than {most:.0e}: "
            "set eval.window.method=brute"
        )
    return Measurement(
        "window",
        "closed_form_error",
        error,
        len(wanted),
        method=name_method(views, form),
    )


def around(
    ask: Ask, views: Canvases, grid: Grid, still: Answer
) -> tuple[Found, Found, Found]:
    """Returns agreement, scores and change of embeddings at every shift of a grid.

    Args:
      ask: `ask(offset)`, of content that has moved so.
      views: the examples.
      grid: of shifts.
      still: the answer where nothing has moved.
    """
    unmoved, vectors = still
    shape = (*grid.offsets.shape[:-1], len(views.split))
    labelled = "label" in views.split.arrays
    same, scores, change = (
        {name: np.empty(shape, np.float32)} if there else {}
        for name, there in (
            ("agreement", True),
            ("accuracy", labelled),
            ("embedding_change", vectors is not None),
        )
    )
    for place, offset in grid:
        logits, moved = ask(offset) if offset.any() else still
        same["agreement"][place] = agreement(logits, unmoved)
        if labelled:
            scores["accuracy"][place] = correct(logits, views.split.labels)
        if vectors is not None and moved is not None:
            change["embedding_change"][place] = embedding_change(moved, vectors)
    return same, scores, change
