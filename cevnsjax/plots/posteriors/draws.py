"""Checks of draws, and of all that a corner shows with them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.plots.arrays import ArrayLike, Number, NumpyReals, finite, increasing
from cevnsjax.plots.posteriors.density import Ends
from cevnsjax.plots.style import BLACK, BLUE, MARKERS, shades

Curve = tuple[ArrayLike, ArrayLike]

MOST = 10
"""Parameters that one corner can show."""
_LEAST = 10


@dataclass(frozen=True, eq=False)
class Corner:
    """What a corner draws.

    Attributes:
        draws: By parameter, [chain, draw] [units of the parameters].
        labels: Axis labels by parameter.
        levels: Probabilities of the regions, lowest first [1].
        ends: Hard ends by parameter, infinite where there is none [units of the parameters].
        lines: Curves for the diagonal by kind, "prior" or "exact", and parameter.
        notes: Texts for the diagonal by parameter.
        points: Name, marker, colour and values by parameter.
    """

    draws: dict[str, NumpyReals]
    labels: dict[str, str]
    levels: tuple[float, ...]
    ends: dict[str, Ends]
    lines: dict[str, dict[str, tuple[NumpyReals, NumpyReals]]]
    notes: Mapping[str, str]
    points: list[tuple[str, str, str, Mapping[str, Number]]]

    @property
    def names(self) -> list[str]:
        """Parameters in the order of rows."""
        return list(self.draws)

    @property
    def paint(self) -> dict[float, str]:
        """Fill colour by level, palest for the highest."""
        return dict(zip(self.levels, shades(BLUE, len(self.levels)), strict=True))


def checked_draws(
    draws: Mapping[str, ArrayLike], *, varying: bool = False
) -> dict[str, NumpyReals]:
    """Draws as float64 arrays of one shape, [chain, draw].

    Args:
        draws: By parameter, [chain, draw] [units of the parameters].
        varying: Whether a parameter whose draws are all equal is refused.

    Raises:
        InputError: If there are none, or too few, or their shapes differ, or some are not finite.
    """
    if not draws:
        raise InputError("draws is empty; give {name: [chain, draw]}")
    first = next(iter(draws))
    shape = np.shape(np.asarray(draws[first]))
    if len(shape) != 2:
        raise InputError(f"draws of {first} have shape {shape}, expected [chain, draw]")
    if shape[1] < _LEAST:
        raise InputError(f"draws of {first} have {shape[1]} a chain; at least {_LEAST} are needed")
    found = {name: finite(f"draws of {name}", values, shape) for name, values in draws.items()}
    for name, values in found.items():
        if varying and not np.ptp(values) > 1e-12 * np.max(np.abs(values)):
            raise InputError(f"draws of {name} are all equal; leave it out")
    return found


def known_names(table: Iterable[str], draws: Mapping[str, NumpyReals]) -> None:
    """Refuse names that have no draws.

    Args:
        table: Names.
        draws: By parameter.

    Raises:
        UnknownNameError: At the first one.
    """
    for name in table:
        if name not in draws:
            raise UnknownNameError("parameter", name, draws, "(it has no draws)")


def checked_corner(
    draws: Mapping[str, ArrayLike],
    labels: Mapping[str, str] | None,
    levels: Sequence[Number],
    bounds: Mapping[str, tuple[Number, Number]] | None,
    priors: Mapping[str, Curve] | None,
    exact: Mapping[str, Curve] | None,
    best_fit: Mapping[str, Number] | None,
    points: Sequence[tuple[str, Mapping[str, Number]]],
    notes: Mapping[str, str] | None,
) -> Corner:
    """Arguments of ``corner``, checked.

    Args:
        draws: As ``corner`` takes them, like all that follows.
        labels: By parameter.
        levels: Probabilities [1].
        bounds: By parameter.
        priors: By parameter.
        exact: By parameter.
        best_fit: By parameter.
        points: Names and values by parameter.
        notes: By parameter.

    Raises:
        InputError: As ``corner`` does.
        UnknownNameError: As ``corner`` does.
    """
    arrays = checked_draws(draws, varying=True)
    if len(arrays) > MOST:
        raise InputError(f"a corner shows up to {MOST} parameters, got {len(arrays)}; name fewer")
    marks = [] if best_fit is None else [("best fit", "o", BLUE, best_fit)]
    marks += [(n, MARKERS[i % len(MARKERS)], BLACK, at) for i, (n, at) in enumerate(points)]
    tables = (labels, bounds, priors, exact, notes, *(at for *_, at in marks))
    for table in tables:
        known_names(table or {}, arrays)
    if not levels or len(set(levels)) < len(levels) or not all(0 < x < 1 for x in levels):
        raise InputError(f"levels must be distinct and within (0, 1), got {list(levels)}")
    ends = dict.fromkeys(arrays, (-math.inf, math.inf)) | dict(bounds or {})
    for name, (low, high) in ends.items():
        if arrays[name].min() < low or arrays[name].max() > high:
            raise InputError(f"draws of {name} lie beyond its bounds [{low:g}, {high:g}]")
    lines = {
        kind: {n: _line(f"{kind} of {n}", *curve) for n, curve in (curves or {}).items()}
        for kind, curves in (("prior", priors), ("exact", exact))
    }
    named = {n: n for n in arrays} | dict(labels or {})
    return Corner(arrays, named, tuple(sorted(levels)), ends, lines, notes or {}, marks)


def _line(what: str, x: ArrayLike, density: ArrayLike) -> tuple[NumpyReals, NumpyReals]:
    grid = increasing(f"x of {what}", x)
    return grid, finite(f"density of {what}", density, grid.shape)
