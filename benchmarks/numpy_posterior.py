"""Posteriors by NumPy: the log density of many points at once, for emcee and for grids.

Parameters are (sin2_theta_w, R_n_Cs, R_n_I, eps_dV_ee), then both pulls where they are sampled.
"""

import numpy as np
from numpy_reference import (
    B_ON,
    BIN,
    EDGES,
    MEASURED,
    SIGMAS,
    T_NR,
    VARIANCE,
    chi2,
    form_factors,
    node_weights,
    nucleon_charges,
)

NAMES = ("sin2_theta_w", "R_n_Cs", "R_n_I", "eps_dV_ee")
RANGE = (0.1, 0.4)
"""Flat prior of sin2_theta_w."""
MEANS, SDS = np.array([5.01, 4.94, 0.0]), np.array([0.3, 0.3, 0.1])
"""Gaussian priors of the radii [fm] and of the coupling."""
_CELLS = (BIN[..., None] == np.arange(len(EDGES) - 1)).reshape(-1, len(EDGES) - 1).astype(float)
_WEIGHTS = [w.ravel() for w in node_weights(T_NR)]


def signal(points: np.ndarray) -> np.ndarray:
    """Counts at points [point, 4], [point, bin]."""
    proton, neutron = form_factors(T_NR, points[:, 1:3, None])
    values = np.zeros((len(points), 5))
    values[:, :3], values[:, 4] = points[:, :3], points[:, 3]
    p_e, n_e, p_mu, n_mu = (np.broadcast_to(g, len(points)) for g in nucleon_charges(values))
    rate = 0.0
    for weights, p, n in ((_WEIGHTS[0], p_e, n_e), (_WEIGHTS[1], p_mu, n_mu)):
        charge = p[:, None, None] * proton + n[:, None, None] * neutron
        rate = rate + weights * charge.reshape(len(points), -1) ** 2
    return rate @ _CELLS


def log_prior(points: np.ndarray) -> np.ndarray:
    """Log prior of the four parameters, without constants, [point]."""
    inside = (points[:, 0] >= RANGE[0]) & (points[:, 0] <= RANGE[1]) & np.all(points[:, 1:3] > 2, 1)
    pulls = (points[:, 1:] - MEANS) / SDS
    return np.where(inside, -0.5 * np.sum(pulls**2, axis=1), -np.inf)


def log_density(points: np.ndarray) -> np.ndarray:
    """Log posterior with both pulls as parameters 5 and 6, without constants, [point]."""
    prior, pulls = log_prior(points[:, :4]), points[:, 4:]
    usable = np.where(np.isfinite(prior)[:, None], points[:, :4], [0.2, *MEANS])
    rest = MEASURED - (1 + pulls[:, :1]) * signal(usable) - (1 + pulls[:, 1:]) * B_ON
    return prior - 0.5 * (rest**2 @ (1 / VARIANCE) + np.sum((pulls / SIGMAS) ** 2, axis=1))


def log_marginal(points: np.ndarray) -> np.ndarray:
    """Log posterior with both pulls integrated out, without constants, [point]."""
    prior = log_prior(points)
    S = signal(np.where(np.isfinite(prior)[:, None], points, [0.2, *MEANS]))
    inverse, constraint = 1 / VARIANCE, 1 / SIGMAS**2
    ss, bb = (S * S) @ inverse + constraint[0], (B_ON * B_ON) @ inverse + constraint[1]
    sb = (S * B_ON) @ inverse
    return prior - 0.5 * (chi2(S) + np.log(ss * bb - sb * sb))
