"""Amplitudes by source and outgoing flavour: labels, ratios of models, who interferes."""

import numpy as np
import pytest
import support.oracle_bsm as o

from cevnsjax import (
    NSI,
    ChargeRadius,
    LightVector,
    MagneticMoment,
    Millicharge,
    NucleusAtNodes,
    StandardModel,
    Sterile,
    TensorNSI,
)
from cevnsjax.interactions.flavour import PAIRS
from cevnsjax.interactions.vector_mediator import MODELS
from cevnsjax.nuclei import isotope, target
from cevnsjax.rate import differential_cross_section

SOURCES = ("nu_e", "nu_mu", "nu_mu_bar", "nu_e_bar")
CS = isotope("133Cs")
T_NR = np.array([1e-6, 1e-3, 0.01, 0.04])
SWAP = {"e": "mu", "mu": "e", "tau": "tau"}
OTHER = {"nu_e": "nu_mu", "nu_mu": "nu_e", "nu_mu_bar": "nu_e_bar", "nu_e_bar": "nu_mu_bar"}
RNG = np.random.default_rng(3)


def seen():
    q2 = 2 * CS.mass * T_NR
    return NucleusAtNodes(CS, q2, np.exp(-q2 / 5e3), np.exp(-q2 / 4e3), SOURCES)


def swapped(name):
    """The parameter's name with e and mu exchanged."""
    head, _, letters = name.rpartition("_")
    if letters not in PAIRS:
        return f"{head}_{SWAP[letters]}"
    a, b = (SWAP[x] for x in PAIRS[letters])
    return f"{head}_{a + b if a + b in PAIRS else b + a}"


def charges(interaction, values):
    full = {p.name: p.default for p in interaction.own_parameters()} | values
    return interaction(full, seen())


VECTORS = [NSI(), ChargeRadius(), Millicharge(), Millicharge(sign=1)]
STRENGTHS = [
    (TensorNSI(), "tensor"),
    (MagneticMoment("mu_nu_e", "mu_nu_mu", "mu_nu_tau"), "magnetic"),
]


@pytest.mark.parametrize("interaction", VECTORS, ids=str)
def test_exchange_of_labels_permutes_amplitudes(interaction):
    names = [p.name for p in interaction.own_parameters()]
    values = dict(zip(names, RNG.normal(size=len(names)), strict=True))
    before = charges(interaction, values).vector
    after = charges(interaction, {swapped(n): x for n, x in values.items()}).vector
    assert set(before) == {(s, b) for s in SOURCES for b in SWAP}
    for (source, b), amplitude in before.items():
        # Sums over quarks may come in another order.
        np.testing.assert_allclose(after[OTHER[source], SWAP[b]], amplitude, rtol=1e-14)


@pytest.mark.parametrize(("interaction", "structure"), STRENGTHS, ids=str)
def test_exchange_of_labels_permutes_strengths(interaction, structure):
    names = [p.name for p in interaction.own_parameters()]
    values = dict(zip(names, RNG.uniform(size=len(names)), strict=True))
    before = getattr(charges(interaction, values), structure)
    moved = {swapped(n): x for n, x in values.items()}
    after = getattr(charges(interaction, moved), structure)
    assert set(before) == set(SOURCES)
    for source, strength in before.items():
        np.testing.assert_allclose(after[OTHER[source]], strength, rtol=1e-14)


@pytest.mark.parametrize("interaction", [*VECTORS[:3], STRENGTHS[0][0]], ids=str)
def test_exchange_of_labels_permutes_cross_sections(interaction):
    """With tree couplings, which know no flavour."""
    names = [p.name for p in interaction.own_parameters()]
    values = dict(zip(names, 0.1 * RNG.normal(size=len(names)), strict=True))
    theory = (StandardModel("tree"), interaction)
    for source in ("nu_e", "nu_mu_bar"):
        before = differential_cross_section(T_NR[1:3], 35.0, CS, source, theory, values)
        moved = {swapped(n): x for n, x in values.items()}
        after = differential_cross_section(T_NR[1:3], 35.0, CS, OTHER[source], theory, moved)
        np.testing.assert_allclose(after, before, rtol=1e-13)


def test_exchange_of_labels_permutes_survival():
    E = np.linspace(10.0, 50.0, 5)
    a = {"sin2_2theta_ee": 0.2, "sin2_2theta_mumu": 0.7, "dm2_41": 3.0}
    b = {"sin2_2theta_ee": 0.7, "sin2_2theta_mumu": 0.2, "dm2_41": 3.0}
    for source, other in OTHER.items():
        one = Sterile().survival(a, source, E, 19.3, np)
        np.testing.assert_array_equal(one, Sterile().survival(b, other, E, 19.3, np))
    only = Sterile("sin2_2theta_ee")
    np.testing.assert_array_equal(only.survival(a, "nu_mu", E, 19.3, np), np.ones(5))


def test_off_diagonal_couplings_convert_flavour():
    """eps_emu takes nu_e to mu and nu_mu to e, and leaves diagonal amplitudes alone."""
    found = charges(NSI("eps_uV_emu"), {"eps_uV_emu": 0.5}).vector
    assert set(found) == {(s, SWAP["e" if "_e" in s else "mu"]) for s in SOURCES}
    found = charges(NSI("eps_dV_tautau"), {"eps_dV_tautau": 0.5}).vector
    assert found == {}


def test_off_diagonal_sums_as_squares():
    """Two conversions of one source are two channels, not one amplitude."""
    theory = (StandardModel("tree"), NSI("eps_uV_emu", "eps_uV_etau"))

    def sigma(**eps):
        return float(differential_cross_section(0.01, 35.0, CS, "nu_e", theory, eps))

    base = sigma()
    alone = [sigma(eps_uV_emu=0.3) - base, sigma(eps_uV_etau=-0.3) - base]
    assert alone[0] == pytest.approx(alone[1], rel=1e-12)
    assert sigma(eps_uV_emu=0.3, eps_uV_etau=-0.3) - base == pytest.approx(sum(alone), rel=1e-12)


def vector(model, **values):
    return charges(model, {"g_Zp": 1e-4, "m_Zp": 5.0, **values}).vector


def test_baryon_less_lepton_is_minus_a_third_of_universal():
    universal, b_l = vector(LightVector()), vector(LightVector("B-L"))
    assert set(universal) == set(b_l) == {(s, s.split("_")[1]) for s in SOURCES}
    for key, amplitude in universal.items():
        np.testing.assert_allclose(b_l[key], -amplitude / 3, rtol=1e-14)


def test_exchange_of_gauge_charges():
    electron, muon = vector(LightVector("B-3L_e")), vector(LightVector("B-3L_mu"))
    assert set(electron) == {("nu_e", "e"), ("nu_e_bar", "e")}
    for (source, b), amplitude in electron.items():
        np.testing.assert_array_equal(muon[OTHER[source], SWAP[b]], amplitude)
    mixed, universal = vector(LightVector("B-2L_e-L_mu")), vector(LightVector())
    np.testing.assert_allclose(mixed["nu_e", "e"], -2 / 3 * universal["nu_e", "e"], rtol=1e-14)
    np.testing.assert_allclose(mixed["nu_mu", "mu"], -universal["nu_mu", "mu"] / 3, rtol=1e-14)


@pytest.mark.parametrize("name", [n for n in MODELS if n != "universal"])
def test_charges_are_free_of_anomalies(name):
    """Three colours in three generations weigh each of u and d by nine: B - L and L_a - L_b."""
    q = MODELS[name]
    assert q.u == q.d
    assert q.e + q.mu + q.tau + 9 * q.u == pytest.approx(0, abs=1e-14)


def test_lepton_loops():
    """nu_a +, nu_b -, ln(m_b^2/m_a^2); no tau source: L_mu-L_tau moves nu_mu alone."""
    names = ("L_mu-L_tau", "L_e-L_mu", "L_e-L_tau")
    found = {name: vector(LightVector(name, loop="q0")) for name in names}
    assert {k[1] for k in found["L_mu-L_tau"]} == {"mu"}
    assert {k[1] for k in found["L_e-L_tau"]} == {"e"}
    e_mu = found["L_e-L_mu"]
    np.testing.assert_array_equal(e_mu["nu_mu", "mu"], -e_mu["nu_e", "e"])
    assert np.all(found["L_mu-L_tau"]["nu_mu", "mu"] > 0)
    ratio = e_mu["nu_e", "e"] / found["L_e-L_tau"]["nu_e", "e"]
    expected = np.log(o.M_MU / o.M_E) / np.log(o.M_TAU / o.M_E)
    np.testing.assert_allclose(ratio, expected, rtol=1e-12)
    minus = vector(LightVector("L_mu-L_tau", loop="q0", loop_sign=-1))["nu_mu", "mu"]
    np.testing.assert_array_equal(minus, -found["L_mu-L_tau"]["nu_mu", "mu"])


def test_normalisation_of_eq_6_is_one_half():
    half, full = vector(LightVector(normalization="lm_eq6")), vector(LightVector())
    np.testing.assert_allclose(half["nu_e", "e"], full["nu_e", "e"] / 2, rtol=1e-14)


def test_millicharge_sign_mirrors():
    minus = charges(Millicharge("q_nu_ee"), {"q_nu_ee": 3.0}).vector["nu_e", "e"]
    plus = charges(Millicharge("q_nu_ee", sign=1), {"q_nu_ee": -3.0}).vector["nu_e", "e"]
    np.testing.assert_array_equal(minus, plus)
    assert np.all(minus > 0)


def test_own_parameters_serve_any_target():
    for interaction in (*VECTORS, LightVector(), Sterile()):
        assert interaction.parameters([target("CsI")]) == interaction.own_parameters()
