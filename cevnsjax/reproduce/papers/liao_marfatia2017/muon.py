"""Anomalous magnetic moment of the muon from a vector boson, for Fig. 2 of Liao and Marfatia.

Delta a_mu = g^2/(4 pi^2) int_0^1 dx m^2 x^2 (1 - x)/(m^2 x^2 + M^2 (1 - x)), m the muon mass.
"""

import numpy as np
from scipy import integrate

from cevnsjax.core.constants import lepton_mass

ANOMALY, ERROR = 29e-10, 9e-10
"""Measured minus predicted a_mu, and its error, as PLB 775, 54 takes them from its ref. [12]."""


def anomaly_per_coupling(mass: np.ndarray) -> np.ndarray:
    """Delta a_mu over g^2 for a boson with vector coupling g to the muon, [mass] [1].

    The limits are 1/(8 pi^2) for a light and m_mu^2/(12 pi^2 M^2) for a heavy boson.

    Args:
        mass: Mass of the boson, above 0 [MeV].
    """
    ratio = (np.asarray(mass, dtype=float) / lepton_mass["mu"]) ** 2

    def integrand(x: float) -> np.ndarray:
        return x**2 * (1 - x) / (x**2 + ratio * (1 - x))

    # Scaled to order 1, so that the accuracy, relative to the largest, holds for heavy bosons too.
    scale = 1 + ratio
    whole = integrate.quad_vec(lambda x: scale * integrand(x), 0.0, 1.0, epsrel=1e-10, norm="max")
    return np.asarray(whole[0]) / scale / (4 * np.pi**2)


def coupling_band(mass: np.ndarray, sigmas: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Couplings that explain the anomaly within a number of errors, (low, high), [mass] [1].

    Args:
        mass: Mass of the boson, above 0 [MeV].
        sigmas: Number of standard deviations; the lower edge is 0 where they include no anomaly.
    """
    per = anomaly_per_coupling(mass)
    low, high = (max(ANOMALY + s * ERROR, 0.0) for s in (-sigmas, sigmas))
    return np.sqrt(low / per), np.sqrt(high / per)
