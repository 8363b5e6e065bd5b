"""Pure functions from (structure, arrays, data, values) to predictions and likelihoods."""

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Values
from cevnsjax.model import components
from cevnsjax.model.nuisance_groups import NuisanceProblem, nuisance_names, problem_of
from cevnsjax.model.signal import binned_signal
from cevnsjax.model.structure import Counts, Experiments, ModelStructure, Observed, Signal
from cevnsjax.numerics import total

ByComponent = dict[str, dict[str, dict[str, Counts]]]
"""Counts by experiment, "signal" or "background", and source or name [count]."""


def expected(
    structure: ModelStructure, experiments: Experiments, observed: Observed, values: Values
) -> dict[str, Counts]:
    """Expected counts with the nuisances in ``values``, {experiment: [cell]} [count]."""
    del observed
    return {e.name: components.expected(e, structure.interactions, values) for e in experiments}


def by_component(
    structure: ModelStructure, experiments: Experiments, observed: Observed, values: Values
) -> ByComponent:
    """Expected counts before nuisances, by experiment, "signal" or "background", and name."""
    neutral = {name: 0.0 for e in experiments for name in nuisance_names([e])}
    return predicted(structure, experiments, observed, {**values, **neutral})


def predicted(
    structure: ModelStructure, experiments: Experiments, observed: Observed, values: Values
) -> ByComponent:
    """As ``by_component`` with the nuisances in ``values`` applied."""
    del observed
    out = {}
    for e in experiments:
        signal, background = components.predicted(e, structure.interactions, values)
        out[e.name] = {"signal": signal, "background": background}
    return out


def penalty(structure: ModelStructure, observed: Observed, values: Values) -> Any:
    """chi2 of the Gaussian constraints on nonlinear nuisances."""
    measured = _auxiliary_values(structure, observed)
    return sum(((values[name] - measured[name]) / p.sd) ** 2 for name, p in structure.constraints)


def _auxiliary_values(structure: ModelStructure, observed: Observed) -> Values:
    """The results of the auxiliary measurements, {nuisance: scalar} [1]."""
    return {name: observed.auxiliary[k] for k, name in enumerate(structure.auxiliary_names)}


def nuisance_problems(
    structure: ModelStructure,
    experiments: Experiments,
    observed: Observed,
    values: Values,
    counts: list[Signal] | None = None,
) -> list[NuisanceProblem]:
    """The likelihood of each group of experiments at fixed theory.

    Args:
        structure: The model's structure.
        experiments: Arrays of all experiments.
        observed: The data.
        values: Theory and nuisances that are not solved.
        counts: Signals by experiment [count]; computed if None.
    """
    if counts is None:
        counts = signals(structure, experiments, observed, values)
    return [
        _problem(structure, experiments, observed, values, group, [counts[i] for i in group])
        for group in structure.groups
    ]


def solved_names(structure: ModelStructure, experiments: Experiments) -> tuple[str, ...]:
    """Names of the solved nuisances, in the order of ``nuisance_problems``."""
    members = [[experiments[i] for i in group] for group in structure.groups]
    return tuple(name for group in members for name in nuisance_names(group))


def _problem(
    structure: ModelStructure,
    experiments: Experiments,
    observed: Observed,
    values: Values,
    group: tuple[int, ...],
    counts: list[Signal],
) -> NuisanceProblem:
    members, data = [experiments[i] for i in group], [observed.counts[i] for i in group]
    return problem_of(members, counts, data, _auxiliary_values(structure, observed), values)


def profiled_group(
    structure: ModelStructure,
    experiments: Experiments,
    observed: Observed,
    values: Values,
    group: tuple[int, ...],
    counts: list[Signal],
) -> Float[Array, ""]:
    """chi2 of one group of experiments at given signals, minimised over its solved nuisances.

    Args:
        structure: The model's structure.
        experiments: Arrays of all experiments.
        observed: The data.
        values: Pulls that are free.
        group: Indices of the experiments.
        counts: Their signals [count].
    """
    problem = _problem(structure, experiments, observed, values, group, counts)
    return problem.chi2(problem.best()[0])


def nll(
    structure: ModelStructure, experiments: Experiments, observed: Observed, values: Values
) -> Float[Array, ""]:
    """-log L with all parameters given, constants dropped so that chi2 = 2 nll."""
    chi2 = penalty(structure, observed, values)
    for problem in nuisance_problems(structure, experiments, observed, values):
        chi2 = chi2 + problem.chi2(tuple(values[n] for n in problem.names))
    return chi2 / 2


def profiled_nll(
    structure: ModelStructure, experiments: Experiments, observed: Observed, values: Values
) -> Float[Array, ""]:
    """-log L minimised over the solved nuisances; those in ``values`` are ignored."""
    chi2 = penalty(structure, observed, values)
    for problem in nuisance_problems(structure, experiments, observed, values):
        chi2 = chi2 + problem.chi2(problem.best()[0])
    return chi2 / 2


def marginal_nll(
    structure: ModelStructure, experiments: Experiments, observed: Observed, values: Values
) -> Float[Array, ""]:
    """-log of the integral of exp(-nll) over the solved nuisances; those in ``values`` are ignored.

    With Gaussian cells and linear pulls the integral is exact: the profiled nll plus half the
    logarithm of det(H / 2 pi). The Hessian H of nll by the pulls depends on theory, because pulls
    multiply the signal, so that the marginal likelihood is not the profiled one.

    Raises:
        InputError: If the solved nuisances enter a Poisson likelihood: no closed form.
    """
    nll = penalty(structure, observed, values) / 2
    _require_closed_form(experiments)
    for problem in nuisance_problems(structure, experiments, observed, values):
        best = problem.best()[0]
        nll = nll + problem.chi2(best) / 2
        if problem.names:
            _, hessian = problem.derivatives(jnp.stack(best))
            pivots = jnp.diagonal(jnp.linalg.cholesky(hessian / (2 * math.pi)))
            nll = nll + jnp.sum(jnp.log(pivots))
    return nll


def _require_closed_form(experiments: Experiments) -> None:
    """Stop at nuisances whose integral is not Gaussian."""
    for e in experiments:
        # Morphs need Poisson cells, so that this covers them.
        if e.statistic == "poisson" and nuisance_names([e]):
            raise InputError(
                f"the nuisances of {e.name} have no closed integral: its likelihood is Poisson; "
                "draw them with sample(..., marginalise_linear=False), or make pulls parameters "
                "with Model(free_pulls=[...])"
            )


def best_pulls(
    structure: ModelStructure, experiments: Experiments, observed: Observed, values: Values
) -> dict[str, Float[Array, ""]]:
    """The solved nuisances, {name: scalar} [1]."""
    out = {}
    for problem in nuisance_problems(structure, experiments, observed, values):
        out.update(zip(problem.names, problem.best()[0], strict=True))
    return out


def solver_distance(
    structure: ModelStructure, experiments: Experiments, observed: Observed, values: Values
) -> Any:
    """Estimated distance of the solved nuisances from their minimum, in nll; 0 if exact."""
    return total([p.best()[1] for p in nuisance_problems(structure, experiments, observed, values)])


def signals(
    structure: ModelStructure, experiments: Experiments, observed: Observed, values: Values
) -> list[Signal]:
    """Signals in the bins of the first observable, by experiment [count]."""
    del observed
    return [binned_signal(e, structure.interactions, values) for e in experiments]


_FUNCTIONS = (
    signals,
    expected,
    by_component,
    predicted,
    nll,
    profiled_nll,
    marginal_nll,
    best_pulls,
    solver_distance,
)
PREDICTIONS = frozenset(f.__name__ for f in (signals, expected, by_component, predicted))
"""Those that need no data."""
KINDS: dict[str, Callable[..., Any]] = {f.__name__: f for f in _FUNCTIONS}
