"""Minimisers that ask for gradients only: optax L-BFGS, and iminuit as a check."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.inference.minimise.newton import (
    ARMIJO,
    Minimum,
    Problem,
    distance_left,
    newton,
    on_bound,
    pushed_to_bound,
)

# Where Minuit ends nearer to a bound than this, in scales, it may mean the bound.
_NEAR = 1e-2


@lru_cache(maxsize=8)
def _lbfgs_update(size: int) -> tuple[Any, Any]:
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


def lbfgs(problem: Problem, start: np.ndarray, *, max_steps: int = 100) -> Minimum:
    """Optax L-BFGS with a projected backtracking line search.

    Args:
        problem: What to minimise.
        start: Scaled start, [parameter].
        max_steps: Steps at most.
    """
    u = np.clip(start, problem.low, problem.high)
    value, gradient = problem.value_and_grad(u)
    state, direction = _lbfgs_update(u.size)
    steps, reach = 0, 0.0
    for _ in range(max_steps):
        held = pushed_to_bound(problem, u, gradient)
        inward = np.where(held, 0.0, gradient)
        if not np.isfinite(value) or np.max(np.abs(inward), initial=0.0) < 1e-6:
            break
        step, state = direction(inward, state, u)
        step = np.where(held, 0.0, -np.asarray(step))
        if step @ inward >= 0:
            # Curvature down, of which L-BFGS learns nothing: straight down, farther each time.
            norm = float(np.linalg.norm(inward))
            step = -inward / norm * max(norm, 2 * reach)
        if steps == 0:
            step = step / max(1.0, float(np.linalg.norm(step)))
        moved = _search(problem, u, value, inward, step)
        if moved is None:
            break
        reach, progress = float(np.linalg.norm(moved[0] - u)), value - moved[1]
        u, value, gradient = moved
        steps += 1
        if progress < 1e-12 * max(1.0, abs(value)):
            break
    return Minimum(u, value, np.inf, on_bound(problem, u), steps)


def _search(
    problem: Problem, u: np.ndarray, value: float, gradient: np.ndarray, step: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray] | None:
    """First point along the projected step that lowers the value enough, None if none does."""
    size = 1.0
    for _ in range(40):
        trial = np.clip(u + size * step, problem.low, problem.high)
        trial_value, trial_gradient = problem.value_and_grad(trial)
        if trial_value <= value + ARMIJO * (gradient @ (trial - u)) and np.any(trial != u):
            return trial, trial_value, trial_gradient
        size /= 2
    return None


def with_edm(problem: Problem, found: Minimum) -> Minimum:
    """The same with its distance from the minimum, by one look at the curvature.

    Args:
        problem: The function.
        found: Where a minimiser stopped.
    """
    edm = distance_left(problem, found.u)
    return Minimum(found.u, found.value, edm, found.at_bound, found.steps)


def polished(problem: Problem, found: Minimum) -> Minimum:
    """Newton's last steps: along a flat valley, or a bound, gradients alone stop on the way.

    Args:
        problem: The function.
        found: Where a minimiser stopped.
    """
    end = newton(problem, found.u)
    return replace(end, steps=found.steps + end.steps)


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

    def at(x: Any) -> tuple[float, np.ndarray]:
        u = np.asarray(x)
        # Far off it may ask at no number.
        return problem.value_and_grad(u) if np.all(np.isfinite(u)) else (np.inf, np.zeros(u.shape))

    u = np.clip(start, problem.low, problem.high)
    m = Minuit(lambda x: at(x)[0], u, grad=lambda x: at(x)[1])  # pyright: ignore[reportArgumentType]
    m.errordef = Minuit.LIKELIHOOD
    for k, ends in enumerate(zip(problem.low, problem.high, strict=True)):
        m.limits[k] = ends
    m.tol, m.strategy = 1e-6, 1
    m.migrad()
    found = np.clip(np.array(m.values), problem.low, problem.high)
    value, _ = problem.value_and_grad(found)
    # Minuit's bounds are a sine: it comes near a bound, never on it.
    near = np.minimum(1e-6 * (problem.high - problem.low), _NEAR)
    for bound in (problem.low, problem.high):
        for k in np.flatnonzero(np.abs(found - bound) < near):
            moved = np.where(np.arange(found.size) == k, bound, found)
            there, _ = problem.value_and_grad(moved)
            if there <= value:
                found, value = moved, there
    return with_edm(problem, Minimum(found, value, np.inf, on_bound(problem, found), m.nfcn))
