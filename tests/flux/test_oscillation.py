"""Moments of oscillating spectra against closed forms and dense sums, up to 100 eV^2 and 50 m."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import sici

import cevnsjax as cj
from cevnsjax.core import constants as c
from cevnsjax.core.errors import InputError
from cevnsjax.core.oscillation import averaging_energy, fastest_resolved, resolved
from cevnsjax.flux import oscillation
from cevnsjax.interactions.interaction import complete_values
from cevnsjax.nuclei import Target, isotope

GERMANIUM = Target("74Ge", (isotope("74Ge"),), (1.0,))
MASS = isotope("74Ge").mass
# int f E^-k P dE above E_min with full mixing at 20 m: (source, k, dm2 [eV^2], E_min [MeV]). By
# parts to Ci and Si, mpmath with 40 digits (the closed form loses 14 of them by cancellation).
MICHEL = {
    ("nu_e", 0, 100.0, 1.0): 0.4999893550519746,
    ("nu_e", 0, 100.0, 10.0): 0.4883101533986923,
    ("nu_e", 0, 30.0, 10.0): 0.4953930647094963,
    ("nu_e", 0, 30.0, 3.0): 0.5064766484745522,
    ("nu_e", 0, 30.0, 30.0): 0.2998532319440048,
    ("nu_e", 2, 100.0, 1.0): 0.001034612428821778,
    ("nu_e", 2, 100.0, 10.0): 0.0007059611577577049,
    ("nu_e", 2, 100.0, 30.0): 0.0001986651512848824,
    ("nu_e", 2, 30.0, 10.0): 0.0007109587011503914,
    ("nu_e", 2, 30.0, 3.0): 0.0009585395611397511,
    ("nu_e", 2, 30.0, 30.0): 0.0002071960195597721,
    ("nu_mu_bar", 0, 1.0, 30.0): 0.4911570128852812,
    ("nu_mu_bar", 0, 100.0, 1.0): 0.4896061233396602,
    ("nu_mu_bar", 0, 100.0, 3.0): 0.4894346677823625,
    ("nu_mu_bar", 0, 100.0, 30.0): 0.3571200900365345,
    ("nu_mu_bar", 0, 30.0, 1.0): 0.5145689133659327,
    ("nu_mu_bar", 0, 30.0, 10.0): 0.5085445937210237,
    ("nu_mu_bar", 0, 30.0, 3.0): 0.514396851527509,
}
PHASE = 2 * 1e3 / (4 * 197.3269804)
"""2.534 [MeV/(eV^2 m)]."""


def survival(dm2, s=1.0, baseline_m=20.0, xp=np):
    values = {"sin2_2theta": s, "dm2_41": dm2}
    sterile = cj.Sterile("sin2_2theta")
    return lambda source, E: sterile.survival(values, source, E, baseline_m, xp)


def recoil(E_nu):
    """Recoil energy whose least neutrino energy is E_nu in approximate kinematics."""
    return 2 * np.asarray(E_nu) ** 2 / MASS


# --- values ---
@pytest.mark.parametrize(("case", "expected"), MICHEL.items())
def test_michel_spectra_in_closed_form(case, expected):
    source, k, dm2, E_min = case
    flux = cj.DecayAtRest(0.09, 1e23, baseline_m=20.0)
    moments = flux.moments(recoil([E_min]), MASS, "approximate", np, survival(dm2))
    assert moments[source][k][0] == pytest.approx(expected, rel=1e-12)
    prepared = flux.nodes_above(np.array([E_min]), np)[source].trimmed()
    again = prepared.moments(partial(survival(dm2), source), np)
    assert again[k, 0] == pytest.approx(expected, rel=1e-12)


def ramp_primitive(E, slope, level, rate):
    """Integrals of (level + slope E) E^-k cos(rate/E), k = 0, 1, 2, by parts."""
    Si, Ci = sici(rate / E)
    sin, cos = np.sin(rate / E), np.cos(rate / E)
    zeroth = E * cos + rate * Si
    first = (E**2 * cos - rate * (E * sin - rate * Ci)) / 2
    by_power = [first, zeroth, -Ci, -sin / rate]
    return np.array([level * by_power[k + 1] + slope * by_power[k] for k in range(3)])


@pytest.mark.parametrize(("dm2", "baseline_m"), [(3.0, 8.0), (30.0, 20.0), (100.0, 20.0)])
def test_ramps_in_closed_form(dm2, baseline_m):
    """A rising and a falling line from 2 to 5 and 10 MeV: what a table joined linearly is."""
    table = cj.Spectrum([2.0, 5.0, 10.0], [1.0, 4.0, 0.5])
    pieces = [(2.0, 5.0, 1.0, -1.0), (5.0, 10.0, -0.7, 7.5)]
    E_min, s, rate = np.array([0.5, 2.0, 2.7, 4.9, 5.0, 7.7, 9.99, 10.0]), 0.8, PHASE * dm2
    rate *= baseline_m
    expected = 0.0
    for low, high, slope, level in pieces:
        a = np.clip(E_min, low, high)
        ends = [ramp_primitive(E, slope, level, rate) for E in (np.full(8, high), a)]
        plain = [
            np.array([level * E + slope * E**2 / 2, level * np.log(E) + slope * E,
                      -level / E + slope * np.log(E)]) for E in (np.full(8, high), a)
        ]  # fmt: skip
        expected += (1 - s / 2) * (plain[0] - plain[1]) + s / 2 * (ends[0] - ends[1])
    flux = cj.TabulatedSource("nu_e", table, 1e12, baseline_m)
    arrives = survival(dm2, s, baseline_m)
    found = flux.moments(recoil(E_min), MASS, "approximate", np, arrives)["nu_e"]
    # The closed form of k = 0 loses (rate/E)^2 by cancellation.
    np.testing.assert_allclose(found, expected / table.integral, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("dm2", "baseline_m"), [(0.5, 20.0), (25.0, 20.0), (100.0, 50.0)])
def test_reactor_spectrum_against_a_dense_sum(dm2, baseline_m):
    fractions = {"U235": 0.55, "U238": 0.07, "Pu239": 0.32, "Pu241": 0.06}
    flux = cj.ReactorSource(3.9, baseline_m, 365.0, fractions)
    breaks = np.unique(flux.shape().energies)
    for E_min in (2.6, 6.0):
        E, w = dense(E_min, breaks, 1 if E_min < 5 else 4)
        weight = w * flux.spectrum("nu_e_bar", E, np)
        arrives = 1 - 0.7 * np.sin(PHASE / 2 * dm2 * baseline_m / E) ** 2
        P = survival(dm2, 0.7, baseline_m)
        found = flux.moments(recoil([E_min]), MASS, "approximate", np, P)["nu_e_bar"]
        for k in range(3):
            assert found[k][0] == pytest.approx(np.sum(weight * arrives / E**k), rel=1e-10)


def dense(E_min, breaks, least):
    """Gauss-Legendre nodes in E on 60 * least panels between breaks above E_min."""
    edges = np.append(E_min, breaks[breaks > E_min])
    part = np.arange(60 * least) / (60 * least)
    fine = np.append((edges[:-1, None] + np.diff(edges)[:, None] * part).ravel(), edges[-1])
    x, w = np.polynomial.legendre.leggauss(6)
    half, middle = np.diff(fine) / 2, (fine[1:] + fine[:-1]) / 2
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


@pytest.mark.parametrize("dm2", [1.0, 20.0, 30.0, 100.0])
def test_rates_of_germanium_at_low_threshold(dm2):
    """74Ge from 0.2 to 1 keV, approximate kinematics: the rate is I_0 - E_min^2 I_2."""
    T = np.array([0.0002, 0.0005, 0.001])
    flux = cj.DecayAtRest(0.09, 1e23, baseline_m=20.0)
    theory = (cj.StandardModel(), cj.Sterile("sin2_2theta"))
    values = {"sin2_2theta": 0.9, "dm2_41": dm2}
    rates = cj.dR_dT_nr(T, GERMANIUM, flux, theory, values)
    plain = cj.dR_dT_nr(T, GERMANIUM, flux)
    for source, (a, b) in {"nu_mu_bar": (48.0, 64.0), "nu_e": (96.0, 192.0)}.items():
        for i, E_min in enumerate(np.sqrt(MASS * T / 2)):
            E, w = dense(E_min, np.geomspace(E_min, c.m_mu / 2, 40), 4)
            f = a * E**2 / c.m_mu**3 - b * E**3 / c.m_mu**4
            weight = w * f * (1 - (E_min / E) ** 2)
            arrives = 1 - 0.9 * np.sin(PHASE / 2 * dm2 * 20 / E) ** 2
            ratio = np.sum(weight * arrives) / np.sum(weight)
            assert float(rates[source][i] / plain[source][i]) == pytest.approx(ratio, rel=1e-10)


@pytest.mark.parametrize("share", [0.03, 0.3, 0.6])
def test_the_fastest_oscillation_that_is_seen(share):
    """Below the energy at which all are seen: nothing is seen of it, something at 19/20 of it."""
    E = share * averaging_energy(20.0)
    dm2 = fastest_resolved(E, 20.0, np) / (PHASE * 20.0)
    assert resolved(dm2, E, 20.0, np) == pytest.approx(0.0, abs=1e-12)
    assert resolved(0.95 * dm2, E, 20.0, np) > 1e-3


def test_panels_on_which_no_phase_grows_stay_whole():
    edges, cubics = np.array([1.0, 2.0, 5.0, 10.0]), np.arange(12.0).reshape(4, 3)
    for got, whole in zip(oscillation._cut((edges, cubics), 1e-6), (edges, cubics), strict=True):
        np.testing.assert_array_equal(got, whole)


def test_lowest_energies_are_averaged():
    """Below 0.8 MeV at 20 m phases exceed 6000: a cut spectrum loses at most s f E/(2 phase)."""
    flux = cj.TabulatedSource("nu_e_bar", cj.Spectrum([0.01, 10.0], [1.0, 1.0]), 1.0, 20.0)
    E_min, dm2 = np.array([0.05, 0.1, 0.3, 0.8, 1.5]), np.array([0.1, 1.0, 10.0, 100.0])
    for rate, arrives in ((PHASE * d * 20, survival(d)) for d in dm2):
        found = flux.moments(recoil(E_min), MASS, "approximate", np, arrives)["nu_e_bar"]
        ends = [ramp_primitive(E, 0.0, 1.0, rate) for E in (np.full(5, 10.0), E_min)]
        expected = ((10 - E_min) / 2 + (ends[0] - ends[1])[0] / 2) / 9.99
        lost = np.where(E_min < 0.85 * np.sqrt(rate / (PHASE * 2000)), E_min**2 / rate / 20, 0.0)
        assert np.all(np.abs(found[0] - expected) < 1.01 * lost + 1e-10)


# --- slopes ---
@pytest.mark.parametrize("dm2", [0.0, 1e-3, 7.0, 100.0])
@pytest.mark.parametrize("s", [0.0, 0.3, 1.0])
def test_slopes(dm2, s):
    """By dm2 against -s/2 times the integral of sin(phase), at the bounds too; by s exactly."""
    flux, T = cj.DecayAtRest(0.09, 1e23, baseline_m=20.0), jnp.array([recoil(3.0)])

    def moment(dm2, s):
        arrives = survival(dm2, s, xp=jnp)
        return flux.moments(T, MASS, "approximate", jnp, arrives)["nu_e"][0][0]

    found = jax.jit(jax.grad(moment, (0, 1)))(dm2, s)
    E, w = dense(3.0, np.geomspace(3.0, c.m_mu / 2, 40), 4)
    f = w * (96 * E**2 / c.m_mu**3 - 192 * E**3 / c.m_mu**4)
    by_dm2 = -s / 2 * np.sum(f * np.sin(PHASE * dm2 * 20 / E) * PHASE * 20 / E)
    by_s = -np.sum(f * np.sin(PHASE / 2 * dm2 * 20 / E) ** 2)
    np.testing.assert_allclose(found, [by_dm2, by_s], rtol=1e-10, atol=1e-10)


# --- the planned range ---
def test_longer_baselines_have_a_lower_bound():
    theory = (cj.StandardModel(), cj.Sterile("sin2_2theta"))
    for baseline_m, most in ((20.0, 100.0), (50.0, 100.0), (100.0, 50.0)):
        flux = cj.DecayAtRest(0.09, 1e23, baseline_m)
        flights = [(5.0, 8.0), (baseline_m, 52.8)]
        filled = complete_values(theory, {"dm2_41": most}, GERMANIUM, flights)
        assert filled["dm2_41"] == most
        with pytest.raises(InputError, match=rf"dm2_41=.* outside its bounds \[0, {most:g}\]"):
            cj.dR_dT_nr([0.001], GERMANIUM, flux, theory, {"dm2_41": 1.001 * most})
    with pytest.raises(InputError, match=r"over 1\.49598e\+11 m oscillations are too fast"):
        cj.dR_dT_nr([0.001], GERMANIUM, cj.SolarB8(365.0), theory)


def test_models_take_the_lowest_bound_of_their_experiments():
    csi = cj.experiments.csi_2017()
    assert cj.Model(csi, [cj.Sterile()]).parameters["dm2_41"].bounds == (0.0, 100.0)
