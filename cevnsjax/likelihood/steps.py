"""Searches from one start for the best nuisances of binned counts.

Far from the data the exact Hessian misleads, so each step takes the lowest of Newton's and of
steps with a Hessian that bounds it from above, all cut at the bounds. Coordinates that press
against a bound are held there (Bertsekas, SIAM J. Control Optim. 20, 221).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.namespaces import numpy_of, rows_of, times
from cevnsjax.core.types import Arrays, Flags
from cevnsjax.likelihood.coordinates import Coordinates, Expanded
from cevnsjax.likelihood.curved import along_valleys, descents
from cevnsjax.likelihood.linear_algebra import direction

FLAT = 1e-13
"""Curvature, in units of the coordinates' own, below which a direction is flat."""
# Most points need four or five steps. The search ends where chi2/2 has less than this to gain.
_MAX_STEPS, _MIN_GAIN = 60, 1e-10
# The same where chi2 is not convex, along curved valleys.
_MAX_CURVED_STEPS = 200
# Lengths at which the guarded step is tried, besides Newton's step and no step; those above 1 are
# for points where the bound on the Hessian is much too steep.
_GUARDED_LENGTHS = (10.0, 3.0, 1.0, 0.3, 0.03)
# What Newton's step promises to take off chi2/2 where it may go alone.
_NEAR = 1.0
# Share of the gain that it promises which Newton's step must bring, and rounding of chi2/2.
_PROMISED, _ROUNDING = 0.25, 1e-13


def held(z: Arrays, gradient: Arrays, hessian: Arrays, low: Arrays) -> Flags:
    """Coordinates that stay where they are: on a bound, or where nothing depends on them."""
    diagonal = numpy_of(hessian).diagonal(hessian, axis1=-2, axis2=-1)
    is_idle = (diagonal == 0) & (gradient == 0)
    return ((z <= low) & (gradient > 0)) | is_idle


def _trials(
    observed: Arrays,
    coordinates: Coordinates,
    z: Arrays,
    at_z: Expanded,
    growth: Arrays | None = None,
) -> tuple[Arrays, Arrays]:
    """Coordinates after the best of Newton's, guarded and no step, and what chi2/2 may gain."""
    xp, low = numpy_of(z, at_z.gradient), coordinates.low.astype(z.dtype)
    gradient, hessian = at_z.gradient, at_z.hessian
    bound = coordinates.bound(observed, at_z.mean)
    if growth is not None:
        gradient, (hessian, bound) = along_valleys(growth, z, gradient, hessian, bound)
    free = ~held(z, gradient, hessian, low)
    newton = direction(hessian, gradient, free, 0.0)
    guarded = direction(bound, gradient, free, FLAT)
    gain = 0.5 * (gradient * guarded).sum(-1)
    if coordinates.is_curved:
        down, promised = descents(hessian, gradient, bound, free)
        steps, gain = [newton, guarded, *down], xp.maximum(gain, promised)
    else:
        steps = [newton, *(length * guarded for length in _GUARDED_LENGTHS)]
    trials = [xp.maximum(z - step, low) for step in steps]
    if growth is not None:
        pairs = zip(trials, steps, strict=True)
        trials = [trial * xp.exp(times(step, growth.T)) for trial, step in pairs]
    trials = xp.stack(trials)
    # A singular Hessian gives a step that is not a number; such a step is never the best.
    best_of, value = lowest_of(trials, values(observed, coordinates, trials))
    is_lower = (value < 2 * at_z.value) | ~xp.isfinite(at_z.value)
    return xp.where(is_lower[..., None], best_of, z), gain


def compiled(
    observed: Arrays,
    coordinates: Coordinates,
    start: Arrays,
    growth: Arrays | None = None,
    needed: Flags | bool = True,
) -> tuple[Arrays, Flags]:
    """Coordinates near the minimum, and whether the search arrived.

    A point that has converged, or needs no search, waits for the others of a batch.
    """

    def unfinished(state: tuple[Any, Any, Any]) -> Any:
        steps, _, gain = state
        return (steps < _most_steps(coordinates)) & ~(gain < _MIN_GAIN)

    def step(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        steps, z, _ = state
        at_z = coordinates.expansion(observed, z)
        return steps + 1, *_trials(observed, coordinates, z, at_z, growth)

    gain = jnp.where(needed, jnp.inf, 0.0).astype(start.dtype)
    _, z, gain = jax.lax.while_loop(unfinished, step, (jnp.asarray(0), start, gain))
    return z, gain < _MIN_GAIN


def _most_steps(coordinates: Coordinates) -> int:
    return _MAX_CURVED_STEPS if coordinates.is_curved else _MAX_STEPS


class _Points(NamedTuple):
    """Points on their way, [point, ...], and chi2/2 to second order there."""

    z: Arrays
    value: Arrays
    gradient: Arrays
    hessian: Arrays

    @classmethod
    def at(cls, observed: Arrays, coordinates: Coordinates, z: Arrays) -> "_Points":
        """What is at coordinates z, [point, coordinate] [1]."""
        value, gradient, hessian, _ = coordinates.expansion(observed, z)
        if hessian.ndim == 2:
            hessian = np.repeat(hessian[None], len(z), axis=0)
        return cls(z, value, gradient, hessian)

    def some(self, points: Flags) -> "_Points":
        """Some of the points."""
        return _Points(*(x[points] for x in self))

    def put(self, points: Flags, others: "_Points") -> None:
        """Write others in the place of some of the points."""
        for mine, other in zip(self, others, strict=True):
            mine[points] = other

    def newton(self, low: Arrays) -> tuple[Arrays, Arrays]:
        """Where Newton's step leads, and what it promises to take off chi2/2."""
        free = ~held(self.z, self.gradient, self.hessian, low)
        step = direction(self.hessian, self.gradient, free, 0.0)
        return np.maximum(self.z - step, low), 0.5 * (self.gradient * step).sum(-1)


def _keeps_promise(value: Arrays, after: Arrays, gain: Arrays) -> Flags:
    """Whether a step lowers chi2/2 about as much as it promises, up to rounding."""
    least = _PROMISED * gain - _ROUNDING * np.maximum(1.0, abs(value))
    return (gain >= 0) & (value - after >= least)


def stepwise(
    observed: Arrays,
    coordinates: Coordinates,
    start: Arrays,
    growth: Arrays | None = None,
    needed: Flags | bool = True,
) -> tuple[Arrays, Flags]:
    """The same search in NumPy, where a point near the minimum asks for Newton's step alone.

    A point that has arrived leaves the others, so that it does not depend on them.
    """
    n, at, low = observed, coordinates, coordinates.low.astype(start.dtype)
    now = _Points.at(n, at, np.atleast_2d(start))
    end, live = np.array(now.z), np.arange(len(now.z))
    arrived = np.array(np.broadcast_to(~np.asarray(needed), live.shape))
    done = arrived.copy()
    for _ in range(_most_steps(at)):
        trial, gain = now.newton(low)
        done |= (gain >= 0) & (gain < _MIN_GAIN)
        end[live], arrived[live] = now.z, done
        if done.all():
            break
        if done.any():
            n, at, now = rows_of(n, ~done, 1), at.at_points(~done), now.some(~done)
            live, trial, gain, done = live[~done], trial[~done], gain[~done], done[~done]
        after = _Points.at(n, at, trial)
        asks = ~((gain < _NEAR) & _keeps_promise(now.value, after.value, gain))
        if asks.any():
            few, at_few, z = rows_of(n, asks, 1), at.at_points(asks), now.z[asks]
            others, left = _trials(few, at_few, z, at_few.expansion(few, z), growth)
            after.put(asks, _Points.at(few, at_few, others))
            done[asks] = left < _MIN_GAIN
        now = after
    else:
        end[live], arrived[live] = now.z, done
    return end.reshape(start.shape), arrived.reshape(start.shape[:-1])


def values(observed: Arrays, coordinates: Coordinates, trials: Arrays) -> Arrays:
    """chi2 at some trials, [trial, ..., coordinate], [trial, ...]."""
    if numpy_of(trials) is np:
        return coordinates.chi2(observed, trials)
    return jax.vmap(lambda z: coordinates.chi2(observed, z))(trials)


def lowest_of(trials: Arrays, values: Arrays) -> tuple[Arrays, Arrays]:
    """The trial with the least finite value at each point, and the value."""
    xp = numpy_of(values)
    finite = xp.where(xp.isfinite(values), values, np.inf)
    chosen = xp.argmin(finite, axis=0)
    return xp.take_along_axis(trials, chosen[None, ..., None], axis=0)[0], finite.min(0)
