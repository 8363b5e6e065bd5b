"""Second-order expansions of the profiled likelihood: what fits and profiles step by.

The signal is expanded in the parameters, forward over forward, and put through the likelihood of
the solved nuisances: one program gives value, gradient and Hessian of everything at their
solution. It compiles several times faster than the Hessian of the profiled likelihood and agrees
with it to rounding, because the profile's Hessian is the Schur complement of the full one.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.model import evaluate
from cevnsjax.model.evaluate import Observed, Static
from cevnsjax.model.points import checked_points
from cevnsjax.numerics import total
from cevnsjax.types import Reals, Values

if TYPE_CHECKING:
    from cevnsjax.model.model import Model

# Points side by side, and in one call: one compilation serves any number of them.
_LANES = {"cpu": 8}
_GPU_LANES = 512


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


def expand(model: "Model", values: Values, points: Mapping[str, Any], data: Any) -> Expansion:
    """See ``Model.expand``."""
    batched = checked_points(model, points) if points else {}
    names = tuple(batched)
    rows = np.stack(list(batched.values()), axis=1) if batched else np.zeros((1, 0), model.dtype)
    vector, traced = model.split({n: x for n, x in values.items() if n not in batched})
    if traced:
        raise TypeError("expand takes numbers; differentiate profiled_nll inside jit")
    observed = model.observed_or(data)
    lanes = _LANES.get(jax.default_backend(), _GPU_LANES)
    parts = []
    for first in range(0, len(rows), lanes):
        # The last block is filled up with its own last point.
        index = np.minimum(np.arange(first, first + lanes), len(rows) - 1)
        parts.append(_run(model.static, names, model.leaves, observed, vector, rows[index]))
    joined = (np.concatenate(p)[: len(rows)] for p in zip(*parts, strict=True))
    experiments = jax.tree.unflatten(model.static.treedef, model.leaves)
    return _profiled(evaluate.solved_names(model.static, experiments), len(names), *joined)


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
        usable = np.isfinite(inner).all(axis=(1, 2))[:, None, None]
        inner = np.where(usable, inner, np.eye(len(solved)))
        # The last Newton step, which the solver left over: it makes gradient and value exact.
        right = np.concatenate([np.swapaxes(cross, 1, 2), gradient[:, n:, None]], axis=2)
        answer = np.linalg.solve(inner, right)
        hessian = hessian - cross @ answer[:, :, :n]
        left = answer[:, :, n]
        slope = slope - np.einsum("pnk,pk->pn", cross, left)
        value = value - 0.5 * np.einsum("pk,pk->p", gradient[:, n:], left)
    found = {name: pulls[:, k] for k, name in enumerate(solved)}
    return Expansion(value, slope, hessian, full, found, distance)


@jax.jit(static_argnums=(0, 1))
def _run(
    static: Static,
    names: tuple[str, ...],
    leaves: Any,
    observed: Observed,
    vector: Any,
    points: Any,
) -> Any:
    """Value, gradient and Hessian by names and solved nuisances, their solution and distance."""
    experiments = jax.tree.unflatten(static.treedef, leaves)
    defaults = dict(zip(static.names, vector, strict=True))

    def at(point: Reals) -> Any:
        def values(p: Reals) -> dict[str, Any]:
            return {**defaults, **dict(zip(names, p, strict=True))}

        def signals(p: Reals) -> list[Reals]:
            return evaluate.signals(static, experiments, observed, values(p))

        def problems(p: Reals, given: list[Reals]) -> Any:
            return evaluate.problems(static, experiments, observed, values(p), given)

        given, slopes, bends = _taylor(signals, point)
        best = [p.best() for p in problems(point, given)]
        solved = [jnp.asarray([*b[0]], point.dtype) for b in best]

        def moved(p: Reals) -> Any:
            d = p - point
            counts = [
                s + j @ d + h @ d @ d / 2 for s, j, h in zip(given, slopes, bends, strict=True)
            ]
            return problems(p, counts)

        def nll(p: Reals) -> Reals:
            penalty = evaluate.penalty(static, observed, values(p))
            chi2 = [q.chi2(tuple(a)) for q, a in zip(moved(p), solved, strict=True)]
            return total([penalty, *chi2]) / 2

        def gradient(p: Reals) -> tuple[Reals, Any]:
            value, slope = jax.value_and_grad(nll)(p)
            inner = [q.derivatives(a) for q, a in zip(moved(p), solved, strict=True)]
            every = jnp.concatenate([slope, *(g for g, _ in inner)])
            return every, (value, every, [h for _, h in inner])

        rows, (value, slope, blocks) = jax.jacfwd(gradient, has_aux=True)(point)
        distance = jnp.asarray(total([b[1] for b in best]), point.dtype)
        return value, slope, _bordered(rows, blocks), jnp.concatenate(solved), distance

    return jax.vmap(at)(points)


def _bordered(rows: Reals, blocks: list[Reals]) -> Reals:
    """The whole Hessian from its first columns and what is left of its diagonal blocks."""
    n = rows.shape[1]
    inner = jax.scipy.linalg.block_diag(*blocks)
    lower = jnp.concatenate([rows[n:], inner], axis=1)
    return jnp.concatenate([jnp.concatenate([rows[:n], rows[n:].T], axis=1), lower], axis=0)


def _taylor(function: Any, point: Reals) -> tuple[Any, Any, Any]:
    """Value, first and second derivatives of a function with array outputs."""

    def with_slopes(p: Reals) -> tuple[Any, Any]:
        def twice(q: Reals) -> tuple[Any, Any]:
            out = function(q)
            return out, out

        slopes, out = jax.jacfwd(twice, has_aux=True)(p)
        return slopes, (out, slopes)

    bends, (out, slopes) = jax.jacfwd(with_slopes, has_aux=True)(point)
    return out, slopes, bends
