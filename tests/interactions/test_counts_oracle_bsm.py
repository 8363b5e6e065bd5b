"""Counts of every interaction in CsI 2017 against adaptive quadrature over E_nu and T.

Relative errors per source and bin (`helpers.worst_error`), default nodes, theory defaults.
"""

from dataclasses import dataclass, field
from typing import Any

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
)
from cevnsjax.experiments import csi_2017

EDGES = np.arange(6.0, 31.0, 2.0)
EPS = {"eps_uV_ee": 0.3, "eps_dV_ee": -0.2, "eps_uV_mumu": 0.1, "eps_dV_mumu": 0.25}
OFF = {"eps_uV_emu": 0.2, "eps_dV_etau": -0.3, "eps_uV_mutau": 0.15, "eps_dV_emu": 0.1}
TENSOR = {"eps_uT_ee": 0.1, "eps_dT_mumu": -0.2, "eps_uT_emu": 0.3, "eps_dT_mutau": 0.2}
RADII = {"r2_nu_ee": 5.0, "r2_nu_mumu": -12.0, "r2_nu_emu": 20.0, "r2_nu_mutau": -9.0}
PER_SOURCE = {"r2_nu_e": 6.0, "r2_nu_mu": -30.0, "r2_nu_mu_bar": 11.0}
MILLI = {"q_nu_ee": 3.0, "q_nu_mumu": -7.0, "q_nu_emu": 5.0, "q_nu_etau": 2.0}
MOMENTS = {"mu_nu_e": 20.0, "mu_nu_mu": 35.0}
QUARKS = {"C_u_S": 0.01, "C_d_S": -0.02, "D_u_P": 0.03, "C_u_T": 0.2, "C_d_T": 0.3, "D_d_T": -0.4}
QUARKS |= {"D_u_A": 0.1, "D_d_A": -0.15, "D_d_P": 0.02, "D_u_T": 0.3}
ALL_MU = dict.fromkeys(helpers.SOURCES, 25.0)
LEPTONS = {
    "universal": (1, 1, (1, 1, 1)),
    "B-L": (-1 / 3, -1 / 3, (1, 1, 1)),
    "B-3L_e": (1 / 3, 1 / 3, (-3, 0, 0)),
    "B-3L_mu": (1 / 3, 1 / 3, (0, -3, 0)),
    "B-2L_e-L_mu": (1 / 3, 1 / 3, (-2, -1, 0)),
}

# One of each kind for the quick run; the others are slow only because there are many.
QUICK = {"radius-total", "radius-source", "radius-angle", "millicharge-1", "moment-flavour-F1"}
QUICK |= {"moment-F2", "universal-0", "B-3L_e-1", "L_mu-L_tau+1-0", "lm_eq6-0", "sterile-1"}
QUICK |= {"scalar-papoulias2020-1", "scalar-quark-0", "nsi-all-exact", "tensor-nsi"}
QUICK |= {"ngi-R+0.3", "ngi-quark", "L_e-L_mu+1-0-running"}


@dataclass(frozen=True)
class Case:
    """An interaction at some values, and its independent cross section."""

    id: str
    interaction: Any
    values: dict
    dsigma: Any
    theory: dict = field(default_factory=dict)

    @property
    def param(self):
        marks = [] if self.id in QUICK else [pytest.mark.slow]
        return pytest.param(self, id=self.id, marks=marks)


def _pairs(values):
    return o.by_pair(**{name.rpartition("_")[2]: x for name, x in values.items()})


def _electromagnetic():
    def radius(id_, interaction, values, r2, *, factor=-1.0, sm=o.SM, **theory):
        dsigma = o.interfering(o.charge_radius(r2, factor), sm=sm)
        return Case(id_, interaction, values, dsigma, theory)

    yield radius("radius", ChargeRadius(*RADII), RADII, _pairs(RADII))
    sources = {("nu_e", "e"): 6.0, ("nu_mu", "mu"): -30.0, ("nu_mu_bar", "mu"): 11.0}
    per_source = ChargeRadius(per_source=True)
    yield radius("radius-source", per_source, PER_SOURCE, sources)

    def without_radius(source):
        g_p, g_n = oracle.couplings(*o.SM, o.FLAVOUR[source])
        return g_p - oracle.radius_term(o.FLAVOUR[source]), g_n

    total = {**RADII, "r2_nu_tautau": 3.0}
    interaction = ChargeRadius(*total, reading="total")
    yield radius("radius-total", interaction, total, _pairs(RADII), sm=without_radius)
    # Moving s_W^2 by half the charge of the radius: slope -2 rho kappa = -2.0107545 in pdg2018.
    interaction = ChargeRadius(per_source=True, via="sin2_theta_w")
    moved = {s: x * oracle.radius_charge(1e-32) / 2 for s, x in [("nu_e", 6), ("nu_mu", -30)]}
    moved["nu_mu_bar"] = 11 * oracle.radius_charge(1e-32) / 2
    by_angle = lambda s: oracle.couplings("pdg2018", 0.2382 + moved[s])  # noqa: E731
    dsigma = o.interfering(sm=by_angle)
    yield Case("radius-angle", interaction, PER_SOURCE, dsigma, {"couplings": "pdg2018"})
    full = ChargeRadius("r2_nu_ee", via="sin2_theta_w", couplings="tree", factor=1.0)
    by_full = lambda s: oracle.couplings(  # noqa: E731
        "tree", 0.2312 + (5 * oracle.radius_charge(1e-32) if s == "nu_e" else 0)
    )
    values = {"r2_nu_ee": 5.0}
    yield Case("radius-angle-full", full, values, o.interfering(sm=by_full), {"couplings": "tree"})
    for sign in (-1, 1):
        q = {name.rpartition("_")[2]: x for name, x in MILLI.items()}
        dsigma = o.interfering(o.millicharge(sign, **q))
        yield Case(f"millicharge{sign:+}", Millicharge(*MILLI, sign=sign), MILLI, dsigma)
    for power in (1, 2):
        by_source = {"nu_e": 20.0, "nu_mu": 35.0, "nu_mu_bar": 35.0}
        moment = MagneticMoment(*MOMENTS, form_factor_power=power)
        dsigma = o.interfering(plus=o.magnetic(by_source, power))
        yield Case(f"moment-flavour-F{power}", moment, MOMENTS, dsigma)
        dsigma = o.interfering(plus=o.magnetic(ALL_MU, power))
        effective = MagneticMoment(form_factor_power=power)
        yield Case(f"moment-F{power}", effective, {"mu_nu": 25.0}, dsigma)


def _leptons(charges):
    return dict(zip(o.LEPTON, charges, strict=True))


def _mediators():
    for m in (0.0, 1.0, 1000.0):
        g = 3e-5 * (1 + m / 30)
        values = {"g_Zp": g, "m_Zp": m}
        for name, (u, d, leptons) in LEPTONS.items():
            amplitude = o.light_vector(g, m, u, d, _leptons(leptons))
            interaction = LightVector(name)
            yield Case(f"{name}-{m:g}", interaction, values, o.interfering(amplitude))
        for sign in (-1, 1):
            strong = {"g_Zp": 30 * g, "m_Zp": m}
            for plus, minus in (("mu", "tau"), ("e", "mu"), ("e", "tau")):
                name = f"L_{plus}-L_{minus}"
                for loop in ("q0", "running"):
                    amplitude = o.lepton_loop(30 * g, m, plus, minus, sign, loop == "running")
                    interaction = LightVector(name, loop=loop, loop_sign=sign)
                    id_ = f"{name}{sign:+}-{m:g}" + ("-running" if loop == "running" else "")
                    yield Case(id_, interaction, strong, o.interfering(amplitude))
        amplitude = o.light_vector(g, m, 1, 1, dict.fromkeys(o.LEPTON, 1), norm=2 * o.ROOT2)
        lm = LightVector(normalization="lm_eq6")
        yield Case(f"lm_eq6-{m:g}", lm, values, o.interfering(amplitude))
        values = {"g_phi": g, "m_phi": m}
        for nuclear, per in (("papoulias2020", (15.1, 14.0)), ("quark", (o.SCALAR_P, o.SCALAR_N))):
            dsigma = o.interfering(plus=o.light_scalar(g, m, *per))
            yield Case(f"scalar-{nuclear}-{m:g}", LightScalar(nuclear), values, dsigma)
    own = (0.5, -1.0, 0.3, -2.0, 0.7)
    amplitude = o.light_vector(4e-5, 20.0, own[0], own[1], _leptons(own[2:]))
    values = {"g_Zp": 4e-5, "m_Zp": 20.0}
    yield Case("own-charges", LightVector(own), values, o.interfering(amplitude))


def _contact():
    yield Case("nsi-diagonal", NSI(*EPS), EPS, o.interfering(o.nsi(**EPS)))
    yield Case("nsi-off-diagonal", NSI(*OFF), OFF, o.interfering(o.nsi(**OFF)))
    mixed = {**EPS, **OFF, "eps_uV_tautau": 0.7}
    exact = o.interfering(o.nsi(**mixed), kinematics="exact")
    yield Case("nsi-all-exact", NSI(), mixed, exact, {"kinematics": "exact"})
    tensor = o.interfering(plus=o.tensor_nsi(**TENSOR))
    yield Case("tensor-nsi", TensorNSI(*TENSOR), TENSOR, tensor)
    ngi = {"kinematics": "ngi"}
    for R in (0.3, -0.3):
        values = {"xi_S": 0.5, "xi_V": -0.2, "xi_T": 0.4, "R_ST": R}
        plus = o.ngi_effective(0.5, 0.4, R)
        dsigma = o.interfering(o.ngi_vector(-0.2), plus=plus, **ngi)
        effective = GeneralizedInteractions(*values)
        yield Case(f"ngi-R{R:+}", effective, values, dsigma, ngi)
    values = {**QUARKS, "C_u_V": -0.1, "C_d_V": 0.2}
    vector = o.ngi_quark_vector(-0.1, 0.2)
    dsigma = o.interfering(vector, plus=o.ngi_quark(**QUARKS), **ngi)
    yield Case("ngi-quark", GeneralizedInteractions(*values), values, dsigma, ngi)
    only = {"C_u_S": 0.02, "C_d_T": 0.5}
    dsigma = o.interfering(plus=o.ngi_quark(**only), **ngi)
    yield Case("ngi-quark-ST", GeneralizedInteractions(*only), only, dsigma, ngi)
    only = {"D_d_P": 0.02, "D_u_T": 0.5}
    dsigma = o.interfering(plus=o.ngi_quark(**only), **ngi)
    yield Case("ngi-quark-PT", GeneralizedInteractions(*only), only, dsigma, ngi)


def _sterile():
    for dm2 in (1.0, 20.0):
        values = {"sin2_2theta_ee": 0.4, "sin2_2theta_mumu": 0.7, "dm2_41": dm2}
        dsigma = o.interfering(P=o.survival(dm2, e=0.4, mu=0.7))
        yield Case(f"sterile-{dm2:g}", Sterile(), values, dsigma)
    values = {"sin2_2theta": 0.6, "dm2_41": 5.0}
    dsigma = o.interfering(P=o.survival(5.0, e=0.6, mu=0.6))
    yield Case("sterile-common", Sterile("sin2_2theta"), values, dsigma)


CASES = [c.param for make in (_electromagnetic, _mediators, _contact, _sterile) for c in make()]


def worst(case, nodes=None):
    """Largest error over sources and bins."""
    model = Model(csi_2017(nodes=nodes), [StandardModel(**case.theory), case.interaction])
    targets, flux = oracle.csi_targets(14.57), oracle.fluence(0.08, 1.76e23, 19.3)
    kinematics = case.theory.get("kinematics", "approximate")
    options = {"quenching": "coherent2020", "kinematics": kinematics}
    expected = oracle.counts(EDGES, case.dsigma, targets, flux, **options)
    return helpers.worst_error(helpers.signal(model, case.values), expected)


@pytest.mark.parametrize("case", CASES)
def test_counts(case):
    assert worst(case) < 1e-9


@pytest.mark.slow
def test_counts_at_the_largest_mass_splitting():
    """At 30 eV^2 five nodes a panel leave 1.4e-8; ten nodes leave rounding."""
    values = {"sin2_2theta_ee": 0.4, "sin2_2theta_mumu": 0.7, "dm2_41": 30.0}
    case = Case("", Sterile(), values, o.interfering(P=o.survival(30.0, e=0.4, mu=0.7)))
    assert worst(case) < 2e-8
    assert worst(case, nodes=10) < 1e-12
