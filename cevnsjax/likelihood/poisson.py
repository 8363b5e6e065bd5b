"""Poisson likelihood with Gaussian constraints, nuisances solved by Newton's method.

A prediction is bilinear in its nuisances: normalisations multiply components, shape morphs add
to them. chi2 = 2 sum(mu - n + n ln(n/mu)) + sum((a/sd)^2).

The solution is found with fixed steps. Far from the data the exact Hessian misleads, so the
first steps take the weights max(1, n/mu)/mu, which bound it from above. Derivatives come from one
more, undamped step with a differentiable right-hand side: value, gradient and Hessian are exact.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cevnsjax.types import Reals

_GUARDED, _EXACT = 3, 4
_FLOOR = 1e-9


class Bilinear(NamedTuple):
    """Prediction mu(a) = base + sum_k a_k linear_k + sum_(j<k) a_j a_k cross_jk.

    Attributes:
        base: Prediction at a = 0, [cell] [count].
        linear: Its derivative by each nuisance there, [nuisance, cell] [count].
        cross: Mixed second derivatives by pair (j, k), {(j, k): [cell]} [count].
        inverse_variance: 1/sd^2 of the constraints, 0 for none, [nuisance] [1].
    """

    base: Reals
    linear: Reals
    cross: dict[tuple[int, int], Reals]
    inverse_variance: Reals


def _unfloored(problem: Bilinear, a: Reals) -> Reals:
    mu = problem.base + a @ problem.linear
    for (j, k), array in problem.cross.items():
        mu = mu + a[j] * a[k] * array
    return mu


def expected(problem: Bilinear, a: Reals) -> Reals:
    """Prediction at nuisances a, floored above 0, [cell] [count]."""
    return jnp.maximum(_unfloored(problem, a), _FLOOR)


def chi2(observed: Reals, problem: Bilinear, a: Reals) -> Reals:
    """Poisson deviance plus constraints at nuisances a.

    Args:
        observed: Observed counts, [cell] [count].
        problem: The prediction.
        a: Nuisances, [nuisance] [1].

    Returns:
        Scalar [1].
    """
    mu = expected(problem, a)
    # n ln(n/mu) is 0 at n = 0; the inner where keeps its derivative finite there.
    ratio = jnp.where(observed > 0, observed, 1.0) / mu
    entropy = jnp.where(observed > 0, observed * jnp.log(ratio), 0.0)
    return 2 * jnp.sum(mu - observed + entropy) + jnp.sum(a**2 * problem.inverse_variance)


def _slopes(problem: Bilinear, a: Reals) -> Reals:
    """Derivatives of mu by the nuisances at a, [nuisance, cell] [count]."""
    slopes = problem.linear
    for (j, k), array in problem.cross.items():
        slopes = slopes.at[j].add(a[k] * array).at[k].add(a[j] * array)
    return slopes


def _gradient(observed: Reals, problem: Bilinear, a: Reals) -> tuple[Reals, Reals, Reals]:
    """Gradient of chi2/2 by the nuisances, with mu and its slopes."""
    mu, slopes = expected(problem, a), _slopes(problem, a)
    gradient = slopes @ (1 - observed / mu) + a * problem.inverse_variance
    return gradient, mu, slopes


def _hessian(problem: Bilinear, slopes: Reals, weights: Reals, pull: Reals | None) -> Reals:
    """Hessian of chi2/2: slopes squared by weights, constraints, mixed terms by 1 - n/mu."""
    hessian = (slopes * weights[None, :]) @ slopes.T + jnp.diag(problem.inverse_variance)
    if pull is not None:
        for (j, k), array in problem.cross.items():
            mixed = jnp.sum(array * pull)
            hessian = hessian.at[j, k].add(mixed).at[k, j].add(mixed)
    return hessian


def _step(observed: Reals, problem: Bilinear, a: Reals, guarded: bool) -> Reals:
    gradient, mu, slopes = _gradient(observed, problem, a)
    if guarded:
        weights, pull = jnp.maximum(1.0, observed / mu) / mu, None
    else:
        weights, pull = observed / mu**2, 1 - observed / mu
    return a - jnp.linalg.solve(_hessian(problem, slopes, weights, pull), gradient)


def best_nuisances(observed: Reals, problem: Bilinear) -> tuple[Reals, Reals]:
    """Nuisances that minimise chi2, differentiable twice, and the distance left.

    Args:
        observed: Observed counts, [cell] [count].
        problem: The prediction.

    Returns:
        a [nuisance] [1] and the estimated vertical distance to the minimum in chi2/2, infinite
        where counts are negative or the curvature is not positive [1].
    """
    still_n, still = jax.lax.stop_gradient((observed, problem))
    a = jnp.zeros_like(problem.inverse_variance)
    # Compiled loops: nothing is differentiated through the search.
    for steps, guarded in ((_GUARDED, True), (_EXACT, False)):
        step = partial(_step, still_n, still, guarded=guarded)
        a = jax.lax.fori_loop(0, steps, lambda _, a, step=step: step(a), a)
    a = jax.lax.stop_gradient(a)
    gradient, mu, slopes = _gradient(observed, problem, a)
    pull = 1 - still_n / mu
    still_hessian = jax.lax.stop_gradient(_hessian(still, slopes, still_n / mu**2, pull))
    move = jnp.linalg.solve(still_hessian, gradient)
    least = jnp.min(_unfloored(still, a)) if still.base.size else jnp.inf
    is_minimum = (least > 0) & jnp.all(jnp.isfinite(jnp.linalg.cholesky(still_hessian)))
    distance = jnp.where(is_minimum, 0.5 * gradient @ move, jnp.inf)
    return a - move, jax.lax.stop_gradient(distance)


def combine(problems: list[Bilinear]) -> Bilinear:
    """Experiments side by side that share one list of nuisances; constraints count once.

    Args:
        problems: Predictions over the same nuisances.
    """
    cross: dict[tuple[int, int], Any] = {}
    for pair in {p for problem in problems for p in problem.cross}:
        parts = [p.cross.get(pair, jnp.zeros_like(p.base)) for p in problems]
        cross[pair] = jnp.concatenate(parts)
    return Bilinear(
        base=jnp.concatenate([p.base for p in problems]),
        linear=jnp.concatenate([p.linear for p in problems], axis=1),
        cross=cross,
        inverse_variance=problems[0].inverse_variance,
    )
