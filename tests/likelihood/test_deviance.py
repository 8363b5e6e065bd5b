"""The Poisson deviance and its derivatives against 60 digits, and where counts vanish."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from cevnsjax.likelihood import deviance

RATIOS = [1e-12, 1e-6, 0.3, 0.8, 0.817, 0.819, 0.95, 1 - 1e-9, 1.0, 1 + 1e-13, 1.22, 1.23, 4, 1e8]


def exact(n, mu):
    """Deviance, its slope and curvature in mu, with 60 digits."""
    with mpmath.workdps(60):
        n, mu = mpmath.mpf(float(n)), mpmath.mpf(float(mu))
        value = 2 * (mu - n + (n * mpmath.log(n / mu) if n else 0))
        return float(value), float(2 * (1 - n / mu)), float(2 * n / mu**2)


def at(n, mu):
    function = lambda x: deviance.deviance(jnp.asarray(n), x)  # noqa: E731
    slope = jax.grad(function)
    return float(function(mu)), float(slope(mu)), float(jax.grad(slope)(mu))


@pytest.mark.parametrize("n", [1e-3, 1.0, 17.0, 1e6, 1e18])
def test_against_60_digits(n):
    """To 1e-13 relative at any size: chi2 of 1e18 counts is not the difference of 1e18 and 1e18."""
    for ratio in RATIOS:
        mu = jnp.float64(n * ratio)
        if mu < deviance.FLOOR:
            continue
        value, slope, curvature = at(n, mu)
        expected = exact(n, mu)
        assert value == pytest.approx(expected[0], rel=1e-13, abs=1e-300)
        assert slope == pytest.approx(expected[1], rel=1e-12, abs=1e-300)
        assert curvature == pytest.approx(expected[2], rel=1e-13)
        assert value >= 0


def test_arrays_of_numpy_against_60_digits():
    """Near and far cells side by side; rows of counts share what is expected, or have their own."""
    n = np.array([1e-3, 1.0, 17.0, 1e6, 1e18])[:, None]
    own = n * np.array([r for r in RATIOS if r * 1e-3 > deviance.FLOOR])
    shared = own[2]
    for mu in (own, shared, shared[None]):
        got = deviance.deviance(n, mu)
        pairs = np.broadcast(n, mu)
        expected = np.array([exact(*pair)[0] for pair in pairs]).reshape(pairs.shape)
        np.testing.assert_allclose(got, expected, rtol=1e-13)
    below = np.array([deviance.FLOOR / 2, -1.0, 3.0])
    # The tangent at the floor; without events 2 mu, and nothing below 0.
    at_floor, slope, _ = exact(2.0, deviance.FLOOR)
    lines = at_floor + slope * (below[:2] - deviance.FLOOR)
    np.testing.assert_allclose(deviance.deviance(np.full(3, 2.0), below)[:2], lines, rtol=1e-12)
    np.testing.assert_array_equal(deviance.deviance(np.zeros((2, 3)), below)[0], [1e-9, 0.0, 6.0])


def test_derivative_by_the_counts():
    """2 ln(n/mu), as pseudo-experiments and forecasts need it."""
    n, mu = jnp.array([3.0, 1e6, 5.0]), jnp.array([2.0, 1e6 + 10, 5.0])
    slope = jax.grad(lambda n: jnp.sum(deviance.deviance(n, mu)))(n)
    np.testing.assert_allclose(slope, 2 * np.log(np.asarray(n) / np.asarray(mu)), rtol=1e-9)


def test_without_events():
    """2 mu down to 0, with its slope at 0 itself; negative counts are not rewarded."""
    n = jnp.zeros(4)
    mu = jnp.array([3.0, 1e-12, 0.0, -2.0])
    np.testing.assert_array_equal(deviance.deviance(n, mu), [6.0, 2e-12, 0.0, 0.0])
    slope = jax.grad(lambda m: jnp.sum(deviance.deviance(n, m)))(mu)
    np.testing.assert_array_equal(slope, [2.0, 2.0, 2.0, 0.0])
    curvature = jax.hessian(lambda m: jnp.sum(deviance.deviance(n, m)))(mu)
    np.testing.assert_array_equal(curvature, 0.0)


def test_below_the_floor_value_and_derivatives_are_of_one_line():
    n, floor = jnp.float64(2.0), deviance.FLOOR
    value, slope, _ = at(n, jnp.float64(floor))
    for mu in (0.5 * floor, 0.0, -3 * floor):
        got = at(n, jnp.float64(mu))
        assert got[0] == pytest.approx(value + slope * (mu - floor), rel=1e-12)
        assert got[1:] == (pytest.approx(slope, rel=1e-12), 0.0)
