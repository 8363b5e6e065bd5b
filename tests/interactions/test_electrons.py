"""Neutrinos on electrons: values of mpmath (40 digits) for explicit formulas, limits, slopes.

Cross sections are in cm^2 per MeV and electron, energies in MeV, sin^2 theta_W = 0.23857.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import cevnsjax as cj
from cevnsjax.core import constants as c
from cevnsjax.core.kinematics import T_nr_max
from cevnsjax.couplings import electron_couplings

UNIT = 2 * c.G_F**2 * c.m_e / math.pi * c.hbar_c_squared_cm2


def sigma(T, E, source, *interactions, **values):
    """Cross section at one energy transfer."""
    theory = [cj.StandardModel(), *interactions]
    return float(cj.differential_cross_section(T, E, cj.ELECTRON, source, theory, values))


def near(expected, rel):
    """Of that relative size, however small."""
    return pytest.approx(expected, rel=rel, abs=0)


# --- golden values ---
STANDARD = {
    ("nu_e", 30.0, 1.0): 1.031495310366775e-44,
    ("nu_e_bar", 30.0, 1.0): 9.76301734797462e-45,
    ("nu_mu", 0.5, 0.1): 2.025180544383462e-45,
    ("nu_mu", 10.0, 0.01): 2.156679066531049e-45,
    ("nu_mu_bar", 0.5, 0.1): 1.954271609426152e-45,
    ("nu_mu_bar", 30.0, 1.0): 2.081985193060453e-45,
}


@pytest.mark.parametrize(("source", "E", "T"), STANDARD)
def test_standard_model(source, E, T):
    assert sigma(T, E, source) == near(STANDARD[source, E, T], rel=1e-12)


def test_whole_numbers_are_energies_too():
    """Integers as energies once made 1/E_nu an integer."""
    T = jnp.array([1])
    found = cj.differential_cross_section(T, 30.0, cj.ELECTRON, "nu_e")
    assert float(found[0]) == near(1.031495310366775e-44, rel=1e-12)


RADIUS, CHARGE = cj.ChargeRadius("r2_nu_ee", "r2_nu_mumu"), cj.Millicharge("q_nu_ee")
UNIVERSAL, B_L, B_3L = cj.LightVector(), cj.LightVector("B-L"), cj.LightVector("B-3L_e")
OPPOSITE = cj.LightVector((0, 0, -1, 1, 0))
LIGHT, HEAVIER = {"g_Zp": 1e-6, "m_Zp": 0.01}, {"g_Zp": 1e-6, "m_Zp": 1.0}
BEYOND = [
    (0.01, 10.0, "nu_e", RADIUS, {"r2_nu_ee": 1.0}, 1.07842139128017e-44),
    (0.001, 3.0, "nu_e_bar", RADIUS, {"r2_nu_ee": 1.0}, 1.07798873596619e-44),
    (0.01, 10.0, "nu_mu", RADIUS, {"r2_nu_mumu": 1.0}, 2.151983570938844e-45),
    (0.001, 3.0, "nu_mu_bar", RADIUS, {"r2_nu_mumu": 1.0}, 2.153435532423436e-45),
    (0.05, 30.0, "nu_e", CHARGE, {"q_nu_ee": 1e-4}, 8.64901484055999e-45),
    (0.001, 3.0, "nu_e", B_3L, LIGHT, 2.045037311515922e-39),
    (0.001, 3.0, "nu_e", B_L, HEAVIER, 1.143133499215031e-44),
    (0.001, 3.0, "nu_e", UNIVERSAL, HEAVIER, 1.143133499215031e-44),
    (0.001, 3.0, "nu_mu", B_L, LIGHT, 2.512689779429295e-41),
    (0.001, 3.0, "nu_e", cj.LightVector((0, 0, 1, 0, 0)), {"g_Zp": 0.0, "m_Zp": 1.0}, None),
]


@pytest.mark.parametrize(("T", "E", "source", "interaction", "values", "expected"), BEYOND)
def test_amplitudes_that_add(T, E, source, interaction, values, expected):
    """Radius and charge, and vectors by Q_nu Q_e; the total with the Standard Model."""
    expected = sigma(T, E, source) if expected is None else expected
    assert sigma(T, E, source, interaction, **values) == near(expected, rel=1e-9)


def test_a_vector_of_opposite_charges():
    """nu_mu has +1 and the electron -1; with nu_e of +1 the golden value is 2.42469e-41."""
    both = [sigma(0.001, 3.0, "nu_mu", B, **LIGHT) for B in (OPPOSITE, B_L)]
    g_V, A = 2 * 0.23857 - 0.5, 1e-12 / (math.sqrt(2) * c.G_F * (2e-3 * c.m_e + 1e-4))
    # dsigma/dT = UNIT/2 (... + (g_V -+ A)^2): the difference is linear in A.
    E, T = 3.0, 0.001
    vector = 1 - T / E + T**2 / (2 * E**2) - c.m_e * T / (2 * E**2)
    mixed = 2 * T / E - T**2 / E**2
    expected = UNIT / 2 * A * (4 * g_V * vector + 2 * -0.5 * mixed)
    assert both[1] - both[0] == near(expected, rel=1e-9)


def test_the_loop_of_l_mu_l_tau():
    """The electron has the charge -eps(q^2), the proton the opposite."""
    loop = cj.LightVector("L_mu-L_tau")
    found = sigma(0.001, 3.0, "nu_mu", loop, g_Zp=1e-4, m_Zp=0.1)
    assert found == near(4.978556869002572e-40, rel=1e-9)
    q2, one = jnp.array([1.0]), jnp.ones(1)
    proton = cj.nuclei.Nucleus("H", 1, 0, 938.0, 0.5, 0.8)
    on_proton, on_electron = (
        loop(
            {"g_Zp": 1e-3, "m_Zp": 1.0},
            cj.NucleusAtNodes(target, q2, one, one, ("nu_mu",)),
        ).vector["nu_mu", "mu"]
        for target in (proton, cj.ELECTRON)
    )
    assert float(on_electron[0]) == -float(on_proton[0]) != 0


SCALARS = {
    (10.0, 1.0, 0.01): 1.532317623660601e-49,
    (3.0, 0.001, 0.01): 7.148274689516777e-46,
    (3.0, 0.001, 1.0): 8.9804495676438e-52,
}


@pytest.mark.parametrize(("E", "T", "mass"), SCALARS)
def test_scalar(E, T, mass):
    """g_phi g_e = 1e-12, times 1e6 where the Standard Model would hide it; added to the rate."""
    values = {"g_phi": 1e-3, "g_e": 1e-3, "m_phi": mass}
    added = sigma(T, E, "nu_mu", cj.LightScalar(), **values) - sigma(T, E, "nu_mu")
    assert added == near(1e12 * SCALARS[E, T, mass], rel=1e-9)


def test_magnetic_moment():
    """1e-11 mu_B, by any name."""
    added = 2.493840465691108e-44
    moments = [
        (cj.MagneticMoment(), {"mu_nu": 0.1}),
        (cj.MagneticMoment("mu_nu_mu"), {"mu_nu_mu": 0.1}),
        (cj.MajoranaMoment("Lambda_tau"), {"Lambda_tau": 0.1}),
    ]
    for moment, values in moments:
        found = sigma(0.001, 3.0, "nu_mu", moment, **values) - sigma(0.001, 3.0, "nu_mu")
        assert found == near(added, rel=1e-9)


NSI = {"eps_eL_emu": 0.1, "eps_eL_tautau": 0.2, "eps_eR_ee": -0.1, "eps_eR_etau": 0.07}


def test_nsi():
    """Golden for nu_e_bar with complex entries, of which a pure flavour sees the moduli here."""
    found = sigma(0.5, 10.0, "nu_e_bar", cj.ElectronNSI(), **NSI)
    assert found == near(9.050004454260624e-45, rel=1e-9)


def test_nsi_of_muon_neutrinos():
    """L and R of mutau are a quarter turn apart in the golden value: no interference is left."""
    ends = [
        sigma(0.5, 10.0, "nu_mu", cj.ElectronNSI(), **NSI, eps_eL_mutau=x, eps_eR_mutau=0.03)
        for x in (0.05, -0.05)
    ]
    assert np.mean(ends) == near(2.295107536636803e-45, rel=1e-9)
    assert ends[0] != near(ends[1], rel=1e-6)


TOTAL = {
    ("nu_e", 1.0): 7.31920168801396e-45,
    ("nu_e", 1000.0): 9.723926134531327e-45,
    ("nu_e_bar", 1.0): 3.396018443898193e-45,
    ("nu_e_bar", 1000.0): 4.113170736710295e-45,
    ("nu_mu", 1000.0): 1.504686564365678e-45,
    ("nu_mu_bar", 10.0): 1.375068339453065e-45,
}


@pytest.mark.parametrize(("source", "E"), TOTAL)
def test_total_cross_section(source, E):
    """sigma/E by adaptive quadrature up to the end point; nothing lies beyond it."""
    top = T_nr_max(E, c.m_e, "exact")
    assert sigma(top * (1 + 1e-12), E, source) == 0
    x, w = np.polynomial.legendre.leggauss(8)
    T = jnp.asarray((x + 1) / 2 * top)
    found = cj.differential_cross_section(T, E, cj.ELECTRON, source)
    integral = float(np.sum(w * np.asarray(found)) / 2 * top)
    assert integral / E == near(TOTAL[source, E], rel=1e-12)
    by_quad = quad(lambda T: sigma(T, E, source), 0, top, epsabs=0, epsrel=1e-6, limit=20)[0]
    assert by_quad == near(integral, rel=1e-6)


FOLDED = {0.01: 1.038019875305737e-44, 20.0: 8.011768732891745e-45}


@pytest.mark.parametrize("T", FOLDED)
def test_decay_at_rest(T):
    """One free electron a kilogram in a unit fluence of nu_e."""
    flux = cj.DecayAtRest(1.0, 1.0, 20.0)
    one = cj.Electrons((0.0,), (1.0,))
    found = float(cj.dR_dT_nr(T, one, flux)["nu_e"]) / flux.fluence
    assert found == near(FOLDED[T], rel=1e-9)


def test_atoms_count_freed_electrons():
    """Xe at 1.1 keV: 42 of 54 electrons in each atom of 131.293 g/mol."""
    xenon, flux = cj.electrons_of(cj.target("Xe")), cj.DecayAtRest(1.0, 1.0, 20.0)
    found = cj.dR_dT_nr(1.1e-3, xenon, flux)
    one = cj.dR_dT_nr(1.1e-3, cj.Electrons((0.0,), (1.0,)), flux)
    atoms = sum(cj.target("Xe").per_kg)
    for source, rate in found.items():
        assert float(rate / one[source]) == near(42 * atoms, rel=1e-12)


# --- limits ---
def test_antineutrinos_exchange_left_and_right():
    """nu_e with eps_R = -eps_L = 1/2 has the couplings of nu_e_bar."""
    swapped = {"eps_eL_ee": -0.5, "eps_eR_ee": 0.5}
    found = sigma(1.0, 2.0, "nu_e", cj.ElectronNSI(), **swapped)
    assert found == near(sigma(1.0, 2.0, "nu_e_bar"), rel=1e-14)


def test_a_heavy_vector_is_a_contact_interaction():
    """eps_V = g^2 Q_nu Q_e/(sqrt2 G_F m^2), half of it left- and half right-handed."""
    g, mass = 0.3, 1e6
    eps = g**2 * 9 / (math.sqrt(2) * c.G_F * mass**2)
    heavy = sigma(0.5, 10.0, "nu_e", B_3L, g_Zp=g, m_Zp=mass)
    contact = {"eps_eL_ee": eps / 2, "eps_eR_ee": eps / 2}
    assert heavy == near(sigma(0.5, 10.0, "nu_e", cj.ElectronNSI(), **contact), rel=1e-9)


def test_a_massless_vector_is_a_charge():
    """g^2 Q_nu Q_e = -4 pi alpha q, with Q_nu Q_e = -1."""
    q = 1e-12
    vector = cj.LightVector((0, 0, -1, 1, 0))
    massless = sigma(0.01, 10.0, "nu_mu", vector, g_Zp=math.sqrt(4 * math.pi * c.alpha * q), m_Zp=0)
    charged = sigma(0.01, 10.0, "nu_mu", cj.Millicharge("q_nu_mumu"), q_nu_mumu=q / 1e-8)
    assert massless == near(charged, rel=1e-12)


def test_what_couples_to_nuclei_alone_leaves_electrons_alone():
    values = {"eps_uV_ee": 0.3, "xi_S": 1.0, "eps_uT_ee": 0.1}
    nuclear = (cj.NSI("eps_uV_ee"), cj.GeneralizedInteractions("xi_S"), cj.TensorNSI("eps_uT_ee"))
    assert sigma(0.01, 10.0, "nu_e", *nuclear, **values) == sigma(0.01, 10.0, "nu_e")


def test_what_couples_to_electrons_alone_leaves_nuclei_alone():
    at = 0.01, 30.0, cj.target("CsI").nuclei[1], "nu_e"
    standard = cj.differential_cross_section(*at)
    theory = [cj.StandardModel(), cj.ElectronNSI(), cj.LightScalar()]
    beyond = cj.differential_cross_section(*at, theory, {"eps_eL_ee": 0.5, "g_e": 1.0})
    assert float(beyond) == float(standard)


def test_couplings_to_electrons_that_no_experiment_sees_are_refused():
    with pytest.raises(cj.errors.InputError, match="ElectronNSI acts on electrons alone"):
        cj.Model(cj.experiments.csi_2017(), [cj.StandardModel(), cj.ElectronNSI()])


def test_a_function_of_the_user_acts_on_electrons_if_it_says_so():
    def contact(values, nucleus):
        charge = values["x"] * nucleus.ZF_p
        return cj.Charges(vector={(s, "mu"): charge for s in nucleus.sources})

    contact.parameters = [cj.Parameter("x", "coupling", 0.0)]
    assert sigma(0.01, 10.0, "nu_mu", contact, x=0.3) == sigma(0.01, 10.0, "nu_mu")
    contact.on_electrons = True
    eps = {"eps_eL_mumu": -0.15, "eps_eR_mumu": -0.15}
    expected = sigma(0.01, 10.0, "nu_mu", cj.ElectronNSI(), **eps)
    assert sigma(0.01, 10.0, "nu_mu", contact, x=0.3) == near(expected, rel=1e-14)


# F(2 T/m_e)/6 is I(T) of Bahcall, Kamionkowski and Sirlin, PRD 51, 6146; mpmath.
I_OF_T = {0.1: 0.01252899557392524, 1.0: 0.09506308777965297}


@pytest.mark.parametrize("T", I_OF_T)
def test_running_couplings(T):
    """At sin^2 theta_W = 1/4 the angle rests; kappa moves by (alpha/pi) I/s2 there for nu_e."""
    g_V, g_A = electron_couplings(0.25, jnp.array(2 * c.m_e * T))
    assert float(g_V[0]) - 1.0 == near(2 * c.alpha / math.pi * I_OF_T[T], rel=1e-9)
    assert g_A == (0.5, -0.5, -0.5)
    at_rest = electron_couplings(0.23857)
    assert at_rest.g_V == near((0.97714, -0.02286, -0.02286), rel=1e-12)


# --- slopes ---
SLOPES = [
    (cj.ElectronNSI(), {"eps_eL_ee": 0.1, "eps_eR_emu": -0.2, "eps_eL_emu": 0.3}),
    (cj.ChargeRadius(), {"r2_nu_ee": 3.0, "r2_nu_emu": -2.0}),
    (cj.Millicharge(), {"q_nu_ee": 1e-4, "q_nu_etau": 2e-4}),
    (cj.MagneticMoment(), {"mu_nu": 0.5}),
    (cj.LightVector("L_e-L_mu"), {"g_Zp": 3e-6, "m_Zp": 0.1}),
    (cj.LightVector("L_mu-L_tau"), {"g_Zp": 1e-4, "m_Zp": 0.1}),
    (cj.LightScalar(), {"g_phi": 3e-6, "g_e": 2e-6, "m_phi": 0.1}),
]


@pytest.mark.parametrize(("interaction", "values"), SLOPES)
@pytest.mark.parametrize("source", ["nu_e", "nu_mu_bar"])
def test_slopes_against_finite_differences(interaction, values, source):
    theory = [cj.StandardModel(running=True), interaction]
    values = {"sin2_theta_w": 0.23, **values}

    def on(values):
        return 1e45 * cj.differential_cross_section(0.004, 5.0, cj.ELECTRON, source, theory, values)

    slopes = jax.grad(on)(values)
    for name, value in values.items():
        h = 1e-4 * abs(value)
        up, down = (float(on({**values, name: value + s})) for s in (h, -h))
        assert float(slopes[name]) == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-12)
