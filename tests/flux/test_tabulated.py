"""Tabulated spectra: closed forms, quadrature of independent interpolants, limits, slopes."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import PchipInterpolator

from cevnsjax.core import constants as c
from cevnsjax.core.kinematics import KINEMATICS, E_nu_min
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.flux.spectrum import Spectrum
from cevnsjax.flux.tabulated import TabulatedSource
from cevnsjax.nuclei import isotope

MASS = isotope("74Ge").mass
# Uneven, with a zero, a peak and a panel that spans a factor of ten.
E_TABLE = np.array([0.05, 0.5, 0.7, 1.5, 2.0, 3.1, 5.0, 8.0])
F_TABLE = np.array([0.0, 2.0, 1.9, 2.6, 0.4, 0.3, 0.05, 0.01])
INTERPOLANTS = {"linear": lambda E: np.interp(E, E_TABLE, F_TABLE)}
INTERPOLANTS["monotone"] = PchipInterpolator(E_TABLE, F_TABLE)
BOUNDS = np.array([0.01, 0.05, 0.1, 0.3, 0.5, 0.69, 1.0, 1.5, 1.9, 2.5, 4.0, 5.0, 7.0, 7.99])


def piecewise_quad(f, low, knots):
    """Integral of f from low to the last knot, knot by knot."""
    pairs = pairwise([low, *(E for E in knots if low < E)])
    return sum(quad(f, a, b, epsabs=0, epsrel=1e-13)[0] for a, b in pairs)


def source(interpolation="linear"):
    return TabulatedSource("nu_e", Spectrum(E_TABLE, F_TABLE, interpolation), 1e12, 10.0)


def recoil(E_nu):
    """Recoil energy whose least neutrino energy is E_nu in approximate kinematics."""
    return 2 * E_nu**2 / MASS


# --- values ---
def test_flat_spectrum_in_closed_form():
    a, b = 0.2, 5.0
    E = np.array([0.2, 0.21, 1.0, 3.3, 4.999])
    I_0, I_1, I_2 = Spectrum((a, b), (7.0, 7.0)).moments(E, np)
    np.testing.assert_allclose(I_0, (b - E) / (b - a), rtol=1e-12)
    np.testing.assert_allclose(I_1, np.log(b / E) / (b - a), rtol=1e-12)
    np.testing.assert_allclose(I_2, (1 / E - 1 / b) / (b - a), rtol=1e-12)


def test_ramp_in_closed_form():
    a, b = 1.0, 9.0
    E, norm = np.array([1.0, 2.5, 8.0]), 2 / (9.0 - 1.0) ** 2
    I_0, I_1, I_2 = Spectrum((a, b), (0.0, 8.0)).moments(E, np)
    np.testing.assert_allclose(I_0, norm * ((b - a) ** 2 - (E - a) ** 2) / 2, rtol=1e-14)
    np.testing.assert_allclose(I_1, norm * (b - E - a * np.log(b / E)), rtol=1e-13)
    np.testing.assert_allclose(I_2, norm * (np.log(b / E) + a / b - a / E), rtol=1e-13)


@pytest.mark.parametrize("kinematics", KINEMATICS)
@pytest.mark.parametrize("interpolation", ["linear", "monotone"])
def test_moments_against_quad(interpolation, kinematics):
    """NumPy's and scipy's interpolants, integrated adaptively between the points."""
    f = INTERPOLANTS[interpolation]
    norm = piecewise_quad(f, E_TABLE[0], E_TABLE)
    T = recoil(BOUNDS)
    E_min = np.maximum(E_nu_min(T, MASS, kinematics, np), E_TABLE[0])
    got = source(interpolation).moments(T, MASS, kinematics, np)["nu_e"]
    for k in range(3):
        weighted = lambda E, k=k: f(E) / E**k  # noqa: E731
        expected = [piecewise_quad(weighted, E, E_TABLE) / norm for E in E_min]
        np.testing.assert_allclose(got[k], expected, rtol=1e-12)


@pytest.mark.parametrize("interpolation", ["linear", "monotone"])
def test_density_and_normalisation(interpolation):
    spectrum, f = Spectrum(E_TABLE, F_TABLE, interpolation), INTERPOLANTS[interpolation]
    E = np.linspace(E_TABLE[0], E_TABLE[-1], 301)
    np.testing.assert_allclose(spectrum.density(E, np) * spectrum.integral, f(E), atol=1e-14)
    inside = lambda E: float(spectrum.density(E, np))  # noqa: E731
    assert piecewise_quad(inside, E_TABLE[0], E_TABLE) == pytest.approx(1, rel=1e-12)
    outside = np.array([-1.0, 0.0, 0.0499, 8.0001, 1e3])
    np.testing.assert_array_equal(spectrum.density(outside, np), 0)
    assert float(spectrum.density(8, np)) > 0


def test_scale_of_the_densities_does_not_matter():
    one, other = Spectrum(E_TABLE, F_TABLE), Spectrum(E_TABLE, 3 * F_TABLE)
    assert other.integral == pytest.approx(3 * one.integral, rel=1e-14)
    for a, b in zip(one.moments(BOUNDS, np), other.moments(BOUNDS, np), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


@pytest.mark.parametrize("interpolation", ["linear", "monotone"])
def test_a_step_joins_two_pieces(interpolation):
    """Twice the same energy: each side is interpolated on its own, the step is a kink."""
    E_low, f_low = np.array([0.1, 0.5, 2.0]), np.array([1.0, 3.0, 2.0])
    E_high, f_high = np.array([2.0, 4.0, 7.0]), np.array([1.0, 0.5, 0.0])
    whole = Spectrum(np.append(E_low, E_high), np.append(f_low, f_high), interpolation)
    low, high = Spectrum(E_low, f_low, interpolation), Spectrum(E_high, f_high, interpolation)
    assert whole.kink_energies == (0.1, 2.0, 7.0)
    assert whole.integral == pytest.approx(low.integral + high.integral, rel=1e-14)
    E = np.array([0.1, 0.3, 1.9, 2.0, 3.0, 6.9])
    for k in range(3):
        parts = (low, low.integral), (high, high.integral)
        expected = sum(s.moments(E, np)[k] * n for s, n in parts) / whole.integral
        np.testing.assert_allclose(whole.moments(E, np)[k], expected, rtol=1e-13)
    sides = whole.density(np.array([2.0 - 1e-12, 2.0]), np) * whole.integral
    np.testing.assert_allclose(sides, [2.0, 1.0], rtol=1e-10)


def test_a_table_of_the_michel_spectrum_gives_the_closed_form():
    exact = DecayAtRest(0.08, 1e23, 19.3)
    E = np.linspace(0.05, c.E_nu_michel_max, 2001)
    table = Spectrum(E, exact.spectrum("nu_e", E, np), "monotone")
    flux = TabulatedSource("nu_e", table, exact.fluence, 19.3)
    T = np.array([1e-6, 1e-4, 5e-3, 0.02, 0.04])
    got, expected = (s.moments(T, MASS, "exact", np)["nu_e"] for s in (flux, exact))
    np.testing.assert_allclose(got, expected, rtol=1e-7)


# --- limits ---
def test_limits():
    """Below the first energy everything counts, beyond the last nothing."""
    T = np.array([0.0, 1e-12, recoil(E_TABLE[0]), recoil(8.0) * 1.000001, 1.0])
    for xp in (np, jnp):
        I_0, I_1, I_2 = source().moments(T, MASS, "approximate", xp)["nu_e"]
        assert float(I_0[0]) == pytest.approx(1, rel=1e-14)
        for moment in (I_0, I_1, I_2):
            np.testing.assert_allclose(moment[1:3], moment[0], rtol=1e-14)
            np.testing.assert_array_equal(moment[3:], 0)
    assert source().kink_energies == (0.05, 8.0)


def test_near_the_end_the_moments_keep_their_digits():
    """f falls linearly to zero: I_0 = (b - E)^2/(b - a)^2, down to 1e-16 of the whole."""
    E = 8.0 - np.array([1e-2, 1e-5, 1e-8])
    I_0 = Spectrum((2.0, 8.0), (1.0, 0.0)).moments(E, np)[0]
    np.testing.assert_allclose(I_0, ((8.0 - E) / 6) ** 2, rtol=1e-7)


# --- traces ---
def test_traced_as_built_in_any_shape_and_type():
    T = recoil(BOUNDS)
    flux = source("monotone")
    built = np.stack(flux.moments(T, MASS, "exact", np)["nu_e"])
    one = lambda t: jnp.stack(flux.moments(t, MASS, "exact", jnp)["nu_e"])  # noqa: E731
    np.testing.assert_allclose(jax.jit(one)(T), built, rtol=1e-13)
    np.testing.assert_allclose(jax.vmap(one)(jnp.asarray(T)).T, built, rtol=1e-13)
    np.testing.assert_allclose(one(T[3]), built[:, 3], rtol=1e-13)
    np.testing.assert_allclose(one(T.reshape(2, 7)).reshape(3, 14), built, rtol=1e-13)
    single = one(jnp.asarray(T, dtype=jnp.float32))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, built, rtol=2e-5, atol=1e-7)
    E = jnp.asarray(BOUNDS)
    density = jax.jit(lambda E: flux.spectrum("nu_e", E, jnp))(E)
    np.testing.assert_allclose(density, flux.spectrum("nu_e", BOUNDS, np), rtol=1e-13)


@pytest.mark.parametrize("interpolation", ["linear", "monotone"])
def test_slopes(interpolation):
    """dI_k/dE_min = -f(E_min)/E_min^k, and the same by finite differences."""
    flux = source(interpolation)
    T = recoil(np.array([0.1, 0.6, 1.7, 2.6, 7.5]))
    moments = lambda t: jnp.stack(flux.moments(t, MASS, "approximate", jnp)["nu_e"])  # noqa: E731
    h = 1e-5
    for t in T:
        slope = np.asarray(jax.jacfwd(moments)(t))
        E_min = np.sqrt(MASS * t / 2)
        f = float(flux.spectrum("nu_e", E_min, np))
        np.testing.assert_allclose(slope * 4 * E_min / MASS, [-f / E_min**k for k in range(3)])
        difference = (moments(t * (1 + h)) - moments(t * (1 - h))) / (2 * h * t)
        np.testing.assert_allclose(slope, difference, rtol=1e-6)
        np.testing.assert_allclose(jax.jacrev(moments)(t), slope, rtol=1e-12)


def test_slopes_are_finite_everywhere():
    T = recoil(np.array([0.001, 0.05, 0.5, 2.0, 8.0, 9.0]))
    slopes = jax.jacfwd(lambda t: source("monotone").moments(t, MASS, "exact", jnp))(T)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(slopes))
    assert all(np.all(leaf[-1] == 0) for leaf in jax.tree.leaves(slopes))


# --- survival ---
def survival(source, E_nu, amplitude=0.4, phase=3.0, xp=np):
    assert source == "nu_e"
    return 1 - amplitude * xp.sin(phase / E_nu) ** 2


def test_survival_against_quad():
    flux, f = source("monotone"), INTERPOLANTS["monotone"]
    norm = piecewise_quad(f, E_TABLE[0], E_TABLE)
    bounds = BOUNDS[2:]
    got = flux.moments(recoil(bounds), MASS, "approximate", np, survival)["nu_e"]
    for k in range(3):
        weighted = lambda E, k=k: f(E) * survival("nu_e", E) / E**k  # noqa: E731
        expected = [piecewise_quad(weighted, E, [*np.arange(0.1, 1, 0.02), *E_TABLE[3:]])
                    for E in bounds]  # fmt: skip
        np.testing.assert_allclose(got[k], np.array(expected) / norm, rtol=1e-9)


def test_survival_of_one_changes_nothing():
    T, flux = recoil(BOUNDS), source()
    plain = flux.moments(T, MASS, "exact", jnp)["nu_e"]
    always = flux.moments(T, MASS, "exact", jnp, lambda _, E: jnp.ones_like(E))["nu_e"]
    np.testing.assert_allclose(always, plain, rtol=1e-13)


def test_survival_is_differentiable_in_its_parameters():
    T = jnp.asarray(recoil(BOUNDS[4:]))

    @jax.jit
    def moments(phase):
        arrives = lambda s, E: survival(s, E, phase=phase, xp=jnp)  # noqa: E731
        return jnp.stack(source().moments(T, MASS, "exact", jnp, arrives)["nu_e"])

    h = 1e-5
    slope = jax.jacfwd(moments)(3.0)
    difference = (moments(3.0 + h) - moments(3.0 - h)) / (2 * h)
    np.testing.assert_allclose(slope, difference, rtol=1e-6, atol=1e-9)


def test_a_table_is_not_printed():
    assert repr(Spectrum(E_TABLE, F_TABLE)) == "Spectrum(interpolation='linear')"
