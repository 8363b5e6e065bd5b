"""Minimisers that ask for gradients only: optax L-BFGS, and iminuit as a check."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.inference.minimise.newton import distance_left, newton
from cevnsjax.inference.minimise.problems import (
    ARMIJO,
    Coordinates,
    Minimum,
    Problem,
    on_bound,
    pushed_to_bound,
)

# L-BFGS stops at a gradient per scale below the first, or at a relative progress below the second.
_GRADIENT, _PROGRESS = 1e-6, 1e-12
# Where Minuit ends nearer to a bound than this, in scales, the bound is tried too.
_NEAR_BOUND = 1e-2
_MAX_HALVINGS = 40


@lru_cache(maxsize=8)
def _lbfgs_update(size: int) -> tuple[Any, Any]:
    """Initial state and compiled update of optax L-BFGS for this number of parameters."""
    import jax
    import jax.numpy as jnp
    import optax

    transform = optax.scale_by_lbfgs(memory_size=10)
    state = jax.jit(transform.init)(jnp.zeros(size))

    @jax.jit
    def direction(gradient: Any, state: Any, u: Any) -> Any:
        # Optax mixes integer widths: it cannot run under a caller's strict promotion.
        with jax.numpy_dtype_promotion("standard"):
            return transform.update(gradient, state, u)

    return state, direction


def lbfgs(problem: Problem, start: Coordinates, *, max_steps: int = 100) -> Minimum:
    """Optax L-BFGS with a projected backtracking line search."""
    u = np.clip(start, problem.low, problem.high)
    value, gradient = problem.value_and_grad(u)
    state, direction = _lbfgs_update(u.size)
    steps, length = 0, 0.0
    for _ in range(max_steps):
        held = pushed_to_bound(problem, u, gradient)
        inward = np.where(held, 0.0, gradient)
        if not np.isfinite(value) or np.max(np.abs(inward), initial=0.0) < _GRADIENT:
            break
        step, state = direction(inward, state, u)
        step = np.where(held, 0.0, -np.asarray(step))
        if step @ inward >= 0:
            # L-BFGS learns nothing from negative curvature: go straight down, farther each time.
            norm = float(np.linalg.norm(inward))
            step = -inward / norm * max(norm, 2 * length)
        if steps == 0:
            step = step / max(1.0, float(np.linalg.norm(step)))
        moved = _search(problem, u, value, inward, step)
        if moved is None:
            break
        length, progress = float(np.linalg.norm(moved[0] - u)), value - moved[1]
        u, value, gradient = moved
        steps += 1
        if progress < _PROGRESS * max(1.0, abs(value)):
            break
    return Minimum(u, value, np.inf, on_bound(problem, u), steps)


def _search(
    problem: Problem, u: Coordinates, value: float, gradient: Coordinates, step: Coordinates
) -> tuple[Coordinates, float, Coordinates] | None:
    """First point along the projected step that lowers the value enough, None if none does."""
    size = 1.0
    for _ in range(_MAX_HALVINGS):
        trial = np.clip(u + size * step, problem.low, problem.high)
        trial_value, trial_gradient = problem.value_and_grad(trial)
        if trial_value <= value + ARMIJO * (gradient @ (trial - u)) and np.any(trial != u):
            return trial, trial_value, trial_gradient
        size /= 2
    return None


def polished(problem: Problem, end: Minimum) -> Minimum:
    """Newton's last steps: along a flat valley, or a bound, gradients alone stop on the way."""
    minimum = newton(problem, end.u)
    return replace(minimum, steps=end.steps + minimum.steps)


def minuit(problem: Problem, start: Coordinates) -> Minimum:
    """Iminuit's migrad with our gradient and bounds: an independent check.

    Raises:
        InputError: If iminuit is not installed.
    """
    try:
        from iminuit import Minuit
    except ImportError as error:
        raise InputError('method "minuit" needs iminuit: pip install "cevnsjax[minuit]"') from error

    def at(x: Any) -> tuple[float, np.ndarray]:
        u = np.asarray(x)
        # Far from the minimum migrad may ask for the value at NaN.
        return problem.value_and_grad(u) if np.all(np.isfinite(u)) else (np.inf, np.zeros(u.shape))

    u = np.clip(start, problem.low, problem.high)
    m = Minuit(lambda x: at(x)[0], u, grad=lambda x: at(x)[1])  # pyright: ignore[reportArgumentType]
    m.errordef = Minuit.LIKELIHOOD
    for k, ends in enumerate(zip(problem.low, problem.high, strict=True)):
        m.limits[k] = ends
    m.tol, m.strategy = 1e-6, 1
    m.migrad()
    u = np.clip(np.array(m.values), problem.low, problem.high)
    value, _ = problem.value_and_grad(u)
    # Minuit maps bounds by a sine: it comes near a bound, never onto it.
    near = np.minimum(1e-6 * (problem.high - problem.low), _NEAR_BOUND)
    for bound in (problem.low, problem.high):
        for k in np.flatnonzero(np.abs(u - bound) < near):
            moved = np.where(np.arange(u.size) == k, bound, u)
            value_on_bound, _ = problem.value_and_grad(moved)
            if value_on_bound <= value:
                u, value = moved, value_on_bound
    edm, solved = distance_left(problem, u)
    at_bound = on_bound(problem, u)
    return Minimum(u, value, edm, at_bound, m.nfcn, solved=solved)
