"""Fits: multi-start minimisation, exact Hessian covariance, bounds and an honest status."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from cevnsjax.core.checks import whole_number
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.fits.fit_result import FitResult
from cevnsjax.inference.minimise.methods import METHODS, minima_of
from cevnsjax.inference.minimise.problems import (
    Bounds,
    Minimum,
    Problem,
    far_starts,
    narrowed,
    problem_of,
    starts_of,
)
from cevnsjax.inference.objective import Objective, expansion, free_names

# Further minima within this of the lowest chi2 are reported, and so many at most.
_WORTH, _SHOWN = 50.0, 16


def fit(
    model: Objective,
    free: str | Iterable[str] | None = None,
    *,
    fixed: Mapping[str, float] | None = None,
    start: Mapping[str, float] | None = None,
    bounds: Bounds | None = None,
    starts: int = 0,
    seed: int = 0,
    method: str = "auto",
    data: Any = None,
) -> FitResult:
    """Fit parameters of a model, linear nuisances solved on the way.

    Args:
        model: The model.
        free: Parameters to vary; those the table marks free if None.
        fixed: Parameters to hold at given values.
        start: Extra start for some of the free parameters.
        bounds: Narrower (low, high) for some of the free parameters.
        starts: Number of random starts besides the built-in ones.
        seed: Of the random starts.
        method: "auto", "newton", "lbfgs" or "minuit"; all come down from several starts.
        data: Data to use instead of the model's.

    Returns:
        Values, errors from the inverse of the exact Hessian, other minima, and a status.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At values out of bounds, a start where the likelihood is not finite, or a
            parameter it does not depend on.
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    names, held = free_names(model, free, fixed)
    problem = problem_of(model, names, held, data, bounds)
    if names:
        listed = starts_of(model, names, random=whole_number("starts", starts), seed=seed)
        if start:
            box = narrowed(model, names, bounds)
            listed.insert(0, _given_start(model, names, start, box))
            _require_finite(problem, listed[0], names, start)
        _require_dependence(problem, listed, names)
        if method in ("auto", "newton"):
            listed += far_starts(listed[0])
        minima = minima_of(problem, listed, method)
    else:
        value = problem.local(np.zeros((1, 0))).value[0]
        minima = [Minimum(np.zeros(0), float(value), 0.0, np.zeros(0, dtype=bool), 0)]
    return _result(model, names, held, minima, data)


def _given_start(
    model: Objective, names: tuple[str, ...], start: Mapping[str, float], box: np.ndarray
) -> np.ndarray:
    for name in start:
        if name not in names:
            raise InputError(f"start names {name}, which is not free; free are {list(names)}")
    table = model.parameters
    values = [table[n].check(start.get(n, table[n].default)) for n in names]
    for name, value, (low, high) in zip(names, values, box, strict=True):
        if name in start and not low <= value <= high:
            raise InputError(
                f"start {name}={value:g} lies outside the bounds [{low:g}, {high:g}] given for it"
            )
    return np.array(values) / np.array([table[n].scale for n in names])


def _require_finite(
    problem: Problem, u: np.ndarray, names: tuple[str, ...], start: Mapping[str, float]
) -> None:
    """Stop at a given start where the nll is not finite, and find whose value does it."""
    if np.isfinite(problem.local(u[None]).value[0]):
        return
    moved = np.tile(u, (len(names), 1))
    np.fill_diagonal(moved, 0.0)
    better = np.isfinite(problem.local(np.clip(moved, problem.low, problem.high)).value)
    guilty = [n for n, finite in zip(names, better, strict=True) if finite] or list(names)
    shown = ", ".join(f"{n}={start[n]:g}" for n in guilty if n in start)
    raise InputError(f"the likelihood is not finite at the start: {shown or guilty}; move it")


def _require_dependence(problem: Problem, starts: list[np.ndarray], names: tuple[str, ...]) -> None:
    """Stop at a parameter that moves nothing at any start."""
    _, gradient, hessian = problem.local(np.clip(starts, problem.low, problem.high))
    idle = np.all(gradient == 0, axis=0) & np.all(hessian == 0, axis=(0, 1))
    if np.any(idle):
        listed = ", ".join(n for n, is_idle in zip(names, idle, strict=True) if is_idle)
        raise InputError(
            f"the likelihood does not depend on {listed} with the values held; leave it out of "
            "free, or free (or fix away from 0) the coupling that it comes with"
        )


def _result(
    model: Objective,
    names: tuple[str, ...],
    held: dict[str, float],
    minima: list[Minimum],
    data: Any,
) -> FitResult:
    table, minimum = model.parameters, minima[0]
    scale = np.array([table[n].scale for n in names])
    low, high = np.array([table[n].bounds for n in names]).reshape(-1, 2).T
    points = np.clip([m.u * scale for m in minima], low, high)
    values, hessian = _at_solution(model, names, held, points[:1], data)
    at_bound = tuple(n for n, b in zip(names, minimum.at_bound, strict=True) if b)
    covariance = _covariance(
        hessian,
        np.array([table[n].scale for n in values]),
        np.array([n not in at_bound for n in values], dtype=bool),
    )
    variances = np.diag(covariance)
    errors = [float(np.sqrt(v)) if v > 0 else None for v in variances]
    chi2 = 2 * minimum.value
    ndf, p_value = _goodness(model, list(values), chi2)
    return FitResult(
        analysis=model.name,
        experiments=tuple(model.experiments),
        values=values,
        errors=dict(zip(values, errors, strict=True)),
        covariance=covariance,
        fixed=held,
        at_bound=at_bound,
        chi2=chi2,
        ndf=ndf,
        p_value=p_value,
        status=_status(minimum, variances, at_bound, list(values)),
        units={n: table[n].unit for n in values},
        notes=_notes(model, {n: values[n] for n in names}, variances, at_bound),
        minima=tuple(
            (2 * m.value, dict(zip(names, x.tolist(), strict=True)))
            for m, x in zip(minima[:_SHOWN], points, strict=False)
            if m.converged and m.value < minimum.value + _WORTH / 2
        ),
    )


def _at_solution(
    model: Objective,
    names: tuple[str, ...],
    held: dict[str, float],
    point: np.ndarray,
    data: Any,
) -> tuple[dict[str, float], np.ndarray]:
    """Fitted values, then solved nuisances in the table's order, and the Hessian by them."""
    found = expansion(model, held, names, point, data)
    order = [*names, *(n for n in model.parameters if n in found.pulls)]
    places = [[*names, *found.pulls].index(n) for n in order]
    fitted = dict(zip(names, point[0].tolist(), strict=True))
    solved = {n: float(found.pulls[n][0]) for n in order[len(names) :]}
    return {**fitted, **solved}, found.full[0][np.ix_(places, places)]


def _goodness(model: Objective, names: list[str], chi2: float) -> tuple[int, float]:
    """Degrees of freedom and the probability of a larger chi2."""
    from scipy import special  # 0.2 s to import

    table = model.parameters
    # A constrained nuisance brings its own measurement along; the others cost a degree each.
    unconstrained = [n for n in names if table[n].kind == "theory" or table[n].prior is None]
    ndf = sum(int(np.size(o)) for o in model.observed) - len(unconstrained)
    return ndf, float(special.chdtrc(ndf, chi2)) if ndf > 0 else float("nan")


def _notes(
    model: Objective,
    fitted: dict[str, float],
    variances: np.ndarray,
    at_bound: tuple[str, ...],
) -> tuple[str, ...]:
    """Where the inverse Hessian is no one-sigma interval."""
    notes = []
    if at_bound and len(fitted) > len(at_bound):
        held = ", ".join(at_bound)
        notes.append(f"{held} on a bound: errors of the others hold it there; profile them")
    for (name, value), variance in zip(fitted.items(), variances, strict=False):
        p = model.parameters[name]
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
    keep = inside
    if not keep.any() or not np.all(np.isfinite(scaled)):
        return covariance
    curvature, axes = np.linalg.eigh(scaled[np.ix_(keep, keep)])
    flat = curvature <= 1e-10 * curvature[-1]
    # Inverse on what is fixed: what lies along a flat direction is profiled, not held.
    block = (axes[:, ~flat] / curvature[~flat]) @ axes[:, ~flat].T
    loose = np.any(np.abs(axes[:, flat]) > 1e-5, axis=1)
    block[loose] = block[:, loose] = np.nan
    kept = np.ix_(keep, keep)
    covariance[kept] = block * units[kept]
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
