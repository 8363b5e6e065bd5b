"""Convergence of chains: effective numbers of draws and R-hat, of ranks and of halves of chains.

Vehtari, Gelman, Simpson, Carpenter and Buerkner, Bayesian Anal. 16, 667. The numbers are those of
arviz, which takes more than a second to import; the samplers need numpyro anyway.
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
    """Effective number of draws for the mean, from autocorrelations, up to n log10(n).

    Geyer's sequence: sums of two neighbours count while they are positive, none more than the one
    before it; then half of what follows, as arviz has it.
    """
    from numpyro.diagnostics import autocovariance

    if np.ptp(draws) == 0:
        return float(draws.size)
    chains, length = draws.shape
    covariances = autocovariance(draws, axis=1).mean(axis=0)
    total = covariances[0] + (np.var(draws.mean(axis=1), ddof=1) if chains > 1 else 0.0)
    correlations = 1 - (covariances[0] * length / (length - 1) - covariances) / total
    correlations[0] = 1.0
    last = max((length - 3) // 2, 0)
    sums = correlations[: 2 * last + 2].reshape(-1, 2).sum(axis=1)
    last = min([last, *np.flatnonzero(sums <= 0)[:1]])
    even = correlations[2 * last]
    rest = even if even > 0 or sums[last] >= 0 else 0.0
    tau = 2 * np.minimum.accumulate(sums[:last]).sum() + rest - 1
    return float(draws.size / max(tau, 1 / math.log10(draws.size)))
