"""The Standard Model's charges, its parameters by radii option, and the algebra of charges."""

import jax.numpy as jnp
import numpy as np
import pytest
from support import oracle

from cevnsjax.core.errors import UnknownNameError
from cevnsjax.form_factors import Helm, KleinNystrand, SymmetrizedFermi
from cevnsjax.interactions import Charges, NucleusAtNodes, StandardModel
from cevnsjax.nuclei import isotope, target, theory_radii

T_NR = np.array([1e-6, 1e-3, 0.01, 0.04])
SOURCES = ("nu_mu", "nu_mu_bar", "nu_e")


def _charges(model, values, nucleus):
    q2 = 2 * nucleus.mass * T_NR
    F_p, F_n = model.form_factors(values, nucleus, q2)
    return model(values, NucleusAtNodes(nucleus, q2, F_p, F_n, SOURCES))


@pytest.mark.parametrize("scheme", ["tree", "pdg2018", "erler_su", "erler_su_printed"])
@pytest.mark.parametrize(("name", "witness"), [("133Cs", oracle.CS), ("127I", oracle.I)])
def test_weak_charge_against_oracle(scheme, name, witness):
    model = StandardModel(scheme)
    values = {p.name: p.default for p in model.parameters([target("CsI")])}
    values["sin2_theta_w"] = 0.21
    charges = _charges(model, values, isotope(name))
    assert set(charges.vector) == {("nu_mu", "mu"), ("nu_mu_bar", "mu"), ("nu_e", "e")}
    for source in SOURCES:
        expected = oracle.charge_squared(
            T_NR, witness, source, scheme, 0.21, oracle.form_factor("helm")
        )
        np.testing.assert_allclose(
            charges.product("vector", "vector", source), expected, rtol=1e-11
        )


def test_flavours_differ_only_in_the_charge_radius():
    """erler_su: g_Vp of nu_e less that of nu_mu is the difference of radius terms."""
    values = {p.name: p.default for p in StandardModel().parameters([target("CsI")])}
    cs = isotope("133Cs")
    charges = _charges(StandardModel(), values, cs).vector
    F_p, _ = StandardModel().form_factors(values, cs, 2 * cs.mass * T_NR)
    expected = (oracle.radius_term("e") - oracle.radius_term("mu")) * cs.Z * np.asarray(F_p)
    got = charges["nu_e", "e"] - charges["nu_mu", "mu"]
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    assert charges["nu_mu", "mu"] is charges["nu_mu_bar", "mu"]


def _names(radii, *targets):
    return [p.name for p in StandardModel(radii=radii).parameters([target(t) for t in targets])]


@pytest.mark.parametrize(
    ("radii", "names"),
    [
        ("per_nucleus", ["R_p_Cs", "R_p_I", "R_n_Cs", "R_n_I"]),
        ("common", ["R_p_Cs", "R_p_I", "R_n"]),
        ("skin", ["R_p_Cs", "R_p_I", "dR_np"]),
        ("nuclear", ["R_n"]),
        ("formula", []),
    ],
)
def test_parameters_by_radii_option(radii, names):
    assert _names(radii, "CsI") == ["sin2_theta_w", *names]


def test_elements_appear_once():
    assert _names("per_nucleus", "CsI", "NaI").count("R_p_I") == 1


def test_default_radii():
    defaults = {p.name: p.default for p in StandardModel().parameters([target("CsI")])}
    expected = {"R_p_Cs": 4.804, "R_p_I": 4.749, "R_n_Cs": 5.01, "R_n_I": 4.94}
    assert defaults == {"sin2_theta_w": 0.23857, **expected}
    common = StandardModel(radii="common").parameters([target("CsI")])
    assert common[-1].default == pytest.approx((5.01 + 4.94) / 2, rel=1e-14)
    skin = StandardModel(radii="skin").parameters([target("CsI")])
    assert skin[-1].default == pytest.approx((5.01 - 4.804 + 4.94 - 4.749) / 2, rel=1e-12)


def test_radii_of_the_form_factors():
    """Which radius each option hands to which nucleon, by the amplitude of the family itself."""
    cs, F = isotope("133Cs"), Helm()
    q2 = 2 * cs.mass * T_NR
    cases = [
        ("per_nucleus", {"R_p_Cs": 4.0, "R_n_Cs": 5.5}, 4.0, 5.5),
        ("common", {"R_p_Cs": 4.0, "R_n": 5.2}, 4.0, 5.2),
        ("skin", {"R_p_Cs": 4.0, "dR_np": 0.3}, 4.0, 4.3),
        ("nuclear", {"R_n": 4.8}, 4.8, 4.8),
        ("formula", {}, F.R_rms(133), F.R_rms(133)),
    ]
    for radii, values, R_p, R_n in cases:
        F_p, F_n = StandardModel(radii=radii).form_factors(values, cs, q2)
        expected = (
            oracle.helm(np.sqrt(q2) / oracle.HBARC, R_p),
            oracle.helm(np.sqrt(q2) / oracle.HBARC, R_n),
        )
        np.testing.assert_allclose((F_p, F_n), expected, rtol=1e-11)


def test_isotopes_move_with_their_element():
    """The parameter is the reference isotope's radius; others keep their distance to it."""
    ge = [isotope(f"{A}Ge") for A in (70, 74)]
    model = StandardModel()
    values = {p.name: p.default for p in model.parameters([target("Ge")])}
    assert values["R_p_Ge"] == theory_radii(ge[1])[0]
    values["R_n_Ge"] += 0.2
    q2 = np.array([2000.0])
    for nucleus in ge:
        F_p, F_n = model.form_factors(values, nucleus, q2)
        R_p, R_n = theory_radii(nucleus)
        q = np.sqrt(q2) / oracle.HBARC
        np.testing.assert_allclose(F_p, oracle.helm(q, R_p), rtol=1e-11)
        np.testing.assert_allclose(F_n, oracle.helm(q, R_n + 0.2), rtol=1e-11)


def test_least_radius_follows_the_family():
    """Symmetrised Fermi is regular down to c = 0, Helm and Klein-Nystrand down to R = 0."""
    cases = [(SymmetrizedFermi(), np.sqrt(7 / 5) * np.pi * 0.52), (Helm(), 0), (KleinNystrand(), 0)]
    for F, least in cases:
        for p in StandardModel(form_factor=F).parameters([target("CsI")])[1:]:
            assert p.bounds[0] == pytest.approx(least, rel=1e-14)


def test_unknown_scheme():
    with pytest.raises(UnknownNameError, match="scheme 'erlersu'; did you mean erler_su"):
        StandardModel("erlersu")


def test_charges_add_key_by_key():
    a = Charges({("nu_e", "e"): jnp.array([1.0]), ("nu_mu", "mu"): jnp.array([2.0])})
    b = Charges({("nu_e", "e"): jnp.array([0.5]), ("nu_e", "mu"): jnp.array([3.0])})
    total = (a + b + Charges()).vector
    assert {k: float(v[0]) for k, v in total.items()} == {
        ("nu_e", "e"): 1.5,
        ("nu_mu", "mu"): 2.0,
        ("nu_e", "mu"): 3.0,
    }
    assert float((a + b).product("vector", "vector", "nu_e")[0]) == 1.5**2 + 3.0**2
    assert Charges().product("vector", "vector", "nu_e") is None
