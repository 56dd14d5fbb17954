"""Why the closed form may be believed: its own check, and how its steps were tried."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
from jaxtyping import Float

from research.errors import UserError
from research.evals.engine.chain import TRIALS, Probe
from research.evals.engine.predictor import Perturb, Predictor, Stored
from research.evals.engine.tolerance import Tolerance
from research.evals.measurement import Measurement
from research.transforms.shifts import Draws, circular

Each = Float[np.ndarray, " examples"]
Chosen = Float[np.ndarray, "chosen *answer"]  # (M, K), or (M, H, W, K)


def verify(
    chosen: Chosen,
    predictor: Predictor,
    images: Stored,
    at: Draws,
    *,
    perturb: Perturb = circular,
    margin: Each | None,
    tolerance: Tolerance,
) -> Measurement:
    """Compares logits of the closed form with the network's own.

    Args:
      chosen: (M, K) or (M, H, W, K) of the closed form, at a shift of each of the
        first M images.
      predictor: of the network.
      images: (N, H, W, C).
      at: (N, 2), the shifts.
      perturb: shifts images by them.
      margin: of each image (`ties.margins`); those that tie are not counted, since
        rounding chooses another phase for them. None: nothing can tie.
      tolerance: of the arithmetic.

    Returns:
      `closed_form_error`: the largest difference, as a fraction of the logits' standard
      deviation, over those of the M images that do not tie; beside it that of each.

    Raises:
      UserError: it is larger than rounding explains.
    """
    count = len(chosen)
    direct = predictor.outputs(images[:count], perturb, at[:count])
    error = np.abs(chosen - direct).reshape(count, -1).max(1) / (direct.std() or 1)
    counted = error if margin is None else error[margin[:count] >= tolerance.ties]
    worst = float(counted.max(initial=0))
    if not worst <= tolerance.closed_form:  # or it is no number
        raise UserError(
            f"the closed form errs by {worst:.1e} of the logits' standard deviation; "
            f"rounding ({tolerance.arithmetic}) explains {tolerance.closed_form:.1e}: "
            "give precision.eval=highest or eval.orbit.method=brute, and leave "
            "explorer out of eval"
        )
    return Measurement(
        "orbit",
        "closed_form_error",
        worst,
        len(counted),
        arrays={"examples": error},
    )


def describe_probe(probe: Probe, how: str) -> Iterator[Measurement]:
    """Yields how the steps of the closed form were found to commute, or not to.

    Args:
      probe: what the trials found.
      how: the answers are computed then.

    Yields:
      `commutation_tolerance`; `commutation_accepted`, the largest deviation below it;
      and `commutation_refused`, the smallest above, where a step that could commute
      did not. All as fractions of a step's RMS.
    """
    row = partial(Measurement, "orbit", n=TRIALS, method=how)
    yield row("commutation_tolerance", probe.tolerance.commuting)
    yield row("commutation_accepted", probe.accepted)
    if math.isfinite(probe.refused):
        yield row("commutation_refused", probe.refused)
