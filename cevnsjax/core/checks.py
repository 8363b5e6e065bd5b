"""Checks of option values: of their kind first, so that messages make sense.

``what`` names the checked option in the message of the ``InputError``.
"""

import math
from collections.abc import Collection, Sequence
from numbers import Integral, Real
from typing import Any

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.text import of_value

_LARGEST = 2**63 - 1
"""Largest whole number that arrays and random generators take."""
_MOST_NODES = 1000
"""Gauss-Legendre nodes in a panel, which take minutes to find beyond."""
MOST_STARTS, MOST_STEPS, MOST_CHAINS = 10_000, 10_000_000, 10_000
"""Random starts of a fit; draws of one chain, or steps between them; chains."""
MOST_SIMULATIONS = 100_000
"""Data sets that are simulated and sampled one by one."""


def listed_of(value: Any) -> Any:
    """A number or a list from an array, a Series or a DataArray; anything else as it is."""
    if not hasattr(value, "dtype"):
        return value
    # Arrays of xarray and pandas hold one of NumPy; keys of random numbers have no list.
    array = getattr(value, "values", value)
    return array.tolist() if hasattr(array, "tolist") and value.dtype.kind in "iufbO" else value


def number(what: str, value: object) -> float:
    """The value as a finite float."""
    value = listed_of(value)
    try:
        if isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    # A whole number beyond 1e308.
    except OverflowError:
        pass
    raise InputError(f"{what} must be a finite number, got {of_value(value)}")


def whole_number(what: str, value: object, least: int = 0, most: int | None = None) -> int:
    """The value as an integer from ``least`` to ``most``; None sets the limit of 64 bits."""
    limit, number = _LARGEST if most is None else most, None
    value = listed_of(value)
    if isinstance(value, Integral) and not isinstance(value, bool):
        number = int(value)
        if least <= number <= limit:
            return number
    is_large = number is not None and number > limit
    allowed = f">= {least}" if most is None and not is_large else f"from {least} to {limit}"
    raise InputError(f"{what} must be a whole number {allowed}, got {of_value(value)}")


def whole_numbers(**options: tuple[object, int] | tuple[object, int, int]) -> list[int]:
    """The values as integers: option=(value, smallest value allowed, and the largest if any)."""
    return [bounded(name, value, least, *most) for name, (value, least, *most) in options.items()]


def bounded(what: str, value: object, least: int, most: int = _LARGEST) -> int:
    """The value as an integer; a limit that only a slip of the pen exceeds is named there alone."""
    if (number := whole_number(what, value, least)) > most:
        raise InputError(f"{what} must be {most} at most, got {of_value(value)}")
    return number


def nodes(what: str, value: object) -> int:
    """A number of quadrature nodes in a panel."""
    return bounded(what, value, 1, _MOST_NODES)


def numbers(what: str, value: object, *, length: int | None = None, example: str) -> list[float]:
    """The values as a list of ``length`` finite floats, or of two and more if that is None."""
    value = listed_of(value)
    listed = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    right = len(listed) == length if length else len(listed) >= 2
    if not right or any(isinstance(v, bool) or not isinstance(v, Real) for v in listed):
        raise InputError(f"{what} must be numbers like {example}, got {of_value(value)}")
    return [number(what, v) for v in listed]


def flag(what: str, value: object) -> bool:
    """The value, if it is true or false."""
    if not isinstance(value, bool):
        raise InputError(f"{what} must be true or false, got {of_value(value)}")
    return value


def names(what: str, value: object, *, example: Sequence[str]) -> list[str]:
    """A list of different names; a single name becomes a list of one."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, Sequence) or not all(isinstance(n, str) for n in listed):
        wanted = f"a list of names like {list(example)[:2]}"
        raise InputError(f"{what} must be {wanted}, got {of_value(value)}")
    if twice := sorted({n for n in listed if list(listed).count(n) > 1}):
        raise InputError(f"{what} lists {twice[0]} twice; name each once")
    return list(listed)


def known(owner: str, **options: tuple[object, Collection[str | None]]) -> None:
    """Reject options of ``owner`` with unknown values: option=(value, allowed values)."""
    for option, (value, allowed) in options.items():
        # The command line makes a list of "a,b"; it has no hash to look up in a mapping.
        if value not in tuple(allowed):
            raise UnknownNameError(f"{owner} {option}", value, filter(None, allowed))
