"""Expected (Fisher) information of the parameters of a counting model, at a given truth.

With expected counts mu and their slopes J by the parameters the information is
I = J^T V^-1 J + 1/sd^2 of every constrained nuisance: V is the variance of Gaussian counts and mu
itself for Poisson counts (Cowan et al., EPJC 71, 1554, section 3.2). It is the Hessian of nll on
the Asimov data, because the residuals that multiply second derivatives vanish there.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.experiments.planned import PlannedExperiment
from cevnsjax.inference.forecasts.fisher_result import FisherResult, concluded
from cevnsjax.inference.objective import Objective, free_names
from cevnsjax.likelihood.components import FLOOR
from cevnsjax.parameters import Normal, ParameterTable


@runtime_checkable
class Counting(Protocol):
    """An objective that predicts counts; its experiments have ``statistic`` and ``variance``."""

    @property
    def experiments(self) -> Mapping[str, Any]:
        """Experiments by name."""
        ...

    @property
    def expected(self) -> Any:
        """Function of values, traceable by jax: expected counts, {experiment: [cell]} [count]."""
        ...


def fisher(
    model: Objective,
    free: str | Iterable[str] | None = None,
    *,
    truth: Mapping[str, float] | None = None,
    fixed: Mapping[str, float] | None = None,
) -> FisherResult:
    """Expected information and errors of parameters, nuisances profiled; needs no data.

    Args:
        model: The model.
        free: Parameters to measure; those the table marks free if None. Nuisances are always
            unknown, within their constraints, unless they are in ``fixed``.
        truth: True values; names left out take their defaults.
        fixed: Parameters known exactly, at these true values.

    Returns:
        Information, covariance, errors, and notes on what the information does not fix.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At values out of bounds, or expected counts that are not finite.
    """
    names, held = free_names(model, free, fixed)
    table = model.parameters
    names = (*names, *(n for n, p in table.items() if p.linear))
    true = truth_of(table, truth, held)
    information = np.diag(prior_information(table, names))
    for J, variance in _slopes(model, names, true):
        weighted = J / np.maximum(variance, FLOOR)[:, None]
        information = information + J.T @ np.where((variance > FLOOR)[:, None], weighted, 0.0)
    empty = np.zeros((0, 0))
    bare = FisherResult(
        names=names,
        parameters=(),
        truth={n: true[n] for n in names},
        information=information,
        profiled=empty,
        covariance=empty,
        units={n: table[n].unit for n in names},
        scale={n: table[n].scale for n in names},
        even=tuple(n for n in names if table[n].even),
        analysis=model.name,
        experiments=tuple(model.experiments),
    )
    theory = tuple(n for n in names if table[n].kind == "theory")
    return concluded(bare, names, theory, information, held)


def truth_of(
    table: ParameterTable,
    truth: Mapping[str, float] | None,
    held: Mapping[str, float],
) -> dict[str, float]:
    """True value of every parameter.

    Args:
        table: The parameters.
        truth: Some of them; others take their defaults.
        held: Values that are known exactly.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At a value out of bounds, or known to be another than is true.
    """
    if truth is not None and not isinstance(truth, Mapping):
        raise InputError(f"truth must be {{name: value}}, got {truth!r}")
    given = {n: table[n].check(x) for n, x in (truth or {}).items()}
    for name, value in held.items():
        if given.get(name, value) != value:
            raise InputError(
                f"{name} is {given[name]:g} in truth and {value:g} in fixed; give one true value"
            )
    return {**table.defaults(), **given, **held}


def prior_information(table: ParameterTable, names: Iterable[str]) -> np.ndarray:
    """1/sd^2 of constrained nuisances, 0 for others, [name] [1/unit^2]."""
    priors = [p.prior if (p := table[n]).kind == "nuisance" else None for n in names]
    return np.array([1 / p.sd**2 if isinstance(p, Normal) else 0.0 for p in priors])


def cell_variance(experiment: Any, mean: Any, xp: Any) -> Any:
    """Variance of the counts of an experiment, [cell] [count^2].

    Args:
        experiment: Poisson counts vary by their mean, Gaussian ones by the experiment's variance;
            where Gaussian data are yet to come, by their mean, 1 at least, as ``with_data`` has it.
        mean: Expected counts, [cell] [count].
        xp: numpy, or jax.numpy inside a trace.
    """
    if experiment.statistic == "poisson":
        return mean
    if isinstance(experiment, PlannedExperiment):
        return xp.maximum(mean, 1.0)
    return experiment.variance


def _slopes(
    model: Any, names: tuple[str, ...], truth: Mapping[str, float]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Slopes of the counts [cell, name] and their variances [cell] of each experiment."""
    import jax

    if not isinstance(model, Counting):
        raise InputError(f"{model!r} predicts no counts; information needs expected counts")
    point = np.array([truth[n] for n in names])

    def counts(p: Any) -> Any:
        mu = model.expected({**truth, **dict(zip(names, p, strict=True))})
        return mu, mu

    slopes, mean = jax.jacfwd(counts, has_aux=True)(jax.device_put(point))
    out = []
    for name, experiment in model.experiments.items():
        mu, J = (np.asarray(x[name], dtype=np.float64) for x in (mean, slopes))
        if not (np.all(np.isfinite(mu)) and np.all(np.isfinite(J))):
            raise InputError(f"{name}: expected counts are not finite at these values")
        variance = cell_variance(experiment, mu, np)
        out.append((J.reshape(mu.size, len(names)), np.asarray(variance, dtype=np.float64)))
    return out
