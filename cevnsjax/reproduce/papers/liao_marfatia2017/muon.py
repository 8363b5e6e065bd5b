"""Anomalous magnetic moment of the muon from a vector boson, for Fig. 2 of Liao and Marfatia.

Delta a_mu = g^2/(4 pi^2) int_0^1 dx m^2 x^2 (1 - x)/(m^2 x^2 + M^2 (1 - x)), m the muon mass.
"""

import numpy as np
from jaxtyping import Float
from scipy import integrate

from cevnsjax.core.constants import lepton_mass

Masses = Float[np.ndarray, " mass"]
ANOMALY, ERROR = 29e-10, 9e-10
"""Measured minus predicted a_mu, and its error, as PLB 775, 54 takes them from its ref. [12]."""


def anomaly_per_coupling(mass: Masses) -> Masses:
    """Delta a_mu over g^2 [1] for a boson with vector coupling g to the muon, mass above 0 [MeV].

    The limits are 1/(8 pi^2) for a light and m_mu^2/(12 pi^2 M^2) for a heavy boson.
    """
    ratio = (mass / lepton_mass["mu"]) ** 2
    # Scaled to order 1, so that the accuracy, relative to the largest, holds for heavy bosons too.
    scale = 1 + ratio

    def integrand(x: float) -> Masses:
        return scale * x**2 * (1 - x) / (x**2 + ratio * (1 - x))

    whole = integrate.quad_vec(integrand, 0.0, 1.0, epsrel=1e-10, norm="max")
    return np.asarray(whole[0]) / scale / (4 * np.pi**2)


def coupling_band(mass: Masses, sigmas: float = 2.0) -> tuple[Masses, Masses]:
    """Lowest and highest coupling [1] that explain the anomaly within a number of errors.

    The mass is in MeV; the lower edge is 0 where the errors include no anomaly.
    """
    per = anomaly_per_coupling(mass)
    low, high = (max(ANOMALY + s * ERROR, 0.0) for s in (-sigmas, sigmas))
    return np.sqrt(low / per), np.sqrt(high / per)
