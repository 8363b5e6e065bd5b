"""Second-order expansions of the profiled likelihood: what fits and profiles step by.

The signal is expanded in the parameters, forward over forward, and put through the likelihood of
the solved nuisances: one program gives value, gradient and Hessian in parameters and nuisances.
It compiles several times faster than the Hessian of the profiled likelihood and agrees with it to
rounding, because with parameters p and nuisances a the profile's Hessian is the Schur complement
H_pp - H_pa H_aa^-1 H_ap of the full one.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

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
# Added to the diagonal of a singular Hessian, relative to its largest element.
_REGULARISATION = 1e-12

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
    """

    value: Float[np.ndarray, " point"]
    gradient: Float[np.ndarray, "point name"]
    hessian: Float[np.ndarray, "point name name"]
    full: Float[np.ndarray, "point coordinate coordinate"]
    pulls: dict[str, Float[np.ndarray, " point"]]
    distance: Float[np.ndarray, " point"]


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
    value, gradient, full, pulls, distance = in_batches(
        lambda index: _run(state.structure, names, inputs, rows[index]), len(rows), size
    )
    # In the order of ``points`` again, the nuisances behind them.
    nuisances = range(len(names), full.shape[1])
    order = np.array([*(names.index(n) for n in batched), *nuisances], dtype=int)
    gradient, full = gradient[:, order], full[:, order][:, :, order]
    return _profiled(state.solved_names, len(names), value, gradient, full, pulls, distance)


def _profiled(
    solved: tuple[str, ...],
    n: int,
    value: Float[np.ndarray, " point"],
    gradient: Float[np.ndarray, "point coordinate"],
    full: Float[np.ndarray, "point coordinate coordinate"],
    pulls: Float[np.ndarray, "point nuisance"],
    distance: Float[np.ndarray, " point"],
) -> Expansion:
    """The profile's derivatives from those at the nuisances' solution: a Schur complement."""
    hessian, slope = full[:, :n, :n], gradient[:, :n]
    if solved:
        cross, inner = full[:, :n, n:], full[:, n:, n:]
        usable = np.all(np.isfinite(inner), axis=(1, 2), keepdims=True)
        inner = _regular(np.where(usable, inner, np.eye(len(solved))))
        # The last Newton step, which the solver left over, makes gradient and value exact.
        right = np.concatenate([np.swapaxes(cross, 1, 2), gradient[:, n:, None]], axis=2)
        solution = np.linalg.solve(inner, right)
        hessian = hessian - cross @ solution[:, :, :n]
        step = solution[:, :, n]
        slope = slope - np.einsum("pnk,pk->pn", cross, step)
        value = value - 0.5 * np.einsum("pk,pk->p", gradient[:, n:], step)
    by_name = {name: pulls[:, k] for k, name in enumerate(solved)}
    return Expansion(value, slope, hessian, full, by_name, distance)


def _regular(
    inner: Float[np.ndarray, "point nuisance nuisance"],
) -> Float[np.ndarray, "point nuisance nuisance"]:
    """Hessians by nuisances; the diagonals of singular ones are raised by ``_REGULARISATION``.

    Where a signal is some 1e8 times the data, two nuisances that scale it differ by their
    constraints alone, and rounding removes that difference.
    """
    sign, _ = np.linalg.slogdet(inner)
    if np.all(sign != 0):
        return inner
    largest = np.max(np.abs(np.diagonal(inner, axis1=1, axis2=2)), axis=1)
    added = np.where(sign == 0, _REGULARISATION * np.maximum(largest, 1.0), 0.0)
    return inner + added[:, None, None] * np.eye(inner.shape[1])


@jax.jit(static_argnums=(0, 1))
def _run(
    structure: ModelStructure,
    names: tuple[str, ...],
    inputs: Inputs,
    points: Float[Array, "point name"] | Float[np.ndarray, "point name"],
) -> tuple[Reals, ...]:
    """Value, gradient and Hessian by names and solved nuisances, their solution and distance."""
    model = inputs.of(structure)
    shapes = {name for e in model.experiments for _, name in e.shape}
    moves_nodes = tuple(k for k, name in enumerate(names) if name in shapes)

    def model_at(p: Iterable[Reals]) -> ModelAtValues:
        return model.moved(dict(zip(names, p, strict=True)))

    def at(point: Point) -> tuple[Reals, ...]:
        signals = _expanded_apart(lambda p: evaluate.signals(model_at(p)), point, moves_nodes)
        problems = problems_near(model_at, signals, point)
        best = [p.best() for p in problems(point)[1]]
        pulls = jnp.concatenate([jnp.asarray([*pulls], point.dtype) for pulls, _ in best])
        distance = jnp.asarray(total([d for _, d in best]), point.dtype)
        return *expanded_nll(problems, point, pulls), pulls, distance

    return jax.vmap(at)(jnp.asarray(points))


def problems_near(
    model_at: Callable[[Point], ModelAtValues], signals: SecondOrder, point: Point
) -> NearbyProblems:
    """Penalty and nuisance problems near a point, with the signals there to second order."""

    def problems(p: Point) -> tuple[Any, list[NuisanceProblem]]:
        model = model_at(p)
        return evaluate.penalty(model), evaluate.nuisance_problems(model, signals.at(p - point))

    return problems


def expanded_nll(
    problems: NearbyProblems, point: Point, pulls: Float[Array, " nuisance"]
) -> tuple[Float[Array, ""], Float[Array, " coordinate"], Float[Array, "coordinate coordinate"]]:
    """nll, its gradient and its Hessian by parameters and nuisances, at one point.

    ``problems`` are those near this point; ``pulls`` are in their order.
    """
    sizes = [len(q.names) for q in problems(point)[1]]
    by_group = jnp.split(pulls, np.cumsum(sizes)[:-1])

    def nll(p: Point) -> Reals:
        penalty, groups = problems(p)
        chi2 = [q.chi2(tuple(a)) for q, a in zip(groups, by_group, strict=True)]
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
