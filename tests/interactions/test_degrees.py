"""Degree of the counts in every coupling: a polynomial of that degree, and of none lower.

Fast scans rest on this. Fits go through ``Model.expected`` at Chebyshev points of a range in which
the coupling matters, bin by bin.
"""

from functools import cache

import numpy as np
import pytest
from numpy.polynomial import chebyshev

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

POINTS = 9
CASES = {
    "eps_uV_ee": (NSI(), 1.0, 2, {"eps_dV_ee": 0.1}),
    "eps_dV_emu": (NSI(), 1.0, 2, {"eps_uV_emu": 0.2}),
    "r2_nu_ee": (ChargeRadius(), 50.0, 2, {}),
    "r2_nu_mutau": (ChargeRadius(), 50.0, 2, {}),
    "r2_nu_mu": (ChargeRadius(per_source=True, via="sin2_theta_w"), 50.0, 2, {}),
    "q_nu_mumu": (Millicharge(), 50.0, 2, {}),
    "q_nu_etau": (Millicharge(), 50.0, 2, {}),
    "mu_nu": (MagneticMoment(), 60.0, 2, {}),
    "mu_nu_e": (MagneticMoment("mu_nu_e", form_factor_power=1), 60.0, 2, {}),
    "g_Zp": (LightVector(), 2e-4, 4, {"m_Zp": 30.0}),
    "g_phi": (LightScalar(), 1e-4, 4, {"m_phi": 30.0}),
    "xi_S": (GeneralizedInteractions(), 2.0, 2, {}),
    "xi_V": (GeneralizedInteractions(), 2.0, 2, {"xi_S": 0.4}),
    "xi_T": (GeneralizedInteractions(), 2.0, 2, {}),
    "R_ST": (GeneralizedInteractions("R_ST", "xi_S"), 20.0, 1, {"xi_S": 0.5}),
    "C_u_S": (GeneralizedInteractions("C_u_S", "C_u_T"), 0.1, 2, {"C_u_T": 1.0}),
    "C_d_V": (GeneralizedInteractions("C_d_V", "D_d_A"), 1.0, 2, {"D_d_A": 0.3}),
    "D_d_A": (GeneralizedInteractions("C_d_V", "D_d_A"), 1.0, 2, {"C_d_V": 0.3}),
    "eps_uT_emu": (TensorNSI(), 0.5, 2, {}),
    "sin2_2theta_mumu": (Sterile(), 1.0, 1, {"dm2_41": 2.0}),
    "sin2_theta_w": (NSI(), 1.0, 2, {}),
}
ONE_SIDED = ("mu_nu", "mu_nu_e", "g_Zp", "g_phi", "sin2_2theta_mumu", "sin2_theta_w")


@cache
def _model(interaction):
    return Model(csi_2017(), [StandardModel(), interaction])


@cache
def _sampled(name):
    """Chebyshev abscissae within (-1, 1) and counts there, [point, bin]."""
    interaction, top, _, values = CASES[name]
    t = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
    x = top * ((1 + t) / 2 if name in ONE_SIDED else t)
    model = _model(interaction)
    rows = [model.expected({**values, name: float(v)})["csi-2017"] for v in x]
    return t, x / top, np.array(rows)


def _residual(t, counts, degree):
    """Largest distance of a fit from the counts, relative to the largest count of the bin."""
    fitted = chebyshev.chebval(t, chebyshev.chebfit(t, counts, degree)).T
    return np.max(np.abs(fitted - counts) / np.max(counts, axis=0))


@pytest.mark.parametrize("name", CASES)
def test_degree(name):
    degree = CASES[name][2]
    t, _, counts = _sampled(name)
    assert _residual(t, counts, degree) < 1e-10
    assert _residual(t, counts, degree - 1) > 1e-3


@pytest.mark.parametrize("name", ["g_Zp", "g_phi", "mu_nu"])
def test_only_even_powers(name):
    """Half the degree in the square of the coupling."""
    degree = CASES[name][2]
    _, u, counts = _sampled(name)
    assert _residual(2 * u**2 - 1, counts, degree // 2) < 1e-10
    assert _residual(2 * u**2 - 1, counts, degree // 2 - 1) > 1e-3
    powers = np.linalg.lstsq(u[:, None] ** np.arange(degree + 1), counts, rcond=None)[0]
    assert np.max(np.abs(powers[1::2])) < 1e-8 * np.max(np.abs(powers))


def test_scalar_has_no_square():
    """A light scalar does not interfere: counts are linear in g^4."""
    _, u, counts = _sampled("g_phi")
    assert _residual(2 * u**4 - 1, counts, 1) < 1e-10


@pytest.mark.parametrize(
    ("name", "interaction"),
    [(n, c[0]) for n, c in CASES.items() if n not in ("sin2_theta_w", "R_ST")],
)
def test_even_flag_says_whether_the_sign_matters(name, interaction):
    """Alone, a coupling flagged even gives the same counts for both signs; others do not."""
    declared = {p.name: p for p in interaction.own_parameters()}[name]
    if declared.bounds[0] == 0:
        assert declared.even == name.startswith(("g_", "mu_nu"))
        return
    size = CASES[name][1] / 3
    plus, minus = (_model(interaction).expected({name: s * size})["csi-2017"] for s in (1, -1))
    same = bool(np.allclose(plus, minus, rtol=1e-12))
    assert same == declared.even
