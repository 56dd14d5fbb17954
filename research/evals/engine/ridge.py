"""Ridge regression in closed form, its penalty chosen on examples held out."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

PENALTIES = np.logspace(-4, 4, 17).astype(np.float32)


class Fit(NamedTuple):
    """Predictions for the examples to report on, by the penalty that is best."""

    predicted: Float[Array, "held_out targets"]
    penalty: Float[Array, ""]


@jax.jit
def fit_ridge(
    x: Float[Array, "fit features"],
    x_choose: Float[Array, "choose features"],
    x_report: Float[Array, "report features"],
    y: Float[Array, "fit targets"],
    y_choose: Float[Array, "choose targets"],
) -> Fit:
    """Fits ridge regression for all penalties λ at once.

    With standardised features X = (x − μ)/σ and n examples it solves
    (XᵀX/n + λ) w = Xᵀ(y − ȳ)/n by one eigendecomposition of XᵀX/n; λ has the least
    squared error on the validation part.

    Args:
      x: features to fit on.
      x_choose: to choose λ on.
      x_report: to predict for.
      y: targets to fit on.
      y_choose: targets to choose λ on.
    """
    mean, deviation = x.mean(0), x.std(0)
    scale = jnp.where(deviation > 0, 1 / jnp.where(deviation > 0, deviation, 1), 0)
    x, x_choose, x_report = ((part - mean) * scale for part in (x, x_choose, x_report))
    centre = y.mean(0)
    values, vectors = jnp.linalg.eigh(x.T @ x / len(x))
    projected = vectors.T @ (x.T @ (y - centre)) / len(x)
    shrink = 1 / (jnp.maximum(values, 0) + PENALTIES[:, None])
    weights = jnp.einsum("fe,pe,et->pft", vectors, shrink, projected)
    errors = ((x_choose @ weights + centre - y_choose) ** 2).mean((1, 2))
    best = errors.argmin()
    return Fit(x_report @ weights[best] + centre, jnp.asarray(PENALTIES)[best])
