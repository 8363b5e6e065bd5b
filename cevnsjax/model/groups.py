"""Experiments that share solved nuisances, as one problem: Gaussian in closed form, or Poisson."""

from collections.abc import Callable
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


@dataclass(frozen=True)
class Components:
    """Expected counts of one experiment before nuisances.

    Attributes:
        nominal: Signal and backgrounds, {component: [cell]} [count].
        shifts: Change by one unit of each morph, {name: {component: [cell]}} [count].
    """

    nominal: dict[str, Reals]
    shifts: dict[str, dict[str, Reals]]


def components_of(e: ExperimentArrays, interactions: tuple[Any, ...], values: Values) -> Components:
    """Signal summed over sources, backgrounds, and how each morph changes them."""
    R, rate = node_rates(e, interactions, values)
    if not e.spread:
        signal = R @ total(list(rate.values()))
    else:
        signal = total([spread_out(R @ r, e.spread[s]) for s, r in rate.items()])
    shifts: dict[str, dict[str, Reals]] = {}
    for name in e.morphs:
        shift = dict(e.morph_components.get(name, {}))
        parts = []
        if name in e.morph_R:
            parts += [spread_out(e.morph_R[name] @ r, e.spread.get(s)) for s, r in rate.items()]
        if name in e.morph_spread:
            parts += [spread_out(R @ r, e.morph_spread[name][s]) for s, r in rate.items()]
        if parts:
            shift[SIGNAL] = total(parts)
        shifts[name] = shift
    return Components({SIGNAL: signal, **e.backgrounds}, shifts)


def expected(e: ExperimentArrays, interactions: tuple[Any, ...], values: Values) -> Reals:
    """Expected counts with the nuisances in ``values``, [cell] [count]."""
    signal, backgrounds = predicted(e, interactions, values)
    return total([*signal.values(), *backgrounds.values()])


def predicted(
    e: ExperimentArrays, interactions: tuple[Any, ...], values: Values
) -> tuple[dict[str, Reals], dict[str, Reals]]:
    """Signal by source and backgrounds, with the nuisances in ``values``, [cell] [count]."""
    R, rate = node_rates(e, interactions, values)
    signal = {}
    for source, r in rate.items():
        moved = spread_out(R @ r, e.spread.get(source))
        for name, shift in e.morph_R.items():
            moved = moved + values[name] * spread_out(shift @ r, e.spread.get(source))
        for name, shift in e.morph_spread.items():
            moved = moved + values[name] * spread_out(R @ r, shift[source])
        signal[source] = moved * _factor(e, SIGNAL, values)
    backgrounds = {}
    for component, nominal in e.backgrounds.items():
        moved = nominal
        for name, shift in e.morph_components.items():
            if component in shift:
                moved = moved + values[name] * shift[component]
        backgrounds[component] = moved * _factor(e, component, values)
    return signal, backgrounds


def _factor(e: ExperimentArrays, component: str, values: Values) -> Any:
    """1 plus the pulls on a component [1]."""
    return total([1.0, *(values[name] for name, multiplied in e.pulls if component in multiplied)])


def problem_of(
    members: list[ExperimentArrays],
    observed: list[Reals],
    interactions: tuple[Any, ...],
    values: Values,
) -> Problem:
    """The problem of experiments that share nuisances; all Gaussian or all Poisson."""
    names = nuisance_names(members)
    parts = [components_of(e, interactions, values) for e in members]
    data = _concatenate(observed)
    sd = {name: e.pull_sd[name] for e in members for name in e.pull_sd}
    if members[0].statistic == "poisson":
        return _poisson(members, parts, names, sd, data)
    return _gaussian(members, parts, names, sd, data)


def nuisance_names(members: list[ExperimentArrays]) -> tuple[str, ...]:
    """Names of the solved nuisances, once each."""
    return tuple(dict.fromkeys(n for e in members for n in (*(p for p, _ in e.pulls), *e.morphs)))


def _gaussian(
    members: list[ExperimentArrays],
    parts: list[Components],
    names: tuple[str, ...],
    sd: dict[str, Any],
    data: Reals,
) -> Problem:
    designs = [
        gaussian.design(p.nominal, tuple((multiplied, sd[n]) for n, multiplied in e.pulls))
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
    problem = gaussian.LinearPulls(rest, columns, tuple(sd[n] for n in names))
    weights = _concatenate([e.weights for e in members])
    return Problem(
        names,
        lambda a: gaussian.chi2(data, weights, problem, a),
        lambda: (gaussian.best_pulls(data, weights, problem), 0.0),
    )


def _poisson(
    members: list[ExperimentArrays],
    parts: list[Components],
    names: tuple[str, ...],
    sd: dict[str, Any],
    data: Reals,
) -> Problem:
    tightness = jnp.stack([1 / sd[n] ** 2 for n in names]) if names else jnp.zeros(0, data.dtype)
    problem = poisson.combine(
        [_bilinear(e, p, names, tightness) for e, p in zip(members, parts, strict=True)]
    )

    def best() -> tuple[tuple[Any, ...], Any]:
        a, distance = poisson.best_nuisances(data, problem)
        return tuple(a[k] for k in range(len(names))), distance

    def chi2(a: tuple[Any, ...]) -> Reals:
        vector = jnp.stack([jnp.asarray(x, data.dtype) for x in a]) if a else tightness
        return poisson.chi2(data, problem, vector)

    return Problem(names, chi2, best)


def _bilinear(
    e: ExperimentArrays, parts: Components, names: tuple[str, ...], tightness: Reals
) -> poisson.Bilinear:
    """Normalisations multiply, morphs add, both at once in the mixed terms."""
    index = {n: k for k, n in enumerate(names)}
    base = total(list(parts.nominal.values()))
    rows = [jnp.zeros_like(base) for _ in names]
    cross: dict[tuple[int, int], Reals] = {}
    for name, multiplied in e.pulls:
        rows[index[name]] = total([parts.nominal[c] for c in multiplied])
    for name, shift in parts.shifts.items():
        rows[index[name]] = total(list(shift.values()))
        for pull, multiplied in e.pulls:
            both = [array for component, array in shift.items() if component in multiplied]
            if both:
                pair = (min(index[pull], index[name]), max(index[pull], index[name]))
                cross[pair] = total(both)
    linear = jnp.stack(rows) if rows else jnp.zeros((0, base.size), base.dtype)
    return poisson.Bilinear(base, linear, cross, tightness)


def _concatenate(arrays: list[Reals]) -> Reals:
    return arrays[0] if len(arrays) == 1 else jnp.concatenate(arrays)
