"""Second-order expansions of the profiled likelihood: what fits and profiles step by.

The signal is expanded in the parameters, forward over forward, and put through the likelihood of
the solved nuisances: one program gives value, gradient and Hessian in parameters and nuisances.
It compiles several times faster than the Hessian of the profiled likelihood and agrees with it to
rounding, because with parameters p and nuisances a the profile's Hessian is the Schur complement
H_pp - H_pa H_aa^-1 H_ap of the full one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cevnsjax.core.batches import in_batches
from cevnsjax.core.types import Reals, Values
from cevnsjax.model import evaluate
from cevnsjax.model.map import checked_points
from cevnsjax.model.nuisance_groups import NuisanceProblem
from cevnsjax.model.state import ModelState
from cevnsjax.model.structure import Inputs, ModelAtValues, ModelStructure
from cevnsjax.numerics import total

# Points side by side in one call: one compilation serves any number of points.
_POINTS_PER_CALL = {"cpu": 8}
_GPU_POINTS_PER_CALL = 512
# Determinant and curvatures of a Hessian with a diagonal of 1: below, directions are flat.
_SINGULAR, _FLAT = 1e-12, 1e-13

Point = Float[Array, " name"]
NearbyProblems = Callable[[Point], tuple[Any, list[NuisanceProblem]]]
"""Penalty and nuisance problems as functions of the parameters near a point."""


class Expansion(NamedTuple):
    """The profiled nll to second order at many points.

    Attributes:
        value: Profiled nll, [point] [1].
        gradient: Its derivatives by the parameters, [point, name] [1/unit].
        hessian: Its second derivatives, [point, name, name] [1/unit^2].
        full: Hessian of nll by the parameters, then the solved nuisances, at their solution,
            [point, name, name] [1/unit^2].
        pulls: The solved nuisances, {name: [point]} [1].
        distance: How far they are from their minimum in nll; 0 if exact, [point] [1].
        at_bound: Whether a nuisance holds a component at 0, {name: [point]}.
    """

    value: Float[np.ndarray, " point"]
    gradient: Float[np.ndarray, "point name"]
    hessian: Float[np.ndarray, "point name name"]
    full: Float[np.ndarray, "point coordinate coordinate"]
    pulls: dict[str, Float[np.ndarray, " point"]]
    distance: Float[np.ndarray, " point"]
    at_bound: dict[str, Bool[np.ndarray, " point"]]


class _Solved(NamedTuple):
    """One or many points: what ``Expansion`` has, by parameters and coordinates of nuisances.

    ``held`` are coordinates on their bounds; ``at_bound`` are nuisances that hold one there.
    """

    value: Any
    gradient: Any
    hessian: Any
    full: Any
    pulls: Any
    distance: Any
    held: Any
    at_bound: Any


class SecondOrder(NamedTuple):
    """Arrays [...], and their first [..., name] and second derivatives [..., name, name]."""

    values: list[Reals]
    slopes: list[Reals]
    curvatures: list[Reals]

    def at(self, step: Point) -> list[Reals]:
        """The arrays a step away, to second order."""
        return [s + j @ step + h @ step @ step / 2 for s, j, h in zip(*self, strict=True)]


def expand(state: ModelState, values: Values, points: Mapping[str, Any], data: Any) -> Expansion:
    """See ``Model.expand``."""
    batched = checked_points(state, points) if points else {}
    # In the table's order, so that any order of the same names is one compilation.
    names = tuple(n for n in state.parameters if n in batched)
    columns = [batched[n] for n in names]
    rows = np.stack(columns, axis=1) if columns else np.zeros((1, 0), state.dtype)
    inputs = state.inputs({n: x for n, x in values.items() if n not in batched}, data)
    if inputs.traced:
        raise TypeError("expand takes numbers; differentiate profiled_nll inside jit")
    size = _POINTS_PER_CALL.get(jax.default_backend(), _GPU_POINTS_PER_CALL)
    solved = _Solved(
        *in_batches(
            lambda index: _run(state.structure, names, inputs, rows[index]), len(rows), size
        )
    )
    # In the order of ``points`` again, the nuisances behind them.
    every = [*(names.index(n) for n in batched), *range(len(names), solved.full.shape[1])]
    order, whole = np.array(every, dtype=int), np.array(every[: len(names)], dtype=int)
    value, gradient, hessian = _profiled(len(names), solved)
    return Expansion(
        value,
        gradient[:, whole],
        hessian[:, whole][:, :, whole],
        solved.full[:, order][:, :, order],
        {name: solved.pulls[:, k] for k, name in enumerate(state.solved_names)},
        solved.distance,
        {name: solved.at_bound[:, k] for k, name in enumerate(state.solved_names)},
    )


def _profiled(
    n: int, solved: _Solved
) -> tuple[
    Float[np.ndarray, " point"], Float[np.ndarray, "point name"], Float[np.ndarray, "point name _n"]
]:
    """The profile's value and derivatives from those at the solution: a Schur complement."""
    value, slope, hessian = solved.value, solved.gradient[:, :n], solved.hessian[:, :n, :n]
    if solved.held.shape[1]:
        free = ~solved.held
        cross = solved.hessian[:, :n, n:] * free[:, None, :]
        left = solved.gradient[:, n:] * free
        # The last Newton step, which the solver left over, makes gradient and value exact.
        right = np.concatenate([np.swapaxes(cross, 1, 2), left[:, :, None]], axis=2)
        solution = _solution(solved.hessian[:, n:, n:], right, free)
        # Beyond what numbers can hold, as other values that are not finite.
        with np.errstate(over="ignore", invalid="ignore"):
            hessian = hessian - cross @ solution[:, :, :n]
        step = solution[:, :, n]
        slope = slope - np.einsum("pnk,pk->pn", cross, step)
        value = value - 0.5 * np.einsum("pk,pk->p", left, step)
    return value, slope, hessian


def _solution(
    inner: Float[np.ndarray, "point coordinate coordinate"],
    right: Float[np.ndarray, "point coordinate column"],
    free: Bool[np.ndarray, "point coordinate"],
) -> Float[np.ndarray, "point coordinate column"]:
    """inner^-1 right on free coordinates; the shortest solution where curvatures vanish."""
    diagonal = np.abs(np.diagonal(inner, axis1=1, axis2=2))
    usable = free & (diagonal > 0) & np.all(np.isfinite(inner), axis=(1, 2))[:, None]
    scale = np.where(usable, 1 / np.sqrt(np.where(usable, diagonal, 1.0)), 0.0)
    scaled = np.where(usable[:, :, None] & usable[:, None, :], inner, 0.0)
    scaled = scaled * scale[:, :, None] * scale[:, None, :]
    scaled = scaled + ~usable[:, :, None] * np.eye(inner.shape[1])
    _, size = np.linalg.slogdet(scaled)
    singular = size < np.log(_SINGULAR)
    plain = np.where(singular[:, None, None], np.eye(inner.shape[1]), scaled)
    out = np.linalg.solve(plain, right * scale[:, :, None])
    for k in np.flatnonzero(singular):
        curvatures, axes = np.linalg.eigh(scaled[k])
        is_flat = np.abs(curvatures) < _FLAT * np.max(np.abs(curvatures))
        inverse = np.where(is_flat, 0.0, 1 / np.where(is_flat, 1.0, curvatures))
        out[k] = (axes * inverse) @ (axes.T @ (right[k] * scale[k][:, None]))
    return out * scale[:, :, None]


@jax.jit(static_argnums=(0, 1))
def _run(
    structure: ModelStructure,
    names: tuple[str, ...],
    inputs: Inputs,
    points: Float[Array, "point name"] | Float[np.ndarray, "point name"],
) -> _Solved:
    """Value, gradient and Hessian by names and solved nuisances, their solution and distance."""
    model = inputs.of(structure)
    shapes = {name for e in model.experiments for _, name in e.shape}
    moves_nodes = tuple(k for k, name in enumerate(names) if name in shapes)

    def model_at(p: Iterable[Reals]) -> ModelAtValues:
        return model.moved(dict(zip(names, p, strict=True)))

    def at(point: Point) -> _Solved:
        signals = _expanded_apart(lambda p: evaluate.signals(model_at(p)), point, moves_nodes)
        near = problems_near(model_at, signals, point)
        problems = near(point)[1]
        best = [p.best() for p in problems]
        value, gradient, hessian = expanded_nll(near, point, jnp.concatenate([b.z for b in best]))
        pairs = list(zip(problems, best, strict=True))
        return _Solved(
            value,
            gradient,
            hessian,
            _by_nuisances(near, point, hessian),
            jnp.concatenate([p.nuisances(b.z) for p, b in pairs]),
            total([b.distance for b in best]),
            jnp.concatenate([b.held for b in best]),
            jnp.concatenate([p.at_bound(b) for p, b in pairs]),
        )

    return jax.vmap(at)(jnp.asarray(points))


def _by_nuisances(
    near: NearbyProblems, point: Point, hessian: Float[Array, "coordinate coordinate"]
) -> Float[Array, "nuisance nuisance"]:
    """The Hessian by parameters and nuisances, from that by parameters and coordinates."""
    problems, n = near(point)[1], point.size

    def origins(p: Point) -> Reals:
        nothing = [jnp.zeros(len(q.names), p.dtype) for q in problems]
        pairs = zip(near(p)[1], nothing, strict=True)
        return jnp.concatenate([q.coordinates(none) for q, none in pairs])

    blocks = [q.by_nuisances for q in problems]
    by_nuisances = jnp.asarray(block_diagonal(blocks), point.dtype)
    change = jnp.zeros((hessian.shape[0], n + by_nuisances.shape[1]), point.dtype)
    change = change.at[:n, :n].set(jnp.eye(n, dtype=point.dtype))
    # Free pulls move strengths at given nuisances.
    change = change.at[n:, :n].set(jax.jacfwd(origins)(point))
    change = change.at[n:, n:].set(by_nuisances)
    pairs = [q.constraints() for q in problems]
    least, actual = (jax.scipy.linalg.block_diag(*c) for c in zip(*pairs, strict=True))
    constraints = actual - by_nuisances.T @ least @ by_nuisances
    return (change.T @ hessian @ change).at[n:, n:].add(constraints)


def block_diagonal(
    blocks: Sequence[Float[np.ndarray, "_row _column"]],
) -> Float[np.ndarray, "row column"]:
    """Matrices along the diagonal of one."""
    out = np.zeros(np.sum([b.shape for b in blocks], axis=0))
    row = column = 0
    for b in blocks:
        out[row : row + b.shape[0], column : column + b.shape[1]] = b
        row, column = row + b.shape[0], column + b.shape[1]
    return out


def problems_near(
    model_at: Callable[[Point], ModelAtValues], signals: SecondOrder, point: Point
) -> NearbyProblems:
    """Penalty and nuisance problems near a point, with the signals there to second order."""

    def problems(p: Point) -> tuple[Any, list[NuisanceProblem]]:
        model = model_at(p)
        return evaluate.penalty(model), evaluate.nuisance_problems(model, signals.at(p - point))

    return problems


def expanded_nll(
    problems: NearbyProblems, point: Point, z: Float[Array, " nuisance"]
) -> tuple[Float[Array, ""], Float[Array, " coordinate"], Float[Array, "coordinate coordinate"]]:
    """nll, its gradient and its Hessian by parameters and coordinates of nuisances, at one point.

    ``problems`` are those near this point; z are the coordinates in their order.
    """
    sizes = [q.low.size for q in problems(point)[1]]
    by_group = jnp.split(z, np.cumsum(sizes)[:-1])

    def nll(p: Point) -> Reals:
        penalty, groups = problems(p)
        chi2 = [q.chi2(a) for q, a in zip(groups, by_group, strict=True)]
        return total([penalty, *chi2]) / 2

    def gradient(p: Point) -> tuple[Reals, Any]:
        value, slope = jax.value_and_grad(nll)(p)
        inner = [q.derivatives(a) for q, a in zip(problems(p)[1], by_group, strict=True)]
        whole = jnp.concatenate([slope, *(g for g, _ in inner)])
        return whole, (value, whole, [h for _, h in inner])

    rows, (value, whole, blocks) = jax.jacfwd(gradient, has_aux=True)(point)
    n = point.size
    hessian = _symmetric(rows[:n], rows[n:].T, jax.scipy.linalg.block_diag(*blocks))
    return value, whole, hessian


def _symmetric(first: Reals, mixed: Reals, second: Reals) -> Reals:
    """Symmetric matrices from their blocks."""
    upper = jnp.concatenate([first, mixed], axis=-1)
    lower = jnp.concatenate([jnp.swapaxes(mixed, -1, -2), second], axis=-1)
    return jnp.concatenate([upper, lower], axis=-2)


def second_order(function: Callable[[Point], list[Reals]], point: Point) -> SecondOrder:
    """Values, first and second derivatives of a list of arrays, forward over forward."""

    def with_slopes(p: Point) -> Any:
        def twice(q: Point) -> tuple[list[Reals], list[Reals]]:
            out = function(q)
            return out, out

        slopes, out = jax.jacfwd(twice, has_aux=True)(p)
        return slopes, (out, slopes)

    curvatures, (out, slopes) = jax.jacfwd(with_slopes, has_aux=True)(point)
    return SecondOrder(out, slopes, curvatures)


def _expanded_apart(
    function: Callable[[list[Reals]], list[Reals]], point: Point, apart: tuple[int, ...]
) -> SecondOrder:
    """As ``second_order``, with parameters that move nodes, numbers ``apart``, expanded apart.

    Nodes are then not differentiated by all the others, which would cost ten times as much.
    """
    others = tuple(k for k in range(point.size) if k not in apart)
    place = np.argsort([*others, *apart])
    a, b = (point[np.array(indices, dtype=int)] for indices in (others, apart))

    def of(a: Reals, b: Reals) -> list[Reals]:
        scalars = [*a, *b]
        return function([scalars[k] for k in place])

    first = second_order(lambda x: of(x, b), a)
    if not apart:
        return first
    second = second_order(lambda y: of(a, y), b)
    mixed = jax.jacfwd(lambda y: jax.jacfwd(lambda x: of(x, y))(a))(b)
    slopes = [
        jnp.concatenate(j, axis=-1)[..., place]
        for j in zip(first.slopes, second.slopes, strict=True)
    ]
    curvatures = [
        _symmetric(*h)[..., place, :][..., place]
        for h in zip(first.curvatures, mixed, second.curvatures, strict=True)
    ]
    return SecondOrder(first.values, slopes, curvatures)
