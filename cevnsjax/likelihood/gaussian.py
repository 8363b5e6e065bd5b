"""Gaussian chi2 with any number of linear pulls, solved in closed form.

A prediction is a sum of components, each multiplied by 1 plus the sum of its pulls. With
x_k = 1 + a_k the fit is linear, and chi2 is summed from residuals at the solution: it stays
exact and non-negative at any signal size, where the textbook form r.w.r - b.A^-1.b fails.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from cevnsjax.core.types import Reals
from cevnsjax.numerics import total


class LinearPulls(NamedTuple):
    """Design of a linear problem.

    Attributes:
        rest: Prediction that no pull multiplies, after the shift x = 1 + a, [bin].
        columns: Derivative of the prediction with respect to each pull, K times [bin].
        sd: Standard deviations of the pulls, K scalars [1].
        centre: What measured the pulls found, K scalars [1]; 0 each if None.
    """

    rest: Any
    columns: tuple[Any, ...]
    sd: tuple[Any, ...]
    centre: tuple[Any, ...] | None = None


def design(
    components: dict[str, Any], pulls: tuple[tuple[tuple[str, ...], Any], ...]
) -> LinearPulls:
    """Design from components and the pulls on them.

    Args:
        components: Expected counts by component name, each [bin] [count].
        pulls: For each pull the names of the components it multiplies and its standard deviation.
    """
    columns = tuple(total([components[name] for name in names]) for names, _ in pulls)
    # Counted, not subtracted: a large component would leave its rounding behind.
    times = {name: sum(names.count(name) for names, _ in pulls) for name in components}
    left = [(1.0 - times[name]) * c for name, c in components.items() if times[name] != 1]
    rest = total(left) if left else jnp.zeros_like(next(iter(components.values())))
    return LinearPulls(rest, columns, tuple(sd for _, sd in pulls))


def expected(problem: LinearPulls, pulls: tuple[Any, ...]) -> Any:
    """Prediction at given pulls a_k, [bin] [count]."""
    scaled = [(1 + a) * column for a, column in zip(pulls, problem.columns, strict=True)]
    return total([problem.rest, *scaled])


def chi2(observed: Reals, weights: Reals, problem: LinearPulls, pulls: tuple[Any, ...]) -> Reals:
    """Chi2 at given pulls: residuals times weights plus ((a_k - centre_k)/sd_k)^2.

    Args:
        observed: Observed counts, [bin] [count].
        weights: Inverse variances, [bin] [1/count^2].
        problem: The linear problem.
        pulls: a_k, K scalars [1].

    Returns:
        Scalar [1].
    """
    residual = observed - expected(problem, pulls)
    penalty = [
        ((a - c) / sd) ** 2 for a, c, sd in zip(pulls, _centre(problem), problem.sd, strict=True)
    ]
    return total([jnp.sum(weights * residual * residual), *penalty])


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
    pressed = (pulls - jnp.asarray(_centre(problem))) / sd**2
    hessian = (columns * weights[None, :]) @ columns.T + jnp.diag(1 / sd**2)
    return columns @ (weights * residual) + pressed, hessian


def _centre(problem: LinearPulls) -> tuple[Any, ...]:
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
    x: list[Any] = [None] * K
    for i in reversed(range(K)):
        known = [A[j][i] * x[j] for j in range(i + 1, K)]
        x[i] = (b[i] - total(known) if known else b[i]) / A[i][i]
    return tuple(value - 1 for value in x)
