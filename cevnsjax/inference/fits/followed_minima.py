"""Best values of some parameters at many values of others: what profiles and scans follow.

Minima are followed from point to point. The first points try all starts; a new point starts from
every minimum of its neighbours, so that a valley that becomes the lowest further on is not lost.
"""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
from jaxtyping import Float

from cevnsjax.inference.minimise.ladders import ladder_starts
from cevnsjax.inference.minimise.methods import distinct, trusted
from cevnsjax.inference.minimise.newton import newton_many
from cevnsjax.inference.minimise.problems import Coordinates, Minimum, Problem
from cevnsjax.inference.progress import track

Points = Float[np.ndarray, "point other"]
"""The coordinates that are not free, scaled."""
Minima = tuple[Minimum, ...]
"""Minima over the free coordinates at one point, lowest first."""

# Starts of one call.
_CHUNK = 512
# Minima higher than this above the lowest are not followed, in nll.
_MAX_HEIGHT = 30.0
# Minima of a point and its neighbour farther apart than this, in scales, are different.
_APART = 0.1
# Minima closer than this in value lie in one flat valley, of which two are followed.
_SAME_VALUE, _MAX_PER_VALLEY, _MAX_MINIMA = 1e-5, 2, 6
# A neighbour's minimum is lower if it is by this much, in nll; rounds of learning from neighbours.
_LOWER, _MAX_ROUNDS = 1e-9, 50


class MinimaFollower:
    """Minima over the free coordinates of a function, followed along its other coordinates."""

    def __init__(self, problem: Problem, starts: Sequence[Coordinates], what: str) -> None:
        """Follow minima of a function.

        Args:
            problem: The function of all coordinates, free ones first.
            starts: Starts of the free coordinates, each [free].
            what: Words beside the progress bar.
        """
        self._problem, self._starts, self._what = problem, list(starts), what
        self.free = len(self._starts[0])
        self._fixed = np.arange(problem.low.size) >= self.free

    def add_start(self, start: Coordinates) -> None:
        """One more start [free] for points without solved neighbours."""
        self._starts.append(start)

    def everywhere(self, points: Points) -> list[Minima]:
        """Minima at points, from all starts at each."""
        return self.solve(points, [self._starts + self._ladder(point) for point in points])

    def _ladder(self, point: Coordinates) -> list[Coordinates]:
        """Starts [free] in the valleys along parameters that have many, at a point."""
        starts = ladder_starts(self._problem, np.append(self._starts[0], point), ~self._fixed)
        return [start[: self.free] for start in starts]

    def solve(self, points: Points, starts: Sequence[Sequence[Coordinates]]) -> list[Minima]:
        """Minima at points, each from its own starts [free]."""
        owner = np.repeat(np.arange(len(points)), [len(s) for s in starts])
        u = np.array([s for listed in starts for s in listed]).reshape(len(owner), self.free)
        rows = np.concatenate([u, points[owner]], axis=1)
        ends: list[Minimum] = []
        for first in track(range(0, len(rows), _CHUNK), self._what):
            chunk = rows[first : first + _CHUNK]
            ends += newton_many(self._problem, chunk, fixed=self._fixed)
        by_point: list[list[Minimum]] = [[] for _ in points]
        for k, end in zip(owner.tolist(), ends, strict=True):
            by_point[k].append(end)
        return [worth_following(minima) for minima in by_point]

    def spread(
        self,
        points: Points,
        solved: list[Minima],
        neighbours: Callable[[int], Sequence[int]],
    ) -> list[Minima]:
        """Try the minima of each point's neighbours, by index, until nothing gets lower."""
        solved, candidates = list(solved), range(len(points))
        for _ in range(_MAX_ROUNDS):
            starts = {i: s for i in candidates if (s := self._foreign(solved, i, neighbours(i)))}
            if not starts:
                break
            again = list(starts)
            minima = self.solve(points[again], [starts[i] for i in again])
            lower = set()
            for i, new in zip(again, minima, strict=True):
                merged = worth_following([*solved[i], *new])
                # Unconverged points drift along a flat direction and would always look improved.
                if merged[0].converged and merged[0].value < solved[i][0].value - _LOWER:
                    lower.add(i)
                solved[i] = merged
            # Only what lies beside a change can change again.
            candidates = sorted({j for i in lower for j in neighbours(i)})
        return solved

    def _foreign(self, solved: list[Minima], i: int, beside: Sequence[int]) -> list[Coordinates]:
        """Best minima of neighbours that are unlike all minima of the point."""
        minima = [m.u[: self.free] for m in solved[i]]
        foreign: list[Coordinates] = []
        for j in beside:
            u = solved[j][0].u[: self.free]
            if solved[j][0].converged and _is_apart(u, [*minima, *foreign]):
                foreign.append(u)
        return foreign


def starts_from(solved: Sequence[Minima], free: int) -> list[Coordinates]:
    """Starts [free] at the minima of some points, those that lie close together once."""
    starts: list[Coordinates] = []
    for minimum in chain.from_iterable(solved):
        if _is_apart(minimum.u[:free], starts):
            starts.append(minimum.u[:free])
    return starts


def _is_apart(u: Coordinates, others: Sequence[Coordinates]) -> bool:
    """Whether a place is different from all others."""
    return all(np.max(np.abs(u - other), initial=0.0) > _APART for other in others)


def worth_following(ends: list[Minimum]) -> Minima:
    """Distinct minima near the lowest, lowest first; along a flat valley only two of them."""
    finite = trusted(ends)
    if not finite:
        return (ends[0],)
    minima: list[Minimum] = []
    lowest = min(m.value for m in finite)
    for minimum in distinct(finite):
        alike = sum(abs(minimum.value - other.value) < _SAME_VALUE for other in minima)
        if alike < _MAX_PER_VALLEY and minimum.value <= lowest + _MAX_HEIGHT:
            minima.append(minimum)
    return tuple(minima[:_MAX_MINIMA])
