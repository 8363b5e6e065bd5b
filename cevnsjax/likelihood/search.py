"""The search for the best nuisances of binned counts, within the bounds of strengths.

Far from the data the exact Hessian misleads, so each step takes the lowest of Newton's and of
steps with a Hessian that bounds it from above, all cut at the bounds. Coordinates that press
against a bound are held there (Bertsekas, SIAM J. Control Optim. 20, 221).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from cevnsjax.core.types import Reals
from cevnsjax.likelihood.components import Templates
from cevnsjax.likelihood.counts import mean_of
from cevnsjax.likelihood.deviance import FLOOR
from cevnsjax.likelihood.poisson import Coordinates, coordinates_of
from cevnsjax.numerics import total

# Most points need four or five steps. The search ends where chi2/2 has less than this to gain.
_MAX_STEPS, _MIN_GAIN = 60, 1e-10
# Lengths at which the guarded step is tried, besides Newton's step and no step; those above 1 are
# for points where the bound on the Hessian is much too steep.
_GUARDED_LENGTHS = (10.0, 3.0, 1.0, 0.3, 0.03)
# Curvature, in units of the coordinates' own, below which a direction is flat.
_FLAT = 1e-13


class Solution(NamedTuple):
    """Best nuisances.

    Attributes:
        z: Their coordinates, [coordinate] [1].
        distance: Estimated vertical distance to the minimum in chi2/2, infinite where the
            curvature is not positive or counts are negative [1].
        held: Which coordinates press against their bounds, or change nothing, [coordinate].
    """

    z: Reals
    distance: Reals
    held: Bool[Array, " coordinate"]


def best_nuisances(observed: Reals, problem: Templates) -> tuple[Reals, Reals]:
    """Nuisances that minimise chi2, and the distance left.

    Args:
        observed: Observed counts, [cell] [count].
        problem: The prediction.

    Returns:
        a [nuisance] [1] and the estimated vertical distance to the minimum in chi2/2, infinite
        where the curvature is not positive or counts are negative [1].
    """
    coordinates = coordinates_of(problem)
    solution = best(observed, coordinates)
    return coordinates.nuisances(solution.z), solution.distance


def best(observed: Reals, coordinates: Coordinates) -> Solution:
    """Coordinates that minimise chi2.

    Their first derivatives are exact, and so are value, gradient and Hessian of chi2 there.
    """
    problem, dtype = coordinates.problem, coordinates.problem.centre.dtype
    low = jnp.asarray(coordinates.low, dtype)
    if not low.size:
        return Solution(jnp.zeros(0, dtype), jnp.zeros((), dtype), jnp.zeros(0, bool))
    still_n, still_problem = jax.lax.stop_gradient((observed, problem))
    still = coordinates_of(still_problem)
    # Nothing is differentiated through the search, so that it can be a compiled loop.
    z = jax.lax.stop_gradient(_lowest(still_n, still))
    gradient = coordinates.expansion(observed, z)[0]
    slope, hessian, _, mu = jax.lax.stop_gradient(still.expansion(still_n, z))
    free = ~_held(z, slope, hessian, low)
    scaled, scale = _scaled(hessian, free)
    flat = _FLAT * jnp.eye(low.size, dtype=dtype)
    is_minimum = jnp.all(jnp.isfinite(jnp.linalg.cholesky(scaled + flat)))
    is_minimum = is_minimum & _is_possible(still_problem, mu)
    # A last step from a point that is not near a minimum could lead anywhere.
    safe = jnp.where(is_minimum, scaled + flat, jnp.eye(low.size, dtype=dtype))
    move = scale * jnp.linalg.solve(safe, jnp.where(free, gradient * scale, 0.0))
    move = jnp.where(is_minimum & free, move, 0.0)
    distance = jnp.where(is_minimum, 0.5 * slope @ jax.lax.stop_gradient(move), jnp.inf)
    return Solution(jnp.maximum(z - move, low), distance, ~free)


def _is_possible(problem: Templates, mu: Reals) -> Bool[Array, ""]:
    """Whether no Poisson cell has negative counts, but for rounding."""
    counts = mu if problem.weights is None else jnp.where(problem.weights > 0, 0.0, mu)
    return jnp.min(counts) > -FLOOR


def _held(z: Reals, gradient: Reals, hessian: Reals, low: Reals) -> Bool[Array, " coordinate"]:
    """Coordinates that stay where they are: on a bound, or where nothing depends on them."""
    is_idle = (jnp.diagonal(hessian) == 0) & (gradient == 0)
    return ((z <= low) & (gradient > 0)) | is_idle


def _scaled(hessian: Reals, free: Bool[Array, " coordinate"]) -> tuple[Reals, Reals]:
    """The Hessian by free coordinates with a diagonal of 1, and its units; unity for others."""
    diagonal = jnp.abs(jnp.diagonal(hessian))
    usable = free & (diagonal > 0)
    scale = jnp.where(usable, 1 / jnp.sqrt(jnp.where(usable, diagonal, 1.0)), 1.0)
    mask = jnp.where(free, scale, 0.0)
    return hessian * mask[:, None] * mask[None, :] + jnp.diag(jnp.where(free, 0.0, 1.0)), scale


def _direction(
    hessian: Reals, gradient: Reals, free: Bool[Array, " coordinate"], flat: float
) -> Reals:
    """H^-1 g on free coordinates, 0 on others."""
    scaled, scale = _scaled(hessian, free)
    scaled = scaled + flat * jnp.eye(gradient.size, dtype=gradient.dtype)
    right = jnp.where(free, gradient * scale, 0.0)
    return jnp.where(free, scale * jnp.linalg.solve(scaled, right), 0.0)


def _step(observed: Reals, coordinates: Coordinates, z: Reals) -> tuple[Reals, Reals]:
    """Coordinates after the best of Newton's, guarded and no step, and what chi2/2 may gain."""
    low = jnp.asarray(coordinates.low, z.dtype)
    gradient, exact, bound, _ = coordinates.expansion(observed, z)
    free = ~_held(z, gradient, exact, low)
    newton = _direction(exact, gradient, free, 0.0)
    guarded = _direction(bound, gradient, free, _FLAT)
    steps = [newton, *(length * guarded for length in _GUARDED_LENGTHS)]
    trials = jnp.maximum(z[None, :] - jnp.stack([*steps, jnp.zeros_like(z)]), low[None, :])
    values = jax.vmap(lambda trial: coordinates.chi2(observed, trial))(trials)
    # A singular Hessian gives a step that is not a number; such a step is never the best.
    best_of = trials[jnp.argmin(jnp.where(jnp.isfinite(values), values, jnp.inf))]
    return best_of, 0.5 * gradient @ guarded


def _search(observed: Reals, coordinates: Coordinates, start: Reals) -> Reals:
    """Coordinates near the minimum; a point that has converged waits for the others of a batch."""

    def unfinished(state: tuple[Array, Array, Array]) -> Array:
        steps, _, gain = state
        return (steps < _MAX_STEPS) & ~(gain < _MIN_GAIN)

    def step(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        steps, z, _ = state
        return steps + 1, *_step(observed, coordinates, z)

    nothing = (jnp.asarray(0), start, jnp.asarray(jnp.inf, start.dtype))
    return jax.lax.while_loop(unfinished, step, nothing)[1]


def _lowest(observed: Reals, coordinates: Coordinates) -> Reals:
    """Where the search ends; the lowest end where several starts are needed."""
    starts = _starts(observed, coordinates)
    if len(starts) == 1:
        return _search(observed, coordinates, starts[0])
    ends = jax.vmap(lambda start: _search(observed, coordinates, start))(jnp.stack(starts))
    return ends[jnp.argmin(jax.vmap(lambda z: coordinates.chi2(observed, z))(ends))]


def _starts(observed: Reals, coordinates: Coordinates) -> list[Reals]:
    """Nuisances at 0; besides, a component that grows without end may give a second minimum.

    It is where the component accounts for the counts that are missing at the first start, or for
    all counts if none are.
    """
    start, problem = coordinates.start(), coordinates.problem
    components = [c for experiment in problem.experiments for c in experiment]
    growing = sorted({k for c in components for k in c.log_pulls})
    if not growing:
        return [start]
    mean = mean_of(problem, coordinates.view(start))
    scaled = [part for parts in mean.components for part in parts]
    counts = [jnp.sum(part.factor * part.parts) for part in scaled]
    starts = [start]
    for k in growing:
        of_k = [i for i, c in enumerate(components) if k in c.log_pulls]
        first = components[of_k[0]]
        assert first.log_widths is not None
        width = first.log_widths[first.log_pulls.index(k)]
        now = total([counts[i] for i in of_k])
        missing = jnp.sum(observed) - (jnp.sum(mean.mu) - now)
        missing = jnp.where(missing > 0, missing, jnp.sum(observed))
        usable = (missing > 0) & (now > 0)
        growth = jnp.where(usable, missing, 1.0) / jnp.where(usable, now, 1.0)
        starts.append(start.at[coordinates.place(k)].set(jnp.log(growth) / width))
    return starts
