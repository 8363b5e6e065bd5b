"""Experiments that share solved nuisances, as one problem: Gaussian in closed form, or Poisson."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import SIGNAL
from cevnsjax.likelihood import gaussian, poisson
from cevnsjax.model.signal import node_rates, spread_out
from cevnsjax.numerics import total
from cevnsjax.types import Reals, Values


@dataclass(frozen=True)
class Problem:
    """A likelihood of its solved nuisances at fixed theory.

    Attributes:
        names: Their names.
        chi2: Function of their values.
        best: Their solution, and its distance from the minimum in nll.
    """

    names: tuple[str, ...]
    chi2: Callable[[tuple[Any, ...]], Reals]
    best: Callable[[], tuple[tuple[Any, ...], Any]]


_Morphs = dict[str, tuple[Reals, Reals]]


@dataclass(frozen=True)
class Part:
    """Counts of one component of one experiment, and how nuisances change them.

    Attributes:
        component: What pulls call it: the signal, or a background.
        nominal: Counts before nuisances, [cell] [count].
        shifts: Linear and curved part of the change by each morph, {name: ([cell], [cell])}.
    """

    component: str
    nominal: Reals
    shifts: _Morphs


def parts_of(
    e: ExperimentArrays, interactions: tuple[Any, ...], values: Values, *, merged: bool
) -> dict[str, Part]:
    """The signal of each source, then backgrounds, by name.

    Args:
        e: Arrays of the experiment.
        interactions: The StandardModel first.
        values: Theory and nonlinear nuisances.
        merged: Whether sources may be added up where nothing tells them apart.
    """
    R, rate = node_rates(e, interactions, values)
    if merged and not e.spread and not e.morph_R:
        rate = {SIGNAL: total(list(rate.values()))}
    out = {}
    for source, unscaled in rate.items():
        r = _scaled(e, SIGNAL, values, unscaled)
        binned, spread = R @ r, e.spread.get(source)
        shifts: _Morphs = {}
        for name, (linear, curved) in e.morph_R.items():
            shifts[name] = spread_out(linear @ r, spread), spread_out(curved @ r, spread)
        for name, by_source in e.morph_spread.items():
            linear, curved = by_source[source]
            shifts[name] = spread_out(binned, linear), spread_out(binned, curved)
        out[source] = Part(SIGNAL, spread_out(binned, spread), shifts)
    for name, nominal in e.backgrounds.items():
        shifts = {
            n: (_scaled(e, name, values, s[name][0]), _scaled(e, name, values, s[name][1]))
            for n, s in e.morph_components.items()
            if name in s
        }
        out[name] = Part(name, _scaled(e, name, values, nominal), shifts)
    return out


def _scaled(e: ExperimentArrays, component: str, values: Values, array: Reals) -> Reals:
    """Rates or counts times 1 plus the pulls that are searched instead of solved."""
    named = [n for n, multiplied in e.searched if component in multiplied]
    return array * (1 + total([values[n] for n in named])) if named else array


def expected(e: ExperimentArrays, interactions: tuple[Any, ...], values: Values) -> Reals:
    """Expected counts with the nuisances in ``values``, [cell] [count]."""
    parts = parts_of(e, interactions, values, merged=True)
    return total([_shifted(e, part, values) for part in parts.values()])


def predicted(
    e: ExperimentArrays, interactions: tuple[Any, ...], values: Values
) -> tuple[dict[str, Reals], dict[str, Reals]]:
    """Signal by source and backgrounds, with the nuisances in ``values``, [cell] [count]."""
    parts = parts_of(e, interactions, values, merged=False)
    shifted = {name: _shifted(e, part, values) for name, part in parts.items()}
    backgrounds = {name: shifted.pop(name) for name in e.backgrounds}
    return shifted, backgrounds


def _shifted(e: ExperimentArrays, part: Part, values: Values) -> Reals:
    counts = part.nominal
    if part.shifts:
        moves = [
            values[n] * linear + poisson.bend(values[n])[0] * curved
            for n, (linear, curved) in part.shifts.items()
        ]
        counts, *_ = poisson.kept_positive(counts, counts + total(moves))
    return counts * _factor(e, part.component, values)


def _factor(e: ExperimentArrays, component: str, values: Values) -> Any:
    """1 plus the pulls on a component [1]."""
    return total([1.0, *(values[name] for name, multiplied in e.pulls if component in multiplied)])


def problem_of(
    members: list[ExperimentArrays],
    observed: list[Reals],
    auxiliary: Values,
    interactions: tuple[Any, ...],
    values: Values,
) -> Problem:
    """The problem of experiments that share nuisances.

    Gaussian ones alone have a closed form; with a Poisson one among them all go to its solver.

    Args:
        members: The experiments.
        observed: Their counts, each [cell] [count].
        auxiliary: What measured the nuisances found, {name: scalar} [1].
        interactions: The StandardModel first.
        values: Theory and nonlinear nuisances.
    """
    names = nuisance_names(members)
    parts = [list(parts_of(e, interactions, values, merged=True).values()) for e in members]
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
    parts: list[list[Part]],
    names: tuple[str, ...],
    sd: dict[str, Any],
    centre: tuple[Any, ...],
    data: Reals,
) -> Problem:
    designs = [
        gaussian.design(_by_component(p), tuple((multiplied, sd[n]) for n, multiplied in e.pulls))
        for e, p in zip(members, parts, strict=True)
    ]
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
    return Problem(
        names,
        lambda a: gaussian.chi2(data, weights, problem, a),
        lambda: (gaussian.best_pulls(data, weights, problem), 0.0),
    )


def _by_component(parts: list[Part]) -> dict[str, Reals]:
    out: dict[str, Reals] = {}
    for part in parts:
        known = out.get(part.component)
        out[part.component] = part.nominal if known is None else known + part.nominal
    return out


def _poisson(
    members: list[ExperimentArrays],
    parts: list[list[Part]],
    names: tuple[str, ...],
    sd: dict[str, Any],
    centre: tuple[Any, ...],
    data: Reals,
) -> Problem:
    def vector(numbers: Iterable[Any]) -> Reals:
        listed = [jnp.asarray(x, data.dtype) for x in numbers]
        return jnp.stack(listed) if listed else jnp.zeros(0, data.dtype)

    mixed = any(e.statistic != "poisson" for e in members)
    problem = poisson.Templates(
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

    return Problem(names, lambda a: poisson.chi2(data, problem, vector(a)), best)


def _component(e: ExperimentArrays, part: Part, names: tuple[str, ...]) -> poisson.Component:
    pulls = tuple(names.index(n) for n, multiplied in e.pulls if part.component in multiplied)
    if not part.shifts:
        return poisson.Component(part.nominal, pulls)
    none = jnp.zeros_like(part.nominal)
    linear, curved = (
        jnp.stack([part.shifts[n][k] if n in part.shifts else none for n in names]) for k in (0, 1)
    )
    return poisson.Component(part.nominal, pulls, linear, curved)


def _weights(e: ExperimentArrays) -> Reals:
    """Inverse variances of Gaussian cells, 0 for Poisson cells."""
    return jnp.zeros_like(e.weights) if e.statistic == "poisson" else e.weights


def _concatenate(arrays: list[Reals]) -> Reals:
    return arrays[0] if len(arrays) == 1 else jnp.concatenate(arrays)
