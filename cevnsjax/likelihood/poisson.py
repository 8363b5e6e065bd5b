"""Binned counts with Gaussian constraints, for NumPy and jax.

A prediction is a sum of components; normalisations multiply them, shape morphs bend them from
nominal through their shifted templates, kept positive. Poisson cells:
chi2 = 2 sum(mu - n + n ln(n/mu)); cells with a weight: w (n - mu)^2; constraints:
((a - centre)/sd)^2.
"""

import numpy as np

from cevnsjax.core.namespaces import numpy_of, product
from cevnsjax.core.types import Arrays
from cevnsjax.likelihood import deviance
from cevnsjax.likelihood.components import Templates
from cevnsjax.likelihood.counts import Mean, curving, mean_of
from cevnsjax.likelihood.stacks import stacks_of
from cevnsjax.likelihood.views import by_nuisances


def expected(problem: Templates, a: Arrays) -> Arrays:
    """Prediction at nuisances a [1], [..., cell] [count]."""
    return mean_of(stacks_of(problem), by_nuisances(problem, a)).mu


def chi2(observed: Arrays, problem: Templates, a: Arrays) -> Arrays:
    """Deviance plus constraints at nuisances a.

    Args:
        observed: Observed counts, [..., cell] [count].
        problem: The prediction.
        a: Nuisances, [..., nuisance] [1].

    Returns:
        [...] [1].
    """
    penalty = ((a - problem.centre) ** 2 * problem.inverse_variance).sum(-1)
    return cells_chi2(observed, problem, expected(problem, a)) + penalty


def cells_chi2(observed: Arrays, problem: Templates, mu: Arrays) -> Arrays:
    """Deviance of expected counts, [..., cell] [count], without constraints."""
    cells = deviance.deviance(observed, _cellwise(problem, 1.0, mu))
    return _cellwise(problem, _weights(problem) * (observed - mu) ** 2, cells).sum(-1)


def derivatives(observed: Arrays, problem: Templates, a: Arrays) -> tuple[Arrays, Arrays]:
    """Gradient and Hessian of chi2/2 by nuisances, [..., nuisance] and [..., nuisance, nuisance].

    Args:
        observed: Observed counts, [..., cell] [count].
        problem: The prediction.
        a: Nuisances, [..., nuisance] [1].
    """
    mean = mean_of(stacks_of(problem), by_nuisances(problem, a))
    tilt = cell_tilt(observed, problem, mean.mu)
    gradient = along(mean.slopes, tilt) + (a - problem.centre) * problem.inverse_variance
    hessian = cell_hessian(observed, problem, mean) + curving(mean, tilt)
    return gradient, hessian + diagonal(problem.inverse_variance)


def cell_tilt(observed: Arrays, problem: Templates, mu: Arrays) -> Arrays:
    """Half the derivative of chi2 by expected counts, [..., cell] [1/count]."""
    poisson = deviance.tilt(observed, _cellwise(problem, 1.0, mu))
    return _cellwise(problem, _weights(problem) * (mu - observed), poisson)


def cell_curvature(
    observed: Arrays, problem: Templates, mu: Arrays, *, guarded: bool = False
) -> Arrays:
    """Half the second derivative of chi2 by expected counts, [..., cell] [1/count^2].

    The guarded one, max(1, n/mu)/mu in Poisson cells, bounds it from above.
    """
    mu = _cellwise(problem, 1.0, mu)
    poisson = deviance.curvature(observed, mu)
    if guarded:
        xp = numpy_of(observed, mu)
        floored = xp.maximum(mu, deviance.FLOOR)
        poisson = xp.maximum(1.0, observed / floored) / floored
    return _cellwise(problem, _weights(problem), poisson)


def cell_hessian(
    observed: Arrays, problem: Templates, mean: Mean, *, guarded: bool = False
) -> Arrays:
    """Half of chi2's second derivatives through the curvature of cells, without constraints."""
    curvature = cell_curvature(observed, problem, mean.mu, guarded=guarded)
    return (mean.slopes * curvature[..., None, :]) @ mean.slopes.swapaxes(-1, -2)


def along(slopes: Arrays, tilt: Arrays) -> Arrays:
    """Sum over cells of slopes [..., coordinate, cell] times tilt [..., cell]."""
    return product(slopes, tilt[..., None])[..., 0]


def diagonal(x: Arrays) -> Arrays:
    """Matrices with rows [..., i] on their diagonals."""
    return np.eye(x.shape[-1], dtype=x.dtype) * x[..., None, :]


def _weights(problem: Templates) -> Arrays | float:
    return 0.0 if problem.weights is None else problem.weights


def _cellwise(problem: Templates, gaussian: Arrays | float, poisson: Arrays) -> Arrays:
    """One value where cells are Gaussian, the other where they are Poisson."""
    if problem.weights is None:
        return poisson
    return numpy_of(problem.weights, poisson).where(problem.weights > 0, gaussian, poisson)
