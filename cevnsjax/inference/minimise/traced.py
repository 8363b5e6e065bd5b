"""Newton's method within bounds: one descent, traceable, or many side by side in NumPy.

The step is Newton's on all coordinates that neither are fixed nor press against a bound, no longer
than a radius that grows with success; it ends at the first bound it meets. The linear system is
solved by H = L D L^T, and negative curvatures are turned round: |D| instead of D leads off saddles
(Nocedal and Wright, Numerical Optimization, section 3.4).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from cevnsjax.core.namespaces import numpy_of
from cevnsjax.core.types import Arrays, RealLike, Reals
from cevnsjax.inference.minimise.problems import ARMIJO
from cevnsjax.numerics import total

MAX_STEPS = 200
"""Steps after which a descent stops, wherever it is."""
ARRIVED = 1e-11
"""Distance in nll at which a descent stops."""
# Radius in scales: at the start, its growth and shrinkage, and where a descent gives up.
_FIRST_RADIUS, _GROWTH, _SHRINKAGE, _LAST_RADIUS = 10.0, 3.0, 0.25, 1e-9
# Relative change of the value, and relative size of pivots and distances, that rounding makes.
_VALUE_ROUNDING, _ROUNDING = 1e-14, 1e-12

Coordinates = Float[Array, "coordinate"]
Expansion = Callable[[Coordinates], tuple[Reals, Reals, Reals]]
"""Function of coordinates: value, gradient [coordinate], Hessian [coordinate, coordinate]."""


class Box(NamedTuple):
    """Bounds, and which coordinates keep their start, each [..., coordinate]."""

    low: Arrays
    high: Arrays
    fixed: Any


class State(NamedTuple):
    """Where descents are, where they look next, and what they expect there."""

    steps: Any
    u: Arrays
    value: Arrays
    gradient: Arrays
    hessian: Arrays
    trial: Arrays
    length: Arrays
    slope: Arrays
    radius: Arrays
    distance: Arrays
    going: Any


def newton(
    expand: Expansion,
    start: Coordinates,
    low: Coordinates,
    high: Coordinates,
    fixed: Bool[Array, " coordinate"],
    arrived: RealLike = ARRIVED,
    most_steps: RealLike = MAX_STEPS,
) -> tuple[Coordinates, Reals, Reals]:
    """Coordinates, value and distance left after Newton's steps within bounds.

    Coordinates that are ``fixed`` keep their start; ``arrived`` is the distance in value from the
    minimum at which the descent stops; it stops after ``most_steps`` too.
    """
    box = Box(low, high, fixed)

    def advance(state: Any) -> State:
        return advanced(state, expand(state.trial), box, arrived)

    state = state_at(start)
    end: Any = jax.lax.while_loop(lambda s: s.going & (s.steps < most_steps), advance, state)
    return end.u, end.value, end.distance


def state_at(start: Arrays) -> State:
    """The state before the first look, at starts [..., coordinate] of NumPy or jax."""
    zeros = numpy_of(start).zeros_like(start)
    zero = zeros[..., 0]
    return State(
        steps=0,
        u=start,
        # The initial value is infinite, so that the start is accepted as the first step.
        value=zero + np.inf,
        gradient=zeros,
        hessian=zeros[..., :, None] * zeros[..., None, :],
        trial=start,
        length=zero,
        slope=zero,
        radius=zero + _FIRST_RADIUS,
        distance=zero + np.inf,
        going=zero < 1,
    )


def advanced(
    state: State, at_trial: tuple[Arrays, Arrays, Arrays], box: Box, arrived: RealLike = ARRIVED
) -> State:
    """The state after a look at the trial points: accepted or not, and where to look next.

    ``at_trial`` are value [...], gradient and Hessian there.
    """
    value, gradient, hessian = at_trial
    xp = numpy_of(value)
    finite = xp.isfinite(value) & xp.isfinite(hessian).all((-2, -1))
    lower = finite & (value <= state.value + ARMIJO * xp.minimum(state.slope, 0.0))
    u, value, gradient, hessian = (
        xp.where(lower[(..., *[None] * (new.ndim - lower.ndim))], new, old)
        for new, old in zip((state.trial, value, gradient, hessian), state[1:5], strict=True)
    )
    grown = xp.maximum(state.radius, _GROWTH * state.length)
    radius = xp.where(lower, grown, _SHRINKAGE * state.length)
    rounding = _VALUE_ROUNDING * xp.maximum(1.0, xp.abs(value))
    only_rounding_left = ~lower & (xp.abs(state.slope) < rounding)
    step, distance = _step(u, gradient, hessian, box)
    longest = xp.max(xp.abs(step), axis=-1, initial=0.0)
    step = step * xp.minimum(1.0, radius / xp.maximum(longest, _ROUNDING))[..., None]
    trial = _within(u, step, box)
    going = ~(distance < arrived) & ~only_rounding_left & (radius > _LAST_RADIUS)
    return State(
        steps=state.steps + 1,
        u=u,
        value=value,
        gradient=gradient,
        hessian=hessian,
        trial=trial,
        length=xp.minimum(longest, radius),
        slope=xp.sum(gradient * (trial - u), axis=-1),
        radius=radius,
        distance=distance,
        going=going & xp.isfinite(value),
    )


def _within(u: Arrays, step: Arrays, box: Box) -> Arrays:
    """The end of a step, which stops where it first meets a bound."""
    xp = numpy_of(step)
    wall = xp.where(step < 0, box.low, box.high)
    part = xp.where(step == 0, np.inf, (wall - u) / xp.where(step == 0, 1.0, step))
    shortest = xp.min(part, axis=-1, initial=1.0, keepdims=True)
    inside = xp.clip(u + shortest * step, box.low, box.high)
    # A coordinate that reaches its bound gets exactly the bound, whatever rounding says.
    return xp.where(part <= shortest * (1 + _ROUNDING), wall, inside)


def _step(u: Arrays, gradient: Arrays, hessian: Arrays, box: Box) -> tuple[Arrays, Arrays]:
    """Newton's step on coordinates that nothing holds, and the distance left."""
    xp = numpy_of(gradient)
    at_low, at_high = u <= box.low, u >= box.high
    held = box.fixed | (at_low & (gradient > 0)) | (at_high & (gradient < 0))
    step, positive = _solved(hessian, gradient, held)
    # A step out of the box would be cut, and the rest of it need not go down.
    pressed = (at_low & (step < 0)) | (at_high & (step > 0))
    if xp is not np or pressed.any():
        step, positive = _solved(hessian, gradient, held | pressed)
    return step, xp.where(positive, -xp.sum(gradient * step, axis=-1) / 2, np.inf)


def _solved(hessian: Arrays, gradient: Arrays, held: Any) -> tuple[Arrays, Any]:
    """-H^-1 g by L D L^T unrolled, with |D| where curvature is negative; whether H is positive."""
    xp, n = numpy_of(gradient), gradient.shape[-1]
    free = xp.where(held, 0.0, 1.0).astype(gradient.dtype)
    units = np.eye(n, dtype=gradient.dtype) * (1.0 - free)[..., None, :]
    h = xp.moveaxis(hessian * free[..., :, None] * free[..., None, :] + units, -1, 0)
    # Coordinates first: numbers of many points lie side by side.
    h, right = (x.copy() for x in (xp.moveaxis(h, -1, 0), xp.moveaxis(-gradient * free, -1, 0)))
    rows = [[h[i, j] for j in range(i + 1)] for i in range(n)]
    b = [right[i] for i in range(n)]
    diagonal = xp.diagonal(h, axis1=0, axis2=1)
    largest = xp.max(xp.abs(diagonal), axis=-1, initial=1.0)
    pivots, positive = [], True
    for i in range(n):
        positive = positive & (rows[i][i] > _ROUNDING * largest)
        pivots.append(xp.maximum(xp.abs(rows[i][i]), _ROUNDING * largest))
        for j in range(i + 1, n):
            factor = rows[j][i] / pivots[i]
            for k in range(i + 1, j + 1):
                rows[j][k] = rows[j][k] - factor * rows[k][i]
            b[j] = b[j] - factor * b[i]
    x: list[Any] = [None] * n
    for i in reversed(range(n)):
        below = [rows[j][i] * x[j] for j in range(i + 1, n)]
        x[i] = (b[i] - total(below) if below else b[i]) / pivots[i]
    return xp.stack(x, axis=-1) * free, positive
