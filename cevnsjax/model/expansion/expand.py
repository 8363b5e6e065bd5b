"""Second-order expansions of the profiled likelihood: what fits and profiles step by.

The signal is expanded in the parameters, forward over forward, and put through the likelihood of
the solved nuisances: one program gives value, gradient and Hessian in parameters and nuisances.
It compiles several times faster than the Hessian of the profiled likelihood and agrees with it to
rounding, because with parameters p and nuisances a the profile's Hessian is the Schur complement
H_pp - H_pa H_aa^-1 H_ap of the full one.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cevnsjax.core.batches import in_batches
from cevnsjax.core.types import Reals, Values
from cevnsjax.model import evaluate
from cevnsjax.model.expansion.nearby import (
    NearbyProblems,
    block_diagonal,
    expanded_nll,
    problems_near,
)
from cevnsjax.model.expansion.profiled import Solved, profiled
from cevnsjax.model.expansion.second_order import Point, expanded_apart
from cevnsjax.model.map import checked_points
from cevnsjax.model.state import ModelState
from cevnsjax.model.structure import Inputs, ModelAtValues, ModelStructure
from cevnsjax.numerics import total

# Points side by side in one call: one compilation serves any number of points.
_POINTS_PER_CALL = {"cpu": 8}
_GPU_POINTS_PER_CALL = 512


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
    solved = Solved(
        *in_batches(
            lambda index: _run(state.structure, names, inputs, rows[index]), len(rows), size
        )
    )
    # In the order of ``points`` again, the nuisances behind them.
    every = [*(names.index(n) for n in batched), *range(len(names), solved.full.shape[1])]
    order, whole = np.array(every, dtype=int), np.array(every[: len(names)], dtype=int)
    value, gradient, hessian = profiled(len(names), solved)
    return Expansion(
        value,
        gradient[:, whole],
        hessian[:, whole][:, :, whole],
        solved.full[:, order][:, :, order],
        {name: solved.pulls[:, k] for k, name in enumerate(state.solved_names)},
        solved.distance,
        {name: solved.at_bound[:, k] for k, name in enumerate(state.solved_names)},
    )


@jax.jit(static_argnums=(0, 1))
def _run(
    structure: ModelStructure,
    names: tuple[str, ...],
    inputs: Inputs,
    points: Float[Array, "point name"] | Float[np.ndarray, "point name"],
) -> Solved:
    """Value, gradient and Hessian by names and solved nuisances, their solution and distance."""
    model = inputs.of(structure)
    shapes = {name for e in model.experiments for _, name in e.shape}
    moves_nodes = tuple(k for k, name in enumerate(names) if name in shapes)

    def model_at(p: Iterable[Reals]) -> ModelAtValues:
        return model.moved(dict(zip(names, p, strict=True)))

    def at(point: Point) -> Solved:
        signals = expanded_apart(lambda p: evaluate.signals(model_at(p)), point, moves_nodes)
        near = problems_near(model_at, signals, point)
        problems = near(point)[1]
        best = [p.best() for p in problems]
        value, gradient, hessian = expanded_nll(near, point, jnp.concatenate([b.z for b in best]))
        pairs = list(zip(problems, best, strict=True))
        return Solved(
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
