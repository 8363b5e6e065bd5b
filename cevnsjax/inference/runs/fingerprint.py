"""What a long run computes, as plain data that is stored and compared field by field."""

import json
from collections.abc import Mapping, Sequence

from cevnsjax.core.plain import to_plain

# Differences that a message lists.
_MAX_DIFFERENCES = 5
_MAX_CHARACTERS = 60
# Attributes of a model without ``describe()`` that decide its numbers.
_ATTRIBUTES = ("name", "parameters", "experiments", "observed", "fingerprint")
# Fields for people, by class.
_WORDS = {
    "Parameter": ("meaning", "latex", "source"),
    "Pull": ("meaning",),
    "Morph": ("meaning",),
    "Experiment": ("title", "source"),
    "PlannedExperiment": ("title", "source"),
}


def fingerprint(model: object) -> dict[str, object]:
    """What a model's numbers depend on, as plain data.

    Objectives other than ``Model`` may say it by ``describe()`` or an attribute ``fingerprint``.
    """
    describe = getattr(model, "describe", None)
    if describe is None:
        described = {n: to_plain(getattr(model, n)) for n in _ATTRIBUTES if hasattr(model, n)}
        return {"class": type(model).__qualname__, **described}
    # The manifest of a run lists the software once.
    return {n: _numbers_of(to_plain(x)) for n, x in describe().items() if n != "software"}


def _numbers_of(described: object) -> object:
    """What changes numbers in a description: without words for people and texts of sources."""
    if isinstance(described, list):
        return [_numbers_of(x) for x in described]
    if not isinstance(described, dict):
        return described
    words = _WORDS.get(str(described.get("class")), ())
    if "class code" in described:
        words = (*words, "class source")
    elif "function" in described and "code" in described:
        words = ("source", "column")
    return {n: _numbers_of(x) for n, x in described.items() if n not in words}


def diff(stored: object, asked: object, at: str = "") -> list[str]:
    """What differs between two configurations, a line for each field."""
    if isinstance(stored, Mapping) and isinstance(asked, Mapping):
        names = [*asked, *(n for n in stored if n not in asked)]
        absent = "absent"
        pairs = [(n, stored.get(n, absent), asked.get(n, absent)) for n in names]
        lines = [diff(a, b, f"{at}.{n}" if at else f"{n}") for n, a, b in pairs]
        return [line for some in lines for line in some]
    if isinstance(stored, list) and isinstance(asked, list) and _pair_up(stored, asked):
        return diff(dict(enumerate(stored)), dict(enumerate(asked)), at)
    if stored == asked:
        return []
    return [f"{at}: {_shortened(stored)} in the folder, {_shortened(asked)} now"]


def _pair_up(stored: list[object], asked: list[object]) -> bool:
    """Whether lists hold as many fields or lists, which are then compared one by one."""
    return len(stored) == len(asked) and any(isinstance(x, dict | list) for x in asked)


def _shortened(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 3]}..."


def listed(lines: Sequence[str]) -> str:
    """The first few differences, and how many more there are."""
    more = len(lines) - _MAX_DIFFERENCES
    return "; ".join(lines[:_MAX_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")
