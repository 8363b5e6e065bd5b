"""Pure functions of a model at given values: predictions and likelihoods."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Arrays
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.model import components
from cevnsjax.model.nuisance_groups import (
    GaussianProblem,
    NuisanceProblem,
    nuisance_names,
    problem_of,
)
from cevnsjax.model.signal import binned_signal
from cevnsjax.model.structure import Counts, ModelAtValues, Signal
from cevnsjax.numerics import total

ByComponent = dict[str, dict[str, dict[str, Counts]]]
"""Counts by experiment, "signal" or "background", and source or name [count]."""


def expected(m: ModelAtValues) -> dict[str, Counts]:
    """Expected counts with the nuisances in ``values``, {experiment: [cell]} [count].

    Examples:
        >>> round(float(model.expected()["csi-2017"].sum()), 1)
        152.9
    """
    interactions = m.structure.interactions
    return {e.name: components.expected(e, interactions, m.values) for e in m.experiments}


def by_component(m: ModelAtValues) -> ByComponent:
    """Expected counts before nuisances, by experiment, "signal" or "background", and name.

    Examples:
        >>> signal = model.by_component()["csi-2017"]["signal"]
        >>> {source: round(float(counts.sum()), 1) for source, counts in signal.items()}
        {'nu_e': 49.0, 'nu_mu': 24.5, 'nu_mu_bar': 74.0}
    """
    return predicted(m.moved(dict.fromkeys(nuisance_names(m.experiments), 0.0)))


def predicted(m: ModelAtValues) -> ByComponent:
    """As ``by_component`` with the nuisances in ``values`` applied.

    Examples:
        >>> signal = model.predicted({"alpha_sig_csi2017": 0.1})["csi-2017"]["signal"]
        >>> round(float(signal["nu_e"].sum()), 1)
        53.9
    """
    out = {}
    for e in m.experiments:
        signal, background = components.predicted(e, m.structure.interactions, m.values)
        out[e.name] = {"signal": signal, "background": background}
    return out


def penalty(m: ModelAtValues) -> Any:
    """chi2 of the Gaussian constraints on nonlinear nuisances."""
    measured = m.measured
    return sum(((m.values[n] - measured[n]) / p.sd) ** 2 for n, p in m.structure.constraints)


def nuisance_problems(
    m: ModelAtValues, counts: Sequence[Signal] | None = None
) -> list[NuisanceProblem]:
    """The likelihood of each group of experiments at fixed theory; signals are computed if None."""
    counts = signals(m) if counts is None else counts
    return [group_problem(m, group, [counts[i] for i in group]) for group in m.structure.groups]


def group_problem(
    m: ModelAtValues, group: tuple[int, ...], counts: Sequence[Signal]
) -> NuisanceProblem:
    """The likelihood of a group of experiments at their signals; of values free pulls are used."""
    members, data = [m.experiments[i] for i in group], [m.observed.counts[i] for i in group]
    return problem_of(members, counts, data, m.measured, m.values)


def nll(m: ModelAtValues) -> Arrays:
    """-log L with all parameters given, constants dropped so that chi2 = 2 nll.

    Examples:
        >>> round(float(model.nll({"alpha_sig_csi2017": -0.02})), 2)
        1.44
    """
    return total([penalty(m) / 2, *(p.nll(_nuisances(m, p)) for p in nuisance_problems(m))])


def _nuisances(m: ModelAtValues, problem: NuisanceProblem) -> Float[Array, " nuisance"]:
    """Values of the nuisances of a problem."""
    dtype = problem.data.dtype
    scalars = [jnp.asarray(m.values[n], dtype) for n in problem.names]
    return jnp.stack(scalars) if scalars else jnp.zeros(0, dtype)


def profiled_nll(m: ModelAtValues) -> Arrays:
    """-log L minimised over the solved nuisances; those in ``values`` are ignored.

    ``solver_distance`` says whether the minimum was reached.

    Examples:
        >>> round(float(model.profiled_nll({"sin2_theta_w": 0.25})), 3)
        1.574
        >>> round(float(model.profiled_nll()), 3)
        1.436
    """
    return searched(m)[0]


def searched(m: ModelAtValues) -> tuple[Arrays, Arrays]:
    """``profiled_nll`` and ``solver_distance`` from one search."""
    solved = [p.profiled() for p in nuisance_problems(m)]
    nll = total([penalty(m), *(chi2 for chi2, _ in solved)]) / 2
    return nll, jnp.asarray(total([distance for _, distance in solved]), nll.dtype)


def marginal_nll(m: ModelAtValues) -> Arrays:
    """-log of the integral of exp(-nll) over the solved nuisances; those in ``values`` are ignored.

    With Gaussian cells and linear pulls the integral is exact: the profiled nll plus half the
    logarithm of det(H / 2 pi). The Hessian H of nll by the pulls depends on theory, because pulls
    multiply the signal, so that the marginal likelihood is not the profiled one.

    Raises:
        InputError: If the solved nuisances enter a Poisson likelihood: no closed form.

    Examples:
        >>> round(float(model.marginal_nll()), 3)
        3.205
    """
    nll = penalty(m) / 2
    for problem, group in zip(nuisance_problems(m), m.structure.groups, strict=True):
        nll = nll + problem.profiled()[0] / 2
        if not problem.names:
            continue
        if not isinstance(problem, GaussianProblem):
            raise InputError(_no_closed_integral([m.experiments[i] for i in group]))
        pulls = len(problem.names)
        nll = nll + problem.log_determinant() / 2 - pulls * math.log(2 * math.pi) / 2
    return nll


def _no_closed_integral(members: list[ExperimentArrays]) -> str:
    """Which nuisances cannot be integrated in closed form, and what to do instead."""
    for e in members:
        if nuisance_names([e]) and (e.statistic == "poisson" or e.log_widths):
            kind = "Poisson" if e.statistic == "poisson" else "not Gaussian in lognormal pulls"
            return (
                f"the nuisances of {e.name} have no closed integral: its likelihood is {kind}; "
                "draw them with sample(..., marginalise_linear=False), or make pulls parameters "
                "with Model(free_pulls=[...])"
            )
    raise AssertionError("a group is solved by a search for one of its members")


def best_pulls(m: ModelAtValues) -> dict[str, Arrays]:
    """The solved nuisances, {name: scalar} [1].

    Examples:
        >>> {name: round(float(a), 3) for name, a in model.best_pulls().items()}
        {'alpha_brn_csi2017': -0.005, 'alpha_sig_csi2017': -0.024}
    """
    return solution(m)[0]


def solution(m: ModelAtValues) -> tuple[dict[str, Arrays], Any]:
    """``best_pulls`` and ``solver_distance`` from one search."""
    solved = [(p, p.best()) for p in nuisance_problems(m)]
    by_problem = [(p.names, p.nuisances(best.z)) for p, best in solved]
    pulls = {n: a[k] for names, a in by_problem for k, n in enumerate(names)}
    return pulls, total([best.distance for _, best in solved])


def solver_distance(m: ModelAtValues) -> Any:
    """Estimated distance of the solved nuisances from their minimum, in nll; 0 if exact.

    Examples:
        >>> float(model.solver_distance())
        0.0
    """
    return solution(m)[1]


def signals(m: ModelAtValues) -> list[Signal]:
    """Signals in the bins of the first observable, by experiment [count]."""
    return [binned_signal(e, m.structure.interactions, m.values) for e in m.experiments]


_PREDICTIONS = (signals, expected, by_component, predicted)
_PAIRS = (searched, solution)
_LIKELIHOODS = (nll, profiled_nll, marginal_nll, best_pulls, solver_distance, *_PAIRS)
KINDS: dict[str, Callable[[ModelAtValues], Any]] = {
    f.__name__: f for f in (*_PREDICTIONS, *_LIKELIHOODS)
}
PREDICTIONS = frozenset(f.__name__ for f in _PREDICTIONS)
"""Those that need no data."""
