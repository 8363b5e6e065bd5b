"""Reactor antineutrinos: published yields and fluxes, moments and rates by quadrature."""

from dataclasses import replace
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from support import oracle

from cevnsjax.core.kinematics import T_nr_max
from cevnsjax.flux.reactor import ISOTOPES, ReactorSource
from cevnsjax.interactions import StandardModel
from cevnsjax.nuclei import target, theory_radii
from cevnsjax.rate import dR_dT_nr
from cevnsjax.tables import read_csv

# Typical of a pressurised-water reactor: Daya Bay mean, An et al., Chin. Phys. C 41, 013002.
MIX = {"U235": 0.561, "U238": 0.076, "Pu239": 0.307, "Pu241": 0.056}
REACTOR = ReactorSource(2.9, 28.0, 365.0, MIX)
SHAPE = REACTOR.shape()
# Inverse-beta-decay yields [1e-43 cm^2 per fission] as C. Giunti, Phys. Lett. B 764, 145, quotes.
IBD_YIELDS = {"U235": 6.69, "U238": 10.10, "Pu239": 4.40, "Pu241": 6.03}
# Neutrons captured by 238U make about 1.2 more antineutrinos per fission, all below 1.3 MeV.
CAPTURE = 1.2


def one(isotope, **options):
    return ReactorSource(1.0, 10.0, 1.0, {isotope: 1.0}, **options)


@cache
def powers(isotope):
    """Coefficients, straight from the files."""
    table = read_csv("flux_reactor", "mueller2011.csv" if isotope == "U238" else "huber2011.csv")
    row = table["isotope"].tolist().index(isotope)
    return [float(column[row]) for name, column in table.items() if name != "isotope"]


def polynomial(isotope, E_nu):
    """Antineutrinos per MeV and fission."""
    return np.exp(sum(a * E_nu**p for p, a in enumerate(powers(isotope))))


def per_fission(E_nu):
    """The mixture above 2 MeV."""
    return sum(a * polynomial(isotope, E_nu) for isotope, a in MIX.items())


def sigma_ibd(E_nu):
    """Inverse beta decay [1e-43 cm^2], A. Strumia and F. Vissani, astro-ph/0302055, eq. 25."""
    E_e, log_E = E_nu - 1.293, np.log(E_nu)
    p_e = np.sqrt(np.maximum(E_e**2 - 0.511**2, 0))
    return p_e * E_e * E_nu ** (-0.07056 + 0.02018 * log_E - 0.001953 * log_E**3)


# --- numbers of antineutrinos ---
@pytest.mark.parametrize("isotope", ISOTOPES)
def test_about_six_per_fission(isotope):
    """C. Bemporad, G. Gratta and P. Vogel, Rev. Mod. Phys. 74, 297: about six per fission."""
    assert one(isotope).neutrinos_per_fission == pytest.approx(6, abs=0.9)


@pytest.mark.parametrize(
    ("isotope", "number"), [("U235", 1.92), ("U238", 2.38), ("Pu239", 1.45), ("Pu241", 1.83)]
)
def test_number_above_1_8_MeV(isotope, number):
    """P. Huber and T. Schwetz, PRD 70, 053011; the spectra of 2011 are 2 to 4 % (238U: 8 %) higher."""  # noqa: E501
    flux = one(isotope)
    above = float(flux.shape().moments(np.array(1.8), np)[0]) * flux.neutrinos_per_fission
    assert 1.01 < above / number < (1.09 if isotope == "U238" else 1.04)


@pytest.mark.parametrize("isotope", ISOTOPES)
def test_inverse_beta_decay_yields(isotope):
    """To 1.5 %: the published ones use an exact cross section, eq. 25 is good to 1 %."""
    flux = one(isotope)
    density = lambda E: float(flux.spectrum("nu_e_bar", E, np)) * sigma_ibd(E)  # noqa: E731
    parts = [
        quad(density, a, b, epsrel=1e-6)[0] for a, b in [(1.804, 2.0), (2.0, 6.0), (6.0, 10.0)]
    ]
    found = sum(parts) * flux.neutrinos_per_fission
    assert found == pytest.approx(IBD_YIELDS[isotope], rel=0.015)


def test_flux_at_a_power_plant():
    """CONUS: 2.3e13 /cm^2/s at 17.1 m from 3.9 GW (PRL 126, 041804), captures in 238U included."""
    flux = ReactorSource(3.9, 17.1, 1.0, MIX)
    with_capture = flux.fluence / 86400 * (1 + CAPTURE / flux.neutrinos_per_fission)
    assert with_capture == pytest.approx(2.3e13, rel=0.06)


def test_fluence_by_hand():
    """200 MeV per fission is 3.12e19 fissions per GW and second; 1 m sphere, one day."""
    flux = ReactorSource(1.0, 1.0, 1.0, {"U235": 1.0})
    fissions = 1e9 / (202.36 * 1.602176634e-13)
    assert flux.fission_rate == pytest.approx(fissions, rel=1e-14)
    expected = fissions * 86400 * flux.neutrinos_per_fission / (4 * np.pi * 100.0**2)
    assert flux.fluence == pytest.approx(expected, rel=1e-14)
    assert REACTOR.energy_per_fission == pytest.approx(
        0.561 * 202.36 + 0.076 * 205.99 + 0.307 * 211.12 + 0.056 * 214.26, rel=1e-14
    )


def test_fluence_scales():
    assert replace(REACTOR, thermal_power_gw=5.8).fluence == pytest.approx(2 * REACTOR.fluence)
    assert replace(REACTOR, exposure_days=73.0).fluence == pytest.approx(REACTOR.fluence / 5)
    assert replace(REACTOR, baseline_m=14.0).fluence == pytest.approx(4 * REACTOR.fluence)


def test_a_mixture_is_the_sum_of_its_isotopes():
    """Densities per fission add; the interpolation between 11 points below 2 MeV does not quite."""
    E = np.array([0.1, 0.25, 0.9, 1.5, 1.99, 2.0, 3.3, 8.0, 9.5])
    mixed = REACTOR.spectrum("nu_e_bar", E, np) * REACTOR.neutrinos_per_fission
    parts = sum(
        a * one(i).spectrum("nu_e_bar", E, np) * one(i).neutrinos_per_fission
        for i, a in MIX.items()
    )
    np.testing.assert_allclose(mixed[:5], parts[:5], rtol=0.03)
    np.testing.assert_allclose(mixed[5:], parts[5:], rtol=1e-5)


# --- spectrum ---
@pytest.mark.parametrize(
    ("isotope", "step"), [("U235", 0.049), ("U238", -0.071), ("Pu239", 0.009), ("Pu241", -0.044)]
)
def test_step_at_2_MeV(isotope, step):
    """Table of Vogel and Engel against polynomial, both at 2 MeV."""
    flux = one(isotope)
    column = read_csv("flux_reactor", "vogel_engel1989_low.csv")[f"{isotope.lower()}_per_mev"]
    assert flux.step_at_join == pytest.approx(polynomial(isotope, 2.0) / column[-1] - 1, rel=1e-12)
    assert flux.step_at_join == pytest.approx(step, abs=6e-4)
    assert flux.kink_energies == (0.007813, 2.0, 10.0)


def test_step_of_a_mixture_is_small():
    assert abs(REACTOR.step_at_join) < 0.025


def test_density_is_the_published_one():
    """At points of the low table, and between 2 and 8 MeV."""
    table = read_csv("flux_reactor", "vogel_engel1989_low.csv")
    E = table["energy_mev"][:-1]
    expected = sum(a * table[f"{i.lower()}_per_mev"][:-1] for i, a in MIX.items())
    norm = REACTOR.neutrinos_per_fission
    np.testing.assert_allclose(REACTOR.spectrum("nu_e_bar", E, np) * norm, expected, rtol=1e-13)
    E = np.linspace(2.02, 7.98, 1000)
    np.testing.assert_allclose(
        REACTOR.spectrum("nu_e_bar", E, np) * norm, per_fission(E), rtol=2e-5
    )
    assert np.all(REACTOR.spectrum("nu_e_bar", np.linspace(0.008, 10, 5000), np) > 0)


def test_above_8_MeV():
    """The extrapolated tail: few antineutrinos, but the rate at the highest recoils."""
    to_8 = replace(REACTOR, E_nu_max=8.0)
    assert to_8.kink_energies[-1] == 8.0
    assert 0 < REACTOR.neutrinos_per_fission / to_8.neutrinos_per_fission - 1 < 3e-4
    T = np.array([1e-4, 5e-4, 1e-3])
    whole, cut = (dR_dT_nr(T, target("Ge"), flux)["nu_e_bar"] for flux in (REACTOR, to_8))
    np.testing.assert_allclose(1 - cut / whole, [0, 0.005, 0.04], atol=3e-3)


# --- moments ---
@pytest.mark.parametrize("E_min", [2.0, 2.5, 3.7, 5.0, 6.0])
def test_moments_against_quad_of_the_polynomials(E_min):
    whole = REACTOR.neutrinos_per_fission
    for k, got in enumerate(SHAPE.moments(np.array(E_min), np)):
        f = lambda E, k=k: per_fission(E) / E**k  # noqa: E731
        expected = sum(
            quad(f, a, b, epsabs=0, epsrel=1e-13)[0] for a, b in [(E_min, 7.0), (7.0, 10.0)]
        )
        assert float(got) * whole == pytest.approx(expected, rel=1e-9)


def test_traced_as_built_with_slopes():
    T = np.array([1e-6, 1e-5, 1.2e-4, 1e-3, 3e-3])
    mass = target("Ge").nuclei[0].mass
    moments = lambda t: jnp.stack(REACTOR.moments(t, mass, "exact", jnp)["nu_e_bar"])  # noqa: E731
    built = np.stack(REACTOR.moments(T, mass, "exact", np)["nu_e_bar"])
    np.testing.assert_allclose(jax.jit(moments)(T), built, rtol=1e-13)
    h = 1e-6
    for t in (1e-5, 5e-4):
        difference = (moments(t * (1 + h)) - moments(t * (1 - h))) / (2 * h * t)
        np.testing.assert_allclose(jax.jacfwd(moments)(t), difference, rtol=1e-6)


# --- rates ---
@pytest.mark.parametrize("name", ["Ge", "CsI"])
@pytest.mark.parametrize("kinematics", ["approximate", "exact"])
def test_rate_against_oracle(name, kinematics):
    """Reference cross section times the published polynomials, by adaptive quadrature."""
    T = np.array([1.5e-4, 3e-4, 5e-4]) * (1 if name == "Ge" else 0.7)
    rate = dR_dT_nr(T, target(name), REACTOR, (StandardModel(kinematics=kinematics),))
    dsigma = oracle.standard_model("erler_su", 0.23857, oracle.form_factor("helm"), kinematics)
    per_fluence = REACTOR.fluence / REACTOR.neutrinos_per_fission
    expected = np.zeros(3)
    for nucleus, number in zip(target(name).nuclei, target(name).per_kg, strict=True):
        seen = oracle.Nucleus(nucleus.Z, nucleus.N, nucleus.mass, *theory_radii(nucleus))
        for i, t in enumerate(T):
            low = oracle.E_min(t, nucleus.mass, kinematics)
            assert low > 2
            f = lambda E, t=t, n=seen: per_fission(E) * dsigma(t, E, n, "nu_e")  # noqa: E731
            part = quad(f, low, 10, epsabs=0, epsrel=1e-12, limit=200)[0]
            expected[i] += number * per_fluence * part
    np.testing.assert_allclose(rate["nu_e_bar"], expected, rtol=1e-8)


def test_events_in_a_window_by_nested_quadrature():
    """0.3 to 0.6 keV in germanium: quad over E_nu inside quad over T_nr."""
    germanium = target("Ge")
    rate = jax.jit(lambda t: dR_dT_nr(t[None], germanium, REACTOR)["nu_e_bar"][0])
    got = quad(lambda t: float(rate(jnp.asarray(t))), 3e-4, 6e-4, epsabs=0, epsrel=1e-9)[0]
    dsigma = oracle.standard_model("erler_su", 0.23857, oracle.form_factor("helm"))
    expected = 0.0
    for nucleus, number in zip(germanium.nuclei, germanium.per_kg, strict=True):
        seen = oracle.Nucleus(nucleus.Z, nucleus.N, nucleus.mass, *theory_radii(nucleus))

        def inner(t, n=seen):
            f = lambda E: per_fission(E) * dsigma(t, E, n, "nu_e")  # noqa: E731
            return quad(f, oracle.E_min(t, n.mass), 10, epsabs=0, epsrel=1e-10)[0]

        expected += number * quad(inner, 3e-4, 6e-4, epsabs=0, epsrel=1e-9)[0]
    expected *= REACTOR.fluence / REACTOR.neutrinos_per_fission
    assert got == pytest.approx(expected, rel=1e-8)


def test_nothing_beyond_the_end_point():
    beyond = max(T_nr_max(10.0, n.mass, "exact") for n in target("Ge").nuclei) * 1.000001
    rate = dR_dT_nr(np.array([beyond]), target("Ge"), REACTOR, (StandardModel(kinematics="exact"),))
    assert float(rate["nu_e_bar"][0]) == 0
