"""The likelihood near a point, by parameters and coordinates of nuisances, to second order."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.types import Arrays, Reals
from cevnsjax.model import evaluate
from cevnsjax.model.expansion.second_order import Point, SecondOrder, from_blocks
from cevnsjax.model.nuisance_groups import NuisanceProblem
from cevnsjax.model.structure import ModelAtValues
from cevnsjax.numerics import total

NearbyProblems = Callable[[Point], tuple[Any, list[NuisanceProblem]]]
"""Penalty and nuisance problems as functions of the parameters near a point."""


def block_diagonal(
    blocks: Sequence[Float[np.ndarray, "_row _column"]],
) -> Float[np.ndarray, "row column"]:
    """Matrices along the diagonal of one."""
    out = np.zeros(np.sum([b.shape for b in blocks], axis=0))
    row = column = 0
    for b in blocks:
        out[row : row + b.shape[0], column : column + b.shape[1]] = b
        row, column = row + b.shape[0], column + b.shape[1]
    return out


def problems_near(
    model_at: Callable[[Point], ModelAtValues], signals: SecondOrder, point: Point
) -> NearbyProblems:
    """Penalty and nuisance problems near a point, with the signals there to second order."""

    def problems(p: Point) -> tuple[Any, list[NuisanceProblem]]:
        model = model_at(p)
        return evaluate.penalty(model), evaluate.nuisance_problems(model, signals.at(p - point))

    return problems


def expanded_nll(
    problems: NearbyProblems, point: Point, z: Float[Array, " nuisance"]
) -> tuple[Float[Array, ""], Float[Array, " coordinate"], Float[Array, "coordinate coordinate"]]:
    """nll, its gradient and its Hessian by parameters and coordinates of nuisances, at one point.

    ``problems`` are those near this point; z are the coordinates in their order.
    """
    sizes = [q.low.size for q in problems(point)[1]]
    by_group = jnp.split(z, np.cumsum(sizes)[:-1])

    def nll(p: Point) -> Arrays:
        penalty, groups = problems(p)
        chi2 = [q.chi2(a) for q, a in zip(groups, by_group, strict=True)]
        return total([penalty, *chi2]) / 2

    def gradient(p: Point) -> tuple[Reals, Any]:
        value, slope = jax.value_and_grad(nll)(p)
        inner = [q.derivatives(a) for q, a in zip(problems(p)[1], by_group, strict=True)]
        whole = jnp.concatenate([slope, *(g for g, _ in inner)])
        return whole, (value, whole, [h for _, h in inner])

    rows, (value, whole, blocks) = jax.jacfwd(gradient, has_aux=True)(point)
    n = point.size
    hessian = from_blocks(rows[:n], rows[n:].T, jax.scipy.linalg.block_diag(*blocks))
    return value, whole, hessian
