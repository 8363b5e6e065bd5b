"""Profile likelihood of one parameter: all its minima, and intervals as unions."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from cevnsjax.core.checks import whole_number
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.levels import DEFAULT_LEVELS, checked_levels, delta_chi2_at, level_key
from cevnsjax.inference.fits.profile_curve import Curve
from cevnsjax.inference.fits.profile_intervals import (
    allowed_intervals,
    dips,
    local_minima,
    open_ends,
)
from cevnsjax.inference.fits.profile_notes import (
    is_lower,
    notes_on_failures,
    notes_on_open_ends,
    notes_on_solved,
    notes_on_the_base,
    status_of,
)
from cevnsjax.inference.fits.profile_result import ProfileResult
from cevnsjax.inference.minimise.problems import (
    CONVERGED,
    Bounds,
    narrowed,
    rungs_between,
)
from cevnsjax.inference.objective import Data, Objective, free_names

SIDES = ("both", "upper", "lower")
# Points of the linear grid, points a decade of the geometric one, points across each valley:
# where chi2 is evaluated, and where other parameters are fitted at every point.
_EVALUATED, _FITTED = (401, 60, 400), (21, 6, 24)
# The geometric grid goes from the first to the second of these distances, in scales.
_NEAREST, _FARTHEST = 1e-3, 1e6
# Differences of chi2 that rounding makes: over the whole curve, between neighbours.
_NO_DEPENDENCE, _WIGGLE = 1e-9, 1e-10
# Roundings that chi2 may be off by, and the largest part of a level that may count as such.
_ROUNDING, _MAX_ROUNDING = 5e3, 1e-3
# Times that the curve follows a minimum lower than that of the fit it started from.
_MAX_ANCHORS = 4

Points = Float[np.ndarray, "point"]
"""Points [unit] and chi2 [1] of a curve."""


def profile(
    model: Objective,
    parameter: str,
    *,
    levels: float | Sequence[float] | ArrayLike = DEFAULT_LEVELS,
    free: str | Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    within: tuple[float, float] | None = None,
    bounds: Bounds | None = None,
    dof: int = 1,
    side: str = "both",
    chi2_min: float | None = None,
    data: Data = None,
) -> ProfileResult:
    """Profile likelihood of a parameter and its confidence intervals by Wilks' theorem.

    Linear nuisances and constrained nonlinear ones are profiled always, other parameters only if
    they are listed in ``free``. Delta chi2 counts from the lowest chi2 in the range. Ends of
    intervals are crossings between points at which all of these are at their minimum.

    Args:
        model: The model.
        parameter: Name of the parameter.
        levels: Confidence levels within (0, 1).
        free: Further parameters to profile over.
        fixed: Values of parameters that are held, in their units.
        within: Range to look at, in the parameter's unit; its bounds if None.
        bounds: Narrower (low, high) for some of the parameters profiled over.
        dof: Degrees of freedom of the levels; 2 for a slice of a two-dimensional region.
        side: "both" for two-sided intervals; "upper" or "lower" for a one-sided limit at the same
            confidence: everything on the other side of the best fit is allowed then.
        chi2_min: chi2 to count from, if the global minimum lies off this slice; the lowest on the
            curve if None or if that is lower.
        data: Data to use instead of the model's.

    Returns:
        Best fit, curve, and for each level the list of allowed intervals; ``status`` and ``notes``
        say where searches failed, or where an interval is open.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At bad levels or ranges, or a parameter the likelihood does not depend on.

    Examples:
        >>> result = cj.profile(model, "sin2_theta_w", levels=(0.6827, 0.90), within=(0.1, 0.4))
        >>> for level, intervals in result.intervals.items():
        ...     print(level, [(round(low, 2), round(high, 2)) for low, high in intervals])
        0.6827 [(0.18, 0.27)]
        0.90 [(0.15, 0.29)]
    """
    heights = _heights(levels, dof, side)
    names, fixed_values = free_names(model, free, fixed, exclude=(parameter,))
    narrowed(model, names, bounds)
    density = _FITTED if names else _EVALUATED
    points = _grid(model, parameter, within, density)
    ends = float(points[0]), float(points[-1])
    curve = Curve(model, parameter, names, fixed_values, ends, data=data, bounds=bounds)
    curve.chi2(points)
    _search(curve, 3 * max(heights.values(), default=4.0), density[2])
    x = curve.x
    chi2 = curve.chi2(x)
    _require_dependence(parameter, x, chi2)
    best, lowest = curve.lowest()
    base = lowest if chi2_min is None or is_lower(lowest, chi2_min) else float(chi2_min)
    unlimited = {"both": None, "upper": x <= best, "lower": x >= best}[side]
    crossed = {k: base + h for k, h in heights.items()}
    allowed = allowed_intervals(curve, x, chi2, crossed, _rounding(model, base, heights), unlimited)
    is_trusted, open_at = curve.trusted(x), open_ends(model, parameter, x, side)
    minima = local_minima(x[is_trusted], chi2[is_trusted])
    # The curve passes through the ends of its intervals.
    ends = [end for spans in allowed.intervals.values() for span in spans for end in span]
    places = np.array([best, *np.unique([x[0], x[-1], *ends])])
    notes = (
        *notes_on_the_base(curve, parameter, chi2_min),
        *notes_on_failures(parameter, curve.failed, allowed.lost),
        *notes_on_open_ends(parameter, allowed, heights, chi2[is_trusted] - base, open_at),
        *notes_on_solved(model, curve, fixed_values, places, data),
    )
    x = np.union1d(x, [*ends, *curve.failed])
    return ProfileResult(
        parameter=parameter,
        best_fit=best,
        chi2_min=base,
        minima=minima,
        open_at=open_at,
        analysis=model.name,
        experiments=tuple(model.experiments),
        fixed=fixed_values,
        free=names,
        intervals=allowed.intervals,
        levels=heights,
        side=side,
        x=x,
        chi2=curve.chi2(x),
        status=status_of(model, parameter, curve.failed, names),
        failed=tuple(curve.failed),
        notes=notes,
        unit=model.parameters[parameter].unit,
    )


def _search(curve: Curve, height: float, points: int) -> None:
    """Find all valleys and minima; a lower minimum than expected is followed along the curve."""
    for _ in range(_MAX_ANCHORS):
        _fill_valleys(curve, height, points)
        _find_minima(curve)
        if not is_lower(curve.lowest()[1], curve.anchor) or not curve.reanchor():
            return


def _require_dependence(parameter: str, x: Points, chi2: Points) -> None:
    """Raise an InputError where chi2 is not finite, or is the same everywhere."""
    if not np.all(np.isfinite(chi2)):
        bad = x[~np.isfinite(chi2)][0]
        raise InputError(f"chi2 is not finite at {parameter} = {bad:g}; narrow the range")
    if np.ptp(chi2) < _NO_DEPENDENCE:
        raise InputError(
            f"the likelihood does not depend on {parameter} within [{x[0]:g}, {x[-1]:g}]"
        )


def _rounding(model: Objective, base: float, heights: Mapping[str, float]) -> float:
    """By how much chi2 near the levels may be off: what searches leave over, and rounding."""
    precision = float(np.finfo(getattr(model, "dtype", float)).eps)
    size = max(1.0, abs(base) + max(heights.values(), default=0.0))
    off = 2 * CONVERGED + _ROUNDING * precision * size
    return min(off, _MAX_ROUNDING * min(heights.values(), default=1.0))


def _heights(levels: float | Sequence[float] | ArrayLike, dof: int, side: str) -> dict[str, float]:
    """Delta chi2 by level key; a one-sided limit puts all that is excluded on one side."""
    if side not in SIDES:
        raise UnknownNameError("side", side, SIDES)
    dof = whole_number("dof", dof, 1)
    listed = checked_levels(levels, one_sided=side != "both")
    if side == "both":
        return {level_key(level): delta_chi2_at(level, dof) for level in listed}
    if dof != 1:
        raise InputError(f"a one-sided limit needs dof 1, got {dof}")
    return {level_key(level): delta_chi2_at(2 * level - 1) for level in listed}


def _grid(
    model: Objective,
    parameter: str,
    within: tuple[float, float] | None,
    density: tuple[int, int, int],
) -> Float[np.ndarray, " point"]:
    """Points to look at first: even steps over the range, and even steps in every decade.

    The steps in decades see structure at the parameter's own scale, however wide its bounds are.
    """
    declared = model.parameters[parameter]
    low, high = declared.bounds
    if within is not None:
        if not isinstance(within, tuple | list) or len(within) != 2:
            raise InputError(f"within must be (low, high), got {within!r}")
        low, high = (declared.check(edge) for edge in within)
        if not low < high:
            raise InputError(f"range of {parameter} must increase, got [{low:g}, {high:g}]")
    center, smallest = min(max(declared.default, low), high), _NEAREST * declared.scale
    pieces = [np.array([center])]
    if np.isfinite(low) and np.isfinite(high):
        pieces.append(np.linspace(low, high, density[0]))
    if np.isfinite(declared.start_spacing):
        pieces.append(rungs_between(low, high, declared.start_spacing))
    for side, extent in ((1.0, high - center), (-1.0, center - low)):
        farthest = min(extent, _FARTHEST * declared.scale)
        if farthest > smallest:
            points = int(np.log10(farthest / smallest) * density[1]) + 2
            # Rounding may put the last point slightly beyond the bound.
            steps = np.minimum(np.geomspace(smallest, farthest, points), farthest)
            pieces.append(np.clip(center + side * steps, low, high))
    return np.unique(np.concatenate(pieces))


def _fill_valleys(curve: Curve, height: float, points: int) -> None:
    """Even steps across every stretch in which chi2 lies within ``height`` of the lowest."""
    x = curve.x
    inside = np.flatnonzero(curve.trusted(x) & (curve.chi2(x) <= curve.lowest()[1] + height))
    steps = []
    for run in np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1):
        a, b = x[max(run[0] - 1, 0)], x[min(run[-1] + 1, len(x) - 1)]
        steps.append(np.linspace(a, b, points)[1:-1])
    curve.chi2(np.concatenate(steps))


def _find_minima(curve: Curve) -> None:
    """Add every local minimum of the curve that can matter to an interval."""
    # Where inner fits fail the curve is rough, and its dips are not minima.
    x = np.setdiff1d(curve.x, curve.failed)
    # Where chi2 is flat to rounding, its wiggles are not minima.
    places = dips(curve.chi2(x), _WIGGLE) if x.size else []
    if places:
        curve.descend(x[places])
