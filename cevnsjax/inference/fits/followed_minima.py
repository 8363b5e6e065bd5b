"""Best values of some parameters at many values of others: what profiles and scans follow.

Minima are followed from point to point. Where they first are looked for, all starts are tried; a
new point starts from every minimum its neighbours have, so that a valley that becomes the lowest
one further on is not lost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cevnsjax.inference.minimise.methods import distinct
from cevnsjax.inference.minimise.newton import newton_many
from cevnsjax.inference.minimise.problems import Minimum, Problem
from cevnsjax.inference.progress import track

# Starts that go together; minima higher than this above the lowest are not followed.
_TOGETHER, _FOLLOWED = 512, 30.0
# A neighbour's minimum is tried at a point whose own is farther away than this, scaled.
_APART = 0.1
# Minima closer than this in value lie in one valley; so many valleys are followed.
_ALIKE, _BRANCHES = 1e-5, 6
_PASSES = 50


@dataclass(frozen=True)
class MinimaAtPoint:
    """Minima over the free coordinates at one point, lowest first."""

    minima: tuple[Minimum, ...]

    @property
    def best(self) -> Minimum:
        """The lowest."""
        return self.minima[0]


class MinimaFollower:
    """A function of free coordinates, followed by coordinates that are given."""

    def __init__(self, problem: Problem, starts: Sequence[np.ndarray]) -> None:
        """Prepare.

        Args:
            problem: The function of all coordinates, free ones first.
            starts: Starts of the free coordinates, each [free].
        """
        self._problem, self._starts = problem, list(starts)
        self.free = len(self._starts[0])
        self._fixed = np.arange(problem.low.size) >= self.free

    def add_start(self, start: np.ndarray) -> None:
        """One more start [free] for places where nothing is known."""
        self._starts.append(start)

    def everywhere(self, points: np.ndarray, what: str) -> list[MinimaAtPoint]:
        """Minima at points [point, given], from all starts at each."""
        return self.solve(points, [self._starts] * len(points), what)

    def solve(
        self, points: np.ndarray, starts: Sequence[Sequence[np.ndarray]], what: str
    ) -> list[MinimaAtPoint]:
        """Minima at points, each from its own starts.

        Args:
            points: Given coordinates, scaled, [point, given].
            starts: Starts of the free coordinates for each point.
            what: Words beside the progress bar.
        """
        owner = np.repeat(np.arange(len(points)), [len(s) for s in starts])
        u = np.array([s for mine in starts for s in mine]).reshape(len(owner), self.free)
        rows = np.concatenate([u, points[owner]], axis=1)
        found: list[Minimum] = []
        for first in track(range(0, len(rows), _TOGETHER), what):
            chunk = rows[first : first + _TOGETHER]
            found += newton_many(self._problem, chunk, fixed=self._fixed)
        mine: list[list[Minimum]] = [[] for _ in points]
        for k, minimum in zip(owner.tolist(), found, strict=True):
            mine[k].append(minimum)
        return [MinimaAtPoint(worth_following(m)) for m in mine]

    def spread(
        self,
        points: np.ndarray,
        solved: list[MinimaAtPoint],
        neighbours: Callable[[int], Sequence[int]],
        what: str,
    ) -> list[MinimaAtPoint]:
        """Try neighbours' minima at every point until nothing gets lower.

        Args:
            points: Given coordinates, scaled, [point, given].
            solved: What was found there.
            neighbours: Indices of the points beside one.
            what: Words beside the progress bar.
        """
        out, ask = list(solved), range(len(points))
        for _ in range(_PASSES):
            starts = {i: s for i in ask if (s := self._foreign(out, i, neighbours(i)))}
            if not starts:
                break
            again = list(starts)
            new = self.solve(points[again], [starts[i] for i in again], what)
            lower = set()
            for i, found in zip(again, new, strict=True):
                merged = worth_following([*out[i].minima, *found.minima])
                # Where it runs away, there always is something lower.
                if merged[0].converged and merged[0].value < out[i].best.value - 1e-9:
                    lower.add(i)
                out[i] = MinimaAtPoint(merged)
            # Only what lies beside a change can change again.
            ask = sorted({j for i in lower for j in neighbours(i)})
        return out

    def _foreign(
        self, solved: list[MinimaAtPoint], i: int, beside: Sequence[int]
    ) -> list[np.ndarray]:
        """Best minima of neighbours that the point has none like."""
        own = [m.u[: self.free] for m in solved[i].minima]
        out: list[np.ndarray] = []
        for j in beside:
            u = solved[j].best.u[: self.free]
            if solved[j].best.converged and all(
                np.max(np.abs(u - o), initial=0.0) > _APART for o in [*own, *out]
            ):
                out.append(u)
        return out


def starts_from(solved: Sequence[MinimaAtPoint], free: int) -> list[np.ndarray]:
    """Starts [free] at the minima of some points, those that lie close together once."""
    out: list[np.ndarray] = []
    for point in solved:
        for minimum in point.minima:
            u = minimum.u[:free]
            if all(np.max(np.abs(u - o), initial=0.0) > _APART for o in out):
                out.append(u)
    return out


def worth_following(found: list[Minimum]) -> tuple[Minimum, ...]:
    """Distinct minima near the lowest, lowest first; along a flat valley only two of them.

    Args:
        found: Where minimisations ended.
    """
    finite = [m for m in found if np.isfinite(m.value)]
    if not finite:
        return (found[0],)
    kept: list[Minimum] = []
    lowest = min(m.value for m in finite)
    for one in distinct(finite):
        alike = sum(abs(one.value - other.value) < _ALIKE for other in kept)
        if alike < 2 and one.value <= lowest + _FOLLOWED:
            kept.append(one)
    return tuple(kept[:_BRANCHES])
