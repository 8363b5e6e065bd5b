"""Fits: minimisation from many starts, covariance from the exact Hessian, and a status."""

from collections.abc import Iterable, Mapping
from typing import SupportsIndex

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.core.checks import MOST_STARTS, bounded, whole_number
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.fits.fit_result import FitResult
from cevnsjax.inference.fits.fit_start import checked_start, require_dependence, require_finite
from cevnsjax.inference.fits.fit_verdict import (
    goodness,
    lost_ends,
    notes_of,
    status_of,
)
from cevnsjax.inference.fits.nuisance_notes import Place, notes_on_nuisances
from cevnsjax.inference.minimise.ladders import ladder_starts
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
from cevnsjax.inference.objective import Data, Objective, free_names

# Further minima within this of the lowest chi2 are reported, and at most this many.
_MAX_DELTA_CHI2, _MAX_MINIMA = 50.0, 16
# Curvatures below this part of the largest are flat; so is what has a larger component along them.
_FLAT, _AFFECTED = 1e-10, 1e-5


def fit(
    model: Objective,
    free: str | Iterable[str] | None = None,
    *,
    fixed: Mapping[str, float] | None = None,
    start: Mapping[str, float] | None = None,
    bounds: Bounds | None = None,
    starts: int = 0,
    seed: SupportsIndex = 0,
    method: str = "auto",
    data: Data = None,
) -> FitResult:
    """Fit parameters of a model, linear nuisances solved on the way.

    Args:
        model: The model.
        free: Parameters to vary; those the table marks free if None.
        fixed: Values of parameters that are held, in their units.
        start: Extra start for some of the free parameters, in their units.
        bounds: Narrower (low, high) for some of the free parameters.
        starts: Number of random starts besides the built-in ones.
        seed: Seed of the random starts.
        method: "auto", "newton", "lbfgs" or "minuit"; all come down from several starts.
        data: Data to use instead of the model's.

    Returns:
        Values, errors from the inverse of the exact Hessian, other minima, and a status.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At values out of bounds, a start where the likelihood is not finite, or a
            parameter it does not depend on.

    Examples:
        >>> result = cj.fit(model, "sin2_theta_w", bounds={"sin2_theta_w": (0.1, 0.4)})
        >>> round(result.values["sin2_theta_w"], 3)
        0.224
        >>> held = cj.fit(model, "sin2_theta_w", fixed={"R_n_Cs": 5.0, "R_n_I": 4.9})
        >>> held.fixed
        {'R_n_Cs': 5.0, 'R_n_I': 4.9}
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    starts = bounded("starts", starts, 0, MOST_STARTS)
    seed = whole_number("seed", seed)
    names, fixed_values = free_names(model, free, fixed)
    problem = problem_of(model, names, fixed_values, data, bounds)
    if names:
        listed = starts_of(model, names, random=starts, seed=seed)
        if start:
            box = narrowed(model, names, bounds)
            listed.insert(0, checked_start(model, names, start, box))
            require_finite(problem, listed[0], names, start)
        require_dependence(problem, listed, names)
        listed += ladder_starts(problem, listed[0])
        if method in ("auto", "newton"):
            listed += far_starts(listed[0])
        minima = minima_of(problem, listed, method)
    else:
        minima = [_evaluated(problem)]
    return _result(model, names, fixed_values, minima, data)


def _evaluated(problem: Problem) -> Minimum:
    """The only point of a problem without parameters."""
    local = problem.local(np.zeros((1, 0)))
    value, solved = float(local.value[0]), bool(local.solved[0])
    if not np.isfinite(value):
        raise InputError("the likelihood is not finite; check fixed values and data")
    on_bound = np.zeros(0, dtype=bool)
    return Minimum(np.zeros(0), value, 0.0, on_bound, 0, solved=solved)


def _result(
    model: Objective,
    names: tuple[str, ...],
    fixed: dict[str, float],
    minima: list[Minimum],
    data: Data,
) -> FitResult:
    table, minimum = model.parameters, minima[0]
    scale = np.array([table[n].scale for n in names])
    low, high = np.array([table[n].bounds for n in names]).reshape(-1, 2).T
    points = np.clip([m.u * scale for m in minima], low, high)
    values, hessian, held = _at_solution(model, names, fixed, points[:1], data)
    at_bound = (*(n for n, b in zip(names, minimum.at_bound, strict=True) if b), *held)
    covariance = _covariance(
        hessian,
        np.array([table[n].scale for n in values]),
        np.array([n not in at_bound for n in values], dtype=bool),
    )
    variances = np.diag(covariance)
    errors = [float(np.sqrt(v)) if v > 0 else None for v in variances]
    chi2 = 2 * minimum.value
    fitted = {n: values[n] for n in names}
    ndf, p_value, why_none = goodness(model, list(values), chi2)
    notes = (
        *why_none,
        *lost_ends(minima),
        *notes_of(model, fitted, variances, at_bound, held),
        *notes_on_nuisances(model, [Place("there", chi2, {**fixed, **values})]),
    )
    return FitResult(
        analysis=model.name,
        experiments=tuple(model.experiments),
        values=values,
        errors=dict(zip(values, errors, strict=True)),
        covariance=covariance,
        fixed=fixed,
        at_bound=at_bound,
        chi2=chi2,
        ndf=ndf,
        p_value=p_value,
        status=status_of(model, minimum, variances, at_bound, list(values)),
        units={n: table[n].unit for n in values},
        notes=notes,
        minima=tuple(
            (2 * m.value, dict(zip(names, x.tolist(), strict=True)))
            for m, x in zip(minima[:_MAX_MINIMA], points, strict=False)
            if m.converged and m.value < minimum.value + _MAX_DELTA_CHI2 / 2
        ),
    )


def _at_solution(
    model: Objective,
    names: tuple[str, ...],
    fixed: dict[str, float],
    point: Float[np.ndarray, "1 parameter"],
    data: Data,
) -> tuple[dict[str, float], Float[np.ndarray, "value value"], tuple[str, ...]]:
    """Fitted values, then solved nuisances in the table's order, and the Hessian by them.

    The last result names the nuisances that are at the end of what they may be.
    """
    nll = model.expand(fixed, dict(zip(names, point.T, strict=True)), data=data)
    order = [*names, *(n for n in model.parameters if n in nll.pulls)]
    places = [[*names, *nll.pulls].index(n) for n in order]
    fitted = dict(zip(names, point[0].tolist(), strict=True))
    solved = {n: float(nll.pulls[n][0]) for n in order[len(names) :]}
    held = tuple(n for n, ends in getattr(nll, "at_bound", {}).items() if ends[0])
    return {**fitted, **solved}, nll.full[0][np.ix_(places, places)], held


def _covariance(
    hessian: Float[np.ndarray, "value value"],
    scale: Float[np.ndarray, " value"],
    inside: Bool[np.ndarray, " value"],
) -> Float[np.ndarray, "value value"]:
    """Inverse Hessian in natural units; NaN for what is on a bound or in a flat direction."""
    covariance = np.full(hessian.shape, np.nan)
    units = np.outer(scale, scale)
    scaled = hessian * units
    if not inside.any() or not np.all(np.isfinite(scaled)):
        return covariance
    curvature, axes = np.linalg.eigh(scaled[np.ix_(inside, inside)])
    flat = curvature <= _FLAT * curvature[-1]
    # Inverse on the constrained directions: what lies along a flat one is profiled, not held.
    block = (axes[:, ~flat] / curvature[~flat]) @ axes[:, ~flat].T
    affected = np.any(np.abs(axes[:, flat]) > _AFFECTED, axis=1)
    block[affected] = block[:, affected] = np.nan
    within = np.ix_(inside, inside)
    covariance[within] = block * units[within]
    return covariance
