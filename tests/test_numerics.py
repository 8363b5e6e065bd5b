"""Bessel ratios, hyperbolic ratios, quadrature and splines against mpmath and scipy."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from cevnsjax import numerics


def _mp_bessel(y):
    if y == 0:
        return mpmath.mpf(1)
    x = mpmath.sqrt(mpmath.mpf(y))
    return (3 * (mpmath.sin(x) - x * mpmath.cos(x)) / x**3).real


def _mp_sinc(y):
    return mpmath.mpf(1) if y == 0 else (mpmath.sin(mpmath.sqrt(y)) / mpmath.sqrt(y)).real


def _mp_coth(y):
    if y == 0:
        return mpmath.mpf(1) / 3
    x = mpmath.sqrt(mpmath.mpf(y))
    return (x * mpmath.coth(x) - 1) / y


def _mp_csch(y):
    x = mpmath.sqrt(mpmath.mpf(y))
    return mpmath.mpf(1) if y == 0 else x / mpmath.sinh(x)


CASES = [
    (numerics.bessel_ratio, _mp_bessel, -20.0),
    (numerics.sinc, _mp_sinc, -20.0),
    (numerics.coth_ratio, _mp_coth, 0.0),
    (numerics.csch_ratio, _mp_csch, 0.0),
]
IDS = ["bessel_ratio", "sinc", "coth_ratio", "csch_ratio"]


@pytest.mark.parametrize(("function", "witness", "low"), CASES, ids=IDS)
def test_ratio_against_50_digits(function, witness, low):
    """1e-12 absolute is what the docstring promises up to x = 10; the zeros lie within."""
    seams = [0.0999999, 0.1, 0.1000001, 99.999999, 100.0, 100.000001]
    y = np.concatenate([np.linspace(low, 400.0, 421), np.geomspace(1e-14, 1.0, 29), seams])
    with mpmath.workdps(50):
        expected = np.array([float(witness(v)) for v in y])
    np.testing.assert_allclose(function(y), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("function", "witness", "low"), CASES, ids=IDS)
def test_derivatives_against_50_digits(function, witness, low):
    """First and second derivative, at zero and on both sides of where the series is replaced."""
    y = np.array([1e-9, 0.05, 0.0999, 0.1001, 1.0, 30.0, 99.9, 100.1, 250.0])
    y = np.append(y, -3.0) if low < 0 else y
    first = jax.jit(jax.vmap(jax.grad(function)))(y)
    second = jax.jit(jax.vmap(jax.grad(jax.grad(function))))(y)
    with mpmath.workdps(60):
        for got, order, tolerance in ((first, 1, 1e-11), (second, 2, 1e-9)):
            expected = [float(mpmath.diff(witness, mpmath.mpf(v), order).real) for v in y]
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("function", "witness"), [c[:2] for c in CASES[2:]], ids=IDS[2:])
def test_hyperbolic_ratios_to_rounding(function, witness):
    """Each term of the series counts up to where the closed form replaces it."""
    y = np.append(np.linspace(0.0, 0.2, 81), 0.0999999)
    with mpmath.workdps(50):
        expected = np.array([float(witness(v)) for v in y])
    np.testing.assert_allclose(function(y), expected, rtol=3e-14)


def test_slopes_at_the_origin():
    """Taylor coefficients: 1 - y/10, 1 - y/6, 1/3 - y/45, 1 - y/6."""
    slopes = [float(jax.grad(f)(0.0)) for f, _, _ in CASES]
    np.testing.assert_allclose(slopes, [-1 / 10, -1 / 6, -1 / 45, -1 / 6], rtol=1e-14)


def test_ratio_shapes_and_dtype():
    assert numerics.bessel_ratio(np.float32([0.5, 200.0])).dtype == jnp.float32
    assert numerics.bessel_ratio(np.ones((2, 3))).shape == (2, 3)


@pytest.mark.parametrize("order", [1, 3, 5, 14])
def test_panel_nodes_are_exact_for_polynomials(order):
    """Gauss-Legendre of n nodes integrates degree 2n - 1 exactly, also over an empty panel."""
    breaks = np.array([-1.0, 0.5, 0.5, 2.0])
    x, w = numerics.panel_nodes(breaks, order)
    degree = 2 * order - 1
    expected = (2.0 ** (degree + 1) - (-1.0) ** (degree + 1)) / (degree + 1)
    assert x.shape == w.shape == (3 * order,)
    np.testing.assert_allclose(w @ x**degree, expected, rtol=1e-13)
    np.testing.assert_array_equal(w[order : 2 * order], 0)


def test_panel_nodes_traced_as_built():
    breaks = np.array([0.1, 0.4, 2.0])
    traced = jax.jit(lambda b: numerics.panel_nodes(b, 6, jnp))(breaks)
    for a, b in zip(traced, numerics.panel_nodes(breaks, 6), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-15)


def test_total_and_gammaln():
    assert numerics.total([np.float64(1.5), np.float64(2.0)]) == 3.5
    with mpmath.workdps(30):
        expected = [float(mpmath.loggamma(v)) for v in (0.5, 3.0, 31.5)]
    for xp in (np, jnp):
        x = xp.asarray([0.5, 3.0, 31.5])
        np.testing.assert_allclose(numerics.special_functions(xp).gammaln(x), expected, rtol=1e-13)


@pytest.mark.parametrize("xp", [np, jnp])
def test_piecewise_cubic_is_scipys_spline(xp):
    knots = np.array([0.0, 0.7, 1.0, 2.5, 4.0, 4.5])
    spline = CubicSpline(knots, np.cos(knots), bc_type="not-a-knot")
    x = np.concatenate([knots, np.linspace(0, 4.5, 50)])
    value, slope = numerics.piecewise_cubic(knots, spline.c, xp.asarray(x), xp)
    np.testing.assert_allclose(value, spline(x), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(slope, spline(x, 1), rtol=1e-12, atol=1e-13)


def test_special_functions_of_traced_and_of_plain_numbers():
    """jax traces the one; the other is scipy's, with the accuracy of float64 in any mode."""
    assert numerics.special_functions(np).erf(0.5) == math.erf(0.5)
    slope = jax.grad(numerics.special_functions(jnp).erf)(0.5)
    assert float(slope) == pytest.approx(2 / math.sqrt(math.pi) * math.exp(-0.25), rel=1e-6)
