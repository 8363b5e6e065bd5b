"""The search for the best nuisances of binned counts, within the bounds of strengths.

In jax derivatives come from one more, undamped step with a differentiable right-hand side: value,
gradient and Hessian are exact. In NumPy many points are solved side by side.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.namespaces import numpy_of
from cevnsjax.core.types import Arrays, Flags
from cevnsjax.likelihood.components import Templates
from cevnsjax.likelihood.coordinates import Coordinates, Expanded, coordinates_of
from cevnsjax.likelihood.curved import is_lowest, valleys
from cevnsjax.likelihood.deviance import FLOOR
from cevnsjax.likelihood.linear_algebra import direction, is_positive, unit_diagonal
from cevnsjax.likelihood.starts import first_start, further_starts
from cevnsjax.likelihood.steps import FLAT, compiled, held, lowest_of, stepwise, values

# Largest distance from the minimum in chi2/2 that is estimated.
_MAX_DISTANCE = 1e-4


class Solution(NamedTuple):
    """Best nuisances.

    Attributes:
        z: Their coordinates, [..., coordinate] [1].
        distance: Estimated vertical distance to the minimum in chi2/2, infinite where the
            curvature is not positive, counts are negative, or the search stopped far away, [...]
            [1].
        held: Which coordinates press against their bounds, or change nothing, [..., coordinate].
    """

    z: Arrays
    distance: Arrays
    held: Flags


def best_nuisances(observed: Arrays, problem: Templates) -> tuple[Arrays, Arrays]:
    """Nuisances that minimise chi2, and the distance left.

    Args:
        observed: Observed counts, [..., cell] [count].
        problem: The prediction.

    Returns:
        a [..., nuisance] [1] and the estimated vertical distance to the minimum in chi2/2, infinite
        where the curvature is not positive or counts are negative, [...] [1].
    """
    coordinates = coordinates_of(problem)
    solution = best(observed, coordinates)
    return coordinates.nuisances(solution.z), solution.distance


def best(observed: Arrays, coordinates: Coordinates, start: Arrays | None = None) -> Solution:
    """Coordinates that minimise chi2, at one point or a list of them, in NumPy or jax.

    In jax their first derivatives are exact, and so are value, gradient and Hessian of chi2 there.

    Args:
        observed: Observed counts, [..., cell] [count].
        coordinates: Of the problem.
        start: Coordinates near the minimum, if some are known, [..., coordinate] [1].
    """
    if numpy_of(coordinates.stacks[0].nominal, observed, coordinates.problem.centre) is np:
        with np.errstate(all="ignore"):
            z = _lowest(observed, coordinates, start)
            at_z = coordinates.expansion(observed, z)
            return _ended(coordinates, z, at_z, at_z.gradient)
    problem, low = coordinates.problem, coordinates.low
    if not low.size:
        dtype = problem.centre.dtype
        return Solution(jnp.zeros(0, dtype), jnp.zeros((), dtype), jnp.zeros(0, bool))
    still_n, still_problem = jax.lax.stop_gradient((observed, problem))
    still = coordinates_of(still_problem)
    # Nothing is differentiated through the search, so that it can be a compiled loop.
    z = jax.lax.stop_gradient(_lowest(still_n, still, start))
    gradient = coordinates.expansion(observed, z).gradient
    return _ended(still, z, still.expansion(still_n, z), gradient)


def _ended(coordinates: Coordinates, z: Arrays, at_z: Expanded, gradient: Arrays) -> Solution:
    """The end of a search at z, after a last undamped step along ``gradient``."""
    xp, low = numpy_of(z, gradient), coordinates.low.astype(z.dtype)
    free = ~held(z, at_z.gradient, at_z.hessian, low)
    scaled, _ = unit_diagonal(at_z.hessian, free)
    is_minimum = is_positive(scaled + FLAT * np.eye(low.size, dtype=z.dtype))
    is_minimum = is_minimum & _is_possible(coordinates.problem, at_z.mean.mu)
    # A last step from a point that is not near a minimum could lead anywhere.
    safe = xp.where(is_minimum[..., None, None], at_z.hessian, np.eye(low.size, dtype=z.dtype))
    usable = is_minimum[..., None] & free
    move = xp.where(usable, direction(safe, gradient, free, FLAT), 0.0)
    still = jax.lax.stop_gradient(move) if xp is jnp else move
    distance = 0.5 * (at_z.gradient * still).sum(-1)
    # Far from a minimum the quadratic estimate says nothing.
    distance = xp.where(is_minimum & (distance < _MAX_DISTANCE), distance, np.inf)
    return Solution(xp.maximum(z - move, low), distance, ~free)


def _is_possible(problem: Templates, mu: Arrays) -> Flags:
    """Whether no Poisson cell has negative counts, but for rounding."""
    if problem.weights is not None:
        mu = numpy_of(mu, problem.weights).where(problem.weights > 0, 0.0, mu)
    return mu.min(-1) > -FLOOR


def _lowest(observed: Arrays, coordinates: Coordinates, near: Arrays | None) -> Arrays:
    """Where the search ends; the lowest of several ends where there may be further minima."""
    start = first_start(observed, coordinates)
    xp = numpy_of(start)
    search = partial(stepwise if xp is np else compiled, observed, coordinates)
    first, arrived = search(start if near is None else near)
    if not coordinates.growing:
        return first
    lowest = coordinates.chi2(observed, first)
    needed = ~(arrived & is_lowest(coordinates, first, lowest))
    if xp is np and not needed.any():
        return first
    starts = further_starts(observed, coordinates, start)
    if coordinates.is_curved or near is not None:
        starts = [start, *starts]
    # Long steps along a valley may leave it: from each start the search goes all ways.
    ways = valleys(coordinates)
    if xp is np:
        ends = [search(z, growth, needed)[0] for growth in ways for z in starts]
    else:
        both = jax.vmap(jax.vmap(search, (0, None, None)), (None, 0, None))
        ends = both(xp.stack(starts), xp.stack(ways), needed)[0].reshape(-1, *start.shape)
    every = xp.stack([first, *ends])
    best_of, _ = lowest_of(every, values(observed, coordinates, every))
    return xp.where(needed[..., None], best_of, first)
