"""Where a profiled function crosses a height, inside a trace: a walk outwards, then a root.

The function is followed from a point at which it is 0, its other arguments at their best all the
way, so that the crossing found is the first one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cevnsjax.core.types import Reals
from cevnsjax.inference.minimise.traced import newton

# The walk: first distance in units of the scale, growth of the distance a step, steps at most.
_FIRST, _GROWTH, _WALK = 1e-2, 1.05, 400
_ROUNDS = 60
# Distance from the minimum over the other arguments at which its search stops.
_DISTANCE = 1e-14
# Where symmetry makes 0 a stationary point the search starts beside it.
_ASIDE = 0.1


class Inner(NamedTuple):
    """The other arguments, each in units of its scale.

    Attributes:
        start: Where the search begins, [other].
        low: Lower bounds, [other].
        high: Upper bounds, [other].
        aside: 1 for those on whose square alone the function may depend, 0 for others, [other].
    """

    start: Reals
    low: Reals
    high: Reals
    aside: Reals


class Crossing(NamedTuple):
    """Where the walk ended.

    Attributes:
        x: The crossing, or the end of the range.
        u: The other arguments there, [other].
        found: Whether the height is reached.
    """

    x: Reals
    u: Reals
    found: Reals


class _State(NamedTuple):
    """Of the search: first a walk, then regula falsi between the last two points.

    Attributes:
        steps: Of either kind.
        rounds: Of regula falsi.
        a: A point on the other side of the root than ``b``, or the one before.
        left: How far the function is above the height there, shrunk where ``a`` stays.
        b: The last point.
        right: How far the function is above the height there.
        u: The other arguments there, [other].
        found: Whether the walk is over.
    """

    steps: Any
    rounds: Any
    a: Reals
    left: Reals
    b: Reals
    right: Reals
    u: Reals
    found: Any


def crossing(
    function: Callable[[Any, Reals], Reals],
    height: Reals,
    origin: Reals,
    end: Reals,
    scale: Reals,
    inner: Inner,
) -> Crossing:
    """The first x from the origin towards the end where the minimum over u reaches a height.

    A barrier thinner than a twentieth of its distance may be stepped over. The root is closed in by
    regula falsi with the weights of Anderson and Bjoerck, BIT 13, 253 (1973).

    Args:
        function: Of x and u [other], 0 at the origin and its start, not negative.
        height: Height to reach.
        origin: Where to begin.
        end: Where to stop, may be infinite.
        scale: Typical change of x.
        inner: The other arguments.
    """
    direction = jnp.where(end < origin, -1.0, 1.0).astype(origin.dtype)
    enough = 16 * jnp.finfo(origin.dtype).eps * height

    def ahead(steps: Any) -> Reals:
        distance = _FIRST * scale * jnp.asarray(_GROWTH, origin.dtype) ** steps
        x = origin + direction * distance
        return jnp.where(direction * (x - end) > 0, end, x)

    def unfinished(s: _State) -> Any:
        walks = (s.steps < _WALK) & (s.b != end) & ~jnp.isnan(s.right)
        closes = (s.rounds < _ROUNDS) & (s.a != s.b) & (jnp.abs(s.right) > enough)
        return jnp.where(s.found, closes, walks)

    def step(s: _State) -> _State:
        # One place for both phases, because the function costs its compilation each time.
        secant = s.b - s.right * (s.b - s.a) / (s.right - s.left)
        # Far above the height a secant would crawl along the foot of a steep wall.
        inward = jnp.where(jnp.abs(s.right) > height, (s.a + s.b) / 2, secant)
        x = jnp.where(s.found, inward, ahead(s.steps))
        u, value = minimum(lambda v: function(x, v), inner._replace(start=s.u))
        new = value - height
        kept = 1 - new / s.right
        kept = jnp.where(kept > 0, kept, 0.5)
        changes = ~s.found | (new * s.right < 0)
        a, left = jnp.where(changes, s.b, s.a), jnp.where(changes, s.right, s.left * kept)
        rounds = jnp.where(s.found, s.rounds + 1, s.rounds)
        return _State(s.steps + 1, rounds, a, left, x, new, u, s.found | (new >= 0))

    none = jnp.zeros_like(origin)
    begin = _State(none, none, origin, -height, origin, -height, inner.start, jnp.asarray(False))
    last = jax.lax.while_loop(unfinished, step, begin)
    is_near = jnp.abs(last.right) <= jnp.finfo(origin.dtype).eps ** 0.5 * height
    return Crossing(last.b, last.u, last.found & is_near)


def minimum(function: Callable[[Reals], Reals], inner: Inner) -> tuple[Reals, Reals]:
    """Where a function of few arguments is least within bounds, by Newton's steps.

    Args:
        function: Of u [other].
        inner: Start and bounds.

    Returns:
        u [other] and the value.
    """
    if not inner.start.size:
        return inner.start, function(inner.start)
    slope = jax.grad(function)

    def expand(u: Reals) -> tuple[Reals, Reals, Reals]:
        return function(u), slope(u), jax.jacfwd(slope)(u)

    near = (jnp.abs(inner.start) < _ASIDE) & (inner.aside > 0)
    start = jnp.clip(jnp.where(near, _ASIDE, inner.start), inner.low, inner.high)
    fixed = jnp.zeros(start.shape, dtype=bool)
    u, value, _ = newton(expand, start, inner.low, inner.high, fixed, _DISTANCE)
    return u, value


def held(u: Reals, g: Reals, H: Reals, inner: Inner) -> tuple[Reals, Reals]:
    """Gradient and Hessian in which arguments that are pressed against a bound stay there.

    Args:
        u: The arguments, [other].
        g: Gradient, [other].
        H: Hessian, [other, other].
        inner: Their bounds.
    """
    pressed = ((u <= inner.low) & (g > 0)) | ((u >= inner.high) & (g < 0))
    either = pressed[:, None] | pressed[None, :]
    return jnp.where(pressed, 0.0, g), jnp.where(either, jnp.eye(u.size, dtype=u.dtype), H)
