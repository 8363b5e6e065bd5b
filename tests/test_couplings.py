"""Nucleon couplings and weak charges against golden values, the oracle and printed numbers."""

import numpy as np
import pytest
from support import helpers, oracle

from cevnsjax.core import constants as c
from cevnsjax.core.errors import UnknownNameError
from cevnsjax.couplings import FLAVOURS, SCHEMES, charge_radius_term, coupling_scheme
from cevnsjax.nuclei import isotope


def _couplings(inputs):
    scheme, s2 = inputs["couplings"].values()
    return coupling_scheme(scheme).couplings(s2)


@pytest.mark.parametrize("entry", helpers.entries("couplings", "weak_charge"))
def test_weak_charge(entry):
    g, nucleus = _couplings(entry["inputs"]), isotope(helpers.ISOTOPES[entry["inputs"]["nucleus"]])
    helpers.check(g.g_Vp[0] * nucleus.Z + g.g_Vn * nucleus.N, entry)


@pytest.mark.parametrize("entry", helpers.entries("couplings", "g_V"))
def test_coupling(entry):
    g, x = _couplings(entry["inputs"]), entry["inputs"]
    helpers.check(
        g.g_Vp[FLAVOURS.index(x["flavour"])] if x["quantity"] == "g_Vp" else g.g_Vn, entry
    )


def test_standard_model_charge_radius(golden):
    """The radius term of g_Vp is minus r2 times the charge of a unit radius."""
    entries = golden("couplings")
    unit = 2**0.5 * np.pi * c.alpha * 1e-32 / (3 * c.G_F * c.hbar_c_squared_cm2)
    helpers.check(unit, entries["charge_radius_charge"])
    for flavour in ("e", "mu"):
        helpers.check(-charge_radius_term(flavour) / unit, entries[f"r2_sm.{flavour}"])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("s2", [-1.0, 0.2312, 0.23857, 2.0])
def test_against_oracle(scheme, s2):
    """Agreement over the allowed range of sin2_theta_w; tau of the printed scheme by a formula."""
    got = coupling_scheme(scheme).couplings(s2)
    for flavour, g_Vp in zip(FLAVOURS, got.g_Vp, strict=True):
        if (scheme, flavour) == ("erler_su_printed", "tau"):
            shift = -2 * 1.00063 * (s2 - 0.23857)
            expected = oracle.couplings("erler_su", 0.23857, "tau")[0] + shift, -0.5094
        else:
            expected = oracle.couplings(scheme, s2, flavour)
        np.testing.assert_allclose((g_Vp, got.g_Vn), expected, rtol=1e-13, atol=1e-15)


def test_printed_values():
    """Couplings have the printed digits: P20 for pdg2018, Cadeddu et al. for erler_su."""
    pdg = coupling_scheme("pdg2018").couplings(0.2382)
    assert pdg.g_Vp[0] == pytest.approx(0.0165124, abs=5e-8)
    assert pdg.g_Vn == pytest.approx(-0.5121075, abs=5e-8)
    erler = coupling_scheme("erler_su").couplings(0.23857)
    assert erler.g_Vp[:2] == pytest.approx((0.0401, 0.0318), abs=5e-5)
    printed = coupling_scheme("erler_su_printed").couplings(0.23857)
    assert printed.g_Vp[:2] == pytest.approx((0.0401, 0.0318), rel=1e-14)
    assert printed.g_Vn == -0.5094


def test_slopes():
    """dg_Vp/ds2 = -2, -2 rho kappa, -2 rho; g_Vn does not depend on it."""
    expected = {"tree": 2.0, "pdg2018": 2 * 1.0082 * 0.9972}
    for name, scheme in SCHEMES.items():
        low, high = scheme.couplings(0.2), scheme.couplings(0.3)
        slope = expected.get(name, 2 * 1.00063)
        assert (low.g_Vp[0] - high.g_Vp[0]) / 0.1 == pytest.approx(slope, rel=1e-12)
        assert low.g_Vn == high.g_Vn


def test_unknown_scheme_offers_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown coupling scheme 'pdg2008'.*pdg2018"):
        coupling_scheme("pdg2008")
