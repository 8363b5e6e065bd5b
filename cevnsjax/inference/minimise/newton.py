"""Newton's method within bounds, with exact Hessians, from many starts at once.

It works in units of each parameter's scale and holds a parameter on its bound while the gradient
presses it there. The loop is Python around compiled steps: a loop compiled whole takes seconds.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from cevnsjax.inference.minimise.problems import (
    ARMIJO,
    CONVERGED,
    Local,
    Minimum,
    Problem,
    on_bound,
    pushed_to_bound,
)

# A descent stops, and a snap to a bound counts as no higher, within this distance in value.
_ARRIVED = CONVERGED / 100
# Largest slope, per scale, at which a point rests on a saddle.
_SADDLE_SLOPE = 1e-6
# Radius in scales: at the start, its growth and shrinkage, and where a descent gives up.
_FIRST_RADIUS, _GROWTH, _SHRINKAGE, _LAST_RADIUS = 10.0, 3.0, 0.25, 1e-9
# Relative change of the value that rounding makes.
_ROUNDING = 1e-13
# A descent is bound for a minimum if its step ends so near it, in scales, and the height above it
# is what the step promises up to this part.
_SAME_PLACE, _SAME_HEIGHT = 1e-3, 0.1
# Coordinates that end closer to a bound than this, in scales, are tried on it.
_SNAP_DISTANCE = 1e-5
# Curvatures below this part of the largest count as zero.
_FLAT = 1e-10

Points = Float[np.ndarray, "point parameter"]
Numbers = Float[np.ndarray, "point"]
Flags = Bool[np.ndarray, "point parameter"]


@dataclass
class _Descents:
    """Descents from many starts: arrays over points; ``live`` are those still on their way."""

    u: Points
    local: Local
    edm: Numbers
    radius: Numbers
    steps: Int[np.ndarray, " point"]
    live: Bool[np.ndarray, " point"]

    def accept(self, index: np.ndarray, u: np.ndarray, local: Local) -> None:
        """Move some points, by their index, to where the function was looked at."""
        self.u[index] = u
        for old, new in zip(self.local, local, strict=True):
            if old is not None:
                old[index] = new


def newton_many(
    problem: Problem,
    starts: Points,
    *,
    fixed: Bool[np.ndarray, " parameter"] | None = None,
    max_steps: int = 200,
) -> list[Minimum]:
    """Newton with exact Hessians, steps held within a radius and an active set of bounds.

    Directions of negative curvature are followed downhill, so a saddle is not a resting place.
    All starts go together, so that the function is asked for many points at once. Coordinates that
    are ``fixed`` stay as they are. The ends of the descents, converged or not, come in the order
    of the starts.
    """
    stays = np.zeros(starts.shape[1], dtype=bool) if fixed is None else fixed
    u = np.clip(starts, problem.low, problem.high)
    local, size = problem.local(u), len(u)
    state = _Descents(
        u=u,
        local=local.at(np.arange(size)),
        edm=np.full(size, np.inf),
        radius=np.full(size, _FIRST_RADIUS),
        steps=np.zeros(size, dtype=int),
        live=np.isfinite(local.value),
    )
    for count in range(max_steps + 1):
        _advance(problem, state, stays, move=count < max_steps)
        if not state.live.any():
            break
    _snap_to_bounds(problem, state, stays)
    value, gradient, _, solved, *_ = state.local
    columns = state.u, value.tolist(), state.edm.tolist(), on_bound(problem, state.u)
    further = state.steps.tolist(), gradient, solved.astype(bool).tolist()
    return [Minimum(*row) for row in zip(*columns, *further, strict=True)]


def _advance(
    problem: Problem, state: _Descents, fixed: Bool[np.ndarray, " parameter"], *, move: bool
) -> None:
    """One step of every point that is on its way."""
    live = np.flatnonzero(state.live)
    u, f = state.u[live], state.local.value[live]
    g, H = state.local.gradient[live], state.local.hessian[live]
    step, state.edm[live] = _newton_steps(problem, u, g, H, fixed, state.radius[live])
    arrived = state.edm[live] < _ARRIVED
    state.live[live[arrived]] = False
    arrived |= _joined(state, live, step)
    live, u, f, g, step = (x[~arrived] for x in (live, u, f, g, step))
    if not move or not live.size:
        return
    trial = np.clip(u + step, problem.low, problem.high)
    local = problem.near(trial, state.local.at(live), trial - u)
    gain = np.einsum("pn,pn->p", g, trial - u)
    lower = (local.value <= f + ARMIJO * np.minimum(gain, 0.0)) & np.isfinite(local.value)
    lower &= np.isfinite(local.hessian).all(axis=(1, 2)) & np.any(trial != u, axis=1)
    state.accept(live[lower], trial[lower], local.at(lower))
    state.steps[live[lower]] += 1
    longest = np.max(np.abs(step), axis=1, initial=0.0)
    grown = np.maximum(state.radius[live], _GROWTH * longest)
    state.radius[live] = np.where(lower, grown, _SHRINKAGE * longest)
    # Stop where only rounding is left to gain, or where no step, however short, goes down.
    only_rounding_left = ~lower & (np.abs(gain) < _ROUNDING * np.maximum(1.0, np.abs(f)))
    state.live[live[only_rounding_left | (state.radius[live] < _LAST_RADIUS)]] = False


def _joined(
    state: _Descents, live: Int[np.ndarray, " live"], step: Points
) -> Bool[np.ndarray, " live"]:
    """End descents that are bound for a minimum which another one has reached.

    The step of such a descent leads there, and promises the value that is there.
    """
    out = np.zeros(live.size, dtype=bool)
    ends = np.flatnonzero(~state.live & (state.edm < _ARRIVED) & np.isfinite(state.local.value))
    if not ends.size:
        return out
    away = np.abs(state.u[live, None] + step[:, None] - state.u[ends]).max(axis=2, initial=0.0)
    height = state.local.value[live, None] - state.local.value[ends]
    promised = state.edm[live, None]
    is_bound = (away < _SAME_PLACE) & (np.abs(height - promised) < _SAME_HEIGHT * promised)
    for i in np.flatnonzero(is_bound.any(axis=1) & state.live[live]):
        end = ends[int(np.argmax(is_bound[i]))]
        state.accept(live[i : i + 1], state.u[[end]], state.local.at(np.array([end])))
        state.edm[live[i]], state.live[live[i]], out[i] = state.edm[end], False, True
    return out


def _snap_to_bounds(
    problem: Problem, state: _Descents, fixed: Bool[np.ndarray, " parameter"]
) -> None:
    """Snap coordinates that stopped within _SNAP_DISTANCE of a bound onto it.

    Where the function is even about the bound, the gradient vanishes there and cannot pull them in.
    """
    target = np.where(state.u - problem.low < _SNAP_DISTANCE, problem.low, state.u)
    target = np.where(problem.high - state.u < _SNAP_DISTANCE, problem.high, target)
    target = np.where(fixed, state.u, target)
    near = np.flatnonzero(np.any(target != state.u, axis=1) & np.isfinite(state.local.value))
    if near.size:
        step = target[near] - state.u[near]
        local = problem.near(target[near], state.local.at(near), step)
        no_higher = local.value <= state.local.value[near] + _ARRIVED
        index = near[no_higher]
        state.accept(index, target[index], local.at(no_higher))


def newton(
    problem: Problem, start: Float[np.ndarray, " parameter"], *, max_steps: int = 200
) -> Minimum:
    """``newton_many`` from one start, [parameter]."""
    return newton_many(problem, start[None], max_steps=max_steps)[0]


def distance_left(problem: Problem, u: Float[np.ndarray, " parameter"]) -> tuple[float, bool]:
    """Estimated vertical distance from a point to the minimum; infinite at a saddle.

    The second result says whether the nuisances solved there are at theirs.
    """
    _, gradient, hessian, solved, *_ = problem.local(u[None])
    free = np.zeros(u.size, dtype=bool)
    _, edm = _newton_steps(problem, u[None], gradient, hessian, free, np.ones(1))
    return float(edm[0]), bool(solved[0])


def _newton_steps(
    problem: Problem,
    u: Points,
    gradient: Points,
    hessian: Float[np.ndarray, "point parameter parameter"],
    fixed: Bool[np.ndarray, " parameter"],
    radius: Numbers,
) -> tuple[Points, Numbers]:
    """Descent steps on coordinates that nothing holds, and distances left."""

    def outwards(step: np.ndarray) -> np.ndarray:
        return ((u <= problem.low) & (step < 0)) | ((u >= problem.high) & (step > 0))

    held = pushed_to_bound(problem, u, gradient) | fixed
    step, edm = np.zeros_like(u), np.zeros(len(u))
    for _ in range(u.shape[1] + 1):
        step, edm, resting = _free_steps(gradient, hessian, held, radius)
        # Off a saddle without slope both ways lead down: take the one that no bound blocks.
        turn = resting & outwards(step).any(axis=1) & ~outwards(-step).any(axis=1)
        step = np.where(turn[:, None], -step, step)
        out = outwards(step)
        if not out.any():
            break
        # A step out of the box would be cut, and the rest of it need not go down.
        held = held | out
    return step, edm


def _free_steps(
    gradient: Points,
    hessian: Float[np.ndarray, "point parameter parameter"],
    held: Flags,
    radius: Numbers,
) -> tuple[Points, Numbers, Bool[np.ndarray, " point"]]:
    """Steps, distances left, and which points rest on a saddle."""
    n = gradient.shape[1]
    both = held[:, :, None] | held[:, None, :]
    inside = np.where(both, np.eye(n) * held[:, None, :], hessian)
    usable = np.all(np.isfinite(inside), axis=(1, 2))
    curvature, axes = np.linalg.eigh(np.where(usable[:, None, None], inside, np.eye(n)))
    floor = _FLAT * np.maximum(1.0, np.max(np.abs(curvature), axis=1, initial=0.0))[:, None]
    slope = np.einsum("pnk,pn->pk", axes, np.where(held, 0.0, gradient))
    move = -slope / np.maximum(np.abs(curvature), floor)
    down = curvature < -floor
    saddle = down.any(axis=1)
    resting = saddle & (np.max(np.abs(slope), axis=1, initial=0.0) < _SADDLE_SLOPE)
    move = move + np.where(down & resting[:, None], 0.1, 0.0)
    step = np.einsum("pnk,pk->pn", axes, np.clip(move, -radius[:, None], radius[:, None]))
    edm = 0.5 * np.sum(slope**2 / np.maximum(curvature, floor), axis=1)
    return np.where(held, 0.0, step), np.where(saddle | ~usable, np.inf, edm), resting
