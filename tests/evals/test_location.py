"""Location probes: the ridge against scikit-learn, stages known to keep or forget."""

import jax.numpy as jnp
import networks
import numpy as np
import pytest
from flax import nnx
from known import measure
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from research.data.split import Split
from research.errors import UserError
from research.evals.engine.ridge import PENALTIES, fit_ridge
from research.evals.engine.untrained import reinitialize
from research.evals.location import Location, read_out
from research.nn.layers import BatchNorm, ConvNormAct

rng = np.random.default_rng(0)


def test_ridge_is_scikit_learns_at_the_best_penalty():
    x = rng.normal(size=(120, 12)).astype(np.float32) * 3 + 1
    y = x @ rng.normal(size=(12, 2)) + 4 * rng.normal(size=(120, 2))
    x[:, 3] = 2  # a feature that never changes
    y = y.astype(np.float32)
    fit = fit_ridge(x[:60], x[60:90], x[90:], y[:60], y[60:90])
    deviation = x[:60].std(0)
    scaled = (x - x[:60].mean(0)) / np.where(deviation > 0, deviation, 1)
    models = [Ridge(60 * float(p)).fit(scaled[:60], y[:60]) for p in PENALTIES]
    errors = [((m.predict(scaled[60:90]) - y[60:90]) ** 2).mean() for m in models]
    best = int(np.argmin(errors))
    assert 0 < best < len(PENALTIES) - 1
    assert float(fit.penalty) == pytest.approx(PENALTIES[best])
    expected = models[best].predict(scaled[90:])
    np.testing.assert_allclose(fit.predicted, expected, atol=1e-3)
    rows = {row.measure: row for row in read_out(x, y, {})}
    score = r2_score(y[90:], expected)
    assert rows["r2"].value == pytest.approx(score, abs=1e-3)
    distance = np.linalg.norm(y[90:] - expected, axis=1).mean()
    assert rows["distance"].value == pytest.approx(distance, abs=1e-2)
    assert rows["r2"].n == 30 and rows["r2"].low < rows["r2"].value < rows["r2"].high


@pytest.mark.slow  # fits probes
def test_stages_that_keep_and_forget():
    boxes = Split.labelled(
        np.full((400, 8, 12, 1), 255, np.uint8), np.zeros(400, np.int32)
    )
    stages = [networks.Keep(), networks.Brighter(), networks.Forget()]
    rows = {
        (row.params["objects"], row.params["weights"], row.params["index"]): row.value
        for row in measure(
            Location(size=0.3, examples=400, features=200), networks.of(stages), boxes
        )
        if row.measure == "r2"
    }
    assert rows[1, "none", -1] > 0.99 and rows[1, "trained", 0] > 0.99
    # Where the other box is takes more than a sum over pixels.
    assert rows[2, "none", -1] < 0.3 and rows[2, "trained", 0] < 0.3
    assert rows[2, "trained", 1] > 0.8
    for count in (1, 2):  # the mean of a canvas is the same wherever a box stands
        assert rows[count, "trained", 2] == pytest.approx(0, abs=0.15)
        assert (count, "untrained", -1) not in rows


def test_an_untrained_network_is_drawn_anew_and_the_trained_one_stays():
    rngs = nnx.Rngs(0)
    stages = [
        ConvNormAct(1, 64, norm=BatchNorm, rngs=rngs),
        ConvNormAct(64, 64, rngs=rngs),
    ]
    network = networks.of(stages)
    norm, second = network.stages[0].norm, network.stages[1].conv
    norm.scale[...] = norm.scale[...] * 3
    norm.var[...] = norm.var[...] * 5
    second.bias[...] = jnp.ones(64)
    kernel = np.array(second.kernel[...])
    fresh = reinitialize(network, seed=0)
    assert (fresh.stages[0].norm.scale[...] == 1).all()
    assert (fresh.stages[0].norm.var[...] == 1).all()
    assert (fresh.stages[0].norm.mean[...] == 0).all()
    assert (fresh.stages[1].conv.bias[...] == 0).all()
    drawn = np.asarray(fresh.stages[1].conv.kernel[...])
    assert drawn.std() == pytest.approx(np.sqrt(2 / (9 * 64)), rel=0.02)
    assert abs(np.corrcoef(drawn.ravel(), kernel.ravel())[0, 1]) < 0.05
    np.testing.assert_array_equal(second.kernel[...], kernel)
    assert (norm.scale[...] == 3).all() and (second.bias[...] == 1).all()
    again = reinitialize(network, seed=0).stages[1].conv.kernel[...]
    np.testing.assert_array_equal(again, drawn)


@pytest.mark.parametrize(
    "settings, key",
    [
        ({"objects": [3]}, "objects"),
        ({"examples": 8}, "examples"),
        ({"split": 12}, "examples"),
        ({"size": 1.0}, "size"),
    ],
)
def test_what_cannot_be_done_is_named(settings, key):
    count = settings.pop("split", 40)
    images = np.zeros((count, 8, 12, 1), np.uint8)
    split = Split.labelled(images, np.zeros(count, np.int32))
    with pytest.raises(UserError, match=rf"eval\.location\.{key}="):
        Location(**settings).check(networks.of([networks.Keep()]), split)
