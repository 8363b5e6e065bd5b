"""Intervals and minima of a profile, from its curve."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from cevnsjax.inference.fits.profile_curve import Curve
from cevnsjax.inference.objective import Objective

# Local minima higher than this above the lowest matter to no interval.
_MAX_DELTA_CHI2 = 50.0
# Rise of chi2 between two minima that may be rounding.
_BARRIER = 1e-7

Points = Float[np.ndarray, "point"]


def open_ends(model: Objective, parameter: str, x: Points, side: str) -> tuple[float, ...]:
    """Ends of the curve [unit] that are not physical limits, where intervals may end."""
    declared = model.parameters[parameter]
    ends = (float(x[0]), float(x[-1]))
    # Counts that are even in the parameter are mirrored at 0: nothing is cut off there.
    physical = [
        (is_limit and end == bound) or (declared.even and end == 0)
        for end, bound, is_limit in zip(ends, declared.bounds, declared.physical, strict=True)
    ]
    # A one-sided limit allows the whole other side.
    closed = (physical[0] or side == "upper", physical[1] or side == "lower")
    return tuple(end for end, is_closed in zip(ends, closed, strict=True) if not is_closed)


def dips(chi2: Points, rise: float = 0.0) -> list[int]:
    """Points no higher than their neighbours, of which one is higher by more than ``rise``.

    Dips too high above the lowest to matter to an interval are left out.
    """
    highest = np.nanmin(chi2) + _MAX_DELTA_CHI2
    around = [chi2[max(i - 1, 0) : i + 2] for i in range(len(chi2))]
    return [
        i
        for i, (value, near) in enumerate(zip(chi2, around, strict=True))
        if value == min(near) and max(near) > value + rise and value < highest
    ]


def local_minima(x: Points, chi2: Points) -> tuple[tuple[float, float], ...]:
    """Local minima that can matter to an interval as (x, chi2), lowest first."""
    places = dips(chi2)
    # Between two minima chi2 rises by more than rounding.
    distinct = [
        i
        for before, i in zip([None, *places], places, strict=False)
        if before is None or chi2[before : i + 1].max() > max(chi2[before], chi2[i]) + _BARRIER
    ]
    return tuple(sorted(((float(x[i]), float(chi2[i])) for i in distinct), key=lambda m: m[1]))


class Allowed(NamedTuple):
    """Where chi2 stays below levels.

    Attributes:
        intervals: By level key, cut off at the ends of the range [unit].
        lost: Ends between which and the next point no converged search shows the crossing [unit].
    """

    intervals: dict[str, list[tuple[float, float]]]
    lost: tuple[float, ...]


def allowed_intervals(
    curve: Curve,
    x: Points,
    chi2: Points,
    levels: dict[str, float],
    rounding: float,
    unlimited: Bool[np.ndarray, " point"] | None,
) -> Allowed:
    """Intervals in which chi2 stays below each level [1], cut off at the ends of the range.

    Crossings lie between points that can be trusted and whose chi2 differs from the level by more
    than ``rounding`` [1]; other points are as their neighbours are. A one-sided limit allows its
    ``unlimited`` points whatever their chi2.
    """
    trusted = ~np.isin(x, curve.failed)
    decided = {k: trusted & (np.abs(chi2 - level) > rounding) for k, level in levels.items()}
    inside = {k: _filled(chi2 < level, decided[k]) for k, level in levels.items()}
    if unlimited is not None:
        # A curve that lies above the level altogether is excluded on both sides.
        inside = {key: below | (unlimited & below.any()) for key, below in inside.items()}
    edges = {key: np.flatnonzero(below[1:] != below[:-1]) for key, below in inside.items()}
    nothing = np.zeros(0, dtype=int)
    before = np.concatenate([*(_last(decided[k])[at] for k, at in edges.items()), nothing])
    after = np.concatenate([*edges.values(), nothing]) + 1
    heights = np.array([level for key, level in levels.items() for _ in edges[key]])
    roots, is_lost = np.zeros(0), np.zeros(0, dtype=bool)
    if before.size:
        roots, is_lost = curve.crossings(x[before], x[after], heights)
    remaining = iter(roots.tolist())
    allowed = {}
    for key, below in inside.items():
        ends = [next(remaining) for _ in edges[key]]
        ends = [*([float(x[0])] if below[0] else []), *ends]
        ends += [float(x[-1])] if below[-1] else []
        allowed[key] = list(zip(ends[::2], ends[1::2], strict=True))
    return Allowed(allowed, tuple(roots[is_lost].tolist()))


def _last(decided: Bool[np.ndarray, " point"]) -> Int[np.ndarray, " point"]:
    """For each point the last decided one up to it, the first decided one where there is none."""
    last = np.maximum.accumulate(np.where(decided, np.arange(decided.size), -1))
    return np.where(last < 0, int(np.argmax(decided)), last)


def _filled(
    below: Bool[np.ndarray, " point"], decided: Bool[np.ndarray, " point"]
) -> Bool[np.ndarray, " point"]:
    """Sides of the level, of undecided points those of their neighbours; all below if none is."""
    return below[_last(decided)] if decided.any() else np.ones(below.size, dtype=bool)
