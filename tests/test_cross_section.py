"""Cross sections and kinematics: golden values, closed forms, end points, the limit of large M."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from support import helpers, oracle

from cevnsjax.core import constants as c
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.kinematics import KINEMATICS, E_nu_min, T_nr_max, require_kinematics
from cevnsjax.cross_section import (
    dsigma_dT_nr,
    fermi_scale,
    fold,
    kernels,
    rates,
    vector_coefficients,
)
from cevnsjax.interactions import Charges
from cevnsjax.nuclei import isotope

CS = isotope("133Cs")


@pytest.mark.parametrize("entry", helpers.entries("cross_sections"))
def test_golden(entry):
    x = entry["inputs"]
    nucleus, E, source = isotope("133Cs"), x["E_nu_MeV"], x.get("source", "nu_e")
    assert helpers.ISOTOPES[x["nucleus"]] == nucleus.name
    if "T_nr_MeV" in x:
        Q2 = helpers.charge_squared(x, x["T_nr_MeV"], source)
        helpers.check(dsigma_dT_nr(x["T_nr_MeV"], E, nucleus, Q2, x["kinematics"]), entry)
        return
    u, w = np.polynomial.legendre.leggauss(60)
    top = T_nr_max(E, nucleus.mass, "approximate")
    T = top * (u + 1) / 2
    Q2 = helpers.charge_squared(x, T, source)
    helpers.check(top / 2 * w @ np.asarray(dsigma_dT_nr(T, E, nucleus, Q2)), entry)


@pytest.mark.parametrize("entry", helpers.entries("cross_sections_bsm", "ngi"))
def test_golden_ngi_vector_part(entry):
    """The entry's xi_V term: less the oracle's scalar and tensor terms, which add to it."""
    x = entry["inputs"]
    T, E = x["T_nr_MeV"], x["E_nu_MeV"]
    F = helpers.family(x["form_factor"])
    amplitude = float(F(2 * CS.mass * T, F.R_rms(CS.A)))
    others = oracle.ngi(x["xi_S"], 0.0, x["xi_T"], T, E, oracle.CS, amplitude)
    Q2 = (CS.N * amplitude * x["xi_V_total"] / 2) ** 2
    got = float(dsigma_dT_nr(T, E, CS, Q2, "ngi"))
    assert got + float(others) == pytest.approx(entry["value"], rel=entry["rtol"])


@pytest.mark.parametrize("kinematics", ["approximate", "exact"])
def test_against_oracle(kinematics):
    T = np.geomspace(1e-6, 0.05, 40)
    for E in (5.0, 29.8, 52.8):
        expected = oracle.vector(1500.0, T, E, CS.mass, kinematics)
        inside = T_nr_max(E, CS.mass, kinematics) > T
        got = np.asarray(dsigma_dT_nr(T, E, CS, 1500.0, kinematics))
        np.testing.assert_allclose(got[inside], expected[inside], rtol=1e-12)
        np.testing.assert_array_equal(got[~inside], 0)


@pytest.mark.parametrize("E", [10.0, 29.8, 52.8])
def test_total_cross_section_in_closed_form(E):
    """F = 1, approximate: (G_F^2/pi) Q^2 E^2; with - T/E the polynomial in T_max below."""
    M, Q2 = CS.mass, 1500.0
    unit = c.G_F**2 * c.hbar_c_squared_cm2 / np.pi * Q2
    f = lambda T, k: float(dsigma_dT_nr(T, E, CS, Q2, k)) / unit  # noqa: E731
    total = {k: quad(f, 0, T_nr_max(E, M, k), (k,), epsrel=1e-12)[0] for k in KINEMATICS}
    assert total["approximate"] == pytest.approx(E**2, rel=1e-12)
    top = 2 * E**2 / (M + 2 * E)
    by_hand = M * (top - top**2 * M / (4 * E**2) - top**2 / (2 * E))
    assert total["exact"] == pytest.approx(by_hand, rel=1e-12)
    top = 2 * E**2 / M
    by_hand = M * (top - top**2 * M / (4 * E**2) - top**2 / (2 * E))
    assert total["ngi"] == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("kinematics", KINEMATICS)
def test_zero_beyond_the_end_point(kinematics):
    """Exactly zero beyond the end point, and zero at it where the kinematics are consistent."""
    E = 30.0
    top = T_nr_max(E, CS.mass, kinematics)
    T = top * np.array([0.0, 1 - 1e-10, 1 + 1e-10, 2.0])
    start, end, *beyond = np.asarray(dsigma_dT_nr(T, E, CS, 1.0, kinematics))
    assert beyond == [0, 0]
    assert start == pytest.approx(fermi_scale(CS.mass), rel=1e-12)
    limit = -top / E if kinematics == "ngi" else 0.0
    assert end / start == pytest.approx(limit, abs=3e-10)


def test_gradient_is_finite_at_edges():
    slope = jax.grad(dsigma_dT_nr, argnums=(0, 1))
    top = float(T_nr_max(30.0, CS.mass, "exact"))
    for T in (1e-6, 0.5 * top, top, 2 * top):
        assert np.all(np.isfinite(slope(T, 30.0, CS, 1.0, "exact")))


def test_end_point_and_least_energy_are_inverse():
    for kinematics in KINEMATICS:
        E = np.array([1.0, 29.8, 52.8])
        T = T_nr_max(E, CS.mass, kinematics)
        np.testing.assert_allclose(E_nu_min(T, CS.mass, kinematics, np), E, rtol=1e-12)
        np.testing.assert_allclose(E_nu_min(T, CS.mass, kinematics, jnp), E, rtol=1e-12)


def test_two_body_end_point():
    """Backward elastic scattering from four-momentum conservation."""
    E, M = 52.8, isotope("28Si").mass
    T = T_nr_max(E, M, "exact")
    momentum = np.sqrt(T**2 + 2 * M * T)
    assert pytest.approx(momentum - E, rel=1e-12) == E - T


def test_exact_kinematics_become_approximate_for_heavy_nuclei():
    """Differences fall as 1/M: 2 E/M in T_max, T/E in the shape at fixed T/T_max."""
    E = 30.0
    for factor in (1e2, 1e4):
        heavy = replace(CS, mass=CS.mass * factor)
        ratio = T_nr_max(E, heavy.mass, "exact") / T_nr_max(E, heavy.mass, "approximate")
        assert 1 - ratio == pytest.approx(2 * E / heavy.mass, rel=1e-3)
        T = 0.5 * T_nr_max(E, heavy.mass, "exact")
        exact, approximate = (
            float(dsigma_dT_nr(T, E, heavy, 1.0, k)) for k in ("exact", "approximate")
        )
        assert 1 - exact / approximate == pytest.approx(T / E / (1 - 0.5), rel=2e-3)


def test_spin_one_half_adds_its_term():
    """Spin 1/2, exact: + T^2/(2 E^2); other spins and kinematics: none."""
    si = isotope("29Si")
    assert si.spin == 0.5
    T, E = 0.05, 40.0
    for nucleus, kinematics, extra in (
        (si, "exact", T**2 / (2 * E**2)),
        (si, "ngi", 0.0),
        (isotope("28Si"), "exact", 0.0),
        (CS, "exact", 0.0),
    ):
        powers = (np.ones(1), np.full(1, 1 / E), np.full(1, 1 / E**2))
        (shape,) = fold(vector_coefficients(np.full(1, T), nucleus, kinematics), powers)
        expected = 1 - nucleus.mass * T / (2 * E**2) - T / E + extra
        assert shape == pytest.approx(expected, rel=1e-14)


def test_rates_square_after_adding():
    """Amplitudes add, then square, then sum over outgoing flavours; absent sources stay absent."""
    kernel = {"vector": {"nu_e": np.array([2.0, 3.0]), "nu_mu": np.ones(2)}}
    one = Charges(vector={("nu_e", "e"): jnp.array([1.0, -2.0])})
    two = Charges(vector={("nu_e", "e"): jnp.array([0.5, 0.5]), ("nu_e", "tau"): jnp.ones(2)})
    got = rates(one + two, kernel)
    assert set(got) == {"nu_e"}
    np.testing.assert_allclose(got["nu_e"], [2 * (1.5**2 + 1), 3 * (1.5**2 + 1)], rtol=1e-15)


def test_kernels_by_source():
    T = np.array([0.005])
    moments = {"nu_mu": (np.array([1.0]), np.array([0.5]), np.array([1e-3]))}
    kernel = kernels(T, CS, moments, "exact")["vector"]["nu_mu"]
    np.testing.assert_allclose(kernel, 1 - 0.005 * 0.5 - CS.mass * 0.005 / 2 * 1e-3, rtol=1e-14)


@pytest.mark.parametrize(("source", "sign"), [("nu_mu", 1), ("nu_mu_bar", -1), ("nu_e_bar", -1)])
def test_printed_structures(source, sign):
    """Scalar, tensor, scalar-tensor and magnetic kernels as their papers print them."""
    T, E, M = 0.004, 30.0, CS.mass
    moments = {source: tuple(np.array([E**-k]) for k in range(3))}
    printed = {
        "scalar": M * T / (2 * E**2),
        "tensor": 1 - T / E - M * T / (4 * E**2),
        "scalar_tensor": -sign * T / E,
        "magnetic": 1 / T - 1 / E,
    }
    got = kernels(np.array([T]), CS, moments, "approximate", tuple(printed))
    for structure, expected in printed.items():
        assert got[structure][source][0] == pytest.approx(expected, rel=1e-13)


def test_unknown_kinematics():
    with pytest.raises(UnknownNameError, match="kinematics 'aproximate'; did you mean approximate"):
        require_kinematics("aproximate")


def test_undeclared_structure_is_refused():
    """Charges in a structure without a kernel would be ignored without notice."""
    kernel = {"vector": {"nu_e": np.ones(1)}}
    with pytest.raises(InputError, match="fills 'scalar' charges; add it to its 'structures'"):
        rates(Charges(scalar={"nu_e": jnp.ones(1)}), kernel)
