"""Newton's method within bounds, traceable: one descent, to be mapped over many.

The step is Newton's on all coordinates that neither are fixed nor press against a bound, no longer
than a radius that grows with success; it ends at the first bound it meets. The linear system is
solved by H = L D L^T, and negative curvatures are turned round: |D| instead of D leads off saddles
(Nocedal and Wright, Numerical Optimization, section 3.4).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cevnsjax.core.types import RealLike, Reals
from cevnsjax.inference.minimise.problems import ARMIJO
from cevnsjax.numerics import total

MAX_STEPS = 200
"""Steps after which a descent stops, wherever it is."""
# Distance in nll at which a descent stops.
_ARRIVED = 1e-11
# Radius in scales: at the start, its growth and shrinkage, and where a descent gives up.
_FIRST_RADIUS, _GROWTH, _SHRINKAGE, _LAST_RADIUS = 10.0, 3.0, 0.25, 1e-9
# Relative change of the value, and relative size of pivots and distances, that rounding makes.
_VALUE_ROUNDING, _ROUNDING = 1e-14, 1e-12

Coordinates = Float[Array, "coordinate"]
Expansion = Callable[[Coordinates], tuple[Reals, Reals, Reals]]
"""Function of coordinates: value, gradient [coordinate], Hessian [coordinate, coordinate]."""


class _Box(NamedTuple):
    """Bounds, and which coordinates keep their start."""

    low: Coordinates
    high: Coordinates
    fixed: Bool[Array, " coordinate"]


class _State(NamedTuple):
    """Where a descent is, where it looks next, and what it expects there."""

    steps: Any
    u: Reals
    value: Reals
    gradient: Reals
    hessian: Reals
    trial: Reals
    length: Reals
    slope: Reals
    radius: Reals
    distance: Reals
    going: Any


def newton(
    expand: Expansion,
    start: Coordinates,
    low: Coordinates,
    high: Coordinates,
    fixed: Bool[Array, " coordinate"],
    arrived: RealLike = _ARRIVED,
    most_steps: RealLike = MAX_STEPS,
) -> tuple[Coordinates, Reals, Reals]:
    """Coordinates, value and distance left after Newton's steps within bounds.

    Coordinates that are ``fixed`` keep their start; ``arrived`` is the distance in value from the
    minimum at which the descent stops; it stops after ``most_steps`` too.
    """
    box = _Box(low, high, fixed)

    def advance(state: _State) -> _State:
        return _advanced(expand, box, state, arrived)

    zeros, zero = jnp.zeros_like(start), jnp.zeros_like(start[0])
    state = _State(
        steps=0,
        u=start,
        # The initial value is infinite, so that the start is accepted as the first step.
        value=zero + jnp.inf,
        gradient=zeros,
        hessian=zeros[:, None] * zeros[None, :],
        trial=start,
        length=zero,
        slope=zero,
        radius=zero + _FIRST_RADIUS,
        distance=zero + jnp.inf,
        going=zero < 1,
    )
    end = jax.lax.while_loop(lambda s: s.going & (s.steps < most_steps), advance, state)
    return end.u, end.value, end.distance


def _advanced(expand: Expansion, box: _Box, state: _State, arrived: RealLike) -> _State:
    """The state after a look at the trial point: accepted or not, and where to look next."""
    value, gradient, hessian = expand(state.trial)
    finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(hessian))
    lower = finite & (value <= state.value + ARMIJO * jnp.minimum(state.slope, 0.0))
    u, value, gradient, hessian = (
        jnp.where(lower, new, old)
        for new, old in zip((state.trial, value, gradient, hessian), state[1:5], strict=True)
    )
    grown = jnp.maximum(state.radius, _GROWTH * state.length)
    radius = jnp.where(lower, grown, _SHRINKAGE * state.length)
    rounding = _VALUE_ROUNDING * jnp.maximum(1.0, jnp.abs(value))
    only_rounding_left = ~lower & (jnp.abs(state.slope) < rounding)
    step, distance = _step(u, gradient, hessian, box)
    longest = jnp.max(jnp.abs(step), initial=0.0)
    step = step * jnp.minimum(1.0, radius / jnp.maximum(longest, _ROUNDING))
    trial = _within(u, step, box)
    going = ~(distance < arrived) & ~only_rounding_left & (radius > _LAST_RADIUS)
    return _State(
        steps=state.steps + 1,
        u=u,
        value=value,
        gradient=gradient,
        hessian=hessian,
        trial=trial,
        length=jnp.minimum(longest, radius),
        slope=jnp.sum(gradient * (trial - u)),
        radius=radius,
        distance=distance,
        going=going & jnp.isfinite(value),
    )


def _within(u: Reals, step: Reals, box: _Box) -> Reals:
    """The end of a step, which stops where it first meets a bound."""
    wall = jnp.where(step < 0, box.low, box.high)
    part = jnp.where(step == 0, jnp.inf, (wall - u) / jnp.where(step == 0, 1.0, step))
    shortest = jnp.min(part, initial=1.0)
    inside = jnp.clip(u + shortest * step, box.low, box.high)
    # A coordinate that reaches its bound gets exactly the bound, whatever rounding says.
    return jnp.where(part <= shortest * (1 + _ROUNDING), wall, inside)


def _step(u: Reals, gradient: Reals, hessian: Reals, box: _Box) -> tuple[Reals, Reals]:
    """Newton's step on coordinates that nothing holds, and the distance left."""
    at_low, at_high = u <= box.low, u >= box.high
    held = box.fixed | (at_low & (gradient > 0)) | (at_high & (gradient < 0))
    step, _ = _solved(hessian, gradient, held)
    # A step out of the box would be cut, and the rest of it need not go down.
    held = held | (at_low & (step < 0)) | (at_high & (step > 0))
    step, positive = _solved(hessian, gradient, held)
    return step, jnp.where(positive, -jnp.sum(gradient * step) / 2, jnp.inf)


def _solved(hessian: Reals, gradient: Reals, held: Any) -> tuple[Reals, Any]:
    """-H^-1 g by L D L^T unrolled, with |D| where curvature is negative; whether H is positive."""
    n = gradient.size
    free = jnp.where(held, 0.0, 1.0).astype(gradient.dtype)
    h = hessian * free[:, None] * free[None, :] + jnp.diag(1.0 - free)
    rows = [[h[i, j] for j in range(i + 1)] for i in range(n)]
    b = [-gradient[i] * free[i] for i in range(n)]
    largest = jnp.max(jnp.abs(jnp.diagonal(h)), initial=1.0)
    pivots, positive = [], True
    for i in range(n):
        positive = positive & (rows[i][i] > _ROUNDING * largest)
        pivots.append(jnp.maximum(jnp.abs(rows[i][i]), _ROUNDING * largest))
        for j in range(i + 1, n):
            factor = rows[j][i] / pivots[i]
            for k in range(i + 1, j + 1):
                rows[j][k] = rows[j][k] - factor * rows[k][i]
            b[j] = b[j] - factor * b[i]
    x: list[Any] = [None] * n
    for i in reversed(range(n)):
        below = [rows[j][i] * x[j] for j in range(i + 1, n)]
        x[i] = (b[i] - total(below) if below else b[i]) / pivots[i]
    return jnp.stack(x) * free, positive
