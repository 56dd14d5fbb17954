import numpy as np
import pytest
import scipy.stats

from research.stats import sign_flip, sign_flip_three_way, three_way

VALUES = np.random.default_rng(0).normal(0.4, 1, (3, 9))


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("null", [0.0, 0.3])
def test_equals_scipy(alternative, null):
    for values in (*VALUES, np.round(VALUES[0])):  # the last has ties
        theirs = scipy.stats.permutation_test(
            (values - null,),
            np.mean,
            permutation_type="samples",
            n_resamples=np.inf,
            alternative=alternative,
        ).pvalue
        ours = sign_flip(values, null, alternative=alternative)
        assert ours == pytest.approx(theirs)


@pytest.mark.parametrize("n", [1, 4, 6, 8, 10])
def test_the_least_p_is_two_of_all_signs(n):
    values = np.linspace(1, 2, n)
    assert sign_flip(values) == 2 / 2**n
    assert sign_flip(values, alternative="greater") == 1 / 2**n
    assert sign_flip(values, alternative="less") == 1


def test_ties_parted_by_rounding_count():
    values = np.array([0.1, 0.2, 0.3])  # 0.1 + 0.2 − 0.3 is not 0
    assert sign_flip(values * [1, 1, -1], alternative="greater") == 5 / 8


def test_it_holds_its_level():
    draws = np.random.default_rng(0).laplace(size=(2000, 8))
    share = np.mean([sign_flip(one) <= 0.05 for one in draws])
    assert 0.03 < share < 0.06


def test_claims_at_the_margin_resemble_those_of_t():
    values = np.random.default_rng(1).normal(1.5, 0.4, 12)
    flipped, by_t = sign_flip_three_way(values, 1.0), three_way(values, 1.0)
    assert flipped.plus == pytest.approx(by_t.p_plus, abs=0.01)
    assert flipped.minus > 0.99 and flipped.equal > 0.99
    assert flipped.claim == 2 * flipped.plus
    inside = sign_flip_three_way(values, 3.0)
    assert inside.claim == 2 * inside.equal < 0.05


def test_what_cannot_be_enumerated_is_refused():
    assert sign_flip([]) == 1
    for values in (np.ones(25), np.array([1.0, np.nan])):
        with pytest.raises(ValueError, match="at most 24 finite differences"):
            sign_flip(values)
