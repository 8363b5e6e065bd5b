"""What a user says about a pull that an experiment offers: its width, and its kind."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cevnsjax.core import checks
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.text import of_value
from cevnsjax.experiments.systematics import PULL_KINDS

_FIELDS = ("sd", "kind")


@dataclass(frozen=True)
class Pull:
    """Width and kind of a pull that an experiment offers, for ``pulls={"sig": cj.Pull(...)}``.

    A normal pull a of width sd multiplies its components by 1 + a, with the penalty (a/sd)^2; a
    lognormal one by exp(a ln(1 + sd)), with the penalty a^2, so that they stay above 0. An
    infinite width leaves a pull of either kind unconstrained.

    Args:
        sd: Relative change of the components at one standard deviation [1].
        kind: "normal" or "lognormal".

    Raises:
        UnknownNameError: At another kind.
        InputError: At a width that is negative or is not a number.

    Examples:
        >>> wide = cj.experiments.csi_2021(pulls={"sig": cj.Pull(0.28, kind="lognormal")})
        >>> [p.kind for p in wide.pulls]
        ['lognormal', 'normal', 'normal', 'normal']
    """

    sd: float
    kind: Literal["normal", "lognormal"] = "normal"

    def __post_init__(self) -> None:
        _checked_kind("Pull", self.kind)
        _checked_width("Pull", self.sd, "a pull", unbounded=True)


PullOptions = Mapping[str, float | str | Pull | Mapping[str, float | str]]
"""Widths or pulls by short name; names with .sd and .kind set one of these."""


class Choice(NamedTuple):
    """What was said about one pull; None where nothing was."""

    sd: float | None
    kind: Literal["normal", "lognormal"] | None


def choices_of(experiment: str, options: object, *, unbounded: bool) -> dict[str, Choice]:
    """What options say about pulls, by short name.

    Args:
        experiment: For messages.
        options: {name: sd, ``Pull`` or {"sd": sd, "kind": kind}}; "name.sd" and "name.kind" are
            names too. None says nothing.
        unbounded: Whether infinite widths are allowed.
    """
    if options is not None and not isinstance(options, Mapping):
        raise InputError(
            f"{experiment}: pulls must be like {{'sig': 0.128}}, got {of_value(options)}"
        )
    said: dict[str, dict[str, object]] = {}
    for key, value in (options or {}).items():
        name, dot, field = str(key).partition(".")
        for part, x in [(field, value)] if dot else _fields(value):
            if part not in _FIELDS:
                raise UnknownNameError(f"{experiment} option of pull {name}", part, _FIELDS)
            fields = said.setdefault(name, {})
            if part in fields:
                raise InputError(f"{experiment}: pulls.{name}: {part} is given twice; keep one")
            fields[part] = x
    return {name: _choice(experiment, name, fields, unbounded) for name, fields in said.items()}


def _fields(value: object) -> list[tuple[str, object]]:
    """A pull's fields; a plain value is its width."""
    if isinstance(value, Pull):
        return [("sd", value.sd), ("kind", value.kind)]
    return (
        [(str(k), x) for k, x in value.items()] if isinstance(value, Mapping) else [("sd", value)]
    )


def _choice(experiment: str, name: str, said: dict[str, object], unbounded: bool) -> Choice:
    sd, kind = said.get("sd"), said.get("kind")
    what = f"{experiment}: pulls.{name}"
    return Choice(
        _checked_width(what, sd, f"pull {name}", unbounded=unbounded) if "sd" in said else None,
        _checked_kind(what, kind) if "kind" in said else None,
    )


def _checked_kind(what: str, kind: object) -> Literal["normal", "lognormal"]:
    if kind not in PULL_KINDS:
        raise UnknownNameError(f"{what}: kind", kind, PULL_KINDS)
    return "lognormal" if kind == "lognormal" else "normal"


def _checked_width(what: str, width: object, pull: str, *, unbounded: bool) -> float:
    """A standard deviation, 0 or more; infinity where it is allowed."""
    if unbounded and width in (math.inf, "inf", "Infinity"):
        return math.inf
    needs = f"{pull} needs a standard deviation >= 0"
    try:
        number = checks.number(what, width)
    except InputError as problem:
        raise InputError(f"{problem}; {needs}") from None
    if number < 0:
        raise InputError(f"{what.partition(':')[0]}: {needs}, got {number}")
    return number
