"""Ways to minimise, by name: each takes a problem and starts and gives the lowest minimum found."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from cevnsjax.errors import InputError, UnknownNameError
from cevnsjax.inference.minimize import (
    Minimum,
    Problem,
    distance_left,
    lbfgs,
    newton,
    on_bound,
    pressed,
)

_ADAM_STEPS, _ADAM_RATE, _ADAM_DECAY = 4000, 0.3, 0.997
_SAME = 1e-9


def best_minimum(problem: Problem, starts: list[np.ndarray], method: str = "auto") -> Minimum:
    """The lowest minimum reached from several starts.

    Args:
        problem: What to minimise.
        starts: Scaled coordinates, each [parameter].
        method: "auto" (L-BFGS from each start, Newton from the best), "newton", "lbfgs" or "adam"
            (optax), or "minuit" (iminuit, if it is installed).

    Raises:
        UnknownNameError: At an unknown method.
        InputError: If the function is finite at no start, or iminuit is missing.
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    if method == "auto":
        return _two_stages(problem, starts)
    return min(_finite([METHODS[method](problem, s) for s in starts]), key=lambda m: m.value)


def _finite(found: list[Minimum]) -> list[Minimum]:
    finite = [m for m in found if np.isfinite(m.value)]
    if not finite:
        raise InputError("the likelihood is not finite at any start; check fixed values and data")
    return finite


def _two_stages(problem: Problem, starts: list[np.ndarray]) -> Minimum:
    order = sorted(_finite([lbfgs(problem, s) for s in starts]), key=lambda m: m.value)
    best = newton(problem, order[0].u)
    # A rough end point may hide a lower minimum within the tolerance of L-BFGS.
    for other in order[1:]:
        if other.value < best.value - _SAME:
            best = newton(problem, other.u)
    return best


def _judged(problem: Problem, found: Minimum) -> Minimum:
    """The same with its distance from the minimum, by one look at the curvature."""
    return Minimum(
        found.u, found.value, distance_left(problem, found.u), found.at_bound, found.steps
    )


@lru_cache(maxsize=8)
def _adam_update(size: int) -> tuple[Any, Any]:
    import jax
    import jax.numpy as jnp
    import optax

    rate = optax.exponential_decay(_ADAM_RATE, 1, _ADAM_DECAY)
    transform = optax.chain(optax.scale_by_adam(), optax.scale_by_schedule(rate))

    @jax.jit
    def update(gradient: Any, state: Any) -> Any:
        # Optax mixes integer widths: it cannot run under a caller's strict promotion.
        with jax.numpy_dtype_promotion("standard"):
            return transform.update(gradient, state)

    return jax.jit(transform.init)(jnp.zeros(size)), update


def adam(problem: Problem, start: np.ndarray) -> Minimum:
    """Optax adam with a decaying rate, steps clipped to the bounds; for rough functions.

    Args:
        problem: What to minimise.
        start: Scaled start, [parameter].
    """
    u = np.clip(start, problem.low, problem.high)
    state, update = _adam_update(u.size)
    best, steps = (np.inf, u), 0
    for _ in range(_ADAM_STEPS):
        value, gradient = problem.value_and_grad(u)
        if value < best[0]:
            best = (value, u)
        inward = np.where(pressed(problem, u, gradient), 0.0, gradient)
        if not np.isfinite(value) or np.max(np.abs(inward), initial=0.0) < _SAME:
            break
        step, state = update(inward, state)
        u = np.clip(u - np.asarray(step), problem.low, problem.high)
        steps += 1
    value, u = best
    return _judged(problem, Minimum(u, value, np.inf, on_bound(problem, u), steps))


def _lbfgs(problem: Problem, start: np.ndarray) -> Minimum:
    return _judged(problem, lbfgs(problem, start))


def minuit(problem: Problem, start: np.ndarray) -> Minimum:
    """Iminuit's migrad with our gradient and bounds: an independent check.

    Args:
        problem: What to minimise.
        start: Scaled start, [parameter].

    Raises:
        InputError: If iminuit is not installed.
    """
    try:
        from iminuit import Minuit
    except ImportError as error:
        raise InputError('method "minuit" needs iminuit: pip install "cevnsjax[minuit]"') from error
    u = np.clip(start, problem.low, problem.high)
    m = Minuit(
        lambda x: problem.value_and_grad(np.asarray(x))[0],  # pyright: ignore[reportArgumentType]
        u,
        grad=lambda x: problem.value_and_grad(np.asarray(x))[1],  # pyright: ignore[reportArgumentType]
    )
    m.errordef = Minuit.LIKELIHOOD
    for k, ends in enumerate(zip(problem.low, problem.high, strict=True)):
        m.limits[k] = ends
    m.tol, m.strategy = 1e-6, 1
    m.migrad()
    found = np.clip(np.array(m.values), problem.low, problem.high)
    # Minuit's bounds are a sine: it comes near a bound, never on it.
    for bound in (problem.low, problem.high):
        width = np.where(np.isfinite(bound), problem.high - problem.low, 0.0)
        found = np.where(np.abs(found - bound) < 1e-6 * width, bound, found)
    value, _ = problem.value_and_grad(found)
    return _judged(problem, Minimum(found, value, np.inf, on_bound(problem, found), m.nfcn))


METHODS: dict[str, Callable[[Problem, np.ndarray], Minimum]] = {
    "auto": newton,
    "newton": newton,
    "lbfgs": _lbfgs,
    "adam": adam,
    "minuit": minuit,
}
"""How to come down from one start, by name; "auto" does it in two stages."""
