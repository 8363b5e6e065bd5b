"""Checks of option values: of their kind first, so that messages make sense."""

import math
from collections.abc import Collection, Mapping, Sequence
from numbers import Integral

from cevnsjax.core.errors import InputError, UnknownNameError


def number(what: str, value: object) -> float:
    """The value as a finite float.

    Args:
        what: Name of the option, for the message.
        value: What was given.

    Raises:
        InputError: If it is not a finite number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{what} must be a finite number, got {value!r}")
    return float(value)


def whole_number(what: str, value: object, least: int = 0, most: int | None = None) -> int:
    """The value as an integer.

    Args:
        what: Name of the option, for the message.
        value: What was given.
        least: Smallest value allowed.
        most: Largest value allowed; without a limit if None.

    Raises:
        InputError: If it is not a whole number, or out of range.
    """
    if isinstance(value, Integral) and not isinstance(value, bool):
        number = int(value)
        if least <= number and (most is None or number <= most):
            return number
    allowed = f">= {least}" if most is None else f"from {least} to {most:g}"
    raise InputError(f"{what} must be a whole number {allowed}, got {value!r}")


def whole_numbers(**options: tuple[object, int]) -> list[int]:
    """The values as integers: option=(value, smallest value allowed).

    Raises:
        InputError: At the first that is not a whole number, or too small.
    """
    return [whole_number(name, value, least) for name, (value, least) in options.items()]


def numbers(what: str, value: object, *, length: int | None = None, example: str) -> list[float]:
    """The values as a list of finite floats.

    Args:
        what: Name of the option, for the message.
        value: What was given.
        length: How many there must be; at least two if None.
        example: A value that would do.

    Raises:
        InputError: If it is not a sequence of that many numbers.
    """
    listed = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    right = len(listed) == length if length else len(listed) >= 2
    if not right or any(isinstance(v, bool) or not isinstance(v, int | float) for v in listed):
        raise InputError(f"{what} must be numbers like {example}, got {value!r}")
    return [number(what, v) for v in listed]


def flag(what: str, value: object) -> bool:
    """The value, if it is true or false.

    Raises:
        InputError: If it is neither.
    """
    if not isinstance(value, bool):
        raise InputError(f"{what} must be true or false, got {value!r}")
    return value


def names(what: str, value: object, *, example: Sequence[str]) -> list[str]:
    """A list of names; one name alone is a list of one.

    Args:
        what: What is checked, for the message.
        value: What was given.
        example: What a list looks like.

    Raises:
        InputError: If it is not a list of words.
    """
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, Sequence) or not all(isinstance(n, str) for n in listed):
        raise InputError(f"{what} must be a list of names like {list(example)[:2]}, got {value!r}")
    if twice := sorted({n for n in listed if list(listed).count(n) > 1}):
        raise InputError(f"{what} lists {twice[0]} twice; name each once")
    return list(listed)


def known(owner: str, **options: tuple[object, Collection[str]]) -> None:
    """Stop at a value that is not on offer: option=(value, the values on offer).

    Args:
        owner: Whose options they are, for the message.
        **options: Values and what is on offer, by option.

    Raises:
        UnknownNameError: At the first such value.
    """
    for option, (value, offered) in options.items():
        # A list, as the command line makes of "a,b", has no hash to look up in a mapping.
        if value not in tuple(offered):
            raise UnknownNameError(f"{owner} {option}", value, offered)


def widths(what: str, value: object) -> Mapping[str, float]:
    """Standard deviations of pulls by short name, none if None.

    Args:
        what: What is checked, for the message.
        value: What was given.

    Raises:
        InputError: If it is not a mapping.
    """
    if value is not None and not isinstance(value, Mapping):
        raise InputError(f"{what} must be like {{'sig': 0.128}}, got {value!r}")
    return value or {}
