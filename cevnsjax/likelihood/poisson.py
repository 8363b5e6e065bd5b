"""Binned counts with Gaussian constraints, nuisances solved by Newton's method.

A prediction is a sum of components; normalisations multiply them, shape morphs bend them from
nominal through their shifted templates, kept positive. Poisson cells:
chi2 = 2 sum(mu - n + n ln(n/mu)); cells with a weight: w (n - mu)^2; constraints:
((a - centre)/sd)^2.

Far from the data the exact Hessian misleads, so each step of the search takes the lowest of
Newton's and of steps with the weights max(1, n/mu)/mu, which bound it from above. Derivatives come
from one more, undamped step with a differentiable right-hand side: value, gradient and Hessian are
exact.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from cevnsjax.core.types import Real, Reals
from cevnsjax.likelihood.components import FLOOR, Mean, Templates, curving, mean_of

# Most points need four or five steps. The search ends where chi2/2 has less than this to gain.
_MAX_STEPS, _MIN_GAIN = 30, 1e-10
# Lengths at which the guarded step is tried, besides Newton's step and no step; those above 1 are
# for points where the bound on the Hessian is much too steep.
_GUARDED_LENGTHS = (10.0, 3.0, 1.0, 0.3, 0.03)


def expected(problem: Templates, a: Reals) -> Reals:
    """Prediction at nuisances a, floored above 0 in Poisson cells, [cell] [count]."""
    return _floored(problem, mean_of(problem, a).mu)


def _floored(problem: Templates, mu: Reals) -> Reals:
    return _cellwise(problem, mu, jnp.maximum(mu, FLOOR))


def _weights(problem: Templates) -> Real:
    return 0.0 if problem.weights is None else problem.weights


def _cellwise(problem: Templates, gaussian: Real, poisson: Reals) -> Reals:
    """One value where cells are Gaussian, the other where they are Poisson."""
    return poisson if problem.weights is None else jnp.where(problem.weights > 0, gaussian, poisson)


def chi2(observed: Reals, problem: Templates, a: Reals) -> Reals:
    """Deviance plus constraints at nuisances a.

    Args:
        observed: Observed counts, [cell] [count].
        problem: The prediction.
        a: Nuisances, [nuisance] [1].

    Returns:
        Scalar [1].
    """
    mu = expected(problem, a)
    # n ln(n/mu) is 0 at n = 0; the inner where keeps its derivative finite there.
    ratio = jnp.where(observed > 0, observed, 1.0) / _cellwise(problem, 1.0, mu)
    entropy = jnp.where(observed > 0, observed * jnp.log(ratio), 0.0)
    deviance = 2 * (mu - observed + entropy)
    cells = _cellwise(problem, _weights(problem) * (observed - mu) ** 2, deviance)
    return jnp.sum(cells) + jnp.sum((a - problem.centre) ** 2 * problem.inverse_variance)


def _gradient(observed: Reals, problem: Templates, a: Reals, mean: Mean) -> tuple[Reals, Reals]:
    """Gradient of chi2/2 by the nuisances, and its derivative by mu, the pull of each cell."""
    mu = _floored(problem, mean.mu)
    poisson = 1 - observed / _cellwise(problem, 1.0, mu)
    pull = _cellwise(problem, _weights(problem) * (mu - observed), poisson)
    return mean.slopes @ pull + (a - problem.centre) * problem.inverse_variance, pull


def _hessian(
    observed: Reals, problem: Templates, mean: Mean, pull: Reals, *, guarded: bool
) -> Reals:
    """Hessian of chi2/2 by the nuisances, or a bound on it that is positive everywhere."""
    positive = _cellwise(problem, 1.0, _floored(problem, mean.mu))
    ratio = observed / positive
    poisson = (jnp.maximum(1.0, ratio) if guarded else ratio) / positive
    curvature = _cellwise(problem, _weights(problem), poisson)
    slopes = mean.slopes
    hessian = (slopes * curvature[None, :]) @ slopes.T + jnp.diag(problem.inverse_variance)
    return hessian if guarded else hessian + curving(problem, mean, pull)


def derivatives(observed: Reals, problem: Templates, a: Reals) -> tuple[Reals, Reals]:
    """Gradient [nuisance] and Hessian [nuisance, nuisance] of chi2/2 by the nuisances.

    Args:
        observed: Observed counts, [cell] [count].
        problem: The prediction.
        a: Nuisances, [nuisance] [1].
    """
    mean = mean_of(problem, a)
    gradient, pull = _gradient(observed, problem, a, mean)
    return gradient, _hessian(observed, problem, mean, pull, guarded=False)


def _step(observed: Reals, problem: Templates, a: Reals) -> tuple[Reals, Reals]:
    """Nuisances after the best of Newton's, guarded and no step, and what chi2/2 had to gain."""
    mean = mean_of(problem, a)
    gradient, pull = _gradient(observed, problem, a, mean)
    bound, exact = (
        _hessian(observed, problem, mean, pull, guarded=guarded) for guarded in (True, False)
    )
    newton, guarded = jnp.linalg.solve(exact, gradient), jnp.linalg.solve(bound, gradient)
    steps = jnp.stack(
        [newton, *(length * guarded for length in _GUARDED_LENGTHS), jnp.zeros_like(a)]
    )
    trials = a[None, :] - steps
    values = jax.vmap(lambda trial: chi2(observed, problem, trial))(trials)
    # A singular Hessian gives a step that is not a number; such a step is never the best.
    best = trials[jnp.argmin(jnp.where(jnp.isfinite(values), values, jnp.inf))]
    return best, 0.5 * gradient @ guarded


def _search(observed: Reals, problem: Templates) -> Reals:
    """Nuisances near the minimum; a point that has converged waits for the others of a batch."""

    def unfinished(state: tuple[Array, Array, Array]) -> Array:
        steps, _, gain = state
        return (steps < _MAX_STEPS) & ~(gain < _MIN_GAIN)

    def step(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        steps, a, _ = state
        return steps + 1, *_step(observed, problem, a)

    start = jnp.zeros_like(problem.inverse_variance)
    return jax.lax.while_loop(
        unfinished, step, (jnp.asarray(0), start, jnp.asarray(jnp.inf, start.dtype))
    )[1]


def best_nuisances(observed: Reals, problem: Templates) -> tuple[Reals, Reals]:
    """Nuisances that minimise chi2, differentiable twice, and the distance left.

    Args:
        observed: Observed counts, [cell] [count].
        problem: The prediction.

    Returns:
        a [nuisance] [1] and the estimated vertical distance to the minimum in chi2/2, infinite
        where counts are negative or the curvature is not positive [1].
    """
    still_n, still = jax.lax.stop_gradient((observed, problem))
    if not problem.inverse_variance.size:
        return problem.centre, jnp.zeros((), problem.centre.dtype)
    # Nothing is differentiated through the search, so that it can be a compiled loop.
    a = jax.lax.stop_gradient(_search(still_n, still))
    gradient, _ = _gradient(observed, problem, a, mean_of(problem, a))
    still_mean = mean_of(still, a)
    _, pull = _gradient(still_n, still, a, still_mean)
    hessian = _hessian(still_n, still, still_mean, pull, guarded=False)
    lowest_mu = jnp.min(_cellwise(still, jnp.inf, still_mean.mu))
    is_minimum = (lowest_mu > 0) & jnp.all(jnp.isfinite(jnp.linalg.cholesky(hessian)))
    # A last step from a point that is not near a minimum could lead anywhere.
    safe = jnp.where(is_minimum, hessian, jnp.eye(a.size, dtype=a.dtype))
    move = jnp.where(is_minimum, jnp.linalg.solve(safe, gradient), 0.0)
    distance = jnp.where(is_minimum, 0.5 * gradient @ move, jnp.inf)
    return a - move, jax.lax.stop_gradient(distance)
