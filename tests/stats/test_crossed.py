import numpy as np
import pytest
import scipy.stats

from research.stats import (
    NO_INTERVAL,
    crossed_interval,
    percentile_interval,
    resample_crossed,
    resample_crossed_means,
)

RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(6, 1)) + RNG.normal(size=30) + RNG.normal(size=(6, 30))


def weights(seeds, examples, resamples, seed=0):
    """Returns the weights that a table of this size is resampled with."""
    drawn = resample_crossed(
        lambda w, v: np.concatenate([w, v], 1),
        seeds,
        examples,
        resamples=resamples,
        seed=seed,
    ).astype(int)
    return drawn[:, :seeds], drawn[:, seeds:]


def test_a_mean_is_of_the_rows_and_columns_drawn():
    w, v = weights(6, 30, 50)
    assert (w.sum(1) == 6).all() and (v.sum(1) == 30).all()
    drawn = [
        TABLE[np.ix_(np.repeat(range(6), i), np.repeat(range(30), j))].mean()
        for i, j in zip(w, v, strict=True)
    ]
    np.testing.assert_allclose(resample_crossed_means(TABLE, resamples=50), drawn)


def test_the_spread_of_means_is_that_of_independent_multinomials():
    draws = resample_crossed_means(TABLE, resamples=40_000)
    # E[w wᵀ] = I − 11ᵀ/n + 11ᵀ of n draws of n
    of_seeds, of_examples = (np.eye(n) - 1 / n + 1 for n in TABLE.shape)
    second = np.trace(TABLE.T @ of_seeds @ TABLE @ of_examples) / TABLE.size**2
    assert draws.mean() == pytest.approx(TABLE.mean(), abs=0.01)
    assert draws.var() == pytest.approx(second - TABLE.mean() ** 2, rel=0.03)


@pytest.mark.parametrize("axis", [0, 1], ids=["seeds", "examples"])
def test_with_one_kind_of_spread_it_is_the_bootstrap_of_scipy(axis):
    values = RNG.normal(size=12)
    table = np.broadcast_to(values[:, None] if axis == 0 else values, (12, 12))
    low, high, how = crossed_interval(table, resamples=20_000)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    width = theirs.high - theirs.low
    assert (low, high) == pytest.approx(tuple(theirs), abs=0.04 * width)
    assert how == "crossed bootstrap over seeds and examples"


def test_arms_share_resamples():
    arms = np.stack([TABLE, 2 * TABLE + 1, RNG.normal(size=(6, 30))], -1)
    draws = resample_crossed_means(arms, resamples=300)
    np.testing.assert_allclose(draws[:, 1], 2 * draws[:, 0] + 1)
    contrast = resample_crossed_means(arms[..., 0] - arms[..., 2], resamples=300)
    np.testing.assert_allclose(draws[:, 0] - draws[:, 2], contrast)


def test_a_composite_statistic_is_of_weighted_cells():
    def median(w, v):
        """Returns medians over images of the means over seeds."""
        means = (w @ TABLE) / w.sum(1, keepdims=True)
        cells = zip(means, v, strict=True)
        return np.array([np.median(np.repeat(one, times)) for one, times in cells])

    draws = resample_crossed(median, 6, 30, resamples=400)
    w, v = weights(6, 30, 400)
    rows = np.repeat(range(6), w[7])
    expected = np.median(TABLE[np.ix_(rows, np.repeat(range(30), v[7]))].mean(0))
    assert draws[7] == pytest.approx(expected)
    low, high, how = percentile_interval(draws, how="crossed")
    assert low < np.median(TABLE.mean(0)) < high and how == "crossed"


def test_it_is_repeatable_and_chunks_are_of_one_distribution(monkeypatch):
    whole = resample_crossed_means(TABLE, resamples=4000)
    np.testing.assert_array_equal(whole, resample_crossed_means(TABLE, resamples=4000))
    assert (whole != resample_crossed_means(TABLE, resamples=4000, seed=1)).any()
    monkeypatch.setattr("research.stats.crossed.CHUNK", 100)
    chunked = resample_crossed_means(TABLE, resamples=4000)
    assert np.quantile(chunked, [0.1, 0.9]) == pytest.approx(
        np.quantile(whole, [0.1, 0.9]), abs=0.06
    )


@pytest.mark.parametrize("shape", [(1, 30), (6, 1), (1, 1)])
def test_one_seed_or_one_image_has_no_interval(shape):
    assert crossed_interval(RNG.normal(size=shape)) is NO_INTERVAL
    assert crossed_interval(np.ones((6, 30))) is NO_INTERVAL
