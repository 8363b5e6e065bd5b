"""Pulls in terms of the strengths that they give components.

A component has the strength y = 1 plus the sum of its pulls. Pulls whose components are the same
differ by their constraints alone, which rounding would remove beside a large signal. In terms of
strengths they are one coordinate: the least penalty of pulls at given strengths is

    ``|E u - e|^2``,  u = y of as many components as fix all others,

and what multiplies a large signal is u itself, never a difference of large numbers.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.core.lazy import lazy
from cevnsjax.core.namespaces import numpy_of, picked, rows_of, times
from cevnsjax.core.types import Arrays, Flags
from cevnsjax.likelihood.orthogonal import Orthogonal, orthogonal

Rows = tuple[tuple[int, ...], ...]
"""The pulls of each component."""
# Rounding of matrices of 0 and 1 and of their inverses.
_ROUNDING = 1e-10


@dataclass(frozen=True, eq=False)
class Layout:
    """Which strengths describe all pulls; static numbers.

    Attributes:
        pulls: Indices of the pulls among the nuisances, increasing.
        chosen: The components whose strengths are coordinates.
        rows: Pulls of each component, [component, pull] [1].
        inverse: Pulls by the chosen strengths, [pull, strength] [1].
        strengths: All components' strengths by the chosen ones, [component, strength] [1].
        idle: Orthonormal changes of pulls that change no strength, [pull, direction] [1].
    """

    pulls: tuple[int, ...]
    chosen: tuple[int, ...]
    rows: Float[np.ndarray, "component pull"]
    inverse: Float[np.ndarray, "pull strength"]
    strengths: Float[np.ndarray, "component strength"]
    idle: Float[np.ndarray, "pull direction"]

    @lazy
    def is_chosen(self) -> Bool[np.ndarray, " component"]:
        """Which components' strengths are coordinates."""
        return np.isin(np.arange(len(self.rows)), self.chosen)

    @lazy
    def is_combined(self) -> Bool[np.ndarray, " component"]:
        """Which strengths follow from those of other components."""
        return ~self.is_chosen & np.any(self.strengths != 0, axis=1)


@lru_cache(maxsize=1024)
def layout_of(rows: Rows, order: tuple[int, ...]) -> Layout:
    """The layout of components with these pulls; the first in ``order`` are coordinates."""
    pulls = tuple(sorted({k for row in rows for k in row}))
    matrix = np.array([[float(row.count(k)) for k in pulls] for row in rows])
    matrix = matrix.reshape(len(rows), len(pulls))
    chosen: list[int] = []
    for c in order:
        if np.linalg.matrix_rank(matrix[[*chosen, c]]) > len(chosen):
            chosen.append(c)
    independent = matrix[chosen]
    inverse = np.linalg.pinv(independent)
    idle = np.linalg.svd(independent)[2][len(chosen) :].T if chosen else np.zeros((0, 0))
    return Layout(
        pulls, tuple(chosen), matrix, _clean(inverse), _clean(matrix @ inverse), _clean(idle)
    )


def _clean(matrix: np.ndarray) -> np.ndarray:
    """Whole numbers without rounding."""
    whole = np.round(matrix)
    return np.where(np.abs(matrix - whole) < _ROUNDING, whole, matrix)


@dataclass(frozen=True, eq=False)
class Strengths:
    """The pulls of a problem at one or many points; see ``strengths_of``.

    Attributes:
        layout: Which strengths are coordinates.
        base: Strengths of all components without pulls: 1, plus what else is added,
            [..., component].
        bounded: Which components stay at or above 0, [component].
        root: Inverse standard deviations of the pulls, 0 without constraint, [pull] [1].
        centre: Results of their auxiliary measurements, [pull] [1].
        start: The coordinates without pulls, [..., strength] [1].
        idle: Directions of idle changes in units of the constraints.
        prior: E, [pull, strength] [1].
        target: e, [..., pull] [1].
        constant: What no coordinate changes of the components' strengths, [..., component] [1].
    """

    layout: Layout
    base: Arrays
    bounded: Bool[np.ndarray, " component"]
    root: Arrays
    centre: Arrays
    start: Arrays
    idle: Orthogonal
    prior: Arrays
    target: Arrays
    constant: Arrays

    def at_points(self, points: Flags) -> "Strengths":
        """The pulls of some of many points."""
        names = "base", "centre", "start", "target", "constant"
        return replace(self, **{n: rows_of(getattr(self, n), points, 1) for n in names})

    @property
    def low(self) -> Float[np.ndarray, " strength"]:
        """Least values of the coordinates [1]."""
        return np.where(self.bounded[list(self.layout.chosen)], 0.0, -np.inf)

    def at(self, u: Arrays) -> Arrays:
        """Strengths of all components at coordinates u, [..., component] [1]."""
        layout = self.layout
        y = self.constant + times(u, layout.strengths.T.astype(u.dtype))
        is_held = self.bounded & layout.is_combined
        return numpy_of(y).where(is_held & ~(y >= 0), 0.0, y) if is_held.any() else y

    def pulls(self, u: Arrays) -> Arrays:
        """Pulls with the least penalty at coordinates u, [..., pull] [1]."""
        a = times(u - self.start, self.layout.inverse.T.astype(u.dtype))
        if self.layout.idle.size:
            along, _ = self.idle.split(self.root * (self.centre - a))
            shares = self.idle.solve(along, [0.0] * len(along))
            idle = self.layout.idle.T.astype(u.dtype)
            a = a + times(numpy_of(*shares).stack(shares, axis=-1), idle)
        return a

    def penalty(self, u: Arrays) -> Arrays:
        """Least penalty of pulls at coordinates u, [...] [1]."""
        residual = self._residual(u)
        return (residual * residual).sum(-1)

    def penalty_slope(self, u: Arrays) -> Arrays:
        """Gradient of half the penalty at u, [..., strength]."""
        return times(self._residual(u), self.prior)

    @property
    def curvature(self) -> Arrays:
        """Hessian of half the penalty, [strength, strength]."""
        return self.prior.T @ self.prior

    def _residual(self, u: Arrays) -> Arrays:
        return times(u, self.prior.T) - self.target


def strengths_of(
    layout: Layout,
    base: Arrays,
    bounded: Bool[np.ndarray, " component"],
    root: Arrays,
    centre: Arrays,
) -> Strengths:
    """The pulls of a problem, with inverse standard deviations and centres, [pull] [1]."""
    start = picked(base, np.array(layout.chosen, dtype=int))
    xp, inverse = numpy_of(base, root), layout.inverse.astype(root.dtype)
    idle = orthogonal([root * direction.astype(root.dtype) for direction in layout.idle.T])
    columns = [idle.split(root * column)[1] for column in inverse.T]
    prior = xp.stack(columns, axis=-1) if columns else xp.zeros(inverse.shape, root.dtype)
    target = idle.split(root * (times(start, inverse.T) + centre))[1]
    constant = base - times(start, layout.strengths.T.astype(start.dtype))
    constant = xp.where(layout.is_chosen, 0.0, constant)
    return Strengths(layout, base, bounded, root, centre, start, idle, prior, target, constant)
