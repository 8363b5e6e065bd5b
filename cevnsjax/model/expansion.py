"""Second-order expansions of the profiled likelihood: what fits and profiles step by.

The signal is expanded in the parameters, forward over forward, and put through the likelihood of
the solved nuisances: one program gives value, gradient and Hessian of everything at their
solution. It compiles several times faster than the Hessian of the profiled likelihood and agrees
with it to rounding, because the profile's Hessian is the Schur complement of the full one.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.types import Reals, Values
from cevnsjax.model import evaluate
from cevnsjax.model.map import checked_points
from cevnsjax.model.state import ModelState
from cevnsjax.model.structure import Inputs, ModelStructure
from cevnsjax.numerics import total

# Points side by side, and in one call: one compilation serves any number of them.
_LANES = {"cpu": 8}
_GPU_LANES = 512
# Added to the diagonal of a singular Hessian, against its largest element.
_HAIR = 1e-12


class Expansion(NamedTuple):
    """The profiled nll to second order at many points.

    Attributes:
        value: Of the profiled nll, [point] [1].
        gradient: By the parameters, [point, name] [1/unit].
        hessian: Of the profile, [point, name, name] [1/unit^2].
        full: Hessian by the parameters, then the solved nuisances, at their solution,
            [point, name, name] [1/unit^2].
        pulls: The solved nuisances, {name: [point]} [1].
        distance: How far they are from their minimum in nll; 0 if exact, [point] [1].
    """

    value: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray
    full: np.ndarray
    pulls: dict[str, np.ndarray]
    distance: np.ndarray


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
    lanes = _LANES.get(jax.default_backend(), _GPU_LANES)
    parts = []
    for first in range(0, len(rows), lanes):
        # The last block is filled up with its own last point.
        index = np.minimum(np.arange(first, first + lanes), len(rows) - 1)
        parts.append(_run(state.structure, names, inputs, rows[index]))
    joined = (np.concatenate(p)[: len(rows)] for p in zip(*parts, strict=True))
    solved = evaluate.solved_names(state.structure, state.arrays)
    return _reordered(_profiled(solved, len(names), *joined), [names.index(n) for n in batched])


def _reordered(found: Expansion, order: list[int]) -> Expansion:
    """The same with parameters in another order."""
    n = len(order)
    every = np.array([*order, *range(n, found.full.shape[1])], dtype=int)
    return found._replace(
        gradient=found.gradient[:, every[:n]],
        hessian=found.hessian[:, every[:n]][:, :, every[:n]],
        full=found.full[:, every][:, :, every],
    )


def _profiled(
    solved: tuple[str, ...],
    n: int,
    value: np.ndarray,
    gradient: np.ndarray,
    full: np.ndarray,
    pulls: np.ndarray,
    distance: np.ndarray,
) -> Expansion:
    """The profile's derivatives from those at the nuisances' solution: a Schur complement."""
    hessian, slope = full[:, :n, :n], gradient[:, :n]
    if solved:
        cross, inner = full[:, :n, n:], full[:, n:, n:]
        usable = np.all(np.isfinite(inner), axis=(1, 2), keepdims=True)
        inner = _regular(np.where(usable, inner, np.eye(len(solved))))
        # The last Newton step, which the solver left over: it makes gradient and value exact.
        right = np.concatenate([np.swapaxes(cross, 1, 2), gradient[:, n:, None]], axis=2)
        answer = np.linalg.solve(inner, right)
        hessian = hessian - cross @ answer[:, :, :n]
        left = answer[:, :, n]
        slope = slope - np.einsum("pnk,pk->pn", cross, left)
        value = value - 0.5 * np.einsum("pk,pk->p", gradient[:, n:], left)
    found = {name: pulls[:, k] for k, name in enumerate(solved)}
    return Expansion(value, slope, hessian, full, found, distance)


def _regular(inner: np.ndarray) -> np.ndarray:
    """Hessians by nuisances, a hair added to the diagonals of those that are singular.

    Where a signal is some 1e8 times the data two nuisances that scale it are told apart by their
    constraints alone, which rounding takes away.
    """
    sign, _ = np.linalg.slogdet(inner)
    if np.all(sign != 0):
        return inner
    largest = np.max(np.abs(np.diagonal(inner, axis1=1, axis2=2)), axis=1)
    hair = np.where(sign == 0, _HAIR * np.maximum(largest, 1.0), 0.0)
    return inner + hair[:, None, None] * np.eye(inner.shape[1])


@jax.jit(static_argnums=(0, 1))
def _run(
    structure: ModelStructure,
    names: tuple[str, ...],
    inputs: Inputs,
    points: Float[Array, "point name"] | Float[np.ndarray, "point name"],
) -> Any:
    """Value, gradient and Hessian by names and solved nuisances, their solution and distance."""
    experiments, observed = structure.experiments(inputs.leaves), inputs.observed
    defaults = structure.values(inputs.vector)
    shapes = {name for e in experiments for _, name in e.shape}
    apart = tuple(k for k, name in enumerate(names) if name in shapes)

    def signals(given: dict[int, Any]) -> list[Reals]:
        moved = {name: given[k] for k, name in enumerate(names)}
        return evaluate.signals(structure, experiments, observed, {**defaults, **moved})

    def at(point: Reals) -> Any:
        expanded = _taylor(signals, point, apart)

        def problems(p: Reals) -> tuple[Any, Any]:
            """Penalty and groups near the point, signals to second order."""
            values = {**defaults, **dict(zip(names, p, strict=True))}
            d = p - point
            counts = [s + j @ d + h @ d @ d / 2 for s, j, h in zip(*expanded, strict=True)]
            penalty = evaluate.penalty(structure, observed, values)
            return penalty, evaluate.problems(structure, experiments, observed, values, counts)

        return _second_order_of(problems, point)

    return jax.vmap(at)(jnp.asarray(points))


def _second_order_of(problems: Any, point: Reals) -> Any:
    """What ``_run`` gives, at one point."""
    best = [p.best() for p in problems(point)[1]]
    solved = [jnp.asarray([*pulls], point.dtype) for pulls, _ in best]

    def nll(p: Reals) -> Reals:
        penalty, groups = problems(p)
        chi2 = [q.chi2(tuple(a)) for q, a in zip(groups, solved, strict=True)]
        return total([penalty, *chi2]) / 2

    def gradient(p: Reals) -> tuple[Reals, Any]:
        value, slope = jax.value_and_grad(nll)(p)
        inner = [q.derivatives(a) for q, a in zip(problems(p)[1], solved, strict=True)]
        every = jnp.concatenate([slope, *(g for g, _ in inner)])
        return every, (value, every, [h for _, h in inner])

    rows, (value, slope, blocks) = jax.jacfwd(gradient, has_aux=True)(point)
    distance = jnp.asarray(total([d for _, d in best]), point.dtype)
    return value, slope, _bordered(rows, blocks), jnp.concatenate(solved), distance


def _bordered(rows: Reals, blocks: list[Reals]) -> Reals:
    """The whole Hessian from its first columns and what is left of its diagonal blocks."""
    n = rows.shape[1]
    inner = jax.scipy.linalg.block_diag(*blocks)
    lower = jnp.concatenate([rows[n:], inner], axis=1)
    return jnp.concatenate([jnp.concatenate([rows[:n], rows[n:].T], axis=1), lower], axis=0)


def _taylor(function: Any, point: Reals, apart: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """Value, first and second derivatives of a function with a list of arrays as output.

    Args:
        function: Of {index of a parameter: scalar}.
        point: Where to expand, [name].
        apart: Indices of parameters that move nodes: nodes are then not differentiated by all the
            others, which costs ten times as much.
    """
    others = tuple(k for k in range(point.size) if k not in apart)
    a, b = (point[np.array(some, dtype=int)] for some in (others, apart))

    def of(a: Reals, b: Reals) -> Any:
        return function({**dict(zip(others, a, strict=True)), **dict(zip(apart, b, strict=True))})

    out, slopes, bends = _second_order(lambda x: of(x, b), a)
    if not apart:
        return out, slopes, bends
    _, own_slopes, own_bends = _second_order(lambda y: of(a, y), b)
    mixed = jax.jacfwd(lambda y: jax.jacfwd(lambda x: of(x, y))(a))(b)
    place = np.argsort([*others, *apart])
    slopes = [jnp.concatenate(j, axis=-1)[..., place] for j in zip(slopes, own_slopes, strict=True)]
    bends = [
        _blocks(*h)[..., place, :][..., place] for h in zip(bends, mixed, own_bends, strict=True)
    ]
    return out, slopes, bends


def _blocks(first: Reals, mixed: Reals, second: Reals) -> Reals:
    """A symmetric matrix from its blocks."""
    upper = jnp.concatenate([first, mixed], axis=-1)
    lower = jnp.concatenate([jnp.swapaxes(mixed, -1, -2), second], axis=-1)
    return jnp.concatenate([upper, lower], axis=-2)


def _second_order(function: Any, point: Reals) -> tuple[Any, Any, Any]:
    """Value, first and second derivatives, forward over forward."""

    def with_slopes(p: Reals) -> tuple[Any, Any]:
        def twice(q: Reals) -> tuple[Any, Any]:
            out = function(q)
            return out, out

        slopes, out = jax.jacfwd(twice, has_aux=True)(p)
        return slopes, (out, slopes)

    bends, (out, slopes) = jax.jacfwd(with_slopes, has_aux=True)(point)
    return out, slopes, bends
