"""Crossings and small minimisations inside a trace: closed forms, scipy, saddle points, bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq

from cevnsjax.inference.forecasts.limit_root import Inner, crossing, minimum, settled


def inner(start, low=None, high=None, aside=None):
    n = len(start)
    bounds = (low or [-jnp.inf] * n, high or [jnp.inf] * n, aside or [0.0] * n)
    return Inner(*(jnp.asarray(x, float) for x in (start, *bounds)))


def cross(function, height, origin=0.0, end=jnp.inf, scale=1.0, others=None):
    others = inner([]) if others is None else others
    numbers = (jnp.asarray(x, float) for x in (height, origin, end, scale))
    return jax.jit(lambda *x: crossing(function, *x, others))(*numbers)


# --- crossings ---
@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e3])
@pytest.mark.parametrize("power", [2, 4])
def test_powers(power, scale):
    end_of_walk = cross(lambda x, _: (x - 5.0) ** power, 2.7, origin=5.0, scale=scale)
    assert bool(end_of_walk.reached)

    assert float(end_of_walk.x) - 5 == pytest.approx(2.7 ** (1 / power), rel=1e-13)


def test_a_poisson_deviance_as_scipy_has_it():
    def deviance(x, xp):
        return 2 * (x - 4 - 4 * xp.log(x / 4))

    for end, bracket in ((np.inf, (4.1, 50)), (1e-3, (1e-3, 3.9))):
        end_of_walk = cross(lambda x, _: deviance(x, jnp), 2.7055, origin=4.0, end=end)
        assert float(end_of_walk.x) == pytest.approx(
            brentq(lambda x: deviance(x, np) - 2.7055, *bracket, xtol=1e-14), rel=1e-12
        )


def test_the_first_of_two_crossings():
    # A double well, as of a degenerate coupling: minima at 0 and 4, a barrier of 2.56 between.
    end_of_walk = cross(lambda x, _: 0.16 * (x * (x - 4.0)) ** 2, 1.0)
    assert float(end_of_walk.x) == pytest.approx(2 - np.sqrt(1.5), rel=1e-12)


def test_without_a_crossing_the_end_of_the_range_is_returned():
    end_of_walk = cross(lambda x, _: x**2, 2.7, end=1.5)
    assert not bool(end_of_walk.reached)
    assert float(end_of_walk.x) == 1.5
    assert not bool(cross(lambda x, _: x**2, 2.7, end=0.0).reached)
    assert not bool(cross(lambda x, _: 0 * x, 2.7).reached)
    assert not bool(cross(lambda x, _: jnp.nan * x, 2.7).reached)


def test_a_jump_over_the_height_is_not_a_crossing():
    assert not bool(cross(lambda x, _: jnp.where(x < 1.3, 0.0, 9.0), 2.7).reached)


def test_the_other_argument_is_profiled_over():
    # Correlation 0.6: the profile is x^2 for any correlation.
    def chi2(x, u):
        return (x**2 - 1.2 * x * u[0] + u[0] ** 2) / (1 - 0.36)

    end_of_walk = cross(chi2, 4.0, others=inner([0.0]))
    assert float(end_of_walk.x) == pytest.approx(2.0, rel=1e-12)
    assert float(end_of_walk.u[0]) == pytest.approx(1.2, rel=1e-6)
    # With the other argument on its bound 0.5 the curve is a slice, not the profile.
    bound = cross(chi2, 4.0, others=inner([0.0], high=[0.5]))
    slice_ = brentq(lambda x: float(chi2(x, np.array([0.5]))) - 4, 0.5, 3, xtol=1e-14)
    assert float(bound.x) == pytest.approx(slice_, rel=1e-12)


def test_many_at_once():
    heights = jnp.asarray([0.5, 1.0, 4.0])
    one = jnp.asarray(1.0)
    rows = jax.vmap(
        lambda h: crossing(lambda x, _: x**2, h, 0 * one, jnp.inf * one, one, inner([]))
    )(heights)
    assert_allclose(rows.x, np.sqrt(heights), rtol=1e-13)


# --- minima ---
def test_a_saddle_point_on_an_axis_of_symmetry_is_left():
    # Symmetric in u[0], minima at +-2, a saddle point at 0.
    def double(u):
        return (u[0] ** 2 - 4) ** 2 + (u[1] - 3 * u[0]) ** 2

    u, value = jax.jit(lambda: minimum(double, inner([0.0, 0.0], aside=[1.0, 0.0])))()
    assert_allclose(u, [2.0, 6.0], rtol=1e-7)
    assert float(value) == pytest.approx(0.0, abs=1e-13)


def test_bounds_hold():
    def bowl(u):
        return (u[0] - 3) ** 2 + (u[1] + 1) ** 2 + (u[0] - 3) * (u[1] + 1)

    u, _ = jax.jit(lambda: minimum(bowl, inner([0.0, 0.0], high=[1.0, jnp.inf])))()
    # Along u0 = 1: (u1 + 1)^2 - 2 (u1 + 1) is least at u1 = 0.
    assert_allclose(u, [1.0, 0.0], atol=1e-7)


def test_a_valley_bent_like_a_banana():
    u, value = jax.jit(
        lambda: minimum(
            lambda u: 10 * (u[1] - u[0] ** 2) ** 2 + (1 - u[0]) ** 2, inner([-1.0, 1.0])
        )
    )()
    assert_allclose(u, [1.0, 1.0], rtol=1e-6)
    assert float(value) < 1e-12


def test_steps_of_newton_that_go_too_far_are_refused():
    """On sqrt(1 + u^2) a full step from u leads to -u^3."""
    for start in (1.0, 3.0, 30.0):
        u, _ = minimum(lambda u: jnp.sqrt(1 + u[0] ** 2), inner([start]))
        assert_allclose(u, 0.0, atol=1e-6)


def test_how_the_best_others_follow_beside_one_on_its_bound():
    """At u1 = 0, where it is pushed, u0 = x is best; the other stays."""

    @jax.jit
    def follows(x):
        chi2 = lambda u: (u[0] - x) ** 2 + 0.8 * (u[0] - x) * u[1] + (u[1] + 1) ** 2  # noqa: E731
        return settled(chi2, jnp.array([2.0, 0.0]), inner([0.0, 0.0], low=[-9.0, 0.0]))

    assert_allclose(follows(2.0), [2.0, 0.0], atol=1e-14)
    assert_allclose(jax.jit(jax.jacfwd(follows))(2.0), [1.0, 0.0], atol=1e-14)
