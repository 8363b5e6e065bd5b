"""Units of all parameters: those in which their field states limits.

Radii in fm, mediator masses in MeV, charge radii in 1e-32 cm^2, magnetic moments in 1e-10 Bohr
magnetons, millicharges in 1e-8 e, mass splittings in eV^2; couplings are pure numbers.
"""

import pytest

from cevnsjax import (
    NSI,
    ChargeRadius,
    DiracMoment,
    GeneralizedInteractions,
    LightScalar,
    LightVector,
    MagneticMoment,
    MajoranaMoment,
    Millicharge,
    StandardModel,
    Sterile,
    TensorNSI,
)
from cevnsjax.experiments import csi_2017, csi_2021, lar_2020
from cevnsjax.nuclei import target

FLAVOURS = ("ee", "mumu", "tautau", "emu", "etau", "mutau")
RADIUS, MOMENT, CHARGE = "1e-32 cm^2", "1e-10 mu_B", "1e-8 e"
PROTONS = {"R_p_Cs": "fm", "R_p_I": "fm"}
ANGLE = {"sin2_theta_w": ""}
CASES = [
    (StandardModel(), {**ANGLE, **PROTONS, "R_n_Cs": "fm", "R_n_I": "fm"}),
    (StandardModel(radii="common"), {**ANGLE, **PROTONS, "R_n": "fm"}),
    (StandardModel(radii="skin"), {**ANGLE, **PROTONS, "dR_np": "fm"}),
    (StandardModel(radii="nuclear"), {**ANGLE, "R_n": "fm"}),
    (StandardModel(radii="formula"), ANGLE),
    (NSI(), {f"eps_{q}V_{f}": "" for f in FLAVOURS for q in "ud"}),
    (TensorNSI(), {f"eps_{q}T_{f}": "" for f in FLAVOURS for q in "ud"}),
    (ChargeRadius(), {f"r2_nu_{f}": RADIUS for f in FLAVOURS}),
    (ChargeRadius(reading="total"), {f"r2_nu_{f}": RADIUS for f in FLAVOURS}),
    (ChargeRadius(per_source=True), dict.fromkeys(("r2_nu_e", "r2_nu_mu", "r2_nu_mu_bar"), RADIUS)),
    (MagneticMoment(), {"mu_nu": MOMENT}),
    (MagneticMoment("mu_nu_e", "mu_nu_tau"), {"mu_nu_e": MOMENT, "mu_nu_tau": MOMENT}),
    (MajoranaMoment("arg_Lambda_mu"), {"Lambda_mu": MOMENT, "arg_Lambda_mu": "rad"}),
    (DiracMoment("mu_nu_13"), {"mu_nu_13": MOMENT}),
    (Millicharge(), {f"q_nu_{f}": CHARGE for f in FLAVOURS}),
    (LightVector(), {"g_Zp": "", "m_Zp": "MeV"}),
    (LightVector("L_mu-L_tau"), {"g_Zp": "", "m_Zp": "MeV"}),
    (LightScalar(), {"g_phi": "", "m_phi": "MeV", "g_e": ""}),
    (GeneralizedInteractions(), {"xi_S": "", "xi_V": "", "xi_T": ""}),
    (GeneralizedInteractions("C_u_S", "C_d_V"), {"C_u_S": "", "C_d_V": ""}),
    (Sterile(), {"sin2_2theta_ee": "", "sin2_2theta_mumu": "", "dm2_41": "eV^2"}),
]


@pytest.mark.parametrize(("interaction", "units"), CASES, ids=lambda x: type(x).__name__)
def test_units(interaction, units):
    table = interaction.parameters([target("CsI")])
    assert {p.name: p.unit for p in table} == units


@pytest.mark.parametrize("interaction", [c[0] for c in CASES], ids=lambda x: type(x).__name__)
def test_labels_tell_parameters_apart(interaction):
    table = interaction.parameters([target("CsI")])
    assert len({p.latex for p in table}) == len(table)
    assert all(p.latex for p in table)


@pytest.mark.parametrize("build", [csi_2017, csi_2021, lar_2020])
def test_nuisances_are_pure_numbers(build):
    """Pulls and morphs count in standard deviations or as parts of their component."""
    assert {p.unit for p in build().parameters} == {""}
