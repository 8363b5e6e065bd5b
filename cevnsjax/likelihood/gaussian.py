"""Gaussian chi2 with any number of linear pulls, solved in closed form.

A prediction is a sum of components, each multiplied by 1 plus the sum of its pulls. With
x_k = 1 + a_k the fit is linear, and chi2 is summed from residuals at the solution: it stays
exact and non-negative at any signal size, where the textbook form r.w.r - b.A^-1.b fails.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp

from cevnsjax.core.types import Real, Reals
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


def best_pulls(observed: Reals, weights: Reals, problem: LinearPulls) -> tuple[Reals, ...]:
    """Pulls that minimise chi2, by Cholesky (L D L^T) elimination unrolled over K.

    Args:
        observed: Observed counts, [bin] [count].
        weights: Inverse variances, [bin] [1/count^2].
        problem: The linear problem.

    Returns:
        a_k, K scalars [1].
    """
    K, centre = len(problem.columns), _centre(problem)
    r = observed - problem.rest
    inverse_variance = [1 / sd**2 for sd in problem.sd]
    weighted = [weights * c for c in problem.columns]
    A = [[jnp.sum(weighted[i] * problem.columns[j]) for j in range(i + 1)] for i in range(K)]
    b = [jnp.sum(weighted[i] * r) + (1 + centre[i]) * inverse_variance[i] for i in range(K)]
    for i in range(K):
        A[i][i] = A[i][i] + inverse_variance[i]
    for i in range(K):
        for j in range(i + 1, K):
            factor = A[j][i] / A[i][i]
            for k in range(j, K):
                A[k][j] = A[k][j] - factor * A[k][i]
            b[j] = b[j] - factor * b[i]
    x: dict[int, Reals] = {}
    for i in reversed(range(K)):
        solved = [A[j][i] * x[j] for j in range(i + 1, K)]
        x[i] = (b[i] - total(solved) if solved else b[i]) / A[i][i]
    return tuple(x[i] - 1 for i in range(K))
