"""Recoil rates of a target: golden folded cross sections, oracle, and closed-form totals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import helpers, oracle

from cevnsjax.core import constants as c
from cevnsjax.core.kinematics import T_nr_max
from cevnsjax.flux.decay_at_rest import DecayAtRest
from cevnsjax.interactions import Charges, StandardModel
from cevnsjax.nuclei import Target, isotope, target
from cevnsjax.numerics import panel_nodes
from cevnsjax.rate import add_rates, dR_dT_nr

FLUX = DecayAtRest(0.08, 1.76e23, 19.3)


@pytest.mark.parametrize("entry", helpers.entries("flux", "folded"))
def test_golden_folded(entry):
    """One nucleus: the rate over fluence is the folded cross section."""
    x = entry["inputs"]
    one = Target("one nucleus", (isotope(helpers.ISOTOPES[x["nucleus"]]),), (1e30,))
    values = {"sin2_theta_w": x["couplings"]["sin2_theta_w"]}
    T = np.array([x["T_nr_MeV"]])
    rate = dR_dT_nr(T, one, FLUX, (helpers.standard_model(x),), values)[x["source"]]
    helpers.check(rate[0] / (FLUX.fluence * 1e30), entry)


@pytest.mark.parametrize("kinematics", ["approximate", "exact"])
def test_against_oracle(kinematics):
    T = np.array([1e-6, 1e-4, 2e-3, 0.0142, 0.0148, 0.03, 0.0455, 0.048])
    rate = dR_dT_nr(T, target("CsI"), FLUX, (StandardModel(kinematics=kinematics),))
    dsigma = oracle.standard_model("erler_su", 0.23857, oracle.form_factor("helm"), kinematics)
    fluence = oracle.fluence(0.08, 1.76e23, 19.3)
    for source in helpers.SOURCES:
        expected = sum(
            number * fluence * oracle.folded(T, nucleus, source, dsigma, kinematics)
            for nucleus, number in oracle.csi_targets(1.0).items()
        )
        np.testing.assert_allclose(rate[source], expected, rtol=1e-11, atol=1e-13 * expected[0])


def test_total_number_of_recoils_in_closed_form():
    """F = 1: N (G_F^2/pi) Q^2 <E^2>, <E^2> = E_pi^2, 2/15 m_mu^2 and m_mu^2/10."""
    argon = target("40Ar")
    (nucleus,), (per_kg,) = argon.nuclei, argon.per_kg
    model = StandardModel("tree", helpers.Unity(), "formula")
    s2 = 0.2312
    Q2 = ((0.5 - 2 * s2) * nucleus.Z - 0.5 * nucleus.N) ** 2
    mean_E2 = {"nu_mu": c.E_nu_prompt**2, "nu_mu_bar": c.m_mu**2 * 2 / 15, "nu_e": c.m_mu**2 / 10}
    ends = [T_nr_max(E, nucleus.mass, "approximate") for E in FLUX.kink_energies]
    root, weight = panel_nodes(np.sqrt([0.0, *ends]), 30)
    rate = dR_dT_nr(root**2, argon, FLUX, (model,))
    for source, E2 in mean_E2.items():
        expected = per_kg * FLUX.fluence * c.G_F**2 / np.pi * c.hbar_c_squared_cm2 * Q2 * E2
        assert 2 * root * weight @ np.asarray(rate[source]) == pytest.approx(expected, rel=1e-12)


def test_isotopes_add():
    """Natural argon is the sum of its isotopes at their own masses and radii."""
    T = np.array([0.01, 0.05])
    whole = dR_dT_nr(T, target("Ar"), FLUX)
    parts = [
        dR_dT_nr(T, Target(n.name, (n,), (per_kg,)), FLUX)
        for n, per_kg in zip(target("Ar").nuclei, target("Ar").per_kg, strict=True)
    ]
    for source in helpers.SOURCES:
        np.testing.assert_allclose(whole[source], sum(p[source] for p in parts), rtol=1e-13)
    by_mass = parts[2]["nu_e"] / whole["nu_e"]
    np.testing.assert_allclose(by_mass, 0.996, atol=0.004)


def test_add_rates_keeps_every_source():
    got = add_rates([{"a": jnp.array(1.0)}, {"a": jnp.array(2.0), "b": jnp.array(5.0)}])
    assert {k: float(v) for k, v in got.items()} == {"a": 3.0, "b": 5.0}


def test_values_reach_the_rate_and_a_user_interaction_adds():
    """An interaction defined outside the package that cancels the SM gives the rate 0."""

    class Cancel:
        def parameters(self, targets):
            del targets
            return []

        def __call__(self, values, nucleus):
            sm = StandardModel()(values, nucleus)
            return Charges(vector={key: -q for key, q in sm.vector.items()})

    T = np.array([0.005, 0.02])
    values = {"sin2_theta_w": 0.3}
    assert np.all(np.asarray(dR_dT_nr(T, target("CsI"), FLUX, values=values)["nu_e"]) > 0)
    nothing = dR_dT_nr(T, target("CsI"), FLUX, (StandardModel(), Cancel()), values)
    for rate in nothing.values():
        np.testing.assert_array_equal(rate, 0)


def test_rate_is_differentiable_down_to_one_ev():
    def total(T):
        return sum(r[0] for r in dR_dT_nr(T[None], target("CsI"), FLUX).values())

    h = 1e-6
    for T in (1e-6, 0.01, 0.03):
        slope = float(jax.grad(total)(jnp.asarray(T)))
        high, low = (float(total(jnp.asarray(T * (1 + s * h)))) for s in (1, -1))
        assert slope == pytest.approx((high - low) / (2 * h * T), rel=1e-5)
