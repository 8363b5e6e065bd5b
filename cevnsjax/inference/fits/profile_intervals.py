"""Intervals and minima of a profile, from its curve."""

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.inference.fits.profile_curve import Curve
from cevnsjax.inference.objective import Objective

MAX_DELTA_CHI2 = 50.0
"""Local minima higher than this above the lowest matter to no interval."""
# Rise of chi2 between two minima that may be rounding.
_BARRIER = 1e-7


def open_ends(
    model: Objective, parameter: str, x: Float[np.ndarray, " point"], side: str
) -> tuple[float, ...]:
    """Ends of the curve that are not physical limits, where intervals may end.

    Args:
        model: The model.
        parameter: The parameter along the curve.
        x: Points of the curve, increasing, [point] [unit].
        side: "both", "upper" or "lower".
    """
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


def local_minima(
    x: Float[np.ndarray, " point"], chi2: Float[np.ndarray, " point"]
) -> tuple[tuple[float, float], ...]:
    """Local minima that can matter to an interval as (x, chi2), lowest first.

    Args:
        x: Points of the curve, increasing, [point] [unit].
        chi2: chi2 there, [point] [1].
    """
    minima = []
    for i in range(len(x)):
        around = chi2[max(i - 1, 0) : i + 2]
        if (
            chi2[i] == min(around)
            and max(around) > chi2[i]
            and chi2[i] < min(chi2) + MAX_DELTA_CHI2
        ):
            minima.append((float(x[i]), float(chi2[i])))
    distinct = [m for i, m in enumerate(minima) if i == 0 or _barrier(x, chi2, minima[i - 1], m)]
    return tuple(sorted(distinct, key=lambda m: m[1]))


def _barrier(
    x: Float[np.ndarray, " point"],
    chi2: Float[np.ndarray, " point"],
    left: tuple[float, float],
    right: tuple[float, float],
) -> bool:
    """Whether chi2 rises between two minima by more than rounding."""
    between = chi2[(x >= left[0]) & (x <= right[0])]
    return bool(between.max() > max(left[1], right[1]) + _BARRIER)


def allowed_intervals(
    curve: Curve,
    x: Float[np.ndarray, " point"],
    chi2: Float[np.ndarray, " point"],
    levels: dict[str, float],
    unlimited: Bool[np.ndarray, " point"] | None,
) -> dict[str, list[tuple[float, float]]]:
    """Intervals in which chi2 stays below each level, cut off at the ends of the range.

    Args:
        curve: The curve.
        x: Its points, increasing, [point] [unit].
        chi2: chi2 there, [point] [1].
        levels: chi2 by level key [1].
        unlimited: Points that a one-sided limit allows whatever their chi2, [point]; None for
            two-sided intervals.
    """
    inside = {key: chi2 <= level for key, level in levels.items()}
    if unlimited is not None:
        # A curve that lies above the level altogether is excluded on both sides.
        inside = {key: below | (unlimited & below.any()) for key, below in inside.items()}
    edges = {key: np.flatnonzero(below[1:] != below[:-1]) for key, below in inside.items()}
    at = np.concatenate([*edges.values(), np.zeros(0, dtype=int)])
    heights = np.array([level for key, level in levels.items() for _ in edges[key]])
    roots = iter(curve.crossings(x[at], x[at + 1], heights).tolist() if at.size else [])
    allowed = {}
    for key, below in inside.items():
        ends = [next(roots) for _ in edges[key]]
        ends = [*([float(x[0])] if below[0] else []), *ends]
        ends += [float(x[-1])] if below[-1] else []
        allowed[key] = list(zip(ends[::2], ends[1::2], strict=True))
    return allowed
