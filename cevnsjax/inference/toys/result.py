"""Fits of pseudo-experiments and p-values of the data, as datasets."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from cevnsjax.inference.axes import coordinate
from cevnsjax.inference.fits.fit_verdict import way_out_of_float32
from cevnsjax.inference.objective import Objective
from cevnsjax.inference.toys.data_fit import DataFit
from cevnsjax.inference.toys.fitter import Fits, ToyFitter

# q of the data and of a pseudo-experiment that differ by less are equal: rounding decides nothing.
_EQUAL_Q = 1e-9


def p_value(q: Float[np.ndarray, " toy"], q_data: float) -> tuple[float, float]:
    """Part of the pseudo-experiments with at least the data's q, and its binomial error.

    Toys whose fits failed, with q = NaN, are left out.
    """
    finite = q[np.isfinite(q)]
    if not finite.size or not np.isfinite(q_data):
        return float("nan"), float("nan")
    p = float(np.mean(finite >= q_data - _EQUAL_Q))
    # At p = 0 or 1 the error of one pseudo-experiment more or less.
    variance = max(p * (1 - p), (1 - 1 / finite.size) / finite.size)
    return p, float(np.sqrt(variance / finite.size))


def dataset_of(
    fitter: ToyFitter,
    truth: Mapping[str, float],
    fits: Fits,
    data_fit: DataFit,
    about: Mapping[str, object],
    *,
    is_truth_solved: bool,
) -> xr.Dataset:
    """Fits of pseudo-experiments with the p-values of the data; truth includes the nuisances."""
    model, names, tested = fitter.model, fitter.names, fitter.tested
    variables: dict[str, Any] = {
        "q": ("toy", fits.q, {"long_name": "chi2 with tested parameters held less chi2"}),
        "chi2": ("toy", fits.chi2),
        "chi2_conditional": ("toy", fits.fixed_chi2),
        "converged": ("toy", fits.both_converged),
    }
    for k, name in enumerate(names):
        described = coordinate(model.parameters[name])
        variables[name] = ("toy", fits.x[:, k], described)
        if name not in tested:
            variables[f"{name}_conditional"] = ("toy", fits.fixed_x[:, k], described)
    p, p_error = p_value(fits.q, data_fit.q)
    chi2 = np.where(fits.converged, fits.chi2, np.nan)
    goodness, goodness_error = p_value(chi2, data_fit.chi2 if data_fit.converged else np.nan)
    attributes = {
        "analysis": model.name,
        "experiments": list(model.experiments),
        "free": list(names),
        "tested": list(tested),
        "q_data": data_fit.q,
        "chi2_data": data_fit.chi2,
        "p_value": p,
        "p_value_error": p_error,
        "p_value_chi2": goodness,
        "p_value_chi2_error": goodness_error,
        "failed": int(np.sum(~fits.both_converged)),
        "notes": _notes(model, fits, data_fit, is_truth_solved),
        "truth": json.dumps(truth),
        "fixed": json.dumps(fitter.fixed),
        "engine": fitter.name,
        **about,
        **{f"best_fit_{n}": x for n, x in data_fit.best.items()},
    }
    return xr.Dataset(variables, attrs=attributes)


def _notes(model: Objective, fits: Fits, data_fit: DataFit, is_truth_solved: bool) -> list[str]:
    """Where fits of the data or of pseudo-experiments did not arrive at a minimum."""
    notes, failed = [], int(np.sum(~fits.both_converged))
    if failed:
        notes.append(
            f"fits of {failed} of {fits.q.size} toys failed: they are left out of all "
            "p-values (see converged)" + way_out_of_float32(model)
        )
    if not data_fit.converged:
        notes.append("the fits of the data did not converge: there is no p-value")
    if not is_truth_solved:
        notes.append(
            "the search for the nuisances at the true values failed: pseudo-experiments were drawn "
            "at others; give their true values in truth"
        )
    return notes
