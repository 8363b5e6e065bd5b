"""Couplings that run with the momentum transfer: values of mpmath (40 digits), effects, slopes."""

import numpy as np
import pytest

import cevnsjax as cj
from cevnsjax import Model, NucleusAtNodes, StandardModel
from cevnsjax.core import constants as c
from cevnsjax.core.errors import InputError
from cevnsjax.couplings import FLAVOURS, SCHEMES, running_couplings
from cevnsjax.experiments import csi_2017
from cevnsjax.lepton_loops import polarisation
from cevnsjax.nuclei import isotope

S2 = 0.23857
# The loops of charge radii in g_Vp, -(alpha/3 pi) F(q^2/m^2), by flavour and q [MeV].
RADII = {
    ("e", 10.0): -0.003326806430205147,
    ("e", 100.0): -0.006880660327158332,
    ("mu", 1.0): -1.387114052568493e-08,
    ("mu", 10.0): -1.385797842216435e-06,
    ("tau", 10.0): -4.904743523729956e-09,
    ("tau", 100.0): -4.903096484243435e-07,
}
# -(alpha/12 pi) (1 - 4 s2w) sum of F over three leptons, at s2w = 0.23857.
ANGLE = {10.0: -3.804129322779984e-05, 100.0: -8.010241687383237e-05}
# What both do to the rate on 133Cs and 40Ar without form factors, in %, by q [MeV]: printed digits.
EFFECT = {
    "133Cs": {10.0: 0.95, 30.0: 1.44, 50.0: 1.67, 100.0: 1.98},
    "40Ar": {10.0: 1.12, 100.0: 2.32},
}


def shifts(s2, q):
    """g_Vp(q^2) - g_Vp(0) by flavour, and of g_Vn."""
    at_rest, at_q = SCHEMES["erler_su"].couplings(s2), running_couplings(s2, q**2)
    g_Vp = [float(a - b) for a, b in zip(at_q.g_Vp, at_rest.g_Vp, strict=True)]
    return dict(zip(FLAVOURS, g_Vp, strict=True)), float(at_q.g_Vn - at_rest.g_Vn)


@pytest.mark.parametrize(("flavour", "q"), RADII)
def test_charge_radii(flavour, q):
    """At sin^2 theta_W = 1/4 the angle does not run; differences from 0.04 keep 14 digits."""
    g_Vp, g_Vn = shifts(0.25, q)
    assert g_Vp[flavour] == pytest.approx(RADII[flavour, q], rel=1e-9, abs=2e-17)
    assert g_Vn == 0


@pytest.mark.parametrize("q", ANGLE)
def test_angle(q):
    """What is left beside the radii, over the slope -2 rho of g_Vp."""
    (at_angle, _), (at_quarter, _) = shifts(S2, q), shifts(0.25, q)
    for flavour in FLAVOURS:
        moved = (at_angle[flavour] - at_quarter[flavour]) / (-2 * 1.00063)
        assert moved == pytest.approx(ANGLE[q], rel=1e-9)


def test_loops_of_bahcall_kamionkowski_and_sirlin():
    """F(2 T/m_e)/6 is I(T) of PRD 51, 6146; mpmath."""
    for T, expected in ((0.1, 0.01252899557392524), (1.0, 0.09506308777965297)):
        assert float(polarisation(2 * T / c.m_e)) / 6 == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("name", EFFECT)
def test_effect_on_rates(name):
    nucleus, (q, percent) = isotope(name), np.array([*EFFECT[name].items()]).T
    one = np.ones_like(q)
    at = NucleusAtNodes(nucleus, q**2, one, one, ("nu_e", "nu_mu", "nu_mu_bar"))
    runs, rests = (StandardModel(running=r)({"sin2_theta_w": S2}, at).vector for r in (True, False))
    change = {s: 100 * ((runs[s, f] / rests[s, f]) ** 2 - 1) for s, f in runs}
    np.testing.assert_allclose(change["nu_e"], percent, atol=0.006)
    assert np.all(np.abs(change["nu_mu"]) < 0.06)
    np.testing.assert_array_equal(change["nu_mu"], change["nu_mu_bar"])


def test_nothing_runs_at_rest():
    assert shifts(S2, 0.0) == (dict.fromkeys(FLAVOURS, 0.0), 0.0)


def test_only_erler_su_runs():
    for scheme in ("tree", "pdg2018", "erler_su_printed"):
        with pytest.raises(InputError, match=f"needs couplings='erler_su', got '{scheme}'"):
            StandardModel(scheme, running=True)


def test_slopes_and_fits():
    """Slopes of chi2 against differences, and fits, which expand models, find what a call finds."""
    model = Model(csi_2017(), [StandardModel(running=True)])
    at = {"sin2_theta_w": 0.21, "R_n_Cs": 5.2, "R_p_I": 4.6}
    _, slopes = model.value_and_grad(at)
    for name, x in at.items():
        low, high = (float(model.profiled_nll({**at, name: x * f})) for f in (1 - 1e-4, 1 + 1e-4))
        assert float(slopes[name]) == pytest.approx((high - low) / (2e-4 * x), rel=1e-5, abs=1e-7)
    fit = cj.fit(model, ["sin2_theta_w"])
    assert fit.chi2 == pytest.approx(2 * float(model.profiled_nll(fit.values)), rel=1e-10)
    plain = cj.fit(Model(csi_2017()), ["sin2_theta_w"])
    # A third of the events, those of nu_e, are 1.6 % more; dlnR/ds2 = 4 Z/|Q| = 5.8.
    moved = plain.values["sin2_theta_w"] - fit.values["sin2_theta_w"]
    assert moved == pytest.approx(0.016 / 3 / 5.8, rel=0.3)
