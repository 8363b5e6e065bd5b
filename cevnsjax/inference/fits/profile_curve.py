"""chi2 along one parameter with others at their best: a curve with slopes."""

from collections.abc import Iterable
from functools import partial

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.inference.fits.cubic_root import cubic_root
from cevnsjax.inference.fits.followed_minima import (
    Minima,
    MinimaFollower,
    starts_from,
    worth_following,
)
from cevnsjax.inference.fits.global_minima import global_minima
from cevnsjax.inference.minimise.newton import newton_many
from cevnsjax.inference.minimise.problems import (
    CONVERGED,
    Bounds,
    Minimum,
    far_starts,
    narrowed,
    problem_of,
    starts_of,
)
from cevnsjax.inference.objective import Data, Objective

# Points at which all starts are tried.
_COARSE_POINTS = 13
# Far starts are tried too for up to so many parameters; their number grows with them.
_MAX_FAR_PARAMETERS = 2
# A crossing is accepted when chi2 is this near the level, or its bracket relatively that narrow.
_HEIGHT, _WIDTH, _MAX_ROUNDS = 1e-10, 1e-13, 60

Points = Float[np.ndarray, "point"]
Crossings = Float[np.ndarray, "crossing"]


class Curve:
    """chi2 of one parameter with others at their best; computed points are remembered."""

    def __init__(
        self,
        model: Objective,
        parameter: str,
        names: tuple[str, ...],
        fixed: dict[str, float],
        ends: tuple[float, float],
        *,
        data: Data = None,
        bounds: Bounds | None = None,
    ) -> None:
        """Set up a curve; nothing is computed yet."""
        box = {**(bounds or {}), parameter: ends}
        self._problem = problem_of(model, (*names, parameter), fixed, data, box)
        low, high = self._problem.low[:-1], self._problem.high[:-1]
        starts = starts_of(model, names) if names else [np.zeros(0)]
        if 0 < len(names) <= _MAX_FAR_PARAMETERS:
            starts += far_starts(starts[0])
        self._minima = partial(global_minima, model, (*names, parameter), fixed, data, box)
        starts = [np.clip(s, low, high) for s in starts]
        self._follower = MinimaFollower(self._problem, starts, f"profile of {parameter}")
        self._scale, self._ends = model.parameters[parameter].scale, ends
        self._parameter, self._names, self._free = parameter, names, len(names)
        self._scales = np.array([model.parameters[n].scale for n in names])
        self._bounds = narrowed(model, names, None).T
        self._solved: dict[float, Minima] = {}
        self._failed: set[float] = set()
        self._anchor = np.inf

    @property
    def x(self) -> Points:
        """Points at which it was computed, increasing, [point] [unit]."""
        return np.array(sorted(self._solved))

    @property
    def failed(self) -> list[float]:
        """Points at which others or nuisances are not at their minimum, increasing [unit]."""
        return sorted(self._failed)

    @property
    def anchor(self) -> float:
        """Lowest chi2 of the fit of all parameters that it started from; infinite without one."""
        return self._anchor

    def trusted(self, points: Points) -> Bool[np.ndarray, " point"]:
        """Points, computed before, at which everything else is at its minimum; all if none is."""
        converged = self._converged(points)
        return converged if converged.any() else ~converged

    def lowest(self) -> tuple[float, float]:
        """Point [unit] and chi2 [1] of the lowest point that is trusted."""
        x = self.x[self.trusted(self.x)]
        chi2 = self.chi2(x)
        best = int(np.argmin(np.where(np.isnan(chi2), np.inf, chi2)))
        return float(x[best]), float(chi2[best])

    def chi2(self, points: Points) -> Points:
        """chi2 at points, computed where it was not yet, [point] [1]."""
        new = np.unique([x for x in points.tolist() if x not in self._solved])
        if new.size:
            self._compute(new)
        return np.array([2 * self._solved[x][0].value for x in points.tolist()])

    def values(self, point: float) -> dict[str, float]:
        """The parameter and the others at their best, at a point computed before [unit]."""
        others = self._solved[point][0].u[: self._free] * self._scales
        # Scaling and scaling back may miss a bound by one rounding.
        within = np.clip(others, *self._bounds).tolist()
        return {self._parameter: point, **dict(zip(self._names, within, strict=True))}

    def slope(self, points: Points) -> Points:
        """Derivative of chi2 at points computed before, [point] [1/unit]."""
        # At the minimum over the others only the parameter's own derivative is left.
        slopes = [2 * self._solved[x][0].gradient[-1] for x in points.tolist()]
        return np.array(slopes) / self._scale

    def _compute(self, new: Points) -> None:
        """Minima over the others at new points; the first points try all starts."""
        first = not self._solved
        if first and self._free:
            self._seed()
        if first:
            count = min(_COARSE_POINTS, len(new)) if self._free else len(new)
            coarse = np.unique(new[np.linspace(0, len(new) - 1, count).astype(int)])
            coarse = np.setdiff1d(coarse, self.x)
            self._solve_everywhere(coarse)
            new = np.setdiff1d(new, self.x)
        starts = [starts_from(self._beside(x), self._free) for x in new.tolist()]
        if starts:
            minima = self._follower.solve(new[:, None] / self._scale, starts)
            self._keep(new.tolist(), minima)
        if first and self._free:
            self._spread()

    def _seed(self) -> None:
        """Compute the curve at the minima of a fit of all parameters, so that none is missed."""
        converged = self._minima()
        if not converged:
            return
        minima = worth_following(converged)
        self._anchor = 2 * minima[0].value
        for minimum in minima:
            self._follower.add_start(minimum.u[:-1])
        # Other valleys pass there too, and may be lower.
        self._solve_everywhere(np.unique([self._place(minimum) for minimum in minima]))

    def _solve_everywhere(self, points: Points) -> None:
        """Minima at points from all starts."""
        minima = self._follower.everywhere(points[:, None] / self._scale)
        self._keep(points.tolist(), minima)

    def _beside(self, x: float) -> list[Minima]:
        """Minima at the nearest computed point on either side."""
        points = self.x
        i = int(np.searchsorted(points, x))
        return [self._solved[v] for v in points[max(i - 1, 0) : i + 1].tolist()]

    def _spread(self) -> None:
        """Let neighbouring points learn from each other."""
        x = self.x.tolist()

        def beside(i: int) -> list[int]:
            return [j for j in (i - 1, i + 1) if 0 <= j < len(x)]

        points, solved = np.array(x)[:, None] / self._scale, [self._solved[v] for v in x]
        better = self._follower.spread(points, solved, beside)
        self._keep(x, better)

    def reanchor(self) -> bool:
        """Follow the lowest minimum of the curve from all its points; whether any point got lower.

        A fit of all parameters may miss the valley that the curve has found: points that were
        solved before know nothing of it.
        """
        if not self._free:
            return False
        x, start = self.x, self._solved[self.lowest()[0]][0].u[: self._free]
        self._follower.add_start(start)
        before = self.chi2(x)
        ends = self._follower.solve(x[:, None] / self._scale, [[start]] * len(x))
        pairs = zip((self._solved[v] for v in x.tolist()), ends, strict=True)
        self._keep(x.tolist(), [worth_following([*old, *new]) for old, new in pairs])
        self._spread()
        return bool(np.any(self.chi2(x) < before - 2 * CONVERGED))

    def descend(self, points: Points) -> None:
        """Compute the curve at the local minima below points computed before."""
        starts = np.array([self._solved[x][0].u for x in points.tolist()])
        ends = newton_many(self._problem, starts)
        self.chi2(np.array([self._place(m) for m in ends if m.converged]))

    def _place(self, minimum: Minimum) -> float:
        """Parameter at a minimum [unit]; rounding moves no minimum off an end of the curve."""
        u = minimum.u[-1]
        if u <= self._problem.low[-1]:
            return self._ends[0]
        return self._ends[1] if u >= self._problem.high[-1] else float(u * self._scale)

    def crossings(
        self, a: Crossings, b: Crossings, level: Crossings
    ) -> tuple[Crossings, Bool[np.ndarray, " crossing"]]:
        """Where chi2 crosses levels [1] between trusted points a < b [unit], all together.

        chi2 at b is on the other side of the level. A cubic through both ends of a bracket, with
        their slopes, says where to look next. Where a point between them cannot be trusted the
        crossing is lost, as the second result says, and its place is the nearest point above the
        level that can.
        """
        a, b = a.copy(), b.copy()
        root = np.where(np.abs(self.chi2(a) - level) < np.abs(self.chi2(b) - level), a, b)
        halve = np.zeros(len(a), dtype=bool)
        for _ in range(_MAX_ROUNDS):
            off = self.chi2(root) - level
            open_ = (np.abs(off) > _HEIGHT) & (
                b - a > _WIDTH * np.maximum(np.abs(root), self._scale)
            )
            open_ &= self._converged(root)
            if not open_.any():
                break
            for i in np.flatnonzero(open_):
                if halve[i]:
                    root[i] = (a[i] + b[i]) / 2
                    continue
                ends = np.array([a[i], b[i]])
                root[i] = cubic_root(ends, self.chi2(ends) - level[i], self.slope(ends))
            off, width = self.chi2(root) - level, b - a
            moves = open_ & self._converged(root)
            left = np.sign(off) == np.sign(self.chi2(a) - level)
            a, b = np.where(moves & left, root, a), np.where(moves & ~left, root, b)
            halve = ~halve & (b - a > width / 2)
        lost = ~self._converged(root)
        return np.where(lost, np.where(self.chi2(a) > level, a, b), root), lost

    def _converged(self, points: Points) -> Bool[np.ndarray, " point"]:
        return np.array([x not in self._failed for x in points.tolist()], dtype=bool)

    def _keep(self, points: Iterable[float], minima: Iterable[Minima]) -> None:
        """Remember the minima at some points."""
        for x, listed in zip(points, minima, strict=True):
            self._solved[x] = listed
            (self._failed.discard if listed[0].converged else self._failed.add)(x)
