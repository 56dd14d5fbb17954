"""The same numbers from statsmodels."""

import numpy as np
import pytest

from research.stats import find_power, holm, three_way

pytestmark = pytest.mark.peers
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("margin", [(-0.5, 0.5), (-0.2, 0.9)])
def test_two_one_sided_tests(margin):
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    for effect in (0.0, 0.2, 0.8):
        a, b = RNG.normal([[effect], [0.0]], 0.3, (2, 9))
        theirs, _, _ = weightstats.ttost_paired(a, b, *margin)
        assert three_way(a - b, margin).p_equal == pytest.approx(theirs)


def test_holm():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    for _ in range(20):
        pvalues = RNG.random(9) ** 4
        theirs = multitest.multipletests(pvalues, method="holm")[1]
        np.testing.assert_allclose(holm(pvalues), theirs)


@pytest.mark.parametrize("n", [3, 10, 30])
def test_power(n):
    power = pytest.importorskip("statsmodels.stats.power")
    theirs = power.TTestPower().power(0.9, n, 0.025, alternative="larger")
    assert find_power(1.2 + 0.9 * 0.5, 0.5, n, 1.2).superior == pytest.approx(theirs)


def test_equivalence_by_simulation_of_their_test():
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    pairs = RNG.normal(0, 0.45, (1500, 2, 8)) / np.sqrt(2)
    found = [weightstats.ttost_paired(a, b, -0.5, 0.5)[0] <= 0.025 for a, b in pairs]
    chance = find_power(0.0, 0.45, 8, 0.5).equivalent
    assert np.mean(found) == pytest.approx(chance, abs=0.04)
