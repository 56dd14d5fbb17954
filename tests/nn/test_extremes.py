"""Derivatives of the maximum and the ℓp norm, against those that JAX derives."""

from functools import partial
from functools import reduce as fold

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from research.nn.extremes import lp_norm, maximum


def draw(*shape, seed=0):
    values = np.random.default_rng(seed).normal(size=shape)
    return jnp.asarray(values, jnp.float32)


def ties(count):
    """Maps of 0, 1 and 2, so that most windows hold equal values."""
    values = np.random.default_rng(0).integers(0, 3, (count, 2, 5, 4, 3))
    return list(jnp.asarray(values, jnp.float32))


@pytest.mark.parametrize("count", [2, 3, 5])
def test_equal_values_share_the_gradient_of_the_maximum(count):
    values = ties(count)
    y, pull = jax.vjp(lambda values: fold(maximum, values), values)
    expected, pull_expected = jax.vjp(lambda values: fold(jnp.maximum, values), values)
    np.testing.assert_array_equal(y, expected)
    given = draw(*y.shape)
    for slope, other in zip(pull(given)[0], pull_expected(given)[0], strict=True):
        np.testing.assert_allclose(slope, other, rtol=1e-6)


def test_a_maximum_with_minus_infinity_has_finite_slopes():
    padded, value = jnp.full((1, 1, 1, 1), -jnp.inf), jnp.ones((1, 1, 1, 1))
    slopes = jax.grad(lambda a, b: maximum(a, b).sum(), (0, 1))(padded, value)
    assert np.ravel(slopes).tolist() == [0, 1]


def defined(values, p):
    return sum(jnp.abs(value) ** p for value in values) ** (1 / p)


@pytest.mark.parametrize("p", [1, 2, 3, 3.5])
def test_slope_of_the_norm_is_that_of_its_definition(p):
    values = list(draw(4, 2, 5, 4, 3))
    y, pull = jax.vjp(lambda values: lp_norm(values, p), values)
    expected, pull_expected = jax.vjp(lambda values: defined(values, p), values)
    np.testing.assert_allclose(y, expected, rtol=1e-5)
    given = draw(*y.shape, seed=1)
    for slope, other in zip(pull(given)[0], pull_expected(given)[0], strict=True):
        np.testing.assert_allclose(slope, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e30])
@pytest.mark.parametrize("p", [1, 2, 7, 1.5])
def test_the_norm_and_its_slope_neither_overflow_nor_vanish(value, p):
    values = [jnp.full((1, 1, 1, 1), value)] * 4
    y, slopes = jax.value_and_grad(lambda values: lp_norm(values, p).sum())(values)
    np.testing.assert_allclose(y, value * 4 ** (1 / p), rtol=1e-5)
    expected = 0 if value == 0 else 4 ** (1 / p - 1)
    np.testing.assert_allclose(np.ravel(slopes), expected, rtol=1e-5)


def test_derivatives_of_either_mode_and_of_the_second_order():
    values = list(1.5 + draw(3, 1, 2, 2, 1) / 4)
    for p in (2, 3.5):
        norm = jax.jit(partial(lp_norm, p=p))
        check_grads(norm, (values,), 2, rtol=2e-2)
    apart = [jnp.full((1, 2, 2, 1), place) for place in (0.3, 2.0, -1.0)]
    check_grads(jax.jit(partial(fold, maximum)), (apart,), 2, rtol=2e-2)


def test_vmap_is_the_same_for_each():
    values = list(draw(3, 6, 2, 5, 4, 2))
    for each in (lambda v: fold(maximum, v), lambda v: lp_norm(v, 2)):
        mapped = jax.vmap(each)(values)
        one = each([value[4] for value in values])
        np.testing.assert_allclose(mapped[4], one, rtol=1e-6)
