"""Newton's method within bounds, traceable: one descent, to be mapped over many.

The step is Newton's on all coordinates that neither are held nor press against a bound, no longer
than a radius that grows with success; it ends at the first bound it meets.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cevnsjax.core.types import Reals
from cevnsjax.numerics import total

CONVERGED = 1e-9
"""Distance in nll below which an end is a minimum."""
_STEPS = 200
# Where a descent ends, in nll.
_ARRIVED = 1e-11
_ARMIJO, _FIRST, _GROW, _SHRINK, _SHORTEST = 1e-4, 10.0, 3.0, 0.25, 1e-9
_ROUNDING, _TINY = 1e-14, 1e-12


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
    expand: Any, start: Reals, low: Reals, high: Reals, fixed: Any
) -> tuple[Reals, Reals, Reals]:
    """Coordinates, value and distance left after Newton's steps within bounds.

    Args:
        expand: Function of coordinates [coordinate]: value, gradient [coordinate] and Hessian
            [coordinate, coordinate].
        start: [coordinate].
        low: Lower bounds, [coordinate].
        high: Upper bounds, [coordinate].
        fixed: Which coordinates keep their start, [coordinate].
    """

    def advance(state: _State) -> _State:
        value, gradient, hessian = expand(state.trial)
        fine = jnp.isfinite(value) & jnp.all(jnp.isfinite(hessian))
        # Whatever is finite is lower than nothing: the start is taken like any step.
        lower = fine & (value <= state.value + _ARMIJO * jnp.minimum(state.slope, 0.0))
        u, value, gradient, hessian = (
            jnp.where(lower, new, old)
            for new, old in zip((state.trial, value, gradient, hessian), state[1:5], strict=True)
        )
        grown = jnp.maximum(state.radius, _GROW * state.length)
        radius = jnp.where(lower, grown, _SHRINK * state.length)
        idle = ~lower & (jnp.abs(state.slope) < _ROUNDING * jnp.maximum(1.0, jnp.abs(value)))
        step, distance = _step(u, gradient, hessian, (low, high, fixed))
        longest = jnp.max(jnp.abs(step), initial=0.0)
        step = step * jnp.minimum(1.0, radius / jnp.maximum(longest, _TINY))
        trial = _within(u, step, low, high)
        going = ~(distance < _ARRIVED) & ~idle & (radius > _SHORTEST)
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

    none, nothing = jnp.zeros_like(start), jnp.zeros_like(start[0])
    state = _State(
        steps=0,
        u=start,
        value=nothing + jnp.inf,
        gradient=none,
        hessian=none[:, None] * none[None, :],
        trial=start,
        length=nothing,
        slope=nothing,
        radius=nothing + _FIRST,
        distance=nothing + jnp.inf,
        going=nothing < 1,
    )
    end = jax.lax.while_loop(lambda s: s.going & (s.steps < _STEPS), advance, state)
    return end.u, end.value, end.distance


def _within(u: Reals, step: Reals, low: Reals, high: Reals) -> Reals:
    """The end of a step, which stops where it first meets a bound."""
    wall = jnp.where(step < 0, low, high)
    part = jnp.where(step == 0, jnp.inf, (wall - u) / jnp.where(step == 0, 1.0, step))
    shortest = jnp.min(part, initial=1.0)
    # Rounding must not leave it a hair before the bound.
    return jnp.where(part <= shortest * (1 + _TINY), wall, jnp.clip(u + shortest * step, low, high))


def _step(u: Reals, g: Reals, hessian: Reals, box: Any) -> tuple[Reals, Reals]:
    """Newton's step on coordinates that nothing holds, and the distance left."""
    low, high, fixed = box
    held = fixed | ((u <= low) & (g > 0)) | ((u >= high) & (g < 0))
    step, _ = _solved(hessian, g, held)
    # A step out of the box would be cut, and the rest of it need not go down.
    held = held | ((u <= low) & (step < 0)) | ((u >= high) & (step > 0))
    step, positive = _solved(hessian, g, held)
    return step, jnp.where(positive, -jnp.sum(g * step) / 2, jnp.inf)


def _solved(hessian: Reals, gradient: Reals, held: Any) -> tuple[Reals, Any]:
    """-H^-1 g by L D L^T unrolled, with |D| where curvature is negative; whether it is positive."""
    n = gradient.size
    free = jnp.where(held, 0.0, 1.0)
    h = hessian * free[:, None] * free[None, :] + jnp.diag(1.0 - free)
    rows = [[h[i, j] for j in range(i + 1)] for i in range(n)]
    b = [-gradient[i] * free[i] for i in range(n)]
    largest = jnp.max(jnp.abs(jnp.diagonal(h)), initial=1.0)
    pivots, positive = [], True
    for i in range(n):
        positive = positive & (rows[i][i] > _TINY * largest)
        pivots.append(jnp.maximum(jnp.abs(rows[i][i]), _TINY * largest))
        for j in range(i + 1, n):
            factor = rows[j][i] / pivots[i]
            for k in range(i + 1, j + 1):
                rows[j][k] = rows[j][k] - factor * rows[k][i]
            b[j] = b[j] - factor * b[i]
    x: list[Any] = [None] * n
    for i in reversed(range(n)):
        known = [rows[j][i] * x[j] for j in range(i + 1, n)]
        x[i] = (b[i] - total(known) if known else b[i]) / pivots[i]
    return jnp.stack(x) * free, positive
