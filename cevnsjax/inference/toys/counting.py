"""Feldman-Cousins intervals of a counting experiment: exact sums instead of pseudo-experiments.

Feldman and Cousins, Phys. Rev. D 57, 3873, sec. IV: for each signal mean mu counts are accepted in
the order of P(n | mu + b)/P(n | best), with the best physical mean max(0, n - b), until they add up
to the confidence level. The interval reaches from the lowest to the highest mean that accepts the
counts observed.
"""

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.core.checks import whole_number
from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import checked_levels

# Steps of signal means and of raised backgrounds [count].
_STEP = 0.005
# Width to which ends are bisected [count].
_PRECISION = 1e-9
_MAX_COUNTS = 10_000
# How far the background is raised in search of a higher upper end [count].
_MAX_RAISE = 1.5


def feldman_cousins_counting(
    n: int, background: float, level: float = 0.90, *, monotonic: bool = True
) -> tuple[float, float]:
    """Interval of a Poisson signal mean over a known background.

    Args:
        n: Counts observed.
        background: Expected background [count].
        level: Confidence level within (0, 1) [1].
        monotonic: Raise an upper end that would be higher for a larger background, as the paper
            does in its tables, so that upper ends do not rise with the background; backgrounds are
            searched in steps of 0.005 counts.

    Returns:
        Lower and upper end [count].

    Raises:
        InputError: If the counts are not a whole number from 0 on, the background is negative, or
            the level is outside (0, 1).

    Examples:
        The interval for no counts over a background of 3 counts, from Table IV of the paper:

        >>> low, high = cj.feldman_cousins_counting(0, 3.0)
        >>> round(low, 2), round(high, 2)
        (0.0, 1.08)
    """
    n = whole_number("counts", n, 0, _MAX_COUNTS)
    if not isinstance(background, int | float) or not 0 <= background <= _MAX_COUNTS:
        raise InputError(f"background must lie within 0 and {_MAX_COUNTS}, got {background!r}")
    (level,) = checked_levels([level])
    mu = np.arange(0.0, n + 10 * np.sqrt(n + 1) + 10, _STEP)
    accepted = mu[_accepts(n, background, level, mu)]
    low, high = float(accepted[0]), float(accepted[-1])
    if low > 0:
        low = _end(n, background, level, low, low - _STEP)
    high = _end(n, background, level, high, high + _STEP)
    return low, _raised(n, background, level, high) if monotonic else high


def _accepts(
    n: int, background: float, level: float, mu: Float[np.ndarray, " mean"]
) -> Bool[np.ndarray, " mean"]:
    """Whether the counts belong to the acceptance region of each signal mean."""
    from scipy import special  # 0.2 s to import

    most = float(np.max(mu)) + background
    k = np.arange(int(max(n, most + 10 * np.sqrt(most))) + 12)
    mean = mu[:, None] + background
    best = np.maximum(k, background)
    log_p = special.xlogy(k, mean) - mean - special.gammaln(k + 1)
    log_best = special.xlogy(k, best) - best - special.gammaln(k + 1)
    order = np.argsort(log_best - log_p, axis=1, kind="stable")
    ordered = np.take_along_axis(np.exp(log_p), order, axis=1)
    # Counts are accepted until the sum reaches the level.
    before = np.cumsum(ordered, axis=1) - ordered
    taken = np.empty(order.shape, dtype=bool)
    np.put_along_axis(taken, order, before < level, axis=1)
    return taken[:, n]


def _end(n: int, background: float, level: float, inside: float, outside: float) -> float:
    """Where acceptance ends between a mean that accepts and one that does not."""
    while abs(outside - inside) > _PRECISION:
        middle = (inside + outside) / 2
        if _accepts(n, background, level, np.array([middle]))[0]:
            inside = middle
        else:
            outside = middle
    return inside


def _raised(n: int, background: float, level: float, high: float) -> float:
    """The highest upper end for this or a larger background."""

    def above(more: float) -> np.ndarray:
        """Means beyond the upper end that a raised background accepts."""
        mu = high + _PRECISION + np.arange(0.0, 1.0, _STEP)
        return mu[_accepts(n, background + more, level, mu)]

    for more in np.arange(_STEP, _MAX_RAISE, _STEP).tolist():
        if not above(more).size:
            continue
        # Upper ends fall with the background but for jumps: the highest is right behind one.
        before, after = more - _STEP, more
        while after - before > _PRECISION:
            middle = (before + after) / 2
            before, after = (before, middle) if above(middle).size else (middle, after)
        inside = float(above(after)[-1])
        high = _end(n, background + after, level, inside, inside + _STEP)
    return high
