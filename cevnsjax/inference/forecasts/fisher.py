"""Expected (Fisher) information of the parameters of a counting model, at given true values.

With expected counts mu and their slopes J by the parameters the information is
I = J^T V^-1 J + 1/sd^2 of every constrained nuisance. V is the variance of Gaussian counts and mu
itself for Poisson counts (Cowan et al., EPJC 71, 1554, section 3.2). It is the Hessian of nll on
the Asimov data, because the residuals that multiply second derivatives vanish there.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.errors import InputError
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.inference.forecasts.design import truth_of
from cevnsjax.inference.forecasts.fisher_result import FisherResult, concluded
from cevnsjax.inference.forecasts.traced_design import cell_variance, kind_of
from cevnsjax.inference.objective import Objective, free_names
from cevnsjax.likelihood.deviance import FLOOR
from cevnsjax.model.structure import prior_information


@runtime_checkable
class Counting(Protocol):
    """A model that predicts counts; its experiments have ``statistic`` and ``variance``."""

    @property
    def experiments(self) -> Mapping[str, Experiment]:
        """Experiments by name."""
        ...

    @property
    def expected(self) -> Callable[..., Mapping[str, Float[Array, " cell"]]]:
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
        model: A Model, or another objective that is ``Counting``.
        free: Parameters to measure; those the table marks free if None. Nuisances are always
            unknown, within their constraints, unless they are in ``fixed``.
        truth: True values; names left out take their defaults.
        fixed: Parameters known exactly, at these true values.

    Returns:
        Information, covariance, errors, and notes on what the information does not fix.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At values out of bounds, or expected counts that are not finite.

    Examples:
        >>> expected = cj.fisher(model, "sin2_theta_w")
        >>> round(expected.errors["sin2_theta_w"], 3)
        0.04
        >>> round(expected.with_known("alpha_sig_csi2017").errors["sin2_theta_w"], 3)
        0.034
    """
    names, fixed_values = free_names(model, free, fixed)
    table = model.parameters
    names = (*names, *(n for n, p in table.items() if p.linear))
    values = truth_of(table, truth, fixed_values)
    information = np.diag(prior_information(table, names))
    for J, variance in _slopes_and_variances(model, names, values):
        weight = np.where(variance > FLOOR, 1 / np.maximum(variance, FLOOR), 0.0)
        information = information + J.T @ (weight[:, None] * J)
    bare = FisherResult(
        names=names,
        parameters=(),
        truth={n: values[n] for n in names},
        information=information,
        profiled=np.zeros((0, 0)),
        covariance=np.full(information.shape, np.nan),
        units={n: table[n].unit for n in names},
        scale={n: table[n].scale for n in names},
        even=tuple(n for n in names if table[n].even),
        analysis=model.name,
        experiments=tuple(model.experiments),
    )
    theory = tuple(n for n in names if table[n].kind == "theory")
    return concluded(bare, names, theory, information, fixed_values)


def _slopes_and_variances(
    model: Objective, names: tuple[str, ...], truth: Mapping[str, float]
) -> list[tuple[Float[np.ndarray, "cell name"], Float[np.ndarray, " cell"]]]:
    """Slopes of the counts [count/unit] and their variances [count^2] of each experiment."""
    if not isinstance(model, Counting):
        raise InputError(f"{model!r} predicts no counts; information needs expected counts")
    expected = model.expected

    def counts(point: Float[Array, " name"]) -> tuple[Mapping[str, Array], Mapping[str, Array]]:
        mean = expected({**truth, **dict(zip(names, point, strict=True))})
        return mean, mean

    point = jax.device_put(np.array([truth[n] for n in names]))
    slopes, mean = jax.jacfwd(counts, has_aux=True)(point)
    pairs = []
    for name, experiment in model.experiments.items():
        mu, J = (np.asarray(x[name], dtype=np.float64) for x in (mean, slopes))
        if not (np.all(np.isfinite(mu)) and np.all(np.isfinite(J))):
            raise InputError(f"{name}: expected counts are not finite at these values")
        variance = cell_variance(kind_of(experiment), mu, experiment.variance, np)
        pairs.append((J.reshape(mu.size, len(names)), np.asarray(variance, dtype=np.float64)))
    return pairs
