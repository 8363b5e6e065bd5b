"""Gaussian chi2 with any number of linear pulls, solved in closed form.

A prediction is a sum of components, each multiplied by 1 plus the sum of its pulls. With
x_k = 1 + a_k the fit is linear, and chi2 is summed from residuals at the solution: it stays
exact and non-negative at any signal size, where the textbook form r.w.r - b.A^-1.b fails.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from cevnsjax.core.namespaces import numpy_of, picked, times
from cevnsjax.core.types import Arrays, Numbers, Real, Reals
from cevnsjax.likelihood.components import Templates
from cevnsjax.likelihood.orthogonal import orthogonal
from cevnsjax.likelihood.stacks import side_by_side, stacks_of
from cevnsjax.likelihood.strengths import Strengths
from cevnsjax.numerics import total


class LinearPulls(NamedTuple):
    """Design of a linear problem.

    Attributes:
        rest: Prediction that no pull multiplies, after the shift x = 1 + a, [bin] [count].
        columns: Derivative of the prediction with respect to each pull, K times [bin] [count].
        sd: Standard deviations of the pulls, K scalars [1].
        centre: Results of the auxiliary measurements of the pulls, K scalars [1]; 0 each if None.
    """

    rest: Reals
    columns: tuple[Reals, ...]
    sd: tuple[Real, ...]
    centre: tuple[Real, ...] | None = None


def design(
    components: Mapping[str, Reals], pulls: Sequence[tuple[Sequence[str], Real]]
) -> LinearPulls:
    """The linear problem of components and of the pulls on them.

    Args:
        components: Expected counts by component name, each [bin] [count].
        pulls: For each pull the names of the components it multiplies and its standard deviation.
    """
    columns = tuple(total([components[name] for name in names]) for names, _ in pulls)
    # Counting the pulls on a component avoids a subtraction, which would leave rounding behind.
    counted = {name: sum(names.count(name) for names, _ in pulls) for name in components}
    others = [(1.0 - counted[name]) * c for name, c in components.items() if counted[name] != 1]
    rest = total(others) if others else jnp.zeros_like(next(iter(components.values())))
    return LinearPulls(rest, columns, tuple(sd for _, sd in pulls))


def expected(problem: LinearPulls, pulls: Sequence[Real]) -> Reals:
    """Prediction at pulls a_k, [bin] [count]."""
    prediction = problem.rest
    for a, column in zip(pulls, problem.columns, strict=True):
        prediction = prediction + (1 + a) * column
    return prediction


def chi2(observed: Reals, weights: Reals, problem: LinearPulls, pulls: Sequence[Real]) -> Reals:
    """Chi2 at pulls a_k: residuals^2 times weights plus ((a_k - centre_k)/sd_k)^2.

    Args:
        observed: Observed counts, [bin] [count].
        weights: Inverse variances, [bin] [1/count^2].
        problem: The linear problem.
        pulls: a_k, K scalars [1].

    Returns:
        Scalar [1].
    """
    residual = observed - expected(problem, pulls)
    value = jnp.sum(weights * residual * residual)
    for a, centre, sd in zip(pulls, _centre(problem), problem.sd, strict=True):
        value = value + ((a - centre) / sd) ** 2
    return value


def derivatives(
    observed: Reals, weights: Reals, problem: LinearPulls, pulls: Reals
) -> tuple[Reals, Reals]:
    """Gradient [pull] and Hessian [pull, pull] of chi2/2 by the pulls.

    Args:
        observed: Observed counts, [bin] [count].
        weights: Inverse variances, [bin] [1/count^2].
        problem: The linear problem.
        pulls: a_k, [pull] [1].
    """
    if not problem.columns:
        return jnp.zeros(0), jnp.zeros((0, 0))
    columns, sd = jnp.stack(problem.columns), jnp.stack(problem.sd)
    residual = expected(problem, tuple(pulls)) - observed
    penalty_gradient = (pulls - jnp.asarray(_centre(problem))) / sd**2
    hessian = (columns * weights[None, :]) @ columns.T + jnp.diag(1 / sd**2)
    return columns @ (weights * residual) + penalty_gradient, hessian


def _centre(problem: LinearPulls) -> tuple[Real, ...]:
    return (0.0,) * len(problem.sd) if problem.centre is None else problem.centre


def best_pulls(observed: Reals, weights: Reals, problem: LinearPulls) -> tuple[Numbers, ...]:
    """Pulls that minimise chi2, by orthogonal columns; x_k = 1 + a_k are the unknowns.

    Args:
        observed: Observed counts, [bin] [count].
        weights: Inverse variances, [bin] [1/count^2].
        problem: The linear problem.

    Returns:
        a_k, K scalars [1].
    """
    if not problem.columns:
        return ()
    roots, centre = 1 / jnp.stack(list(map(jnp.asarray, problem.sd))), _centre(problem)
    target = roots * (1 + jnp.stack(list(map(jnp.asarray, centre))))
    rows = LinearStrengths(problem.rest, problem.columns, list(jnp.diag(roots)), target)
    return tuple(x - 1 for x in best_strengths(observed, weights, rows, [1.0] * len(roots))[0])


class LinearStrengths(NamedTuple):
    """A linear problem in strengths, which multiply counts, and a penalty ``|E u - e|^2`` on them.

    Attributes:
        rest: Prediction that no strength multiplies, [..., bin] [count].
        columns: Counts that each strength multiplies, K times [..., bin] [count].
        prior: E, K columns [pull] [1].
        target: e, [..., pull] [1].
    """

    rest: Arrays
    columns: Sequence[Arrays]
    prior: Sequence[Arrays]
    target: Arrays

    def residuals(self, observed: Arrays, weights: Arrays, u: Sequence[Arrays]) -> Arrays:
        """What squares to chi2 at strengths u: that of bins, then that of the penalty."""
        moved = [-x[..., None] * c for x, c in zip(u, self.rows(weights), strict=True)]
        return total([self.data(observed, weights), *moved])

    def data(self, observed: Arrays, weights: Arrays) -> Arrays:
        """Residuals without any strength."""
        root = numpy_of(weights).sqrt(weights)
        return side_by_side([root * (observed - self.rest), self.target])

    def rows(self, weights: Arrays) -> list[Arrays]:
        """What a unit of each strength takes off the residuals."""
        root = numpy_of(weights).sqrt(weights)
        pairs = zip(self.columns, self.prior, strict=True)
        return [side_by_side([root * column, prior]) for column, prior in pairs]


def strengths_chi2(
    observed: Arrays, weights: Arrays, problem: LinearStrengths, u: Sequence[Arrays]
) -> Arrays:
    """chi2 at strengths u, K times [...] [1]."""
    residuals = problem.residuals(observed, weights, u)
    return (residuals * residuals).sum(-1)


def best_strengths(
    observed: Arrays, weights: Arrays, problem: LinearStrengths, otherwise: Sequence[Numbers]
) -> tuple[list[Numbers], Arrays]:
    """Strengths that minimise chi2, and chi2 there.

    Columns and constraints are made orthogonal together, so that nothing is subtracted that a
    large signal could swallow. chi2 is what is left of the data, a sum of squares.

    Args:
        observed: Observed counts, [..., bin] [count].
        weights: Inverse variances, [bin] [1/count^2].
        problem: The linear problem.
        otherwise: Strengths that nothing fixes, K times [...] [1].

    Returns:
        Strengths, K times [...] [1], and chi2 [...] [1].
    """
    rows = orthogonal(problem.rows(weights))
    along, left = rows.split(problem.data(observed, weights))
    return rows.solve(along, otherwise), (left * left).sum(-1)


def strengths_derivatives(
    observed: Arrays, weights: Arrays, problem: LinearStrengths, u: Arrays
) -> tuple[Arrays, Arrays]:
    """Gradient [strength] and Hessian [strength, strength] of chi2/2 by strengths.

    Args:
        observed: Observed counts, [bin] [count].
        weights: Inverse variances, [bin] [1/count^2].
        problem: The linear problem.
        u: Strengths, [strength] [1].
    """
    if not problem.columns:
        return jnp.zeros(0), jnp.zeros((0, 0))
    rows = jnp.stack(problem.rows(weights))
    return -rows @ problem.residuals(observed, weights, list(u)), rows @ rows.T


def linear_strengths(problem: Templates, strengths: Strengths) -> LinearStrengths:
    """The linear problem of components that pulls multiply and nothing bends."""
    layout, constant = strengths.layout, strengths.constant
    rest, columns = [], []
    for stack in stacks_of(problem):
        counts, owner = stack.nominal, stack.owner
        rest.append(times(picked(constant, owner), counts))
        columns.append(layout.strengths[owner].T.astype(counts.dtype) @ counts)
    joined = side_by_side(columns)
    by_strength = [joined[..., j, :] for j in range(len(layout.chosen))]
    prior = [strengths.prior[..., j] for j in range(len(layout.chosen))]
    return LinearStrengths(side_by_side(rest), by_strength, prior, strengths.target)


def log_determinant(weights: Arrays, problem: LinearStrengths, strengths: Strengths) -> Reals:
    """Logarithm of the determinant of the Hessian of chi2/2 by the pulls [1].

    Changes of pulls that leave all strengths as they are count with their constraints.
    """
    layout = strengths.layout
    # Pulls by strengths and idle changes: a matrix of plain numbers.
    _, volume = np.linalg.slogdet(np.concatenate([layout.inverse, layout.idle], axis=1))
    triangles = (orthogonal(problem.rows(weights)).r, strengths.idle.r)
    lengths = [r[i][i] for r in triangles for i in range(len(r))]
    return 2 * (jnp.sum(jnp.log(jnp.stack(lengths))) - volume)
