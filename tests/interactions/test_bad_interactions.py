"""Bad input to interactions: refused when they are made, with the nearest names or the remedy."""

import re
import subprocess
import sys

import pytest

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
    analyses,
    matter_nsi,
)
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments import csi_2017
from cevnsjax.interactions.owners import OWNERS, PARAMETER_NAMES, owning

UNKNOWN = [
    (lambda: NSI("eps_uV_mue"), "unknown NSI coupling 'eps_uV_mue'; did you mean eps_uV_"),
    (lambda: NSI("eps_uV_em"), "did you mean eps_uV_emu"),
    (lambda: NSI("eps_sV_ee"), "did you mean"),
    (lambda: NSI("eps_uT_ee"), "did you mean eps_uV_ee"),
    (lambda: TensorNSI("eps_uV_ee"), "did you mean eps_uT_ee"),
    (lambda: MagneticMoment("mu_nu_x"), "did you mean mu_nu"),
    (lambda: ChargeRadius("r2_nu_mue"), "did you mean r2_nu_"),
    (lambda: ChargeRadius("r2_nu_mu_bar"), "did you mean r2_nu_mu"),
    (lambda: ChargeRadius("r2_nu_ee", per_source=True), "did you mean r2_nu_e"),
    (lambda: ChargeRadius(couplings="pdg"), "unknown coupling scheme 'pdg'; did you mean pdg2018"),
    (lambda: Millicharge("q_nu_eu"), "did you mean q_nu_e"),
    (lambda: LightVector("B-L_e"), "unknown gauge model 'B-L_e'; did you mean B-"),
    (lambda: LightVector("b-l"), "unknown gauge model 'b-l'"),
    (lambda: LightVector("Lmu-Ltau"), "did you mean L_mu-L_tau"),
    (lambda: GeneralizedInteractions("xi_P"), "did you mean xi_"),
    (lambda: GeneralizedInteractions("C_s_S"), "did you mean C_"),
    (lambda: Sterile("sin2_2theta_mu"), "did you mean sin2_2theta_mumu"),
    (lambda: matter_nsi({}, "mue"), "unknown flavour pair 'mue'; did you mean"),
    (lambda: owning((), {"light_vectr": {}}), "unknown interaction 'light_vectr'; did you mean li"),
    (lambda: analyses.papoulias2020().nll({"eps_uV_xx": 1.0}), "unknown parameter 'eps_uV_xx'"),
]


@pytest.mark.parametrize(("make", "message"), UNKNOWN, ids=[m for _, m in UNKNOWN])
def test_unknown_name(make, message):
    with pytest.raises(UnknownNameError, match=re.escape(message)):
        make()


REFUSED = [
    (lambda: MagneticMoment("mu_nu", "mu_nu_e"), "mu_nu stands for all flavours; drop"),
    (lambda: NSI("eps_uV_ee", "eps_uV_ee"), "name each coupling once"),
    (lambda: LightVector((1, 1, 1)), "light_vector.charges must be numbers like (1, 1, -3, 0, 0)"),
    (
        lambda: Sterile("sin2_2theta", "sin2_2theta_ee"),
        "sin2_2theta stands for all flavours; drop it or",
    ),
    (lambda: GeneralizedInteractions("xi_S", "C_u_S"), "effective couplings or quark couplings"),
    (lambda: GeneralizedInteractions("D_u_A", "R_ST"), "['R_ST'] are made of the quark couplings"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_refused_combination(make, message):
    with pytest.raises(InputError, match=re.escape(message)):
        make()


# Options with a few allowed values: the tests' type checker stops them first, so another process.
OPTIONS = {
    "ChargeRadius(reading='totl')": "unknown ChargeRadius reading 'totl'; did you mean total?",
    "ChargeRadius(via='angle')": "unknown ChargeRadius via 'angle'; ",
    "LightVector(normalization='lm')": "unknown light_vector normalization 'lm'; ",
    "LightVector('L_e-L_mu', loop='q1')": "unknown light_vector loop 'q1'; did you mean q0?",
    "LightScalar('quarks')": "unknown nuclear charge 'quarks'; did you mean quark?",
    "MagneticMoment(form_factor_power=3)": "form_factor_power must be 1 or 2, got 3",
    "StandardModel(axial='yes')": "axial must be true or false, got 'yes'",
    "Millicharge(sign=0)": "sign must be -1 or 1, got 0",
    "LightVector(loop_sign=2)": "loop_sign must be -1 or 1, got 2",
}
_SCRIPT = """
import sys, cevnsjax as cj
from cevnsjax.core.errors import CevnsjaxError
for text in sys.argv[1:]:
    try:
        print("accepted", eval("cj." + text))
    except CevnsjaxError as problem:
        print(problem)
"""


def test_refused_options():
    words = [sys.executable, "-c", _SCRIPT, *OPTIONS]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    for line, message in zip(done.stdout.splitlines(), OPTIONS.values(), strict=True):
        assert message in line


TWICE = [
    ((NSI(), NSI("eps_uV_ee")), "parameter eps_uV_ee is owned by both NSI and NSI"),
    ((LightVector(), LightVector("B-L")), "parameter g_Zp is owned by both LightVector"),
    ((ChargeRadius(), ChargeRadius(reading="total")), "parameter r2_nu_ee is owned by both"),
    ((StandardModel(), StandardModel("tree")), "a Model has one StandardModel, got 2"),
]


@pytest.mark.parametrize(("both", "message"), TWICE, ids=[m for _, m in TWICE])
def test_one_parameter_with_two_owners(both, message):
    with pytest.raises(InputError, match=message):
        Model(csi_2017(), both)


def test_interactions_that_share_no_parameter_may_be_of_one_kind():
    """Two NSI of different couplings, or the effective and per-flavour moments apart."""
    model = Model(csi_2017(), [NSI("eps_uV_ee"), NSI("eps_dV_ee")])
    both = {"eps_uV_ee": 0.1, "eps_dV_ee": 0.2}
    together = Model(csi_2017(), [NSI("eps_uV_ee", "eps_dV_ee")])
    assert float(model.nll(both)) == pytest.approx(float(together.nll(both)), rel=1e-13)


OUTSIDE = [
    (LightVector(), "m_Zp", -1.0),
    (LightVector(), "g_Zp", -1e-6),
    (LightVector(), "g_Zp", float("inf")),
    (LightScalar(), "m_phi", -1e-9),
    (LightScalar(), "g_phi", -1.0),
    (MagneticMoment(), "mu_nu", -1.0),
    (Sterile(), "dm2_41", -0.1),
    (Sterile(), "sin2_2theta_ee", 1.1),
    (NSI(), "eps_uV_ee", 11.0),
    (GeneralizedInteractions(), "xi_S", 21.0),
]


@pytest.mark.parametrize(("interaction", "name", "value"), OUTSIDE, ids=str)
def test_value_out_of_bounds(interaction, name, value):
    with pytest.raises(InputError, match=rf"{name}=.* is outside its bounds"):
        Model(csi_2017(), [interaction]).nll({name: value})
    with pytest.raises(InputError, match=rf"{name}=.* is outside its bounds"):
        Model(csi_2017(), [interaction], defaults={name: value})


# --- who owns a parameter ---
def test_owners_build_every_name():
    """Each name switches exactly one interaction on, which then has it."""
    assert len(set(PARAMETER_NAMES)) == len(PARAMETER_NAMES)
    for interaction, owner in OWNERS.items():
        for name in owner.owns:
            if (interaction, name) == ("sterile", "dm2_41"):
                continue
            (built,) = owning([name])
            assert name in {p.name for p in built.own_parameters()}, name
    assert owning(["sin2_theta_w", "R_n_Cs"]) == []


def test_owners_group_names_and_take_options():
    built = owning(["eps_uV_ee", "g_Zp", "eps_dV_ee"], {"light_vector": {"charges": "B-L"}})
    assert built == [NSI("eps_uV_ee", "eps_dV_ee"), LightVector("B-L")]
    assert owning(["r2_nu_e"]) == [ChargeRadius("r2_nu_e", per_source=True)]
    assert owning((), {"millicharge": {"sign": 1}}) == [Millicharge(sign=1)]
    assert owning(["dm2_41"]) == [Sterile()]
    with pytest.raises(InputError, match="mu_nu stands for all flavours"):
        owning(["mu_nu", "mu_nu_e"])
    with pytest.raises(UnknownNameError, match="did you mean r2_nu_"):
        owning(["r2_nu_e", "r2_nu_ee"])


def test_interactions_are_frozen_and_hashed_by_options():
    assert NSI("eps_uV_ee") == NSI("eps_uV_ee") != NSI("eps_dV_ee")
    assert hash(LightVector()) == hash(LightVector("universal"))
    assert LightVector() != LightScalar()
    assert repr(Millicharge("q_nu_ee")) == "Millicharge(names=('q_nu_ee',), sign=-1)"
    with pytest.raises(AttributeError, match="NSI is frozen"):
        NSI().names = ()
