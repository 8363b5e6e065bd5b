"""Convergence of chains: effective numbers of draws and R-hat, of ranks and of halves of chains.

Vehtari, Gelman, Simpson, Carpenter and Buerkner, Bayesian Anal. 16, 667. The samplers need numpyro
anyway; arviz takes more than a second to import.
"""

import math

import numpy as np
from jaxtyping import Float

Chains = Float[np.ndarray, "chain draw"]
# Quantiles whose effective numbers of draws are compared.
_TAILS = (0.05, 0.95)


def effective_draws(draws: Chains) -> float:
    """Effective number of independent draws for the mean, "bulk"; chains have 4 draws or more."""
    return _effective(_normal_scores(_halves(draws)))


def effective_tail_draws(draws: Chains) -> float:
    """The lower effective number of independent draws for the 5 % and the 95 % quantile."""
    below = [(draws <= x).astype(float) for x in np.quantile(draws, _TAILS)]
    return min(_effective(_halves(x)) for x in below)


def r_hat(draws: Chains) -> float:
    """Rank-normalised split R-hat, the larger one of location and scale; NaN of equal draws."""
    from numpyro.diagnostics import gelman_rubin

    halves = _halves(draws)
    both = (halves, np.abs(halves - np.median(halves)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.max([gelman_rubin(_normal_scores(x)) for x in both]))


def _halves(draws: Chains) -> Float[np.ndarray, "half half_draw"]:
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _normal_scores(draws: Chains) -> Chains:
    """Quantiles of the normal distribution at the ranks of draws; equal draws share theirs."""
    from scipy import special  # 0.2 s to import

    _, place, counts = np.unique(draws, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place.reshape(draws.shape)]
    return special.ndtri((ranks - 3 / 8) / (draws.size + 1 / 4))


def _effective(draws: Chains) -> float:
    """Effective number of draws for the mean, from autocorrelations.

    Estimates of chains that swing about their mean are noise, negative even: as in Stan they end at
    n log10(n).
    """
    from numpyro.diagnostics import effective_sample_size

    if np.ptp(draws) == 0:
        return float(draws.size)
    most = draws.size * math.log10(draws.size)
    effective = float(effective_sample_size(draws))
    return effective if 0 < effective < most else most
