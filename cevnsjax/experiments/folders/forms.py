"""Forms that a value in an experiment file can have, and TOML literals."""

import json
import math
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from cevnsjax.core.text import shortened

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_SMALLEST, _LARGEST = 1e-100, 1e100
MOST_ENTRIES = 10_001
"""Entries of a list or an inline table above which it is not one of an experiment."""


def is_number(value: object) -> bool:
    """Whether a value read from TOML is a finite number with room for products and squares."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return value == 0 or _SMALLEST < abs(value) < _LARGEST


def beyond(value: object) -> str:
    """Words for a message where a number is finite, but too large or too small to compute with."""
    if isinstance(value, list | dict):
        inside = value.values() if isinstance(value, dict) else value
        return next(filter(None, map(beyond, inside)), "")
    is_finite = isinstance(value, float) and math.isfinite(value)
    return "" if not is_finite or is_number(value) else " from 1e-100 to 1e100 in size"


def too_many(value: object) -> bool:
    """Whether a list or an inline table is longer than any of an experiment."""
    return isinstance(value, list | dict) and len(value) > MOST_ENTRIES


def _all(value: object, fits: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and bool(value) and all(fits(v) for v in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(_NAME.fullmatch(value))


def is_word(value: object) -> bool:
    """Whether a value can name a component or a nuisance."""
    return isinstance(value, str) and _is_name(value) and "-" not in value


FORMS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "number": ("a finite number", is_number),
    "width": ("a number or inf", lambda v: is_number(v) or v == math.inf),
    "whole": ("a whole number", lambda v: type(v) is int),
    "text": ("text on one line", _is_text),
    "name": ("a short name of letters, digits, - and _ that starts with a letter", _is_name),
    "word": ("a short name of letters, digits and _ that starts with a letter", is_word),
    "file": ("the name of a CSV file in the folder", _is_text),
    "numbers": ("a list of finite numbers", lambda v: _all(v, is_number)),
    "rows": ("a list of lists of finite numbers", lambda v: _all(v, lambda r: _all(r, is_number))),
    "names": ("a list of short names of letters, digits and _", lambda v: _all(v, is_word)),
    "shares": (
        "numbers by name",
        lambda v: isinstance(v, dict) and bool(v) and all(map(is_number, v.values())),
    ),
}
"""Forms of a value: its description in words, and whether a value fits."""
RULES: dict[str, Callable[[Any], bool]] = {
    "> 0": lambda v: v > 0,
    ">= 0": lambda v: v >= 0,
    "from 1 to 1000": lambda v: 1 <= v <= 1000,
    "in (0, 1]": lambda v: 0 < v <= 1,
    "above 2 and up to 10": lambda v: 2 < v <= 10,
    "from 1e-12 to 0.1": lambda v: 1e-12 <= v <= 0.1,
    "two or more numbers that increase": lambda v: (
        len(v) > 1 and all(a < b for a, b in pairwise(v))
    ),
    "free of repetitions": lambda v: len(set(v)) == len(v),
    "> 0 for every name": lambda v: all(x > 0 for x in v.values()),
    "rows of [observable, factor in [0, 1]], increasing": lambda v: (
        all(len(r) == 2 and 0 <= r[1] <= 1 for r in v) and all(a[0] < b[0] for a, b in pairwise(v))
    ),
}
"""Further rules for a value, by the words of the message."""


def literal(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {literal(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    return repr(value)


def shown(value: object) -> str:
    """A value for a message, shortened if long."""
    try:
        return shortened(literal(value) if isinstance(value, str | list | dict) else str(value))
    except ValueError:
        # Python writes no whole number of more than 4300 digits.
        return "a number of thousands of digits"
