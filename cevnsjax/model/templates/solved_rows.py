"""chi2 in rows of polynomials with nuisances solved at every point, in NumPy.

The points of a row share their signal's coefficients, so that their counts are products of
matrices. Searches start from the solutions in the rows before. Blocks of rows and columns do not
depend on the machine; threads take them side by side.
"""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.core.batches import on_all_cores
from cevnsjax.likelihood import search
from cevnsjax.likelihood.shared.kept import Monomials
from cevnsjax.likelihood.shared.spanned import Spanned, points_together, spanned, spans_of
from cevnsjax.model import evaluate
from cevnsjax.model.structure import ModelAtValues

# Rows that learn from each other.
_ROWS = 64
# Rows that a curve of starts goes through, and points of a first row that start from nothing.
_LINE, _APART = 3, 16
# Distance in nll from which the search at the next points may start.
_ARRIVED = 1e-6

Numbers = Float[Any, "row point"]


class _Ends(NamedTuple):
    """Where searches ended: coordinates, chi2 there, distance from the minimum in nll."""

    z: Float[Any, "point coordinate"]
    chi2: Float[Any, " point"]
    distance: Float[Any, " point"]


class SolvedRows:
    """One group of experiments on rows of points.

    Attributes:
        model: The model, in NumPy; of its values free pulls are used.
        group: Indices of the experiments.
        powers: Of the variable along rows, [point, power].
        run: How many rows in a row are neighbours, from the first one on: length of the last axis
            that numbers them.
    """

    def __init__(
        self,
        model: ModelAtValues,
        group: tuple[int, ...],
        powers: Float[Any, "point power"],
        run: int,
    ) -> None:
        self.model, self.group, self.powers, self.run = model, group, powers, run
        cells = sum(model.experiments[i].weights.size for i in group)
        self._size = points_together(cells)

    def solved(
        self, signals: list[Float[Any, "row power source variant bin"]], first: int
    ) -> tuple[Numbers, Numbers]:
        """chi2, and distances from the minimum in nll, of rows from number ``first`` on.

        ``signals`` are coefficients of each experiment's along the rows.
        """
        count, width = len(signals[0]), len(self.powers)
        chi2, distance = np.empty((2, count, width))
        rows = [slice(i, min(i + _ROWS, count)) for i in range(0, count, _ROWS)]
        size = self._size
        columns = [slice(i, min(i + size, width)) for i in range(0, width, size)]

        def work(place: tuple[slice, slice]) -> None:
            some = [s[place[0]] for s in signals]
            chi2[place], distance[place] = self._block(some, place[1], first + place[0].start)

        on_all_cores(work, product(rows, columns))
        return chi2, distance

    def _block(
        self, signals: list[np.ndarray], columns: slice, first: int
    ) -> tuple[Numbers, Numbers]:
        """The same in one block, row by row."""
        powers = self.powers[columns]
        few = np.unique([*range(0, len(powers), _APART), len(powers) - 1])
        ends = self._ends([s[0] for s in signals], powers[few], first, np.empty((0, 0, 0)))
        before = _between(few, _nearest(ends), len(powers))[None]
        chi2, distance = np.empty((2, len(signals[0]), len(powers)))
        for i in range(len(chi2)):
            end = self._ends([s[i] for s in signals], powers, first + i, before)
            chi2[i], distance[i] = end.chi2, end.distance
            before = np.concatenate([before, _nearest(end)[None]])[-_LINE:]
        return chi2, distance

    def _ends(
        self, signals: list[np.ndarray], powers: np.ndarray, row: int, before: np.ndarray
    ) -> _Ends:
        """Solutions of points of a row, from those of the rows before."""
        problem = evaluate.group_problem(self.model, self.group, signals)
        templates = problem.solved.problem
        none = np.zeros((len(powers), 0, powers.shape[1]))
        points = spanned(templates, spans_of(templates), Monomials(powers, none, none[:, None]))
        # Beyond what numbers can hold values are not finite, and say so by being that.
        with np.errstate(all="ignore"):
            best = search.best(problem.data, points, self._starts(points, before, row))
            return _Ends(best.z, points.chi2(problem.data, best.z), best.distance)

    def _starts(self, points: Spanned, before: np.ndarray, row: int) -> np.ndarray:
        """Coordinates to start from: on a curve through the rows before, if they are near."""
        cold = np.broadcast_to(points.start(), (len(points.monomials.value), points.low.size))
        if not len(before):
            return cold
        # Extrapolation by backward differences.
        near, known = before[-1], min(row % self.run, len(before))
        difference = before[::-1][:known]
        for _ in range(1, known):
            difference = -np.diff(difference, axis=0)
            near = np.where(np.isfinite(difference[0]), near + difference[0], near)
        return np.maximum(np.where(np.isfinite(near), near, cold), points.low)


def _nearest(ends: _Ends) -> Float[Any, "point coordinate"]:
    """Coordinates from which others may start; NaN where the search did not arrive."""
    return np.where((ends.distance < _ARRIVED)[:, None], ends.z, np.nan)


def _between(
    few: Int[np.ndarray, " some"], ends: Float[Any, "some coordinate"], width: int
) -> Float[Any, "point coordinate"]:
    """Straight lines through some points of a row; the first of them is 0, the last the end."""
    place = np.arange(width)
    after = np.minimum(np.searchsorted(few, place, side="right"), len(few) - 1)
    low, high = few[after - 1], np.maximum(few[after], 1)
    share = ((place - low) / np.maximum(high - low, 1))[:, None]
    return (1 - share) * ends[after - 1] + share * ends[after]
