"""Gaussian chi2 with any number of linear pulls, solved in closed form.

A prediction is a sum of components, each multiplied by 1 plus the sum of its pulls. With
x_k = 1 + a_k the fit is linear, and chi2 is summed from residuals at the solution: it stays
exact and non-negative at any signal size, where the textbook form r.w.r - b.A^-1.b fails.

Bins may be one array, or a list with an array of points for each bin: sums over bins are then
written out, and a grid of points is evaluated in one pass over contiguous memory.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp

from cevnsjax.numerics import total
from cevnsjax.types import Reals

Bins = Reals | Sequence[Any]


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


def _added(parts: Sequence[Any]) -> Any:
    """Sum of predictions, bin by bin."""
    if isinstance(parts[0], list):
        return [total(list(bins)) for bins in zip(*parts, strict=True)]
    return total(list(parts))


def _scaled(factor: Any, prediction: Any) -> Any:
    if isinstance(prediction, list):
        return [factor * x for x in prediction]
    return factor * prediction


def _dot(a: Any, b: Any) -> Any:
    """Sum of products over bins."""
    if isinstance(a, list):
        return total([x * y for x, y in zip(a, b, strict=True)])
    return jnp.sum(a * b)


def _times(a: Any, b: Any) -> Any:
    if isinstance(a, list):
        return [x * y for x, y in zip(a, b, strict=True)]
    return a * b


def design(
    components: dict[str, Any], pulls: tuple[tuple[tuple[str, ...], Any], ...]
) -> LinearPulls:
    """Design from components and the pulls on them.

    Args:
        components: Expected counts by component name, each [bin] [count].
        pulls: For each pull the names of the components it multiplies and its standard deviation.
    """
    columns = tuple(_added([components[name] for name in names]) for names, _ in pulls)
    everything = _added(list(components.values()))
    rest = _added([everything, *(_scaled(-1.0, c) for c in columns)]) if columns else everything
    return LinearPulls(rest, columns, tuple(sd for _, sd in pulls))


def expected(problem: LinearPulls, pulls: tuple[Any, ...]) -> Any:
    """Prediction at given pulls a_k, [bin] [count]."""
    scaled = [_scaled(1 + a, column) for a, column in zip(pulls, problem.columns, strict=True)]
    return _added([problem.rest, *scaled])


def chi2(observed: Bins, weights: Bins, problem: LinearPulls, pulls: tuple[Any, ...]) -> Reals:
    """Chi2 at given pulls: residuals times weights plus ((a_k - centre_k)/sd_k)^2.

    Args:
        observed: Observed counts, [bin] [count].
        weights: Inverse variances, [bin] [1/count^2].
        problem: The linear problem.
        pulls: a_k, K scalars [1].

    Returns:
        Scalar, or an array of points [1].
    """
    residual = _added([observed, _scaled(-1.0, expected(problem, pulls))])
    penalty = [
        ((a - c) / sd) ** 2 for a, c, sd in zip(pulls, _centre(problem), problem.sd, strict=True)
    ]
    return total([_dot(_times(weights, residual), residual), *penalty])


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


def best_pulls(observed: Bins, weights: Bins, problem: LinearPulls) -> tuple[Reals, ...]:
    """Pulls that minimise chi2, by Cholesky (L D L^T) elimination unrolled over K.

    Args:
        observed: Observed counts, [bin] [count].
        weights: Inverse variances, [bin] [1/count^2].
        problem: The linear problem.

    Returns:
        a_k, K scalars or arrays of points [1].
    """
    K, centre = len(problem.columns), _centre(problem)
    r = _added([observed, _scaled(-1.0, problem.rest)])
    inverse_variance = [1 / sd**2 for sd in problem.sd]
    weighted = [_times(weights, c) for c in problem.columns]
    A = [[_dot(weighted[i], problem.columns[j]) for j in range(i + 1)] for i in range(K)]
    b = [_dot(weighted[i], r) + (1 + centre[i]) * inverse_variance[i] for i in range(K)]
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
