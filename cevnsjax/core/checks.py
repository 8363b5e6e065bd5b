"""Checks of option values: of their kind first, so that messages make sense.

``what`` names the checked option in the message of the ``InputError``.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from numbers import Integral

from cevnsjax.core.errors import InputError, UnknownNameError


def number(what: str, value: object) -> float:
    """The value as a finite float."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{what} must be a finite number, got {value!r}")
    return float(value)


def whole_number(what: str, value: object, least: int = 0, most: int | None = None) -> int:
    """The value as an integer from ``least`` to ``most``; None sets no upper limit."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        number = int(value)
        if least <= number and (most is None or number <= most):
            return number
    allowed = f">= {least}" if most is None else f"from {least} to {most:g}"
    raise InputError(f"{what} must be a whole number {allowed}, got {value!r}")


def whole_numbers(**options: tuple[object, int]) -> list[int]:
    """The values as integers: option=(value, smallest value allowed)."""
    return [whole_number(name, value, least) for name, (value, least) in options.items()]


def numbers(what: str, value: object, *, length: int | None = None, example: str) -> list[float]:
    """The values as a list of ``length`` finite floats, or of two and more if that is None."""
    listed = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    right = len(listed) == length if length else len(listed) >= 2
    if not right or any(isinstance(v, bool) or not isinstance(v, int | float) for v in listed):
        raise InputError(f"{what} must be numbers like {example}, got {value!r}")
    return [number(what, v) for v in listed]


def flag(what: str, value: object) -> bool:
    """The value, if it is true or false."""
    if not isinstance(value, bool):
        raise InputError(f"{what} must be true or false, got {value!r}")
    return value


def names(what: str, value: object, *, example: Sequence[str]) -> list[str]:
    """A list of different names; a single name becomes a list of one."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, Sequence) or not all(isinstance(n, str) for n in listed):
        raise InputError(f"{what} must be a list of names like {list(example)[:2]}, got {value!r}")
    if twice := sorted({n for n in listed if list(listed).count(n) > 1}):
        raise InputError(f"{what} lists {twice[0]} twice; name each once")
    return list(listed)


def known(owner: str, **options: tuple[object, Collection[str]]) -> None:
    """Reject options of ``owner`` with unknown values: option=(value, allowed values)."""
    for option, (value, allowed) in options.items():
        # The command line makes a list of "a,b"; it has no hash to look up in a mapping.
        if value not in tuple(allowed):
            raise UnknownNameError(f"{owner} {option}", value, allowed)


def widths(what: str, value: object) -> Mapping[str, float]:
    """Standard deviations of pulls by short name; an empty mapping if None."""
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{what} must be like {{'sig': 0.128}}, got {value!r}")
    return value or {}
