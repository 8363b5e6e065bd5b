"""Solar 8B neutrinos: published mean and cross section, moments and rates by quadrature."""

from dataclasses import replace
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.interpolate import PchipInterpolator
from support import oracle

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.kinematics import T_nr_max
from cevnsjax.flux.solar import SolarB8
from cevnsjax.flux.source import NeutrinoSource
from cevnsjax.interactions import StandardModel
from cevnsjax.nuclei import target, theory_radii
from cevnsjax.rate import dR_dT_nr
from cevnsjax.tables import read_csv, read_toml

SUN = SolarB8(365.25)
TABLE = read_csv("flux_solar_b8", "b8.csv")
E_TABLE, F_TABLE = TABLE["energy_mev"], TABLE["shape_per_mev"]
DENSITY = PchipInterpolator(E_TABLE, F_TABLE)
NORM = float(DENSITY.integrate(E_TABLE[0], E_TABLE[-1]))


def table_quad(f, low):
    """Integral of f times the density from low to the end, interval by interval."""
    pairs = pairwise([low, *(E for E in E_TABLE.tolist() if low < E)])
    g = lambda E: f(E) * DENSITY(E)  # noqa: E731
    return sum(quad(g, a, b, epsabs=0, epsrel=1e-12)[0] for a, b in pairs) / NORM


# --- spectrum and fluence ---
def test_mean_energy():
    """Bahcall et al. 1996: 6.735 +- 0.036 MeV."""
    E = np.linspace(0.02, 16.02, 64001)
    f = SUN.spectrum("nu_e", E, np)
    assert np.trapezoid(f, E) == pytest.approx(1, rel=1e-7)
    assert np.trapezoid(E * f, E) == pytest.approx(6.735, abs=1e-3)


def test_fluence():
    """5.46e6 per cm^2 and second over a Julian year of 31557600 s."""
    assert SUN.fluence == pytest.approx(5.46e6 * 31557600, rel=1e-15)
    assert read_toml("flux_solar_b8", "b8.toml")["flux"]["total_per_cm2_s"] == SUN.total
    assert replace(SUN, total=5.0e6).fluence == pytest.approx(SUN.fluence / 5.46 * 5.0)
    assert SUN.baseline_m == pytest.approx(1.496e11, rel=1e-4)


def test_moments_against_quad():
    bounds = np.array([0.02, 0.3, 1.0, 4.0, 7.77, 12.0, 15.0, 15.99])
    got = SUN.shape().moments(bounds, np)
    for k in range(3):
        expected = [table_quad(lambda E, k=k: E**-k, E) for E in bounds]
        np.testing.assert_allclose(got[k], expected, rtol=1e-11)


def test_limits():
    mass = target("Xe").nuclei[0].mass
    T = np.array([0.0, 2 * 16.03**2 / mass])
    moments = SUN.moments(T, mass, "approximate", np)["nu_e"]
    assert float(moments[0][0]) == pytest.approx(1, rel=1e-14)
    assert [float(m[1]) for m in moments] == [0.0] * 3
    assert SUN.kink_energies == (0.02, 16.02)


def test_traced_as_built_with_slopes():
    T, mass = np.array([1e-6, 5e-4, 2e-3, 4e-3]), target("CsI").nuclei[0].mass
    moments = lambda t: jnp.stack(SUN.moments(t, mass, "exact", jnp)["nu_e"])  # noqa: E731
    built = np.stack(SUN.moments(T, mass, "exact", np)["nu_e"])
    np.testing.assert_allclose(jax.jit(moments)(T), built, rtol=1e-13)
    h = 1e-6
    for t in (5e-4, 2e-3):
        difference = (moments(t * (1 + h)) - moments(t * (1 - h))) / (2 * h * t)
        np.testing.assert_allclose(jax.jacfwd(moments)(t), difference, rtol=1e-6)


# --- rates ---
@pytest.mark.parametrize("name", ["Ge", "CsI"])
def test_rate_against_oracle(name):
    T = np.array([1e-5, 3e-4, 1e-3, 3e-3])
    rate = dR_dT_nr(T, target(name), SUN)["nu_e"]
    dsigma = oracle.standard_model("erler_su", 0.23857, oracle.form_factor("helm"))
    expected = np.zeros(len(T))
    for nucleus, number in zip(target(name).nuclei, target(name).per_kg, strict=True):
        seen = oracle.Nucleus(nucleus.Z, nucleus.N, nucleus.mass, *theory_radii(nucleus))
        for i, t in enumerate(T):
            low = oracle.E_min(t, nucleus.mass) * (1 + 1e-15)
            knots = np.array([low, *E_TABLE[low < E_TABLE]])
            f = lambda E, t=t, n=seen: DENSITY(E) * dsigma(t, E, n, "nu_e")  # noqa: E731
            parts = oracle.integral(f, knots[:-1], knots[1:])
            expected[i] += number * SUN.fluence * parts.sum() / NORM
    np.testing.assert_allclose(rate, expected, rtol=1e-9)


def test_flux_averaged_cross_section_on_xenon():
    """XENONnT, PRL 133, 191002: (1.1 +0.8 -0.5)e-39 cm^2, consistent with the Standard Model."""
    xenon = target("Xe")
    top = max(T_nr_max(16.02, n.mass, "approximate") for n in xenon.nuclei)
    # Nodes in sqrt(T), where the rate is smooth.
    x, w = np.polynomial.legendre.leggauss(60)
    root = np.sqrt(top) * (1 + x) / 2
    rate = np.asarray(dR_dT_nr(np.maximum(root**2, 1e-6), xenon, SUN)["nu_e"])
    total = np.sum(np.sqrt(top) * w / 2 * 2 * root * rate)
    average = total / (SUN.fluence * sum(xenon.per_kg))
    assert 0.6e-39 < average < 1.9e-39


def test_flavour_blind_at_tree_level():
    """With radiative corrections the name matters by 2 to 3 %."""
    T = np.array([1e-4, 1e-3])
    for couplings, difference in [("tree", 0.0), ("erler_su", 0.025)]:
        model = (StandardModel(couplings),)
        e, mu = (
            dR_dT_nr(T, target("Xe"), SolarB8(1.0, source=name), model)[name]
            for name in ("nu_e", "nu_mu")
        )
        np.testing.assert_allclose(mu / e - 1, difference, atol=2e-3 if difference else 1e-14)


# --- what a source is ---
def test_source():
    assert isinstance(SUN, NeutrinoSource)
    assert SUN.sources == ("nu_e",)
    assert len({SUN, SolarB8(365.25), SolarB8(1.0), replace(SUN, source="nu_mu")}) == 3


# --- bad input ---
@pytest.mark.parametrize("field", ["exposure_days", "total"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_numbers(field, value):
    with pytest.raises(InputError, match=f"SolarB8: {field} must be"):
        replace(SUN, **{field: value})


def test_unknown_source():
    with pytest.raises(UnknownNameError, match="neutrino source 'nu_tau'"):
        replace(SUN, source="nu_tau")


def test_nobody_moves_the_sun():
    with pytest.raises(TypeError, match="baseline_m"):
        SolarB8(365.25, baseline_m=1.0)
