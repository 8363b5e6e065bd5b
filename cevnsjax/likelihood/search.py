"""The search for the best nuisances of binned counts, within the bounds of strengths.

Far from the data the exact Hessian misleads, so each step takes the lowest of Newton's and of
steps with a Hessian that bounds it from above, all cut at the bounds. Coordinates that press
against a bound are held there (Bertsekas, SIAM J. Control Optim. 20, 221).

In jax derivatives come from one more, undamped step with a differentiable right-hand side: value,
gradient and Hessian are exact. In NumPy many points are solved side by side.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.namespaces import numpy_of
from cevnsjax.core.types import Arrays, Flags
from cevnsjax.likelihood.components import Templates
from cevnsjax.likelihood.coordinates import Coordinates, Expanded, coordinates_of
from cevnsjax.likelihood.deviance import FLOOR
from cevnsjax.likelihood.linear_algebra import direction, is_positive, unit_diagonal
from cevnsjax.likelihood.starts import starts_of

# Most points need four or five steps. The search ends where chi2/2 has less than this to gain.
_MAX_STEPS, _MIN_GAIN = 60, 1e-10
# Lengths at which the guarded step is tried, besides Newton's step and no step; those above 1 are
# for points where the bound on the Hessian is much too steep.
_GUARDED_LENGTHS = (10.0, 3.0, 1.0, 0.3, 0.03)
# Curvature, in units of the coordinates' own, below which a direction is flat.
_FLAT = 1e-13


# Largest distance from the minimum in chi2/2 that is estimated.
_MAX_DISTANCE = 1e-4
# What Newton's step promises to take off chi2/2 where it may go alone.
_NEAR = 1.0
# Share of the gain that it promises which Newton's step must bring, and rounding of chi2/2.
_PROMISED, _ROUNDING = 0.25, 1e-13


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
    """Coordinates that minimise chi2, at one or many points, in NumPy or jax.

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
    free = ~_held(z, at_z.gradient, at_z.hessian, low)
    scaled, _ = unit_diagonal(at_z.hessian, free)
    is_minimum = is_positive(scaled + _FLAT * np.eye(low.size, dtype=z.dtype))
    is_minimum = is_minimum & _is_possible(coordinates.problem, at_z.mean.mu)
    # A last step from a point that is not near a minimum could lead anywhere.
    safe = xp.where(is_minimum[..., None, None], at_z.hessian, np.eye(low.size, dtype=z.dtype))
    usable = is_minimum[..., None] & free
    move = xp.where(usable, direction(safe, gradient, free, _FLAT), 0.0)
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


def _held(z: Arrays, gradient: Arrays, hessian: Arrays, low: Arrays) -> Flags:
    """Coordinates that stay where they are: on a bound, or where nothing depends on them."""
    diagonal = numpy_of(hessian).diagonal(hessian, axis1=-2, axis2=-1)
    is_idle = (diagonal == 0) & (gradient == 0)
    return ((z <= low) & (gradient > 0)) | is_idle


def _trials(
    observed: Arrays, coordinates: Coordinates, z: Arrays, at_z: Expanded
) -> tuple[Arrays, Arrays]:
    """Coordinates after the best of Newton's, guarded and no step, and what chi2/2 may gain."""
    xp, low = numpy_of(z, at_z.gradient), coordinates.low.astype(z.dtype)
    free = ~_held(z, at_z.gradient, at_z.hessian, low)
    newton = direction(at_z.hessian, at_z.gradient, free, 0.0)
    bound = coordinates.bound(observed, at_z.mean)
    guarded = direction(bound, at_z.gradient, free, _FLAT)
    steps = [newton, *(length * guarded for length in _GUARDED_LENGTHS)]
    trials = xp.stack([xp.maximum(z - step, low) for step in steps])
    # A singular Hessian gives a step that is not a number; such a step is never the best.
    best_of, value = _lowest_of(trials, _values(observed, coordinates, trials))
    is_lower = (value < 2 * at_z.value) | ~xp.isfinite(at_z.value)
    best_of = xp.where(is_lower[..., None], best_of, z)
    return best_of, 0.5 * (at_z.gradient * guarded).sum(-1)


def _compiled(observed: Arrays, coordinates: Coordinates, start: Arrays) -> Arrays:
    """Coordinates near the minimum; a point that has converged waits for the others of a batch."""

    def unfinished(state: tuple[Any, Any, Any]) -> Any:
        steps, _, gain = state
        return (steps < _MAX_STEPS) & ~(gain < _MIN_GAIN)

    def step(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        steps, z, _ = state
        return steps + 1, *_trials(observed, coordinates, z, coordinates.expansion(observed, z))

    nothing = (jnp.asarray(0), start, jnp.asarray(jnp.inf, start.dtype))
    return jax.lax.while_loop(unfinished, step, nothing)[1]


def _newton(coordinates: Coordinates, z: Arrays, at_z: Expanded) -> tuple[Arrays, Arrays]:
    """Newton's step, and what it promises to take off chi2/2."""
    free = ~_held(z, at_z.gradient, at_z.hessian, coordinates.low.astype(z.dtype))
    newton = direction(at_z.hessian, at_z.gradient, free, 0.0)
    return newton, 0.5 * (at_z.gradient * newton).sum(-1)


def _keeps_promise(value: Arrays, after: Arrays, gain: Arrays) -> Flags:
    """Whether a step lowers chi2/2 about as much as it promises, up to rounding."""
    least = _PROMISED * gain - _ROUNDING * numpy_of(value).maximum(1.0, abs(value))
    return (gain >= 0) & (value - after >= least)


def _stepwise(observed: Arrays, coordinates: Coordinates, start: Arrays) -> Arrays:
    """The same search in NumPy, where a point near the minimum asks for Newton's step alone."""
    z, low = start, coordinates.low.astype(start.dtype)
    at_z, done = coordinates.expansion(observed, z), np.zeros(z.shape[:-1], dtype=bool)
    for _ in range(_MAX_STEPS):
        newton, gain = _newton(coordinates, z, at_z)
        done |= (gain >= 0) & (gain < _MIN_GAIN)
        if done.all():
            break
        # What has arrived stays, so that a point does not depend on those beside it.
        trial = np.where(done[..., None], z, np.maximum(z - newton, low))
        at_trial = coordinates.expansion(observed, trial)
        goes_alone = (gain < _NEAR) & _keeps_promise(at_z.value, at_trial.value, gain)
        asks = ~done & ~goes_alone
        if asks.any():
            others, left = _trials(observed, coordinates, z, at_z)
            done |= asks & (left < _MIN_GAIN)
            trial = np.where(asks[..., None], others, trial)
            at_trial = coordinates.expansion(observed, trial)
        z, at_z = trial, at_trial
    return z


def _lowest(observed: Arrays, coordinates: Coordinates, near: Arrays | None) -> Arrays:
    """Where the search ends; the lowest end where several starts are needed."""
    starts = starts_of(observed, coordinates)
    if near is not None:
        starts[0] = near
    if numpy_of(*starts) is np:
        ends = [_stepwise(observed, coordinates, start) for start in starts]
    elif len(starts) > 1:
        ends = jax.vmap(lambda start: _compiled(observed, coordinates, start))(jnp.stack(starts))
    else:
        ends = [_compiled(observed, coordinates, starts[0])]
    if len(starts) == 1:
        return ends[0]
    return _lowest_of(ends, _values(observed, coordinates, ends))[0]


def _values(observed: Arrays, coordinates: Coordinates, trials: Any) -> Arrays:
    """chi2 at some trials, each [..., coordinate], [trial, ...]."""
    if numpy_of(*trials) is np:
        return coordinates.chi2(observed, np.stack(trials))
    return jax.vmap(lambda z: coordinates.chi2(observed, z))(trials)


def _lowest_of(trials: Any, values: Arrays) -> tuple[Arrays, Arrays]:
    """The trial with the least finite value at each point, and the value."""
    xp = numpy_of(values)
    finite = xp.where(xp.isfinite(values), values, np.inf)
    chosen = xp.argmin(finite, axis=0)
    return xp.take_along_axis(xp.stack(trials), chosen[None, ..., None], axis=0)[0], finite.min(0)
