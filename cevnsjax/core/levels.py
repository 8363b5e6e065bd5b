"""Confidence levels: their names, and the chi2 that belongs to them."""

import math

from cevnsjax.core.errors import InputError

DEFAULT_LEVELS = (0.6827, 0.90, 0.9545)
"""Levels of intervals and regions where none are asked for: 1 sigma, 90 %, 2 sigma [1]."""


def level_key(level: float) -> str:
    """Name of a confidence level: "0.6827", "0.90", "0.9545", "0.99"."""
    places = 4
    while round(level, places) in (0.0, 1.0) and places < 12:
        places += 1
    digits = f"{level:.{places}f}".rstrip("0")
    return digits + "0" * (4 - len(digits)) if len(digits) < 4 else digits


def delta_chi2_at(level: float, dof: int = 1) -> float:
    """Quantile of chi2; levels printed as n sigma (0.6827, 0.9545, 0.9973) are n sigma exactly.

    Args:
        level: Confidence level within (0, 1) [1].
        dof: Degrees of freedom.

    Raises:
        InputError: If the level is outside (0, 1).
    """
    if not 0 < level < 1:
        raise InputError(f"confidence level must lie within (0, 1), got {level}; 90 % is 0.90")
    for n in range(1, 6):
        exact = math.erf(n / math.sqrt(2))
        if abs(level - exact) < 5e-5:
            level = exact
    from scipy import special  # 0.2 s to import

    return float(special.chdtri(dof, 1 - level))
