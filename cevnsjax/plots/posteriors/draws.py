"""Checks of draws, and of everything else that a corner shows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.plots.arrays import ArrayLike, Number, NumpyReals, finite, increasing, probabilities
from cevnsjax.plots.posteriors.density import Ends
from cevnsjax.plots.style import BLACK, BLUE, MARKERS, shades

Curve = tuple[ArrayLike, ArrayLike]

MAX_PARAMETERS = 10
"""Parameters that one corner can show."""
_MIN_DRAWS = 10


@dataclass(frozen=True, eq=False)
class Corner:
    """Checked arguments of ``corner``.

    Levels go from the lowest, ends are infinite where there are no bounds, lines go by "prior" or
    "exact" and parameter, points are (name, marker, colour, values by parameter).
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
    """Draws as float64 arrays of one shape, [chain, draw], or an InputError.

    ``varying`` refuses a parameter whose draws are all equal.
    """
    if not draws:
        raise InputError("draws is empty; give {name: [chain, draw]}")
    first = next(iter(draws))
    shape = np.shape(np.asarray(draws[first]))
    if len(shape) != 2:
        raise InputError(f"draws of {first} have shape {shape}, expected [chain, draw]")
    if shape[1] < _MIN_DRAWS:
        raise InputError(
            f"draws of {first} have {shape[1]} a chain; at least {_MIN_DRAWS} are needed"
        )
    arrays = {name: finite(f"draws of {name}", values, shape) for name, values in draws.items()}
    for name, values in arrays.items():
        if varying and not np.ptp(values) > 1e-12 * np.max(np.abs(values)):
            raise InputError(f"draws of {name} are all equal; leave it out")
    return arrays


def require_draws(names: Iterable[str], draws: Mapping[str, NumpyReals]) -> None:
    """Raise an UnknownNameError at the first name that has no draws."""
    for name in names:
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
    """The arguments of ``corner``, checked; raises the errors that ``corner`` documents."""
    arrays = checked_draws(draws, varying=True)
    if len(arrays) > MAX_PARAMETERS:
        raise InputError(
            f"a corner shows up to {MAX_PARAMETERS} parameters, got {len(arrays)}; name fewer"
        )
    marks = [] if best_fit is None else [("best fit", "o", BLUE, best_fit)]
    marks += [(n, MARKERS[i % len(MARKERS)], BLACK, at) for i, (n, at) in enumerate(points)]
    tables = (labels, bounds, priors, exact, notes, *(at for *_, at in marks))
    for table in tables:
        require_draws(table or {}, arrays)
    regions = probabilities(levels)
    ends = dict.fromkeys(arrays, (-math.inf, math.inf)) | dict(bounds or {})
    for name, (low, high) in ends.items():
        if arrays[name].min() < low or arrays[name].max() > high:
            raise InputError(f"draws of {name} lie beyond its bounds [{low:g}, {high:g}]")
    lines = {
        kind: {n: _line(f"{kind} of {n}", *curve) for n, curve in (curves or {}).items()}
        for kind, curves in (("prior", priors), ("exact", exact))
    }
    named = {n: n for n in arrays} | dict(labels or {})
    return Corner(arrays, named, regions, ends, lines, notes or {}, marks)


def _line(what: str, x: ArrayLike, density: ArrayLike) -> tuple[NumpyReals, NumpyReals]:
    grid = increasing(f"x of {what}", x)
    return grid, finite(f"density of {what}", density, grid.shape)
