"""The axial current against its printed formula, written a second time here in plain Python."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from support.pages import half_digit

from cevnsjax import NucleusAtNodes, StandardModel
from cevnsjax.cross_section import kernels, rates
from cevnsjax.interactions import standard_model
from cevnsjax.nuclei import Nucleus, isotope

G_VP, G_VN, G_A = 0.5 - 2 * 0.23, -0.5, 0.635
F_P, F_N = 0.9, 0.8
T, E = 0.01, 40.0
# (J, <S_p>, <S_n>) of Klos et al., PRD 88, 083516, Table I; 133Cs from CoNuFits.
SPINS = {
    "133Cs": (3.5, -0.370, 0.003),
    "29Si": (0.5, 0.016, 0.156),
    "129Xe": (0.5, 0.010, 0.329),
    "23Na": (1.5, 0.224, 0.024),
    "131Xe": (1.5, -0.009, -0.272),
    "127I": (2.5, 0.342, 0.031),
    "73Ge": (4.5, 0.031, 0.439),
}
SOURCES = ("nu_e", "nu_mu", "nu_mu_bar", "nu_e_bar")


def rate(name, source, *, axial=True, kinematics="approximate"):
    """dsigma/dT of one energy in units of G_F^2 M/pi."""
    nucleus, sm = isotope(name), StandardModel("tree", axial=axial, kinematics=kinematics)
    node = np.array([T])
    at = NucleusAtNodes(
        nucleus, jnp.array([2 * nucleus.mass * T]), jnp.array([F_P]), jnp.array([F_N]), SOURCES
    )
    moments = {s: tuple(np.array([E**-k]) for k in range(3)) for s in SOURCES}
    kernel = kernels(node, nucleus, moments, kinematics, sm.structures)
    return float(rates(sm({"sin2_theta_w": 0.23}, at), kernel)[source][0])


def charges(name):
    """Q_V and Q_A; for the latter Q_A^2 = (4/3) ((J+1)/J) (g_Ap <S_p> + g_An <S_n>)^2."""
    nucleus, (J, S_p, S_n) = isotope(name), SPINS[name]
    Q_V = G_VP * nucleus.Z * F_P + G_VN * nucleus.N * F_N
    inner = G_A * S_p * F_P - G_A * S_n * F_N
    return Q_V, math.copysign(math.sqrt(4 / 3 * (J + 1) / J * inner**2), inner)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", SPINS)
def test_printed_formula(name, source):
    """Q_A^2 (1 + M T/2E^2 - T/E); +2 Q_V Q_A T/E for neutrinos, - for antineutrinos, J = 1/2."""
    Q_V, Q_A = charges(name)
    x = isotope(name).mass * T / (2 * E**2)
    sign = {"nu_e": 1, "nu_mu": 1, "nu_mu_bar": -1, "nu_e_bar": -1}[source]
    crossed = 2 * sign * Q_V * Q_A * T / E if SPINS[name][0] == 0.5 else 0.0
    expected = Q_A**2 * (1 + x - T / E) + crossed
    without = rate(name, source, axial=False)
    assert without == pytest.approx(Q_V**2 * (1 - x), rel=1e-13)
    assert rate(name, source) - without == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("name", ["29Si", "129Xe"])
def test_helicities_of_spin_one_half(name):
    """The point fermion: (V + A)^2 + (V - A)^2 (1 - T/E)^2 - (V^2 - A^2) M T/E^2, halved.

    Antineutrinos exchange V + A and V - A. The printed formula leaves T^2/E^2 out.
    """
    V, A = charges(name)
    M = isotope(name).mass
    for source, a in (("nu_mu", A), ("nu_mu_bar", -A)):
        point = (V + a) ** 2 + (V - a) ** 2 * (1 - T / E) ** 2 - (V**2 - a**2) * M * T / E**2
        left_out = (V - a) ** 2 * T**2 / (2 * E**2)
        got = rate(name, source, kinematics="ngi")
        assert got == pytest.approx(point / 2 - left_out, rel=1e-13)


@pytest.mark.parametrize("name", ["28Si", "40Ar", "132Xe"])
def test_nuclei_without_tabulated_spin_have_none(name):
    assert rate(name, "nu_mu") == rate(name, "nu_mu", axial=False)


# (4/3) ((J + 1)/J) (1.27/2)^2 (S_p - S_n)^2, mpmath.
SQUARES = {
    "23Na": 0.03584222222222222,
    "29Si": 0.03161284,
    "129Xe": 0.1641303169,
    "133Cs": 0.09617192747142857,
}
# What another code has for 133Cs: (S_p, S_n, Q_A^2).
OTHER_CESIUM = (-0.225, 0.002, 0.03561905318571429)


def squared(nucleus, scheme="tree"):
    """Squares of the axial and the vector charge without form factors."""
    one = np.ones(1)
    at = NucleusAtNodes(nucleus, one, one, one, ("nu_e",))
    found = StandardModel(scheme, axial=True)({"sin2_theta_w": 0.23857}, at)
    return tuple(float(x["nu_e", "e"][0]) ** 2 for x in (found.axial, found.vector))


@pytest.mark.parametrize("name", SQUARES)
def test_squared_axial_charge(name):
    assert squared(isotope(name))[0] == pytest.approx(SQUARES[name], rel=1e-14)


def test_other_spins_of_cesium(monkeypatch):
    S_p, S_n, expected = OTHER_CESIUM
    monkeypatch.setattr(standard_model, "spin_expectation", lambda _: (S_p, S_n))
    assert squared(isotope("133Cs"))[0] == pytest.approx(expected, rel=1e-14)


def test_a_free_proton(monkeypatch):
    """Spin 1/2 all of the proton's: (1.27/2)^2."""
    monkeypatch.setattr(standard_model, "spin_expectation", lambda _: (0.5, 0.0))
    assert squared(Nucleus("H", 1, 0, 938.272, 0.5, 0.84))[0] == pytest.approx(0.635**2, rel=1e-14)


# Q_A^2/Q_V^2 at tree level, printed digits.
RATIOS = {"23Na": "1.1e-3", "29Si": "6e-4", "73Ge": "2.8e-4", "129Xe": "1.2e-4"}
RATIOS |= {"133Cs": "7e-5", "127I": "6e-5", "131Xe": "4e-5"}


@pytest.mark.parametrize("name", RATIOS)
def test_ratio_to_the_vector_charge(name):
    axial, vector = squared(isotope(name))
    printed = RATIOS[name]
    assert axial / vector == pytest.approx(float(printed), abs=half_digit(printed))
