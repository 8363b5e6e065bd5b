"""Where a profiled function crosses a height, inside a trace: a walk outwards, then a root.

The function is followed from a point at which it is 0, its other arguments at their best all the
way, so that the crossing found is the first one.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cevnsjax.inference.minimise.traced import newton

# The walk: first distance in units of the scale, growth of the distance a step, steps at most.
_FIRST_DISTANCE, _GROWTH, _MAX_STEPS = 1e-2, 1.05, 400
# Rounds of regula falsi at most.
_MAX_ROUNDS = 60
# Distance from the minimum over the other arguments at which its search stops.
_DISTANCE = 1e-14
# Where symmetry makes 0 a stationary point the search starts this far beside it, in scales.
_ASIDE = 0.1

Scalar = Float[Array, ""]
Others = Float[Array, " other"]
Flag = Bool[Array, ""]


class Inner(NamedTuple):
    """The other arguments, each in units of its scale.

    Attributes:
        start: Where the search begins.
        low: Lower bounds.
        high: Upper bounds.
        aside: 1 for those on whose square alone the function may depend, 0 for others.
    """

    start: Others
    low: Others
    high: Others
    aside: Others


class Crossing(NamedTuple):
    """The crossing or the end of the range, the other arguments there, and which of both it is."""

    x: Scalar
    u: Others
    reached: Flag


class _State(NamedTuple):
    """State of the search: first a walk, then regula falsi between the last two points.

    Attributes:
        steps: Steps of either kind.
        rounds: Rounds of regula falsi.
        a: A point on the other side of the root than ``b``, or the one before it.
        excess_a: How far the function is above the height at ``a``, shrunk where ``a`` stays.
        b: The last point.
        excess_b: How far the function is above the height at ``b``.
        u: The other arguments at ``b``.
        reached: Whether the walk is over.
    """

    steps: Scalar
    rounds: Scalar
    a: Scalar
    excess_a: Scalar
    b: Scalar
    excess_b: Scalar
    u: Others
    reached: Flag


def crossing(
    function: Callable[[Scalar, Others], Scalar],
    height: Scalar,
    origin: Scalar,
    end: Scalar,
    scale: Scalar,
    inner: Inner,
) -> Crossing:
    """The first x from the origin towards the end where the minimum over u reaches a height.

    The function is 0 at the origin with the others at their start, and never negative; the end may
    be infinite. A barrier thinner than a twentieth of its distance may be stepped over. The root is
    enclosed by regula falsi with the weights of Anderson and Bjoerck, BIT 13, 253 (1973).
    """
    direction = jnp.where(end < origin, -1.0, 1.0).astype(origin.dtype)
    tolerance = 16 * jnp.finfo(origin.dtype).eps * height

    def walked(steps: Scalar) -> Scalar:
        distance = _FIRST_DISTANCE * scale * jnp.asarray(_GROWTH, origin.dtype) ** steps
        x = origin + direction * distance
        return jnp.where(direction * (x - end) > 0, end, x)

    def unfinished(s: _State) -> Flag:
        walks = (s.steps < _MAX_STEPS) & (s.b != end) & ~jnp.isnan(s.excess_b)
        encloses = (s.rounds < _MAX_ROUNDS) & (s.a != s.b) & (jnp.abs(s.excess_b) > tolerance)
        return jnp.where(s.reached, encloses, walks)

    def step(s: _State) -> _State:
        # One place for both phases, because the function costs its compilation each time.
        secant = s.b - s.excess_b * (s.b - s.a) / (s.excess_b - s.excess_a)
        # Far above the height a secant would crawl along the foot of a steep wall.
        inward = jnp.where(jnp.abs(s.excess_b) > height, (s.a + s.b) / 2, secant)
        x = jnp.where(s.reached, inward, walked(s.steps))
        u, value = minimum(lambda v: function(x, v), inner._replace(start=s.u))
        excess = value - height
        weight = 1 - excess / s.excess_b
        shrunk = s.excess_a * jnp.where(weight > 0, weight, 0.5)
        moves = ~s.reached | (excess * s.excess_b < 0)
        return _State(
            steps=s.steps + 1,
            rounds=jnp.where(s.reached, s.rounds + 1, s.rounds),
            a=jnp.where(moves, s.b, s.a),
            excess_a=jnp.where(moves, s.excess_b, shrunk),
            b=x,
            excess_b=excess,
            u=u,
            reached=s.reached | (excess >= 0),
        )

    none = jnp.zeros_like(origin)
    begin = _State(none, none, origin, -height, origin, -height, inner.start, jnp.asarray(False))
    last = jax.lax.while_loop(unfinished, step, begin)
    is_near = jnp.abs(last.excess_b) <= jnp.finfo(origin.dtype).eps ** 0.5 * height
    return Crossing(last.b, last.u, last.reached & is_near)


def minimum(function: Callable[[Others], Scalar], inner: Inner) -> tuple[Others, Scalar]:
    """Where a function of few arguments is least within bounds, and its value there."""
    if not inner.start.size:
        return inner.start, function(inner.start)
    slope = jax.grad(function)

    def expand(u: Others) -> tuple[Scalar, Others, Float[Array, "other other"]]:
        return function(u), slope(u), jax.jacfwd(slope)(u)

    near = (jnp.abs(inner.start) < _ASIDE) & (inner.aside > 0)
    start = jnp.clip(jnp.where(near, _ASIDE, inner.start), inner.low, inner.high)
    fixed = jnp.zeros(start.shape, dtype=bool)
    u, value, _ = newton(expand, start, inner.low, inner.high, fixed, _DISTANCE)
    return u, value


def settled(function: Callable[[Others], Scalar], u: Others, inner: Inner) -> Others:
    """The other arguments at their best as a function of everything that the function depends on.

    One more Newton step with a differentiable right-hand side: it moves nothing, but without it
    second derivatives of the profile would miss how the others follow.
    """
    if not u.size:
        return u
    slope = jax.grad(function)
    g = slope(u)
    constant_g, H = jax.lax.stop_gradient((g, jax.jacfwd(slope)(u)))
    at_low, at_high = u <= inner.low, u >= inner.high
    pushed = (at_low & (constant_g > 0)) | (at_high & (constant_g < 0))
    unit = jnp.eye(u.size, dtype=u.dtype)
    H = jnp.where(pushed[:, None] | pushed[None, :], unit, H)
    is_minimum = jnp.all(jnp.isfinite(jnp.linalg.cholesky(H)))
    step = jnp.linalg.solve(jnp.where(is_minimum, H, unit), g)
    return u - jnp.where(is_minimum & ~(at_low | at_high), step, 0.0)
