"""Pulls in terms of the strengths that they give components.

A component has the strength y = 1 plus the sum of its pulls. Pulls whose components are the same
differ by their constraints alone, which rounding would remove beside a large signal. In terms of
strengths they are one coordinate: the least penalty of pulls at given strengths is

    ``|E u - e|^2``,  u = y of as many components as fix all others,

and what multiplies a large signal is u itself, never a difference of large numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cevnsjax.core.types import Real, Reals
from cevnsjax.likelihood.orthogonal import Orthogonal, orthogonal
from cevnsjax.numerics import total

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
    """The pulls of a problem; see ``strengths_of``.

    Attributes:
        layout: Which strengths are coordinates.
        base: Strengths of all components without pulls: 1, plus what else is added, [component].
        bounded: Which components stay at or above 0.
        root: Inverse standard deviations of the pulls, 0 without constraint, [pull] [1].
        centre: Results of their auxiliary measurements, [pull] [1].
        start: The coordinates without pulls, [strength] [1].
        idle: Directions of idle changes in units of the constraints.
        prior: E: a column [pull] for each strength [1].
        target: e, [pull] [1].
    """

    layout: Layout
    base: Sequence[Real]
    bounded: tuple[bool, ...]
    root: Reals
    centre: Reals
    start: Reals
    idle: Orthogonal
    prior: list[Reals]
    target: Reals

    @property
    def low(self) -> Float[np.ndarray, " strength"]:
        """Least values of the coordinates [1]."""
        bounded = [self.bounded[c] for c in self.layout.chosen]
        return np.where(np.array(bounded, dtype=bool), 0.0, -np.inf)

    def combination(self, c: int) -> tuple[Real, dict[int, float]]:
        """The strength of a component: a constant, and what multiplies which coordinates."""
        chosen, row = self.layout.chosen, self.layout.strengths[c]
        if c in chosen:
            return 0.0, {chosen.index(c): 1.0}
        factors = {int(j): float(row[j]) for j in np.flatnonzero(row)}
        # Exactly 0 where pulls alone scale the component.
        moved = [x * self.base[chosen[j]] for j, x in factors.items()]
        return (self.base[c] - total(moved) if moved else self.base[c]), factors

    def at(self, u: Reals) -> list[Real]:
        """Strengths of all components at coordinates u, [strength]; those without pulls too."""
        out: list[Real] = []
        for c in range(len(self.base)):
            constant, factors = self.combination(c)
            y = total([constant, *(x * u[j] for j, x in factors.items())])
            is_held = self.bounded[c] and c not in self.layout.chosen and factors
            out.append(jnp.where(y >= 0, y, 0.0) if is_held else y)
        return out

    def pulls(self, u: Reals) -> Reals:
        """Pulls with the least penalty at coordinates u, [pull] [1]."""
        if not self.layout.pulls:
            return jnp.zeros(0, self.root.dtype)
        a = jnp.asarray(self.layout.inverse, u.dtype) @ (u - self.start)
        if self.layout.idle.size:
            along, _ = self.idle.split(self.root * (self.centre - a))
            shares = self.idle.solve(along, [0.0] * len(along))
            a = a + jnp.asarray(self.layout.idle, u.dtype) @ jnp.stack(shares)
        return a

    def penalty(self, u: Reals) -> Reals:
        """Least penalty of pulls at coordinates u [1]."""
        residual = total([-self.target, *(x * e for x, e in zip(u, self.prior, strict=True))])
        return jnp.sum(residual * residual)

    def penalty_derivatives(self, u: Reals) -> tuple[Reals, Reals]:
        """Gradient [strength] and Hessian [strength, strength] of half the penalty at u."""
        if not self.prior:
            return jnp.zeros_like(u), jnp.zeros((0, 0), u.dtype)
        E = jnp.stack(self.prior, axis=1)
        return E.T @ (E @ u - self.target), E.T @ E


def strengths_of(
    layout: Layout, base: Sequence[Real], bounded: tuple[bool, ...], root: Reals, centre: Reals
) -> Strengths:
    """The pulls of a problem, with inverse standard deviations and centres, [pull] [1]."""
    chosen = [jnp.asarray(base[c], root.dtype) for c in layout.chosen]
    start = jnp.stack(chosen) if chosen else jnp.zeros(0, root.dtype)
    inverse, directions = (jnp.asarray(m, root.dtype) for m in (layout.inverse, layout.idle))
    idle = orthogonal([root * direction for direction in directions.T])
    prior = [idle.split(root * column)[1] for column in inverse.T]
    target = idle.split(root * (inverse @ start + centre))[1]
    return Strengths(layout, base, bounded, root, centre, start, idle, prior, target)
