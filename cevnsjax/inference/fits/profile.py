"""Profile likelihood of one parameter: all its minima, and intervals as unions."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

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
from cevnsjax.inference.fits.profile_result import ProfileResult
from cevnsjax.inference.minimise.problems import Bounds, narrowed
from cevnsjax.inference.objective import Data, Objective, free_names

SIDES = ("both", "upper", "lower")
# Points of the linear grid, points a decade of the geometric one, points across each valley:
# where chi2 is evaluated, and where other parameters are fitted at every point.
_EVALUATED, _FITTED = (401, 60, 400), (21, 6, 24)
# The geometric grid goes from the first to the second of these distances, in scales.
_NEAREST, _FARTHEST = 1e-3, 1e6
# Differences of chi2 that rounding makes: over the whole curve, between neighbours.
_NO_DEPENDENCE, _WIGGLE = 1e-9, 1e-10


def profile(
    model: Objective,
    parameter: str,
    *,
    levels: float | Sequence[float] = DEFAULT_LEVELS,
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
    they are listed in ``free``. Delta chi2 counts from the lowest chi2 in the range.

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
            curve if None.
        data: Data to use instead of the model's.

    Returns:
        Best fit, curve, and for each level the list of allowed intervals.

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
    _fill_valleys(curve, 3 * max(heights.values(), default=4.0), density[2])
    _find_minima(curve)
    x = curve.x
    chi2 = curve.chi2(x)
    if not np.all(np.isfinite(chi2)):
        bad = x[~np.isfinite(chi2)][0]
        raise InputError(f"chi2 is not finite at {parameter} = {bad:g}; narrow the range")
    if np.ptp(chi2) < _NO_DEPENDENCE:
        raise InputError(
            f"the likelihood does not depend on {parameter} within [{x[0]:g}, {x[-1]:g}]"
        )
    best = int(np.argmin(chi2))
    base = float(chi2[best]) if chi2_min is None else float(chi2_min)
    unlimited = {"both": None, "upper": x <= x[best], "lower": x >= x[best]}[side]
    crossed = {k: base + h for k, h in heights.items()}
    return ProfileResult(
        parameter=parameter,
        best_fit=float(x[best]),
        chi2_min=base,
        minima=local_minima(x, chi2),
        open_at=open_ends(model, parameter, x, side),
        analysis=model.name,
        experiments=tuple(model.experiments),
        fixed=fixed_values,
        free=names,
        intervals=allowed_intervals(curve, x, chi2, crossed, unlimited),
        levels=heights,
        side=side,
        x=x,
        chi2=chi2,
        status="converged" if not curve.failed else _failure(parameter, curve.failed),
        unit=model.parameters[parameter].unit,
    )


def _heights(levels: float | Sequence[float], dof: int, side: str) -> dict[str, float]:
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


def _failure(parameter: str, failed: list[float]) -> str:
    """The status of a profile whose inner fits failed at some points."""
    shown = ", ".join(f"{x:g}" for x in failed[:3])
    return (
        f"not converged: inner fits failed at {len(failed)} points ({parameter} = {shown}); "
        "free fewer parameters or narrow the range"
    )


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
    chi2 = curve.chi2(x)
    inside = np.flatnonzero(chi2 <= np.nanmin(chi2) + height)
    steps = []
    for run in np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1):
        a, b = x[max(run[0] - 1, 0)], x[min(run[-1] + 1, len(x) - 1)]
        steps.append(np.linspace(a, b, points)[1:-1])
    curve.chi2(np.concatenate(steps))


def _find_minima(curve: Curve) -> None:
    """Add every local minimum of the curve that can matter to an interval."""
    x = curve.x
    chi2 = curve.chi2(x)
    # Where inner fits fail the curve is rough, and its dips are not minima.
    failed = set(curve.failed)
    # Where chi2 is flat to rounding, its wiggles are not minima.
    smooth = [
        x[i] for i in dips(chi2, _WIGGLE) if failed.isdisjoint(x[max(i - 1, 0) : i + 2].tolist())
    ]
    if smooth:
        curve.descend(np.array(smooth))
