"""Experiments that share solved nuisances, as one problem: Gaussian in closed form, or Poisson."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from cevnsjax.core.types import Reals, Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.likelihood import components, gaussian, poisson
from cevnsjax.model.components import CountComponent, components_of
from cevnsjax.numerics import total


@dataclass(frozen=True)
class NuisanceProblem:
    """A likelihood of its solved nuisances at fixed theory.

    Attributes:
        names: Their names.
        chi2: Function of their values.
        best: Their solution, and its distance from the minimum in nll.
        derivatives: Function of their values [nuisance]: gradient [nuisance] and Hessian
            [nuisance, nuisance] of chi2/2.
    """

    names: tuple[str, ...]
    chi2: Callable[[tuple[Any, ...]], Reals]
    best: Callable[[], tuple[tuple[Any, ...], Any]]
    derivatives: Callable[[Reals], tuple[Reals, Reals]]


def problem_of(
    members: list[ExperimentArrays],
    signals: list[Reals],
    observed: list[Reals],
    auxiliary: Values,
    values: Values,
) -> NuisanceProblem:
    """The problem of experiments that share nuisances.

    Gaussian ones alone have a closed form; with a Poisson one among them all go to its solver.

    Args:
        members: The experiments.
        signals: Their signals, each [source, variant, bin] [count].
        observed: Their counts, each [cell] [count].
        auxiliary: What measured the nuisances found, {name: scalar} [1].
        values: Pulls that are free.
    """
    names = nuisance_names(members)
    parts = [components_of(e, s, values) for e, s in zip(members, signals, strict=True)]
    data = _concatenate(observed)
    sd = {name: e.pull_sd[name] for e in members for name in e.pull_sd}
    centre = tuple(auxiliary.get(name, 0.0) for name in names)
    if any(e.statistic == "poisson" for e in members):
        return _poisson(members, parts, names, sd, centre, data)
    return _gaussian(members, parts, names, sd, centre, data)


def nuisance_names(members: list[ExperimentArrays]) -> tuple[str, ...]:
    """Names of the solved nuisances, once each."""
    return tuple(dict.fromkeys(n for e in members for n in (*(p for p, _ in e.pulls), *e.morphs)))


def _gaussian(
    members: list[ExperimentArrays],
    parts: list[list[CountComponent]],
    names: tuple[str, ...],
    sd: dict[str, Any],
    centre: tuple[Any, ...],
    data: Reals,
) -> NuisanceProblem:
    designs = []
    for e, p in zip(members, parts, strict=True):
        counts = {part.component: jnp.sum(part.nominal, axis=0) for part in p}
        made = gaussian.design(counts, tuple((m, sd[n]) for n, m in e.pulls))
        free_pulls = [part.free_pulls * counts[part.component] for part in p]
        designs.append(
            made._replace(rest=total([made.rest, *free_pulls])) if e.free_pulls else made
        )
    own = [
        dict(zip((n for n, _ in e.pulls), d.columns, strict=True))
        for e, d in zip(members, designs, strict=True)
    ]
    columns = tuple(
        _concatenate([o.get(n, jnp.zeros_like(d.rest)) for o, d in zip(own, designs, strict=True)])
        for n in names
    )
    rest = _concatenate([d.rest for d in designs])
    problem = gaussian.LinearPulls(rest, columns, tuple(sd[n] for n in names), centre)
    weights = _concatenate([e.weights for e in members])
    return NuisanceProblem(
        names,
        lambda a: gaussian.chi2(data, weights, problem, a),
        lambda: (gaussian.best_pulls(data, weights, problem), 0.0),
        lambda a: gaussian.derivatives(data, weights, problem, a),
    )


def _poisson(
    members: list[ExperimentArrays],
    parts: list[list[CountComponent]],
    names: tuple[str, ...],
    sd: dict[str, Any],
    centre: tuple[Any, ...],
    data: Reals,
) -> NuisanceProblem:
    def vector(numbers: Iterable[Any]) -> Reals:
        listed = [jnp.asarray(x, data.dtype) for x in numbers]
        return jnp.stack(listed) if listed else jnp.zeros(0, data.dtype)

    mixed = any(e.statistic != "poisson" for e in members)
    problem = components.Templates(
        experiments=tuple(
            tuple(_component(e, part, names) for part in p)
            for e, p in zip(members, parts, strict=True)
        ),
        inverse_variance=vector(1 / sd[n] ** 2 for n in names),
        centre=vector(centre),
        weights=_concatenate([_weights(e) for e in members]) if mixed else None,
    )

    def best() -> tuple[tuple[Any, ...], Any]:
        a, distance = poisson.best_nuisances(data, problem)
        return tuple(a[k] for k in range(len(names))), distance

    return NuisanceProblem(
        names,
        lambda a: poisson.chi2(data, problem, vector(a)),
        best,
        lambda a: poisson.derivatives(data, problem, a),
    )


def _component(
    e: ExperimentArrays, part: CountComponent, names: tuple[str, ...]
) -> components.Component:
    pulls = tuple(names.index(n) for n, multiplied in e.pulls if part.component in multiplied)
    free_pulls = part.free_pulls if e.free_pulls else None
    if not part.shifts:
        return components.Component(part.nominal, pulls, extra=free_pulls)
    linear, curved = (jnp.stack([s[k] for s in part.shifts.values()], axis=1) for k in (0, 1))
    morphs = tuple(names.index(n) for n in part.shifts)
    return components.Component(part.nominal, pulls, linear, curved, morphs, free_pulls)


def _weights(e: ExperimentArrays) -> Reals:
    """Inverse variances of Gaussian cells, 0 for Poisson cells."""
    return jnp.zeros_like(e.weights) if e.statistic == "poisson" else e.weights


def _concatenate(arrays: list[Reals]) -> Reals:
    return arrays[0] if len(arrays) == 1 else jnp.concatenate(arrays)
