"""Fits: multi-start minimisation, exact Hessian covariance, bounds and an honest status."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cevnsjax.errors import InputError, UnknownNameError
from cevnsjax.inference.methods import METHODS, best_minimum
from cevnsjax.inference.minimize import Minimum, Problem
from cevnsjax.inference.objective import Objective, free_names
from cevnsjax.inference.result import FitResult


def problem_of(
    objective: Objective, names: tuple[str, ...], held: dict[str, float], data: Any = None
) -> Problem:
    """The profiled nll of named parameters as a minimisation problem in scaled coordinates.

    Args:
        objective: The model.
        names: Parameters that vary.
        held: Values of others.
        data: Data to use instead of the model's.
    """
    scale = np.array([objective.parameters[n].scale for n in names])
    bounds = np.array([objective.parameters[n].bounds for n in names]).reshape(-1, 2)

    def values(u: np.ndarray) -> dict[str, float]:
        # A bound may be missed by one rounding when it is scaled and scaled back.
        x = np.clip(u * scale, bounds[:, 0], bounds[:, 1])
        return {**held, **dict(zip(names, x.tolist(), strict=True))}

    def value_and_grad(u: np.ndarray) -> tuple[float, np.ndarray]:
        value, slopes = objective.value_and_grad(values(u), names=names, data=data)
        return float(value), np.array([float(slopes[n]) for n in names]) * scale

    def hessian(u: np.ndarray) -> np.ndarray:
        full, inside = full_hessian(objective, names, values(u), data), len(names)
        # Schur complement: the Hessian of the profile, without compiling a second Hessian.
        cross, solved = full[:inside, inside:], full[inside:, inside:]
        profiled = full[:inside, :inside] - cross @ np.linalg.solve(solved, cross.T)
        return profiled * np.outer(scale, scale)

    return Problem(value_and_grad, hessian, bounds[:, 0] / scale, bounds[:, 1] / scale)


def full_hessian(
    objective: Objective, names: tuple[str, ...], values: dict[str, float], data: Any
) -> np.ndarray:
    """Hessian of the full nll over ``names`` and the linear nuisances, at their solution.

    Args:
        objective: The model.
        names: Parameters that vary.
        values: Point to take it at, without linear nuisances.
        data: Data to use instead of the model's.

    Returns:
        Matrix in the order of ``names``, then linear nuisances [1/unit^2].
    """
    pulls = {n: float(a) for n, a in objective.best_pulls(values, data=data).items()}
    linear = tuple(n for n in objective.parameters if n in pulls)
    point = {**values, **pulls}
    return objective.hessian(point, names=(*names, *linear), profiled=False, data=data)


def starts_of(objective: Objective, names: tuple[str, ...]) -> list[np.ndarray]:
    """Scaled starts: the defaults, then one scale up and down in each parameter.

    A parameter the counts are even in has no gradient at 0 and never starts there.
    """
    table = objective.parameters
    center = np.array([table[n].default / table[n].scale for n in names])
    even = np.array([table[n].even and table[n].default == 0 for n in names], dtype=bool)
    center = np.where(even, 1.0, center)
    starts = [center]
    for i in range(len(names)):
        for side in (-1.0, 1.0):
            shifted = center.copy()
            shifted[i] = side if even[i] else center[i] + side
            starts.append(shifted)
    unique = {tuple(s): s for s in starts}
    return list(unique.values())


def fit(
    objective: Objective,
    free: str | Iterable[str] | None = None,
    *,
    fixed: Mapping[str, float] | None = None,
    start: Mapping[str, float] | None = None,
    method: str = "auto",
    data: Any = None,
) -> FitResult:
    """Fit parameters of a model, linear nuisances solved on the way.

    Args:
        objective: The model.
        free: Parameters to vary; those the table marks free if None.
        fixed: Parameters to hold at given values.
        start: Extra start for some of the free parameters.
        method: "auto", "newton", "lbfgs", "adam" or "minuit"; all come down from several starts.
        data: Data to use instead of the model's.

    Returns:
        Values, errors from the inverse of the exact Hessian, and a status.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At values out of bounds, or if nothing is left to fit.
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    names, held = free_names(objective, free, fixed)
    problem = problem_of(objective, names, held, data)
    if names:
        starts = starts_of(objective, names)
        if start:
            starts.insert(0, _given_start(objective, names, start))
        minimum = best_minimum(problem, starts, method)
    else:
        value, _ = problem.value_and_grad(np.zeros(0))
        minimum = Minimum(np.zeros(0), value, 0.0, np.zeros(0, dtype=bool), 0)
    return _result(objective, names, held, minimum, data)


def _given_start(
    objective: Objective, names: tuple[str, ...], start: Mapping[str, float]
) -> np.ndarray:
    for name in start:
        if name not in names:
            raise InputError(f"start names {name}, which is not free; free are {list(names)}")
    table = objective.parameters
    return np.array(
        [table[n].check(start.get(n, table[n].default)) / table[n].scale for n in names]
    )


def _result(
    objective: Objective,
    names: tuple[str, ...],
    held: dict[str, float],
    minimum: Minimum,
    data: Any,
) -> FitResult:
    table = objective.parameters
    scale = np.array([table[n].scale for n in names])
    fitted = {
        n: float(np.clip(x, *table[n].bounds))
        for n, x in zip(names, minimum.u * scale, strict=True)
    }
    pulls = {n: float(a) for n, a in objective.best_pulls({**held, **fitted}, data=data).items()}
    ordered = {n: pulls[n] for n in table if n in pulls}
    values = {**fitted, **ordered}
    at_bound = tuple(n for n, b in zip(names, minimum.at_bound, strict=True) if b)
    hessian = full_hessian(objective, names, {**held, **fitted}, data)
    covariance = _covariance(
        hessian,
        np.array([table[n].scale for n in values]),
        np.array([n not in at_bound for n in values], dtype=bool),
    )
    variances = np.diag(covariance)
    from scipy import special  # 0.2 s to import

    # A constrained nuisance brings its own measurement along; the others cost a degree each.
    unconstrained = [n for n in values if table[n].kind == "theory" or table[n].prior is None]
    ndf = sum(int(np.size(o)) for o in objective.observed) - len(unconstrained)
    chi2 = 2 * minimum.value
    return FitResult(
        analysis=objective.name,
        experiments=tuple(objective.experiments),
        values=values,
        errors={
            n: float(np.sqrt(v)) if v > 0 else None for n, v in zip(values, variances, strict=True)
        },
        covariance=covariance,
        fixed=held,
        at_bound=at_bound,
        chi2=chi2,
        ndf=ndf,
        p_value=float(special.chdtrc(ndf, chi2)) if ndf > 0 else float("nan"),
        status=_status(minimum, variances, at_bound, list(values)),
        units={n: table[n].unit for n in values},
        notes=_notes(objective, fitted, variances),
    )


def _notes(
    objective: Objective, fitted: dict[str, float], variances: np.ndarray
) -> tuple[str, ...]:
    """Where the inverse Hessian is no one-sigma interval."""
    notes = []
    for (name, value), variance in zip(fitted.items(), variances, strict=False):
        p = objective.parameters[name]
        width = p.bounds[1] - p.bounds[0]
        if variance > 0 and np.sqrt(variance) > width / 4:
            notes.append(f"{name} is hardly constrained within its bounds: profile it")
        elif p.even and abs(value) < 1e-6 * p.scale:
            notes.append(f"{name} sits at its symmetry point, where chi2 is flat: profile it")
    return tuple(notes)


def _covariance(hessian: np.ndarray, scale: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Inverse Hessian in natural units; NaN for what is on a bound or in a flat direction."""
    covariance = np.full(hessian.shape, np.nan)
    units = np.outer(scale, scale)
    scaled = hessian * units
    keep = inside.copy()
    if not keep.any() or not np.all(np.isfinite(scaled)):
        return covariance
    curvature, axes = np.linalg.eigh(scaled[np.ix_(keep, keep)])
    flat = curvature < 1e-10 * curvature[-1]
    keep[np.flatnonzero(keep)[np.any(np.abs(axes[:, flat]) > 1e-5, axis=1)]] = False
    block = np.ix_(keep, keep)
    if keep.any() and np.linalg.eigvalsh(scaled[block])[0] > 0:
        covariance[block] = np.linalg.inv(scaled[block]) * units[block]
    return covariance


def _status(
    minimum: Minimum, variances: np.ndarray, at_bound: tuple[str, ...], names: list[str]
) -> str:
    if not minimum.converged:
        return "not converged: the gradient is not zero; give a start nearer the minimum"
    missing = [n for n, v in zip(names, variances, strict=True) if not v > 0 and n not in at_bound]
    if missing:
        return f"flat: the likelihood does not fix {', '.join(missing)}; fix one of them"
    return "converged"
