"""Contours by NumPy: closed forms on grids, and minimisers at single points.

Counts are quadratic in couplings, so a fixed response needs three templates for each flavour.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy_grid import BLOCK
from numpy_reference import (
    B_ON,
    DEFAULT,
    G_F,
    G_VN,
    M_E,
    M_MU,
    MASS,
    MEASURED,
    SIGMAS,
    T_NR,
    VARIANCE,
    FixedResponse,
    chi2,
    nucleon_charges,
    proton_coupling,
)
from scipy.optimize import minimize

_Q2 = (2 * MASS * T_NR).ravel()
_EPS_SCALE = 0.1


def electron(fixed: FixedResponse, u: Any, d: Any) -> np.ndarray:
    """Counts of nu_e at couplings [...] of u and d quarks, [..., bin]."""
    return _counts(fixed.templates[:3], M_E, u, d)


def muon(fixed: FixedResponse, u: Any, d: Any) -> np.ndarray:
    """Counts of nu_mu and nu_mu_bar, [..., bin]."""
    return _counts(fixed.templates[3:], M_MU, u, d)


def _counts(templates: np.ndarray, lepton_mass: float, u: Any, d: Any) -> np.ndarray:
    p, n = proton_coupling(DEFAULT[0], lepton_mass) + 2 * u + d, G_VN + u + 2 * d
    return np.stack(np.broadcast_arrays(p * p, p * n, n * n), axis=-1) @ templates


def scan_nsi_4d(fixed: FixedResponse, axis: np.ndarray) -> np.ndarray:
    """chi2 on (eps_uV_ee, eps_dV_ee, eps_uV_mumu, eps_dV_mumu), one axis for all."""
    n = axis.size
    u, d = (x.ravel() for x in np.meshgrid(axis, axis, indexing="ij"))
    from_e, from_mu = electron(fixed, u, d), muon(fixed, u, d)
    out = np.empty((n * n, n * n))
    step = max(1, BLOCK // (n * n))
    for first in range(0, n * n, step):
        block = slice(first, first + step)
        out[block] = chi2(from_e[block, None] + from_mu)
    return out.reshape(n, n, n, n)


def scan_mediator(fixed: FixedResponse, g: np.ndarray, m: np.ndarray) -> np.ndarray:
    """chi2 on (g_Zp, m_Zp), universal charges: three templates for each mass."""
    p_e, n_e, p_mu, n_mu = (float(x) for x in nucleon_charges(DEFAULT))
    target = 3 * (fixed.proton + fixed.neutron) / (np.sqrt(2) * G_F)
    extra = target / (_Q2 + m[:, None] ** 2)  # [mass, node]
    standard = [p * fixed.proton + n * fixed.neutron for p, n in ((p_e, n_e), (p_mu, n_mu))]
    pairs = list(zip(standard, fixed.response, strict=True))
    constant = sum(q * q @ r for q, r in pairs)
    linear = np.sum([(2 * q * extra) @ r for q, r in pairs], axis=0)
    square = (extra * extra) @ np.sum(fixed.response, axis=0)
    out, g2 = np.empty((g.size, m.size)), g[:, None] ** 2
    step = max(1, BLOCK // g.size)
    for first in range(0, m.size, step):
        block = slice(first, first + step)
        out[:, block] = chi2(
            constant + g2[..., None] * linear[block] + g2[..., None] ** 2 * square[block]
        )
    return out


def by_minuit(signal: np.ndarray) -> float:
    """chi2 of a signal [bin] with both pulls minimised by iminuit."""
    from iminuit import Minuit

    def cost(a: np.ndarray) -> float:
        rest = MEASURED - (1 + a[0]) * signal - (1 + a[1]) * B_ON
        return float(rest**2 @ (1 / VARIANCE) + np.sum((a / SIGMAS) ** 2))

    minuit = Minuit(cost, np.zeros(2))
    minuit.errors, minuit.print_level, minuit.errordef = SIGMAS, 0, 1.0
    return float(minuit.migrad().fval or np.nan)


def profiled(fixed: FixedResponse, u: float, d: float, starts: Sequence[float]) -> float:
    """chi2 at (eps_uV_ee, eps_dV_ee), minimised over eps_uV_mumu by scipy from several starts."""
    from_e = electron(fixed, u, d)

    def cost(x: np.ndarray) -> float:
        return float(chi2(from_e + muon(fixed, x[0] * _EPS_SCALE, 0.0)))

    options = {"gtol": 1e-6}
    return min(
        float(minimize(cost, [s / _EPS_SCALE], method="BFGS", options=options).fun) for s in starts
    )
