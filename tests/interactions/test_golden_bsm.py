"""Golden cross sections and constants of physics beyond the Standard Model."""

import subprocess
import sys

import numpy as np
import pytest
from support import helpers, oracle

from cevnsjax import (
    ChargeRadius,
    GeneralizedInteractions,
    LightScalar,
    LightVector,
    MagneticMoment,
    Millicharge,
    NucleusAtNodes,
    StandardModel,
    analyses,
)
from cevnsjax.interactions.charge_radius import RADIUS_CHARGE
from cevnsjax.interactions.electromagnetic import MILLICHARGE
from cevnsjax.nuclei import isotope
from cevnsjax.rate import differential_cross_section


def _standard(x):
    """The golden entry's form factor and kinematics; its couplings, or tree ones."""
    scheme = x.get("couplings", {"scheme": "tree"})["scheme"]
    return StandardModel(scheme, helpers.family(x["form_factor"]), "formula", x["kinematics"])


def _sigma(x, values, *interactions, source="nu_mu"):
    nucleus = isotope(helpers.ISOTOPES[x["nucleus"]])
    both = (_standard(x), *interactions)
    return float(
        differential_cross_section(x["T_nr_MeV"], x["E_nu_MeV"], nucleus, source, both, values)
    )


def _alone(x, values, interaction):
    """The interaction's own part; it does not interfere."""
    return _sigma(x, values, interaction) - _sigma(x, {})


@pytest.mark.parametrize("name", ["mu_nu", "mu_nu_mu"])
@pytest.mark.parametrize("entry", helpers.entries("cross_sections_bsm", "magnetic"))
def test_magnetic_moment(entry, name):
    x = entry["inputs"]
    helpers.check(_alone(x, {name: x["mu_nu_muB"] / 1e-10}, MagneticMoment(name)), entry)


@pytest.mark.parametrize("entry", helpers.entries("cross_sections_bsm", "scalar"))
def test_light_scalar(entry):
    x = entry["inputs"]
    values = {"g_phi": x["g2"] ** 0.5, "m_phi": x["m_phi_MeV"]}
    helpers.check(_alone(x, values, LightScalar()), entry)


@pytest.mark.parametrize("entry", helpers.entries("cross_sections_bsm", "zprime"))
def test_light_vector(entry):
    x = entry["inputs"]
    norm = {"sqrt2": "standard", "2sqrt2": "lm_eq6"}[x["normalization"]]
    values = {"g_Zp": x["g2"] ** 0.5, "m_Zp": x["m_Zp_MeV"]}
    values["sin2_theta_w"] = x["couplings"]["sin2_theta_w"]
    for source in helpers.SOURCES:
        got = _sigma(x, values, LightVector(normalization=norm), source=source)
        helpers.check(got, entry)


@pytest.mark.parametrize("entry", helpers.entries("cross_sections_bsm", "ngi"))
def test_generalized(entry):
    """The entry's xi_V contains the Standard Model: the parameter is what is left."""
    x = entry["inputs"]
    nucleus = isotope(helpers.ISOTOPES[x["nucleus"]])
    g_p, g_n = oracle.couplings("tree", 0.2312)
    standard = -2 * (g_p * nucleus.Z + g_n * nucleus.N) / nucleus.N
    values = {"xi_S": x["xi_S"], "xi_V": x["xi_V_total"] - standard, "xi_T": x["xi_T"]}
    helpers.check(_sigma(x, values, GeneralizedInteractions()), entry)


def test_ngi_standard_coupling():
    """C_V^SM/N = 0.946974 (Cs), 0.946141 (I), as PRD 98, 075018 needs them."""
    for name, expected in (("133Cs", 0.946974), ("127I", 0.946141)):
        n = isotope(name)
        g_p, g_n = oracle.couplings("tree", 0.2312)
        assert -2 * (g_p * n.Z + g_n * n.N) / n.N == pytest.approx(expected, abs=5e-7)


def test_ngi_chi2(golden):
    """chi2 of the Standard Model in 13 bins: 3.20226773343."""
    entry = golden("csi_2017_chi2")["chi2.ngi.sm"]
    assert entry["value"] == 3.20226773343
    model = analyses.aristizabal2018()
    helpers.check(2 * float(model.profiled_nll({})), entry)
    quiet = analyses.aristizabal2018(interactions=[GeneralizedInteractions()])
    helpers.check(2 * float(quiet.profiled_nll({})), entry)


def _at(q2):
    q2 = np.array([q2])
    return NucleusAtNodes(isotope("133Cs"), q2, np.ones(1), np.ones(1), helpers.SOURCES)


def test_charge_of_a_radius(golden):
    entry = golden("couplings")["charge_radius_charge"]
    assert entry["value"] == 0.023795587128571685
    helpers.check(RADIUS_CHARGE, entry)
    charges = ChargeRadius("r2_nu_ee")({"r2_nu_ee": 1.0}, _at(1000.0)).vector
    helpers.check(-charges["nu_e", "e"][0] / 55, entry)


def test_charge_of_a_millicharge(golden):
    """q^2 = -1000 MeV^2 stands for 2 M T = 1000 MeV^2."""
    entry = golden("couplings")["millicharge_charge"]
    assert entry["value"] == -0.055593064626089476
    helpers.check(MILLICHARGE / entry["inputs"]["q2_MeV2"], entry)
    charges = Millicharge("q_nu_mumu")({"q_nu_mumu": 1.0}, _at(1000.0)).vector
    for source in ("nu_mu", "nu_mu_bar"):
        helpers.check(-charges[source, "mu"][0] / 55, entry)


@pytest.mark.parametrize(("flavour", "value"), [("e", -0.82751), ("mu", -0.48055)])
def test_standard_charge_radius(golden, flavour, value):
    """The default of the "total" reading is the Standard Model's radius."""
    table = {p.name: p for p in ChargeRadius(reading="total").own_parameters()}
    default = table[f"r2_nu_{flavour * 2}"].default
    helpers.check(default, golden("couplings")[f"r2_sm.{flavour}"])
    assert default == pytest.approx(value, abs=5e-6)


def test_public_function_survives_imports():
    """`cj.differential_cross_section` is the function, whichever module was imported before."""
    script = "import cevnsjax.model, cevnsjax as cj; print(callable(cj.differential_cross_section))"
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
