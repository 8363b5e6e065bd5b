"""Confidence levels: their names, and the chi2 that belongs to them."""

import math
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from statistics import NormalDist

from cevnsjax.core.checks import listed_of
from cevnsjax.core.errors import InputError
from cevnsjax.core.text import of_value

DEFAULT_LEVELS = (0.6827, 0.90, 0.9545)
"""Levels of intervals and regions where none are asked for: 1 sigma, 90 %, 2 sigma [1]."""
# What a level lacks to 1 decides about its chi2; nearer to 1 it is lost in rounding.
_LEAST_LACK = 1e-12
# A level within so much of an n sigma one, in parts of what it lacks to 1, is that one; its name is
# as near to it.
_PRINTED = 0.1


def level_key(level: float) -> str:
    """Name of a confidence level: "0.6827", "0.90", "0.9545", "0.9999994"."""
    places, lack = 4, min(level, 1 - level)
    while abs(round(level, places) - level) > _PRINTED * lack:
        places += 1
    digits = f"{level:.{places}f}".rstrip("0")
    return digits + "0" * (4 - len(digits)) if len(digits) < 4 else digits


def percent(key: str, places: int = 0) -> str:
    """A level's name in per cent, with all its digits but at least so many places: "90"."""
    exact = f"{(100 * Decimal(key)).normalize():f}"
    padded = f"{100 * Decimal(key):.{places}f}"
    return max(exact, padded, key=len)


def checked_levels(levels: object, *, one_sided: bool = False) -> tuple[float, ...]:
    """Confidence levels from one number, or from numbers in a list, tuple or array.

    Args:
        levels: One level or more, whose names differ [1].
        one_sided: Whether a limit is asked for, which needs levels above 0.5.

    Raises:
        InputError: At no level, a level outside (0, 1) or within 1e-12 of 1, or two levels of one
            name.
    """
    levels = listed_of(levels)
    listed = [levels] if isinstance(levels, Real) else levels
    if isinstance(levels, str | bool) or not isinstance(listed, Sequence):
        raise InputError(f"levels are numbers within (0, 1), e.g. 0.90, got {of_value(levels)}")
    if len(listed) == 0:
        raise InputError("levels is empty; levels are numbers within (0, 1), e.g. 0.90")
    checked = tuple(map(_checked, listed))
    if len({level_key(x) for x in checked}) < len(checked):
        raise InputError(f"levels must differ, got {list(checked)}")
    if one_sided and min(checked) <= 0.5:
        raise InputError(f"a one-sided limit needs levels above 0.5, got {list(checked)}")
    return checked


def _checked(level: object) -> float:
    if not isinstance(level, Real) or isinstance(level, bool):
        raise InputError(f"levels are numbers within (0, 1), e.g. 0.90, got {of_value(level)}")
    number = float(level)
    if not 0 < number < 1:
        raise InputError(f"confidence level must lie within (0, 1), got {level}; 90 % is 0.90")
    if 1 - number < _LEAST_LACK * (1 - 1e-3):
        raise InputError(
            f"confidence level {number!r} is too close to 1 for numbers of 64 bits; the highest is "
            f"1 - {_LEAST_LACK:g}, 7.1 sigma"
        )
    return number


def delta_chi2_at(level: float, dof: int = 1) -> float:
    """Quantile of chi2; levels printed as n sigma (0.6827, 0.9545, 0.99994) are n sigma exactly.

    Args:
        level: Confidence level within (0, 1) [1].
        dof: Degrees of freedom.

    Raises:
        InputError: If the level is outside (0, 1), or within 1e-12 of 1.
    """
    level = _checked(level)
    for n in range(1, 6):
        exact = math.erf(n / math.sqrt(2))
        # Four printed digits, or as many as tell the level from 1.
        if abs(level - exact) < min(5e-5, _PRINTED * (1 - exact)):
            level = exact
    if dof == 1:
        return NormalDist().inv_cdf((1 - level) / 2) ** 2
    if dof == 2:
        return -2 * math.log(1 - level)
    from scipy import special  # 0.2 s to import

    return float(special.chdtri(dof, 1 - level))


def chance_of_more(chi2: float, dof: int) -> float:
    """Probability of a larger chi2 with so many degrees of freedom, at least one [1].

    The finite sum of Abramowitz and Stegun 26.4.4 and 26.4.5: scipy takes longer to import.
    """
    half, lowest = chi2 / 2, dof % 2 / 2
    if half <= 0:
        return 1.0
    powers = [lowest + k for k in range(dof // 2)]
    terms = [math.exp(a * math.log(half) - half - math.lgamma(a + 1)) for a in powers]
    return math.fsum([math.erfc(math.sqrt(half)) if lowest else 0.0, *terms])
