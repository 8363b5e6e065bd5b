"""Orthogonal columns by the modified Gram-Schmidt method, unrolled and differentiable."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp

from cevnsjax.core.types import Real, Reals
from cevnsjax.numerics import total

# A column is zero or a sum of others if no more than this share of its length is left of it.
_DEPENDENT = 1e-13


class Orthogonal(NamedTuple):
    """Orthonormal columns Q and the triangle R of columns Q R.

    A column that the others add up to has a q of zero.

    Attributes:
        q: Directions, each [row].
        r: The triangle: r[i][j] is column j along direction i, for i <= j.
    """

    q: list[Reals]
    r: list[dict[int, Reals]]

    def split(self, vector: Reals) -> tuple[list[Reals], Reals]:
        """The parts of a vector [row] along the directions, and what is left of it."""
        along = []
        for q in self.q:
            along.append(jnp.sum(q * vector))
            vector = vector - along[-1] * q
        return along, vector

    def solve(self, along: Sequence[Reals], otherwise: Sequence[Real]) -> list[Reals]:
        """Factors of the columns, one for each, which add up to a vector with parts ``along``.

        A column that the others add up to gets its factor from ``otherwise``.
        """
        x: dict[int, Reals] = {}
        for i in reversed(range(len(self.q))):
            known = [self.r[i][j] * x[j] for j in range(i + 1, len(self.q))]
            length = self.r[i][i]
            left = along[i] - total(known) if known else along[i]
            x[i] = jnp.where(length > 0, left / jnp.where(length > 0, length, 1.0), otherwise[i])
        return [x[i] for i in range(len(self.q))]


def orthogonal(columns: Sequence[Reals]) -> Orthogonal:
    """Directions of columns, each [row], in their order."""
    directions: list[Reals] = []
    triangle: list[dict[int, Reals]] = [{} for _ in columns]
    for j, column in enumerate(columns):
        rest = column
        for i, q in enumerate(directions):
            triangle[i][j] = jnp.sum(q * rest)
            rest = rest - triangle[i][j] * q
        square = jnp.sum(rest * rest)
        whole = jnp.sum(column * column) if j else square
        is_new = square > _DEPENDENT**2 * whole
        length = jnp.sqrt(jnp.where(is_new, square, 1.0))
        triangle[j][j] = jnp.where(is_new, length, 0.0)
        directions.append(jnp.where(is_new, rest / length, 0.0))
    return Orthogonal(directions, triangle)
