"""Where one interaction must equal another, or the Standard Model."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import support.oracle_bsm as o
from support import helpers, oracle

from cevnsjax import (
    NSI,
    ChargeRadius,
    GeneralizedInteractions,
    LightScalar,
    LightVector,
    MagneticMoment,
    Millicharge,
    Model,
    StandardModel,
    Sterile,
    TensorNSI,
    matter_nsi,
    spectrum,
)
from cevnsjax.core import constants
from cevnsjax.experiments import csi_2017
from cevnsjax.interactions.charge_radius import RADIUS_CHARGE
from cevnsjax.interactions.vector_mediator import MODELS


@cache
def model(*interactions, couplings="erler_su", kinematics="approximate"):
    return Model(csi_2017(), [StandardModel(couplings, kinematics=kinematics), *interactions])


def counts(model, values=None):
    """Counts of all sources, but the bins beyond the end point of the prompt line."""
    return np.concatenate([c[: _REACHED[s]] for s, c in helpers.signal(model, values).items()])


# nu_mu gives at most 17.6 PE on iodine with the default quenching.
_REACHED = {"nu_mu": 7, "nu_mu_bar": 12, "nu_e": 12}


TOTAL = ChargeRadius(reading="total")
VANISHING = [
    (NSI(), {}),
    (ChargeRadius(), {}),
    (ChargeRadius(per_source=True), {}),
    (TOTAL, {}),
    (ChargeRadius(reading="total", per_source=True), {}),
    (ChargeRadius(via="sin2_theta_w"), {}),
    (Millicharge(), {}),
    (MagneticMoment(), {}),
    (MagneticMoment("mu_nu_e", "mu_nu_mu", "mu_nu_tau", form_factor_power=1), {}),
    *((LightVector("B-L"), {"g_Zp": 0.0, "m_Zp": m}) for m in (0.0, 1e5)),
    (LightVector("L_mu-L_tau"), {"m_Zp": 0.0}),
    *((LightScalar(), {"g_phi": 0.0, "m_phi": m}) for m in (0.0, 1e5)),
    (GeneralizedInteractions("xi_S", "xi_V", "xi_T", "R_ST"), {}),
    (GeneralizedInteractions("C_u_S", "D_d_P", "C_u_V", "D_d_A", "C_u_T", "D_d_T"), {}),
    (TensorNSI(), {}),
    (Sterile(), {"dm2_41": 30.0}),
    (Sterile(), {"sin2_2theta_ee": 1.0, "sin2_2theta_mumu": 1.0, "dm2_41": 0.0}),
    (Sterile("sin2_2theta"), {"sin2_2theta": 1.0, "dm2_41": 0.0}),
]


@pytest.mark.parametrize(("interaction", "values"), VANISHING, ids=str)
def test_vanishing_couplings_are_the_standard_model(interaction, values):
    # Oscillations go by quadrature instead of closed forms; the rest adds exact zeros.
    rtol = 1e-10 if isinstance(interaction, Sterile) else 2e-14
    np.testing.assert_allclose(counts(model(interaction), values), counts(model()), rtol=rtol)


@pytest.mark.parametrize("per_source", [False, True])
@pytest.mark.parametrize(("couplings", "factor"), [("pdg2018", 0.5), ("tree", 1.0)])
def test_total_through_the_angle_is_the_standard_model(couplings, factor, per_source):
    """The default of the "total" reading is the Standard Model however the radius acts."""
    options = {"couplings": couplings, "factor": factor, "per_source": per_source}
    radius = ChargeRadius(reading="total", via="sin2_theta_w", **options)
    got = counts(model(radius, couplings=couplings))
    np.testing.assert_allclose(got, counts(model(couplings=couplings)), rtol=1e-13)


@pytest.mark.parametrize("name", ["universal", "B-L", "B-3L_e", "B-2L_e-L_mu"])
def test_heavy_vector_is_contact_nsi(name):
    """eps = g^2 Q'_l Q'_q/(sqrt2 G_F m^2) up to q^2/m^2: ten times the mass, 1/100 of the rest."""
    q, strength = MODELS[name], 0.2
    eps = {f"eps_{k}V_{a * 2}": strength * x * getattr(q, a) for k, x in (("u", q.u), ("d", q.d))
           for a in ("e", "mu", "tau")}  # fmt: skip
    contact = counts(model(NSI(*eps)), eps)
    rest = []
    for m in (1e3, 1e4, 1e5):
        g = (strength * np.sqrt(2) * constants.G_F) ** 0.5 * m
        rest.append(counts(model(LightVector(name)), {"g_Zp": g, "m_Zp": m}) / contact - 1)
    moved = np.abs(contact / counts(model()) - 1) > 1e-6
    rest = np.array(rest)[:, moved]
    np.testing.assert_allclose(rest[0] / rest[1], 100, rtol=0.02)
    np.testing.assert_allclose(rest[1] / rest[2], 100, rtol=2e-4)
    # q^2 below 30 PE is at most (107 MeV)^2; the charge moves by q^2/m^2 times its Z' part.
    assert np.max(np.abs(rest[0])) < 20 * 107**2 / 1e6


def test_heavy_universal_vector_is_one_coupling_of_both_quarks():
    """eps_qV = g^2/(sqrt2 G_F m^2), u and d alike; and it is eps_uV = eps_dV."""
    strength, m = 0.2, 1e6
    names = ("eps_qV_ee", "eps_qV_mumu", "eps_qV_tautau")
    got = counts(model(NSI(*names)), dict.fromkeys(names, strength))
    g = (strength * np.sqrt(2) * constants.G_F) ** 0.5 * m
    heavy = counts(model(LightVector("universal")), {"g_Zp": g, "m_Zp": m})
    np.testing.assert_allclose(got, heavy, rtol=1e-6)
    apart = {"eps_uV_ee": 0.3, "eps_dV_ee": 0.1}
    mixed = {"eps_qV_ee": 0.1, "eps_uV_ee": 0.2}
    np.testing.assert_allclose(
        counts(model(NSI(*mixed)), mixed), counts(model(NSI(*apart)), apart), rtol=1e-13
    )


def test_heavy_scalar_is_the_contact_scalar():
    """C_q^S = sqrt2 g^2/(G_F m^2) of both quarks."""
    strength = 0.03
    contact = counts(
        model(GeneralizedInteractions("C_u_S", "C_d_S")), {"C_u_S": strength, "C_d_S": strength}
    )
    beyond = contact - counts(model())
    rest = []
    for m in (1e4, 1e5):
        g = (strength * constants.G_F / np.sqrt(2)) ** 0.5 * m
        got = counts(model(LightScalar("quark")), {"g_phi": g, "m_phi": m})
        rest.append((got - counts(model())) / beyond - 1)
    np.testing.assert_allclose(rest[0] / rest[1], 100, rtol=1e-3)
    assert np.max(np.abs(rest[1])) < 3e-6


@pytest.mark.parametrize("kinematics", ["approximate", "ngi", "exact"])
def test_generalized_vector_is_nsi(kinematics):
    """C_V^q = -2 eps^q, the same for all flavours."""
    both = {"u": 0.13, "d": -0.21}
    ngi = model(GeneralizedInteractions("C_u_V", "C_d_V"), kinematics=kinematics)
    eps = {f"eps_{q}V_{a}": x for q, x in both.items() for a in ("ee", "mumu", "tautau")}
    expected = counts(model(NSI(*eps), kinematics=kinematics), eps)
    got = counts(ngi, {f"C_{q}_V": -2 * x for q, x in both.items()})
    np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_effective_vector_is_minus_half():
    """xi_V = -2 (g_n - g_n^SM): moving g_Vn by eps_u + 2 eps_d with 2 eps_u + eps_d = 0."""
    u, d = -0.1, 0.2
    eps = {f"eps_{q}V_{a}": x for q, x in (("u", u), ("d", d)) for a in ("ee", "mumu")}
    expected = counts(model(NSI(*eps)), eps)
    got = counts(model(GeneralizedInteractions("xi_V")), {"xi_V": -2 * (u + 2 * d)})
    np.testing.assert_allclose(got, expected, rtol=1e-13)


EVERY = ("r2_nu_ee", "r2_nu_mumu")
SLOPE = {"tree": 2.0, "pdg2018": 2 * 1.0082 * 0.9972, "erler_su": 2 * 1.00063}


@pytest.mark.parametrize("couplings", SLOPE)
@pytest.mark.parametrize("r2", [-15.0, 3.0])
def test_charge_radius_is_a_shift_of_the_angle(couplings, r2):
    """At tree level a radius is half its charge in sin2_theta_w; else over rho kappa."""
    moved = RADIUS_CHARGE * r2 / SLOPE[couplings]
    plain = model(couplings=couplings)
    s2w = plain.parameters["sin2_theta_w"].default
    expected = counts(plain, {"sin2_theta_w": s2w + moved})
    radii = model(ChargeRadius(*EVERY), couplings=couplings)
    got = counts(radii, dict.fromkeys(EVERY, r2))
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    # The papers' way, with half the charge: the same at tree level, rho kappa times it else.
    angle = ChargeRadius(*EVERY, via="sin2_theta_w", couplings=couplings)
    by_angle = counts(model(angle, couplings=couplings), dict.fromkeys(EVERY, r2))
    scaled = counts(radii, dict.fromkeys(EVERY, r2 * SLOPE[couplings] / 2))
    np.testing.assert_allclose(by_angle, scaled, rtol=1e-12)


def test_total_less_the_standard_radius_is_the_shift():
    shift = {"r2_nu_ee": 7.0, "r2_nu_mumu": -20.0, "r2_nu_emu": 4.0}
    standard = {"r2_nu_ee": o.standard_radius("e"), "r2_nu_mumu": o.standard_radius("mu")}
    total = {name: x + standard.get(name, 0.0) for name, x in shift.items()}
    np.testing.assert_allclose(
        counts(model(TOTAL), total), counts(model(ChargeRadius()), shift), rtol=1e-12
    )


def test_matter_nsi():
    values = {"eps_uV_ee": 0.1, "eps_dV_ee": 0.25, "eps_uV_emu": -0.3}
    assert matter_nsi(values, "ee") == pytest.approx(3 * 0.35)
    assert matter_nsi(values, "emu") == pytest.approx(-0.9)
    assert matter_nsi(values, "tautau") == 0
    assert matter_nsi({"eps_qV_ee": 0.1}, "ee") == pytest.approx(0.6)
    slope = jax.grad(lambda x: matter_nsi({"eps_dV_mutau": x}, "mutau"))(jnp.float64(0.2))
    assert float(slope) == 3


# --- oscillations ---
@cache
def _survivors():
    """Counts over 97 mass splittings up to 30 eV^2 with full mixing, divided by none."""
    dm2 = np.linspace(6.0, 30.0, 97)
    both = {"sin2_2theta_ee": 1.0, "sin2_2theta_mumu": 1.0}
    at = jax.vmap(lambda d: model(Sterile()).by_component({**both, "dm2_41": d}))(dm2)
    plain = helpers.signal(model())
    signal = at[helpers.NAME]["signal"]
    return {s: np.asarray(c)[:, : _REACHED[s]] / plain[s][: _REACHED[s]] for s, c in signal.items()}


@pytest.mark.parametrize("source", helpers.SOURCES)
def test_fast_oscillations_average_to_one_half(source):
    """With a smooth window over dm2, 1 - sin^2(2 theta)/2 in every bin."""
    window = np.hanning(97)
    average = window @ _survivors()[source] / window.sum()
    np.testing.assert_allclose(average, 0.5, atol=0.02)


def test_prompt_line_oscillates_as_one_energy():
    dm2 = np.linspace(6.0, 30.0, 97)
    phase = 1e3 / (4 * constants.hbar_c) * 19.3 * dm2 / constants.E_nu_prompt
    expected = np.broadcast_to(np.cos(phase)[:, None] ** 2, _survivors()["nu_mu"].shape)
    np.testing.assert_allclose(_survivors()["nu_mu"], expected, rtol=1e-10, atol=1e-12)


def test_recoil_spectra_oscillate():
    """dR/dT against quadrature, as the counts are."""
    T = np.array([0.002, 0.005, 0.012])
    values = {"sin2_2theta_ee": 0.4, "sin2_2theta_mumu": 0.7, "dm2_41": 3.0}
    got = spectrum(model(Sterile()), values, quantity="dR_dT_nr", T_nr=T)
    dsigma = o.interfering(P=o.survival(3.0, e=0.4, mu=0.7))
    flux = oracle.fluence(0.08, 1.76e23, 19.3)
    for source in helpers.SOURCES:
        parts = [
            number * flux * oracle.folded(T, nucleus, source, dsigma)
            for nucleus, number in oracle.csi_targets(1.0).items()
        ]
        np.testing.assert_allclose(got.sel(source=source), sum(parts), rtol=1e-9)
