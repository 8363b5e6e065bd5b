"""Second-order expansions of the profiled likelihood: what fits and profiles step by.

A compiled program expands the signals in the parameters. NumPy puts them through the likelihood,
solves the nuisances and gives value, gradient and Hessian in parameters and nuisances: at few
points that takes less time than compiling the likelihood would. With parameters p and nuisances a
the profile's Hessian is the Schur complement H_pp - H_pa H_aa^-1 H_ap of the full one.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.core.types import Values
from cevnsjax.model import evaluate
from cevnsjax.model.expansion.group import assembled, by_nuisances, expanded_group
from cevnsjax.model.expansion.member import member_of
from cevnsjax.model.expansion.profiled import Solved, profiled, solution
from cevnsjax.model.expansion.signals import signals_near
from cevnsjax.model.map import checked_points
from cevnsjax.model.nuisance_groups import NuisanceProblem
from cevnsjax.model.state import ModelState
from cevnsjax.model.structure import Inputs, ModelAtValues
from cevnsjax.numerics import total

# Points side by side: as many as a compiled program takes, more while their numbers are fewer.
_FEWEST_POINTS, _MOST_POINTS, _MOST_NUMBERS = 8, 64, 10_000_000


class Expansion(NamedTuple):
    """The profiled nll to second order at many points.

    Attributes:
        value: Profiled nll, [point] [1].
        gradient: Its derivatives by the parameters, [point, name] [1/unit].
        hessian: Its second derivatives, [point, name, name] [1/unit^2].
        full: Hessian of nll by the parameters, then the solved nuisances, at their solution,
            [point, name, name] [1/unit^2].
        pulls: The solved nuisances, {name: [point]} [1].
        response: Derivatives of the solved nuisances by the parameters, [point, nuisance, name]
            [1/unit].
        distance: How far they are from their minimum in nll; 0 if exact, [point] [1].
        at_bound: Whether a nuisance holds a component at 0, {name: [point]}.
    """

    value: Float[np.ndarray, " point"]
    gradient: Float[np.ndarray, "point name"]
    hessian: Float[np.ndarray, "point name name"]
    full: Float[np.ndarray, "point coordinate coordinate"]
    pulls: dict[str, Float[np.ndarray, " point"]]
    response: Float[np.ndarray, "point nuisance name"]
    distance: Float[np.ndarray, " point"]
    at_bound: dict[str, Bool[np.ndarray, " point"]]


def expand(
    state: ModelState,
    values: Values,
    points: Mapping[str, Any],
    data: Any,
    near: Float[np.ndarray, "point nuisance"] | None = None,
) -> Expansion:
    """See ``Model.expand``."""
    batched = checked_points(state, points) if points else {}
    # In the table's order, so that any order of the same names is one compilation.
    names = tuple(n for n in state.parameters if n in batched)
    columns = [batched[n] for n in names]
    rows = np.stack(columns, axis=1) if columns else np.zeros((1, 0), state.dtype)
    inputs = state.inputs({n: x for n, x in values.items() if n not in batched}, data)
    if inputs.traced:
        raise TypeError("expand takes numbers; differentiate profiled_nll inside jit")
    at, size = _Points(state, names, inputs), _side_by_side(state, len(names))
    blocks = [slice(first, first + size) for first in range(0, len(rows), size)]
    # Beyond what numbers can hold values are not finite, and say so by being that.
    with np.errstate(all="ignore"):
        starts = [None if near is None else near[b] for b in blocks]
        parts = [at.solved(rows[b], start) for b, start in zip(blocks, starts, strict=True)]
    solved = Solved(*(np.concatenate(part) for part in zip(*parts, strict=True)))
    n = len(names)
    # In the order of ``points`` again, the nuisances behind them.
    every = [*(names.index(n) for n in batched), *range(len(names), solved.full.shape[1])]
    order, whole = np.array(every, dtype=int), np.array(every[:n], dtype=int)
    value, gradient, hessian = profiled(n, solved)
    response = -solution(solved.full[:, n:, n:], solved.full[:, n:, :n], ~solved.at_bound)
    return Expansion(
        value,
        gradient[:, whole],
        hessian[:, whole][:, :, whole],
        solved.full[:, order][:, :, order],
        {name: solved.pulls[:, k] for k, name in enumerate(state.solved_names)},
        response[:, :, whole],
        solved.distance,
        {name: solved.at_bound[:, k] for k, name in enumerate(state.solved_names)},
    )


def _side_by_side(state: ModelState, names: int) -> int:
    """Points whose signals and nuisances are held at once; results do not depend on it."""
    in_bins = max(e.observed.size for e in state.experiments.values()) * (names + 1) ** 2
    # Rates at the nodes by kernel and product of form factors, and by three coordinates.
    kernels = [sum(map(len, k.values())) for e in state.arrays for k in e.kernels.values()]
    at_nodes = 12 * max(kernels) * max(e.T_nr.size * len(e.kernels) for e in state.arrays)
    most = _MOST_NUMBERS // max(in_bins, at_nodes)
    return int(np.clip(most, _FEWEST_POINTS, _MOST_POINTS))


class _Points:
    """What is the same at all points of an expansion: NumPy's arrays, data and fixed values."""

    def __init__(self, state: ModelState, names: tuple[str, ...], inputs: Inputs) -> None:
        self._state, self._names, self._inputs = state, names, inputs
        observed = jax.tree.map(np.asarray, inputs.observed)
        values = state.structure.values(inputs.vector)
        self._model = ModelAtValues(state.structure, state.numpy_arrays, observed, values)

    def solved(
        self,
        rows: Float[np.ndarray, "point name"],
        near: Float[np.ndarray, "point nuisance"] | None,
    ) -> Solved:
        """The profiled nll by names and coordinates of solved nuisances, and their solution."""
        signals = signals_near(self._state, self._inputs, self._names, rows)
        model = self._model.moved(dict(zip(self._names, rows.T, strict=True)))
        problems = evaluate.nuisance_problems(model, [s.value for s in signals])
        pairs = zip(model.experiments, signals, strict=True)
        members = [member_of(e, s, self._names, model.values) for e, s in pairs]
        groups = [[members[i] for i in group] for group in model.structure.groups]
        ends = [p.best(start) for p, start in zip(problems, _starts(problems, near), strict=True)]
        triples = zip(problems, groups, ends, strict=True)
        expanded = [expanded_group(problem, inside, end.z) for problem, inside, end in triples]
        value, gradient, hessian = assembled(len(self._names), len(rows), expanded)
        penalty, slope, curvature = self._penalty(model, len(rows))
        n = len(self._names)
        gradient[:, :n] += slope
        hessian[:, :n, :n] += curvature
        pairs = list(zip(problems, ends, strict=True))
        return Solved(
            value + penalty,
            gradient,
            hessian,
            by_nuisances(n, hessian, problems, [g.origins for g in expanded]),
            np.concatenate([p.nuisances(end.z) for p, end in pairs], axis=-1),
            total([end.distance for end in ends]),
            np.concatenate([end.held for end in ends], axis=-1),
            np.concatenate([p.at_bound(end) for p, end in pairs], axis=-1),
        )

    def _penalty(self, model: ModelAtValues, points: int) -> tuple[Any, Any, Any]:
        """Half the constraints on nonlinear nuisances to second order in the parameters."""
        slope, curvature = np.zeros((points, len(self._names))), np.zeros(len(self._names))
        for name, prior in model.structure.constraints:
            if name in self._names:
                k = self._names.index(name)
                slope[:, k] = (model.values[name] - model.measured[name]) / prior.sd**2
                curvature[k] = 1 / prior.sd**2
        return evaluate.penalty(model) / 2, slope, np.diag(curvature)


def _starts(
    problems: list[NuisanceProblem], near: Float[np.ndarray, "point nuisance"] | None
) -> list[Float[np.ndarray, "point _coordinate"] | None]:
    """Coordinates of nuisances by group, from those of all groups."""
    if near is None:
        return [None] * len(problems)
    ends = np.cumsum([len(p.names) for p in problems])[:-1]
    return [
        np.where(np.isfinite(z), np.maximum(z, p.low), p.solved.start())
        for p, part in zip(problems, np.split(near, ends, axis=1), strict=True)
        for z in [p.coordinates(part)]
    ]
