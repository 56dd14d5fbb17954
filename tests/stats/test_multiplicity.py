import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from research.stats import first_step_level, holm


def test_holm_by_hand():
    # sorted .005 .01 .03 .04 × 4 3 2 1 = .02 .03 .06 .04, then never decreasing
    adjusted = holm([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(adjusted, [0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0.001, 0.5))
def test_holm_rejects_as_the_step_down_procedure(pvalues, alpha):
    rejected = set()
    for done, i in enumerate(sorted(range(len(pvalues)), key=pvalues.__getitem__)):
        if pvalues[i] * (len(pvalues) - done) > alpha:
            break
        rejected.add(i)
    assert {i for i, p in enumerate(holm(pvalues)) if p <= alpha} == rejected


def test_claims_without_a_p_stay_in_the_family():
    some = [0.004, 0.02, 0.006]
    whole = holm([*some, *[1.0] * 6])
    np.testing.assert_array_equal(holm(some, family=9), whole[:3])
    np.testing.assert_allclose(holm(some, family=9), [0.036, 0.14, 0.048])
    assert holm([], family=9).shape == (0,)


@pytest.mark.parametrize("pvalues", [[0.5, np.nan], [-0.1], [1.01]])
def test_what_is_no_p_is_refused(pvalues):
    with pytest.raises(ValueError, match="lie in"):
        holm(pvalues)
    with pytest.raises(ValueError, match="a family of 2 cannot have 3"):
        holm([0.1, 0.2, 0.3], family=2)


@pytest.mark.parametrize(("n", "t"), [(8, 4.41), (12, 3.77), (16, 3.52)])
def test_the_first_step_of_sixteen(n, t):
    level = first_step_level(16)
    assert scipy.stats.t.ppf((1 + level) / 2, n - 1) == pytest.approx(t, abs=0.006)
