"""Minimisation within bounds: optax L-BFGS to come near, exact-Hessian Newton to land.

Both work in units of each parameter's scale and hold a parameter on its bound while the gradient
presses it there. The loop is Python around compiled steps: a loop compiled whole takes seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

_EDM = 1e-9
_ARMIJO = 1e-4
# Gradients below these are rounding: they neither press against a bound nor lead off a saddle.
_PRESS, _SADDLE = 1e-7, 1e-6


@dataclass(frozen=True)
class Problem:
    """A smooth function in scaled coordinates within a box.

    Attributes:
        value_and_grad: u [parameter] -> value, gradient [parameter].
        hessian: u -> [parameter, parameter].
        low: Lower bounds, [parameter].
        high: Upper bounds, [parameter].
    """

    value_and_grad: Callable[[np.ndarray], tuple[float, np.ndarray]]
    hessian: Callable[[np.ndarray], np.ndarray]
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended.

    Attributes:
        u: Scaled coordinates, [parameter].
        value: Function value.
        edm: Estimated vertical distance to the minimum; infinite if curvature is not positive.
        at_bound: Whether each coordinate sits on a bound, [parameter].
        steps: Steps taken.
    """

    u: np.ndarray
    value: float
    edm: float
    at_bound: np.ndarray
    steps: int

    @property
    def converged(self) -> bool:
        """Whether it is a minimum to working accuracy."""
        return self.edm < _EDM


def pressed(problem: Problem, u: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Coordinates on a bound against which the gradient presses, [parameter].

    A vanishing gradient does not press: a function even about the bound may curve down inward.
    """
    at_low, at_high = u <= problem.low, u >= problem.high
    return (at_low & (gradient > _PRESS)) | (at_high & (gradient < -_PRESS))


def on_bound(problem: Problem, u: np.ndarray) -> np.ndarray:
    """Whether each coordinate sits on one of its bounds, [parameter]."""
    return (u <= problem.low) | (u >= problem.high)


@lru_cache(maxsize=8)
def _lbfgs(size: int) -> tuple[Any, Any]:
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
    state, direction = _lbfgs(u.size)
    steps = 0
    for _ in range(max_steps):
        held = pressed(problem, u, gradient)
        inward = np.where(held, 0.0, gradient)
        if not np.isfinite(value) or np.max(np.abs(inward), initial=0.0) < 1e-6:
            break
        step, state = direction(inward, state, u)
        step = np.where(held, 0.0, -np.asarray(step))
        if step @ inward >= 0:
            step = -inward
        if steps == 0:
            step = step / max(1.0, float(np.linalg.norm(step)))
        moved = _search(problem, u, value, inward, step)
        if moved is None:
            break
        progress, (u, value, gradient) = value - moved[1], moved
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
        if trial_value <= value + _ARMIJO * (gradient @ (trial - u)) and np.any(trial != u):
            return trial, trial_value, trial_gradient
        size /= 2
    return None


def newton(problem: Problem, start: np.ndarray, *, max_steps: int = 30) -> Minimum:
    """Newton with the exact Hessian and an active set of bounds.

    Directions of negative curvature are followed downhill, so a saddle is not a resting place.

    Args:
        problem: What to minimise.
        start: Scaled start, [parameter].
        max_steps: Steps at most.
    """
    u = np.clip(start, problem.low, problem.high)
    value, gradient = problem.value_and_grad(u)
    edm, steps, held = np.inf, 0, pressed(problem, u, gradient)
    while steps < max_steps and np.isfinite(value):
        held = pressed(problem, u, gradient)
        inward = np.where(held, 0.0, gradient)
        step, edm = _newton_step(problem.hessian(u), inward, held)
        if edm < _EDM / 100:
            break
        moved = _search(problem, u, value, inward, step)
        if moved is None and not np.isfinite(edm):
            # Off a saddle either way may lead down; a bound may block one of them.
            moved = _search(problem, u, value, -inward, -step)
        if moved is None:
            break
        u, value, gradient = moved
        steps += 1
    return Minimum(u, value, float(edm), on_bound(problem, u), steps)


def distance_left(problem: Problem, u: np.ndarray) -> float:
    """Estimated vertical distance from a point to the minimum; infinite at a saddle.

    Args:
        problem: The function.
        u: Scaled coordinates, [parameter].
    """
    _, gradient = problem.value_and_grad(u)
    held = pressed(problem, u, gradient)
    return _newton_step(problem.hessian(u), np.where(held, 0.0, gradient), held)[1]


def _newton_step(
    hessian: np.ndarray, gradient: np.ndarray, held: np.ndarray
) -> tuple[np.ndarray, float]:
    """Descent step on the coordinates that are not held, and the distance left to go."""
    step, free = np.zeros_like(gradient), ~held
    if not free.any():
        return step, 0.0
    curvature, axes = np.linalg.eigh(hessian[np.ix_(free, free)])
    floor = 1e-10 * max(1.0, float(np.max(np.abs(curvature))))
    slope = axes.T @ gradient[free]
    move = -slope / np.maximum(np.abs(curvature), floor)
    saddle = bool(np.any(curvature < -floor))
    if saddle and np.max(np.abs(slope)) < _SADDLE:
        move = move + np.where(curvature < -floor, 0.1, 0.0)
    step[free] = axes @ np.clip(move, -10.0, 10.0)
    edm = np.inf if saddle else 0.5 * float(np.sum(slope**2 / np.maximum(curvature, floor)))
    return step, edm
