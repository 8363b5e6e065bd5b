"""Profile likelihood of one parameter: all its minima, and intervals as unions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import optimize

from cevnsjax.errors import InputError
from cevnsjax.inference.conditional import Conditional, Solved, starts_from
from cevnsjax.inference.objective import Objective, free_names
from cevnsjax.inference.problems import Bounds, problem_of, starts_of
from cevnsjax.inference.result import ProfileResult, delta_chi2_at, level_key

LEVELS = (0.6827, 0.90, 0.9545)
# Points of the linear grid, points a decade of the geometric one, points across each valley.
_DIRECT, _FITTED = (401, 60, 400), (21, 6, 24)
_REACH = 1e6
# Points of a profile over others at which all starts are tried.
_COARSE = 13
# Chunks no longer than what the model pads small requests to: one compilation for all.
_CHUNK = 256
# Local minima higher than this above the lowest matter to no interval.
_WORTH = 50.0


class _Curve:
    """chi2 of one parameter with the others at their best, remembering where it was taken."""

    def __init__(
        self,
        objective: Objective,
        parameter: str,
        names: tuple[str, ...],
        held: dict[str, float],
        data: Any,
        bounds: Bounds | None,
    ) -> None:
        self._objective, self._parameter = objective, parameter
        self._names, self._held, self._data = names, held, data
        self.known: dict[float, float] = {}
        self._solved: dict[float, Solved] = {}
        self._scale = objective.parameters[parameter].scale
        if names:
            problem = problem_of(objective, (*names, parameter), held, data, bounds)
            box = np.array([problem.low[:-1], problem.high[:-1]])
            starts = [np.clip(s, *box) for s in starts_of(objective, names)]
            self._conditional = Conditional(problem, starts)

    @property
    def failed(self) -> list[float]:
        """Where the inner minimisation did not converge."""
        return [x for x, s in sorted(self._solved.items()) if not s.best.converged]

    def many(self, points: np.ndarray) -> np.ndarray:
        """chi2 at many points: one compiled program, or fits side by side."""
        if self._names:
            self._follow(np.unique([x for x in points.tolist() if x not in self.known]))
            return np.array([self.known[x] for x in points.tolist()])
        for start in range(0, len(points), _CHUNK):
            chunk = points[start : start + _CHUNK]
            nll = self._objective.map(self._held, {self._parameter: chunk}, data=self._data)
            chi2 = 2 * np.asarray(nll, dtype=float)
            self.known.update(zip(chunk.tolist(), chi2.tolist(), strict=True))
        return np.array([self.known[x] for x in points.tolist()])

    def __call__(self, x: float) -> float:
        x = float(x)
        if x not in self.known:
            self.many(np.array([x]))
        return self.known[x]

    def _follow(self, new: np.ndarray) -> None:
        """Minima over the others at new points, all starts where none is known yet."""
        what, first = f"profile of {self._parameter}", not self._solved
        if first:
            coarse = new[np.linspace(0, len(new) - 1, min(_COARSE, len(new))).astype(int)]
            scaled = np.unique(coarse)[:, None] / self._scale
            found = self._conditional.everywhere(scaled, what)
            self._solved.update(zip(np.unique(coarse).tolist(), found, strict=True))
            new = np.setdiff1d(new, coarse)
        starts = [starts_from(self._beside(x), len(self._names)) for x in new.tolist()]
        if starts:
            found = self._conditional.solve(new[:, None] / self._scale, starts, what)
            self._solved.update(zip(new.tolist(), found, strict=True))
        if first:
            self._spread(what)
        for x in self._solved:
            self.known[x] = 2 * self._solved[x].best.value

    def _beside(self, x: float) -> list[Solved]:
        """What is known at the nearest point on either side."""
        lower = [v for v in self._solved if v < x]
        higher = [v for v in self._solved if v > x]
        ends = [*([max(lower)] if lower else []), *([min(higher)] if higher else [])]
        return [self._solved[v] for v in ends]

    def _spread(self, what: str) -> None:
        x = sorted(self._solved)

        def beside(i: int) -> list[int]:
            return [j for j in (i - 1, i + 1) if 0 <= j < len(x)]

        points, solved = np.array(x)[:, None] / self._scale, [self._solved[v] for v in x]
        better = self._conditional.spread(points, solved, beside, what)
        self._solved = dict(zip(x, better, strict=True))


def profile(
    objective: Objective,
    parameter: str,
    *,
    levels: float | Sequence[float] = LEVELS,
    free: str | Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    within: tuple[float, float] | None = None,
    bounds: Bounds | None = None,
    dof: int = 1,
    chi2_min: float | None = None,
    data: Any = None,
) -> ProfileResult:
    """Profile likelihood of a parameter and its confidence intervals by Wilks' theorem.

    Linear nuisances and constrained nonlinear ones are profiled always, other parameters only if
    they are listed in ``free``. Delta chi2 counts from the lowest chi2 in the range.

    Args:
        objective: The model.
        parameter: Name of the parameter.
        levels: Confidence levels within (0, 1).
        free: Further parameters to profile over.
        fixed: Parameters to hold at given values.
        within: Range to look at; the parameter's bounds if None.
        bounds: Narrower (low, high) for some of the parameters profiled over.
        dof: Degrees of freedom of the levels; 2 for a slice of a two-dimensional region.
        chi2_min: chi2 to count from, if the global minimum lies off this slice; the lowest on the
            curve if None.
        data: Data to use instead of the model's.

    Returns:
        Best fit, curve, and for each level the list of allowed intervals.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At bad levels or ranges, or a parameter the likelihood does not depend on.
    """
    listed = list(levels) if isinstance(levels, Sequence) else [float(levels)]
    heights = {level_key(level): delta_chi2_at(level, dof) for level in listed}
    names, held = free_names(objective, free, fixed, exclude=(parameter,))
    curve = _Curve(objective, parameter, names, held, data, bounds)
    density = _FITTED if names else _DIRECT
    curve.many(_grid(objective, parameter, within, density))
    _fill_valleys(curve, 3 * max(heights.values(), default=4.0), density[2])
    _find_minima(curve)
    x, chi2 = _sorted(curve)
    if not np.all(np.isfinite(chi2)):
        bad = x[~np.isfinite(chi2)][0]
        raise InputError(f"chi2 is not finite at {parameter} = {bad:g}; narrow the range")
    if np.ptp(chi2) < 1e-9:
        raise InputError(
            f"the likelihood does not depend on {parameter} within [{x[0]:g}, {x[-1]:g}]"
        )
    best = int(np.argmin(chi2))
    base = float(chi2[best]) if chi2_min is None else float(chi2_min)
    intervals = {key: _allowed(curve, x, chi2, base + height) for key, height in heights.items()}
    return ProfileResult(
        parameter=parameter,
        best_fit=float(x[best]),
        chi2_min=base,
        minima=_minima(x, chi2),
        open_at=_open_ends(objective, parameter, x),
        analysis=objective.name,
        experiments=tuple(objective.experiments),
        fixed=held,
        free=names,
        intervals=intervals,
        levels=heights,
        x=x,
        chi2=chi2,
        status="converged" if not curve.failed else _trouble(parameter, curve.failed),
        unit=objective.parameters[parameter].unit,
    )


def _trouble(parameter: str, failed: list[float]) -> str:
    shown = ", ".join(f"{x:g}" for x in failed[:3])
    return (
        f"not converged: inner fits failed at {len(failed)} points ({parameter} = {shown}); "
        "free fewer parameters or narrow the range"
    )


def _grid(
    objective: Objective,
    parameter: str,
    within: tuple[float, float] | None,
    density: tuple[int, int, int],
) -> np.ndarray:
    """Points to look at first: even steps over the range, and even steps in every decade.

    The second see structure at the parameter's own scale however wide its bounds are.
    """
    declared = objective.parameters[parameter]
    low, high = declared.bounds
    if within is not None:
        low, high = (declared.check(edge) for edge in within)
        if not low < high:
            raise InputError(f"range of {parameter} must increase, got [{low:g}, {high:g}]")
    center, smallest = min(max(declared.default, low), high), 1e-3 * declared.scale
    pieces = [np.array([center])]
    if np.isfinite(low) and np.isfinite(high):
        pieces.append(np.linspace(low, high, density[0]))
    for side, extent in ((1.0, high - center), (-1.0, center - low)):
        reach = min(extent, _REACH * declared.scale)
        if reach > smallest:
            points = int(np.log10(reach / smallest) * density[1]) + 2
            # Rounding may put the last point a hair beyond the bound.
            steps = np.minimum(np.geomspace(smallest, reach, points), reach)
            pieces.append(np.clip(center + side * steps, low, high))
    return np.unique(np.concatenate(pieces))


def _sorted(curve: _Curve) -> tuple[np.ndarray, np.ndarray]:
    x = np.array(sorted(curve.known))
    return x, np.array([curve.known[v] for v in x.tolist()])


def _fill_valleys(curve: _Curve, height: float, points: int) -> None:
    """Even steps across every stretch in which chi2 lies within ``height`` of the lowest."""
    x, chi2 = _sorted(curve)
    inside = np.flatnonzero(chi2 <= np.nanmin(chi2) + height)
    for run in np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1):
        a, b = x[max(run[0] - 1, 0)], x[min(run[-1] + 1, len(x) - 1)]
        curve.many(np.linspace(a, b, points)[1:-1])


def _find_minima(curve: _Curve) -> None:
    """Add every local minimum of the curve, to a part in 1e8 of its bracket."""
    x, chi2 = _sorted(curve)
    # Where inner fits fail the curve is rough, and its dips are no minima.
    failed = set(curve.failed)
    for i in range(len(x)):
        around = slice(max(i - 1, 0), i + 2)
        a, b = x[around][0], x[around][-1]
        # Where chi2 is flat to rounding, its wiggles are not minima.
        is_lowest = chi2[i] == min(chi2[around]) and max(chi2[around]) > chi2[i] + 1e-10
        rough = not failed.isdisjoint(x[around].tolist())
        if is_lowest and not rough and chi2[i] < np.nanmin(chi2) + _WORTH:
            found = optimize.minimize_scalar(
                curve, bounds=(a, b), method="bounded", options={"xatol": 1e-8 * (b - a)}
            )
            curve(float(found.x))


def _open_ends(objective: Objective, parameter: str, x: np.ndarray) -> tuple[float, ...]:
    """Ends of the curve that are not physical limits of the parameter."""
    declared = objective.parameters[parameter]
    ends = (float(x[0]), float(x[-1]))
    physical = [
        is_limit and end == bound
        for end, bound, is_limit in zip(ends, declared.bounds, declared.physical, strict=True)
    ]
    return tuple(end for end, closed in zip(ends, physical, strict=True) if not closed)


def _minima(x: np.ndarray, chi2: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Local minima worth a look as (x, chi2), lowest first."""
    found = []
    for i in range(len(x)):
        around = chi2[max(i - 1, 0) : i + 2]
        if chi2[i] == min(around) and max(around) > chi2[i] and chi2[i] < min(chi2) + _WORTH:
            found.append((float(x[i]), float(chi2[i])))
    distinct = [m for i, m in enumerate(found) if i == 0 or _barrier(x, chi2, found[i - 1], m)]
    return tuple(sorted(distinct, key=lambda m: m[1]))


def _barrier(
    x: np.ndarray, chi2: np.ndarray, left: tuple[float, float], right: tuple[float, float]
) -> bool:
    """Whether chi2 rises between two minima by more than rounding."""
    between = chi2[(x >= left[0]) & (x <= right[0])]
    return bool(between.max() > max(left[1], right[1]) + 1e-7)


def _allowed(
    curve: Callable[[float], float], x: np.ndarray, chi2: np.ndarray, level: float
) -> list[tuple[float, float]]:
    """Where chi2 stays below the level: crossings by Brent, open ends closed by the range."""
    below = chi2 <= level
    edges = [float(x[0])] if below[0] else []
    for (a, b), (inside_a, inside_b) in zip(pairwise(x), pairwise(below), strict=True):
        if inside_a != inside_b:
            root = optimize.brentq(lambda v: curve(v) - level, a, b, xtol=1e-12)
            edges.append(float(np.asarray(root)))
    if below[-1]:
        edges.append(float(x[-1]))
    return list(zip(edges[::2], edges[1::2], strict=True))
