"""Orthogonal columns by the modified Gram-Schmidt method, unrolled and differentiable."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from cevnsjax.core.namespaces import numpy_of
from cevnsjax.core.types import Arrays, Numbers
from cevnsjax.numerics import total

# A column is zero or a sum of others if no more than this share of its length is left of it.
_DEPENDENT = 1e-13


class Orthogonal(NamedTuple):
    """Orthonormal columns Q and the triangle R of columns Q R.

    A column that the others add up to has a q of zero.

    Attributes:
        q: Directions, each [..., row].
        r: The triangle: r[i][j] is column j along direction i, for i <= j, [...].
    """

    q: list[Arrays]
    r: list[dict[int, Numbers]]

    def split(self, vector: Arrays) -> tuple[list[Numbers], Arrays]:
        """The parts of a vector [..., row] along the directions, and what is left of it."""
        along: list[Any] = []
        for q in self.q:
            along.append((q * vector).sum(-1))
            vector = vector - along[-1][..., None] * q
        return along, vector

    def solve(self, along: Sequence[Numbers], otherwise: Sequence[Numbers]) -> list[Numbers]:
        """Factors of the columns, one for each, which add up to a vector with parts ``along``.

        A column that the others add up to gets its factor from ``otherwise``.
        """
        x: dict[int, Any] = {}
        for i in reversed(range(len(self.q))):
            known = [self.r[i][j] * x[j] for j in range(i + 1, len(self.q))]
            length = self.r[i][i]
            left = along[i] - total(known) if known else along[i]
            xp = numpy_of(left, length)
            x[i] = xp.where(length > 0, left / xp.where(length > 0, length, 1.0), otherwise[i])
        return [x[i] for i in range(len(self.q))]


def orthogonal(columns: Sequence[Arrays]) -> Orthogonal:
    """Directions of columns, each [..., row], in their order."""
    xp = numpy_of(*columns)
    directions: list[Arrays] = []
    triangle: list[dict[int, Any]] = [{} for _ in columns]
    for j, column in enumerate(columns):
        rest = column
        for i, q in enumerate(directions):
            triangle[i][j] = (q * rest).sum(-1)
            rest = rest - triangle[i][j][..., None] * q
        square = (rest * rest).sum(-1)
        whole = (column * column).sum(-1) if j else square
        is_new = square > _DEPENDENT**2 * whole
        length = xp.sqrt(xp.where(is_new, square, 1.0))
        triangle[j][j] = xp.where(is_new, length, 0.0)
        directions.append(xp.where(is_new[..., None], rest / length[..., None], 0.0))
    return Orthogonal(directions, triangle)
