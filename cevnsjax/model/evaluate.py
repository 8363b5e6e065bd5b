"""Pure functions from (static description, arrays, values) to predictions and likelihoods."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from cevnsjax.cross_section import rates
from cevnsjax.experiments.experiment import SIGNAL, ExperimentArrays
from cevnsjax.likelihood import gaussian
from cevnsjax.numerics import total
from cevnsjax.parameters import Normal
from cevnsjax.rate import add_rates, nucleus_charges, survival_of
from cevnsjax.types import Reals, Values


@dataclass(frozen=True)
class Static:
    """What a compiled likelihood depends on besides arrays; equal ones share a compilation.

    Attributes:
        interactions: The StandardModel first, then any others.
        treedef: Structure of the experiments' arrays.
        names: All parameter names, in the order of the value vector.
        constraints: Gaussian priors of nonlinear nuisances, (name, prior).
        groups: Indices of experiments that share pulls, solved together.
    """

    interactions: tuple[Any, ...]
    treedef: Any
    names: tuple[str, ...]
    constraints: tuple[tuple[str, Normal], ...]
    groups: tuple[tuple[int, ...], ...]


Experiments = list[ExperimentArrays]
Observed = tuple[Reals, ...]


def node_rates(arrays: ExperimentArrays, interactions: tuple[Any, ...], values: Values) -> Any:
    """Response matrix and events per MeV of recoil at its nodes, by source."""
    signal = arrays.signal
    T_nr, R, kernels = arrays.T_nr, arrays.R, arrays.kernels
    if arrays.shape:
        T_nr, R = signal.nodes({short: values[name] for short, name in arrays.shape}, jnp)
    survival = survival_of(interactions, values, signal.flux.baseline_m)
    if survival is not None and arrays.energies:
        arriving = {source: survival(source, E) for source, E in arrays.energies.items()}
        kernels = _surviving(kernels, arriving)
    elif arrays.shape or survival is not None:
        kernels = signal.kernels(T_nr, jnp, survival)
    parts = []
    for nucleus in signal.nuclei:
        q2 = 2 * nucleus.mass * T_nr
        q2_max = 2 * nucleus.mass * float(signal.kinks[-1])
        charges = nucleus_charges(interactions, values, nucleus, q2, signal.flux.sources, q2_max)
        norm = arrays.norms[nucleus.name]
        parts.append({s: norm * r for s, r in rates(charges, kernels[nucleus.name]).items()})
    return R, add_rates(parts)


def _surviving(kernels: dict[str, Any], arriving: dict[str, Reals]) -> dict[str, Any]:
    """Kernels [node] from kernels [node, energy] and survival probabilities [energy]."""
    return {
        nucleus: {
            structure: {source: K @ arriving[source] for source, K in by_source.items()}
            for structure, by_source in by_structure.items()
        }
        for nucleus, by_structure in kernels.items()
    }


def signal_by_source(
    arrays: ExperimentArrays, interactions: tuple[Any, ...], values: Values
) -> dict[str, Reals]:
    """Expected signal counts, {source: [bin]} [count]."""
    R, by_source = node_rates(arrays, interactions, values)
    return {source: R @ rate for source, rate in by_source.items()}


def components(
    arrays: ExperimentArrays, interactions: tuple[Any, ...], values: Values
) -> dict[str, Reals]:
    """Expected counts before pulls: the signal summed over sources, and each background."""
    R, by_source = node_rates(arrays, interactions, values)
    return {SIGNAL: R @ total(list(by_source.values())), **arrays.backgrounds}


def _design(static: Static, arrays: ExperimentArrays, values: Values) -> gaussian.LinearPulls:
    pulls = tuple((parts, arrays.pull_sd[name]) for name, parts in arrays.pulls)
    return gaussian.design(components(arrays, static.interactions, values), pulls)


def expected(static: Static, experiments: Experiments, observed: Observed, values: Values) -> Any:
    """Expected counts with the pulls in ``values``, {experiment: [bin]} [count]."""
    del observed
    return {
        e.name: gaussian.expected(
            _design(static, e, values), tuple(values[name] for name, _ in e.pulls)
        )
        for e in experiments
    }


def by_component(
    static: Static, experiments: Experiments, observed: Observed, values: Values
) -> dict[str, dict[str, dict[str, Reals]]]:
    """Expected counts before pulls, {experiment: {"signal": {source}, "background": {name}}}."""
    del observed
    return {
        e.name: {
            "signal": signal_by_source(e, static.interactions, values),
            "background": dict(e.backgrounds),
        }
        for e in experiments
    }


def _joined(
    static: Static, experiments: Experiments, observed: Observed, values: Values, group: Any
) -> tuple[tuple[str, ...], Reals, Reals, gaussian.LinearPulls]:
    """One linear problem for experiments that share pulls: their bins side by side."""
    members = [experiments[i] for i in group]
    designs = [_design(static, e, values) for e in members]
    names = tuple(dict.fromkeys(name for e in members for name, _ in e.pulls))
    sd = {name: e.pull_sd[name] for e in members for name, _ in e.pulls}
    columns = []
    for name in names:
        own = [
            dict(zip((n for n, _ in e.pulls), d.columns, strict=True))
            for e, d in zip(members, designs, strict=True)
        ]
        columns.append(
            _concatenate(
                [o.get(name, jnp.zeros_like(d.rest)) for o, d in zip(own, designs, strict=True)]
            )
        )
    problem = gaussian.LinearPulls(
        _concatenate([d.rest for d in designs]), tuple(columns), tuple(sd[n] for n in names)
    )
    data = _concatenate([observed[i] for i in group])
    return names, data, _concatenate([e.weights for e in members]), problem


def _concatenate(arrays: list[Reals]) -> Reals:
    return arrays[0] if len(arrays) == 1 else jnp.concatenate(arrays)


def _penalty(static: Static, values: Values) -> Any:
    """Chi2 of the Gaussian constraints on nonlinear nuisances."""
    return sum(((values[name] - p.mean) / p.sd) ** 2 for name, p in static.constraints)


def nll(static: Static, experiments: Experiments, observed: Observed, values: Values) -> Reals:
    """-log L with all parameters given, constants dropped so that chi2 = 2 nll."""
    chi2 = _penalty(static, values)
    for group in static.groups:
        names, data, weights, problem = _joined(static, experiments, observed, values, group)
        chi2 = chi2 + gaussian.chi2(data, weights, problem, tuple(values[n] for n in names))
    return chi2 / 2


def profiled_nll(
    static: Static, experiments: Experiments, observed: Observed, values: Values
) -> Reals:
    """-log L minimised over the linear pulls; pulls in ``values`` are ignored."""
    chi2 = _penalty(static, values)
    for group in static.groups:
        _, data, weights, problem = _joined(static, experiments, observed, values, group)
        best = gaussian.best_pulls(data, weights, problem)
        chi2 = chi2 + gaussian.chi2(data, weights, problem, best)
    return chi2 / 2


def best_pulls(
    static: Static, experiments: Experiments, observed: Observed, values: Values
) -> dict[str, Reals]:
    """The linear pulls at their solution, {name: scalar} [1]."""
    out = {}
    for group in static.groups:
        names, data, weights, problem = _joined(static, experiments, observed, values, group)
        out.update(zip(names, gaussian.best_pulls(data, weights, problem), strict=True))
    return out


KINDS: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (expected, by_component, nll, profiled_nll, best_pulls)
}
