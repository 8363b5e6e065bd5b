"""Experiments that share solved nuisances, as one problem: Gaussian in closed form, or Poisson."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.core.types import Reals, Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.likelihood import components, gaussian, poisson
from cevnsjax.model.components import CountComponent, components_of
from cevnsjax.model.structure import Counts, Signal
from cevnsjax.numerics import total

Pulls = tuple[Any, ...]
"""Values of the solved nuisances, each a scalar [1]."""
Constraints = tuple[tuple[Any, ...], tuple[Any, ...]]
"""Standard deviations of the solved nuisances and what measured them, each a scalar [1]."""
Cells = Float[Array, " cell"]


@dataclass(frozen=True)
class NuisanceProblem:
    """A likelihood of its solved nuisances at fixed theory.

    Attributes:
        names: Names of the nuisances.
        chi2: Function of their values.
        best: Their solution, and its distance from the minimum in nll.
        derivatives: Function of their values [nuisance]: gradient [nuisance] and Hessian
            [nuisance, nuisance] of chi2/2.
    """

    names: tuple[str, ...]
    chi2: Callable[[Pulls], Reals]
    best: Callable[[], tuple[Pulls, Any]]
    derivatives: Callable[[Float[Array, " nuisance"]], tuple[Reals, Reals]]


def problem_of(
    members: list[ExperimentArrays],
    signals: list[Signal],
    observed: list[Counts],
    auxiliary: Values,
    values: Values,
) -> NuisanceProblem:
    """The problem of experiments that share nuisances.

    Gaussian experiments alone have a closed form; with a Poisson one among them all of them go to
    the Poisson solver.
    """
    names = nuisance_names(members)
    by_member = [components_of(e, s, values) for e, s in zip(members, signals, strict=True)]
    sd = {n: x for e in members for n, x in e.pull_sd.items()}
    constraints = tuple(sd[n] for n in names), tuple(auxiliary.get(n, 0.0) for n in names)
    problem = _poisson if any(e.statistic == "poisson" for e in members) else _gaussian
    return problem(members, by_member, names, constraints, _concatenate(observed))


def nuisance_names(members: list[ExperimentArrays]) -> tuple[str, ...]:
    """Names of the solved nuisances, once each."""
    return tuple(dict.fromkeys(n for e in members for n in (*(p for p, _ in e.pulls), *e.morphs)))


def _gaussian(
    members: list[ExperimentArrays],
    by_member: list[list[CountComponent]],
    names: tuple[str, ...],
    constraints: Constraints,
    data: Cells,
) -> NuisanceProblem:
    sd = dict(zip(names, constraints[0], strict=True))
    designs = [_design(e, cs, sd) for e, cs in zip(members, by_member, strict=True)]
    columns = tuple(
        _concatenate([of_pull.get(n, jnp.zeros_like(rest)) for rest, of_pull in designs])
        for n in names
    )
    problem = gaussian.LinearPulls(_concatenate([r for r, _ in designs]), columns, *constraints)
    weights = _concatenate([e.weights for e in members])
    return NuisanceProblem(
        names,
        lambda a: gaussian.chi2(data, weights, problem, a),
        lambda: (gaussian.best_pulls(data, weights, problem), 0.0),
        lambda a: gaussian.derivatives(data, weights, problem, a),
    )


def _design(
    e: ExperimentArrays, count_components: list[CountComponent], sd: Values
) -> tuple[Cells, dict[str, Cells]]:
    """Counts of one experiment that no solved pull multiplies, and those that each one does."""
    counts = {c.name: jnp.sum(c.nominal, axis=0) for c in count_components}
    design = gaussian.design(counts, tuple((m, sd[n]) for n, m in e.pulls))
    added = [c.free_pulls * counts[c.name] for c in count_components] if e.free_pulls else []
    columns = dict(zip((n for n, _ in e.pulls), design.columns, strict=True))
    return total([design.rest, *added]), columns


def _poisson(
    members: list[ExperimentArrays],
    by_member: list[list[CountComponent]],
    names: tuple[str, ...],
    constraints: Constraints,
    data: Cells,
) -> NuisanceProblem:
    def vector(numbers: Iterable[Any]) -> Float[Array, " nuisance"]:
        scalars = [jnp.asarray(x, data.dtype) for x in numbers]
        return jnp.stack(scalars) if scalars else jnp.zeros(0, data.dtype)

    sd, centre = constraints
    is_poisson = [e.statistic == "poisson" for e in members]
    weights = [
        jnp.zeros_like(e.weights) if poisson_cells else e.weights
        for e, poisson_cells in zip(members, is_poisson, strict=True)
    ]
    problem = components.Templates(
        experiments=tuple(
            tuple(_component(e, c, names) for c in cs)
            for e, cs in zip(members, by_member, strict=True)
        ),
        inverse_variance=vector(1 / x**2 for x in sd),
        centre=vector(centre),
        weights=None if all(is_poisson) else _concatenate(weights),
    )

    def best() -> tuple[Pulls, Any]:
        a, distance = poisson.best_nuisances(data, problem)
        return tuple(a[k] for k in range(len(names))), distance

    return NuisanceProblem(
        names,
        lambda a: poisson.chi2(data, problem, vector(a)),
        best,
        lambda a: poisson.derivatives(data, problem, a),
    )


def _component(
    e: ExperimentArrays, component: CountComponent, names: tuple[str, ...]
) -> components.Component:
    pulls = tuple(names.index(n) for n, multiplied in e.pulls if component.name in multiplied)
    free_pulls = component.free_pulls if e.free_pulls else None
    if not component.shifts:
        return components.Component(component.nominal, pulls, extra=free_pulls)
    linear, curved = (jnp.stack([s[k] for s in component.shifts.values()], axis=1) for k in (0, 1))
    morphs = tuple(names.index(n) for n in component.shifts)
    return components.Component(component.nominal, pulls, linear, curved, morphs, free_pulls)


def _concatenate(arrays: list[Counts]) -> Cells:
    return arrays[0] if len(arrays) == 1 else jnp.concatenate(arrays)
