"""Minimisation within bounds: Newton with exact Hessians, from many starts at once.

It works in units of each parameter's scale and holds a parameter on its bound while the gradient
presses it there. The loop is Python around compiled steps: a loop compiled whole takes seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

ARMIJO = 1e-4
"""Part of the decrease a slope promises that a step must bring."""
_EDM = 1e-9
# Gradients below these are rounding: they neither press against a bound nor lead off a saddle.
_PRESS, _SADDLE = 1e-7, 1e-6
# Newton's steps: the longest at first, by how much they grow and shrink, where it gives up.
_FIRST, _GROW, _SHRINK, _SHORTEST = 10.0, 3.0, 0.25, 1e-9
_ROUNDING = 1e-13
# Closer to a bound than this, in scales, is on it.
_HAIR = 1e-5


class Local(NamedTuple):
    """A function to second order at many points: value [point], gradient and Hessian."""

    value: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray


@dataclass(frozen=True)
class Problem:
    """A smooth function in scaled coordinates within a box.

    Attributes:
        value_and_grad: u [parameter] -> value, gradient [parameter].
        hessian: u -> [parameter, parameter].
        low: Lower bounds, [parameter].
        high: Upper bounds, [parameter].
        expand: u [point, parameter] -> all three at many points; one by one if None.
    """

    value_and_grad: Callable[[np.ndarray], tuple[float, np.ndarray]]
    hessian: Callable[[np.ndarray], np.ndarray]
    low: np.ndarray
    high: np.ndarray
    expand: Callable[[np.ndarray], Local] | None = None

    def local(self, u: np.ndarray) -> Local:
        """Value [point], gradient [point, parameter] and Hessian at u [point, parameter]."""
        if self.expand is not None:
            return self.expand(u)
        pairs = [self.value_and_grad(x) for x in u]
        hessians = [self.hessian(x) for x in u]
        return Local(
            np.array([v for v, _ in pairs]), np.array([g for _, g in pairs]), np.array(hessians)
        )


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended.

    Attributes:
        u: Scaled coordinates, [parameter].
        value: Function value.
        edm: Estimated vertical distance to the minimum; infinite if curvature is not positive.
        at_bound: Whether each coordinate sits on a bound, [parameter].
        steps: Steps taken.
        gradient: By all coordinates, also those held, [parameter]; empty if it is not known.
    """

    u: np.ndarray
    value: float
    edm: float
    at_bound: np.ndarray
    steps: int
    gradient: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def converged(self) -> bool:
        """Whether it is a minimum to working accuracy."""
        return self.edm < _EDM


def pushed_to_bound(problem: Problem, u: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Coordinates on a bound against which the gradient presses, shaped like ``u``.

    A vanishing gradient does not press: a function even about the bound may curve down inward.
    """
    at_low, at_high = u <= problem.low, u >= problem.high
    return (at_low & (gradient > _PRESS)) | (at_high & (gradient < -_PRESS))


def on_bound(problem: Problem, u: np.ndarray) -> np.ndarray:
    """Whether each coordinate sits on one of its bounds, shaped like ``u``."""
    return (u <= problem.low) | (u >= problem.high)


@dataclass
class _Descent:
    """Newton from many starts: arrays over points; ``live`` are those still on their way."""

    u: np.ndarray
    local: Local
    edm: np.ndarray
    radius: np.ndarray
    steps: np.ndarray
    live: np.ndarray


def newton_many(
    problem: Problem,
    starts: np.ndarray,
    *,
    fixed: np.ndarray | None = None,
    max_steps: int = 200,
) -> list[Minimum]:
    """Newton with exact Hessians, steps held within a radius and an active set of bounds.

    Directions of negative curvature are followed downhill, so a saddle is not a resting place.
    All starts go together, so that the function is asked for many points at once.

    Args:
        problem: What to minimise.
        starts: Scaled starts, [point, parameter].
        fixed: Coordinates that stay as they are, [parameter]; none if None.
        max_steps: Evaluations at most.
    """
    still = np.zeros(starts.shape[1], dtype=bool) if fixed is None else fixed
    u = np.clip(starts, problem.low, problem.high)
    local, size = problem.local(u), len(u)
    state = _Descent(
        u=u,
        local=Local(*(np.array(x, dtype=float) for x in local)),
        edm=np.full(size, np.inf),
        radius=np.full(size, _FIRST),
        steps=np.zeros(size, dtype=int),
        live=np.isfinite(local.value),
    )
    for count in range(max_steps + 1):
        _advance(problem, state, still, move=count < max_steps)
        if not state.live.any():
            break
    _settle(problem, state, still)
    bounds = on_bound(problem, state.u)
    return [
        Minimum(*found)
        for found in zip(
            state.u,
            state.local.value.tolist(),
            state.edm.tolist(),
            bounds,
            state.steps.tolist(),
            state.local.gradient,
            strict=True,
        )
    ]


def _advance(problem: Problem, state: _Descent, still: np.ndarray, *, move: bool) -> None:
    """One step of every point that is on its way."""
    live = np.flatnonzero(state.live)
    u, f = state.u[live], state.local.value[live]
    g, H = state.local.gradient[live], state.local.hessian[live]
    step, state.edm[live] = _newton_steps(problem, u, g, H, still, state.radius[live])
    arrived = state.edm[live] < _EDM / 100
    state.live[live[arrived]] = False
    live, u, f, g, step = (x[~arrived] for x in (live, u, f, g, step))
    if not move or not live.size:
        return
    trial = np.clip(u + step, problem.low, problem.high)
    found = problem.local(trial)
    gain = np.einsum("pn,pn->p", g, trial - u)
    lower = (found.value <= f + ARMIJO * np.minimum(gain, 0.0)) & np.isfinite(found.value)
    lower &= np.isfinite(found.hessian).all(axis=(1, 2)) & np.any(trial != u, axis=1)
    taken = live[lower]
    state.u[taken] = trial[lower]
    for mine, new in zip(state.local, found, strict=True):
        mine[taken] = new[lower]
    state.steps[taken] += 1
    longest = np.max(np.abs(step), axis=1, initial=0.0)
    grown = np.maximum(state.radius[live], _GROW * longest)
    state.radius[live] = np.where(lower, grown, _SHRINK * longest)
    # Nothing is left to gain but rounding, or no step however short goes down.
    idle = ~lower & (np.abs(gain) < _ROUNDING * np.maximum(1.0, np.abs(f)))
    state.live[live[idle | (state.radius[live] < _SHORTEST)]] = False


def _settle(problem: Problem, state: _Descent, still: np.ndarray) -> None:
    """Put what ended a hair off a bound on it: a function even about it has no slope to say so."""
    target = np.where(state.u - problem.low < _HAIR, problem.low, state.u)
    target = np.where(problem.high - state.u < _HAIR, problem.high, target)
    target = np.where(still, state.u, target)
    near = np.flatnonzero(np.any(target != state.u, axis=1) & np.isfinite(state.local.value))
    if near.size:
        found = problem.local(target[near])
        no_higher = found.value <= state.local.value[near] + _EDM / 100
        state.u[near[no_higher]] = target[near[no_higher]]
        for mine, new in zip(state.local, found, strict=True):
            mine[near[no_higher]] = new[no_higher]


def newton(problem: Problem, start: np.ndarray, *, max_steps: int = 200) -> Minimum:
    """``newton_many`` from one start.

    Args:
        problem: What to minimise.
        start: Scaled start, [parameter].
        max_steps: Evaluations at most.
    """
    return newton_many(problem, start[None], max_steps=max_steps)[0]


def distance_left(problem: Problem, u: np.ndarray) -> float:
    """Estimated vertical distance from a point to the minimum; infinite at a saddle.

    Args:
        problem: The function.
        u: Scaled coordinates, [parameter].
    """
    _, gradient, hessian = problem.local(u[None])
    none = np.zeros(u.size, dtype=bool)
    return float(_newton_steps(problem, u[None], gradient, hessian, none, np.ones(1))[1][0])


def _newton_steps(
    problem: Problem,
    u: np.ndarray,
    gradient: np.ndarray,
    hessian: np.ndarray,
    still: np.ndarray,
    radius: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Descent steps [point, parameter] on coordinates that are not held, and distances left."""
    held = pushed_to_bound(problem, u, gradient) | still
    step, edm = np.zeros_like(u), np.zeros(len(u))
    for _ in range(u.shape[1] + 1):
        step, edm, resting = _free_steps(gradient, hessian, held, radius)
        step = _inward(problem, u, step, resting)
        out = ((u <= problem.low) & (step < 0)) | ((u >= problem.high) & (step > 0))
        if not out.any():
            break
        # A step out of the box would be cut, and the rest of it need not go down.
        held = held | out
    return step, edm


def _inward(problem: Problem, u: np.ndarray, step: np.ndarray, resting: np.ndarray) -> np.ndarray:
    """Steps off a saddle without slope the other way round where a bound blocks them."""

    def blocked(s: np.ndarray) -> np.ndarray:
        return np.any(((u <= problem.low) & (s < 0)) | ((u >= problem.high) & (s > 0)), axis=1)

    turn = resting & blocked(step) & ~blocked(-step)
    return np.where(turn[:, None], -step, step)


def _free_steps(
    gradient: np.ndarray, hessian: np.ndarray, held: np.ndarray, radius: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, distances left, and which points rest on a saddle."""
    n = gradient.shape[1]
    both = held[:, :, None] | held[:, None, :]
    inside = np.where(both, np.eye(n) * held[:, None, :], hessian)
    usable = np.all(np.isfinite(inside), axis=(1, 2), keepdims=True)
    curvature, axes = np.linalg.eigh(np.where(usable, inside, np.eye(n)))
    floor = 1e-10 * np.maximum(1.0, np.max(np.abs(curvature), axis=1, initial=0.0))[:, None]
    slope = np.einsum("pnk,pn->pk", axes, np.where(held, 0.0, gradient))
    move = -slope / np.maximum(np.abs(curvature), floor)
    down = curvature < -floor
    saddle = down.any(axis=1)
    resting = saddle & (np.max(np.abs(slope), axis=1, initial=0.0) < _SADDLE)
    move = move + np.where(down & resting[:, None], 0.1, 0.0)
    step = np.einsum("pnk,pk->pn", axes, np.clip(move, -radius[:, None], radius[:, None]))
    edm = 0.5 * np.sum(slope**2 / np.maximum(curvature, floor), axis=1)
    return np.where(held, 0.0, step), np.where(saddle | ~usable[:, 0, 0], np.inf, edm), resting
