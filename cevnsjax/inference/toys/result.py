"""What pseudo-experiments say, as datasets."""

import json
from typing import Any

import numpy as np
import xarray as xr

from cevnsjax.inference.objective import Objective
from cevnsjax.inference.toys.fitter import Fits

# q of the data and of a pseudo-experiment that differ by less are equal: rounding decides nothing.
_EQUAL = 1e-9


def p_value(q: np.ndarray, q_data: float) -> tuple[float, float]:
    """Part of the pseudo-experiments with at least the data's q, and its binomial error.

    Args:
        q: Of pseudo-experiments, NaN where a fit failed, [toy].
        q_data: Of the data.
    """
    known = q[np.isfinite(q)]
    if not known.size or not np.isfinite(q_data):
        return float("nan"), float("nan")
    p = float(np.mean(known >= q_data - _EQUAL))
    # At none or all of them the error of one more or one less.
    spread = max(p * (1 - p), (1 - 1 / known.size) / known.size)
    return p, float(np.sqrt(spread / known.size))


def dataset_of(
    model: Objective,
    names: tuple[str, ...],
    tested: tuple[str, ...],
    truth: dict[str, float],
    fixed: dict[str, float],
    fits: Fits,
    found: Any,
    about: dict[str, Any],
) -> xr.Dataset:
    """Fits of pseudo-experiments with what they say of the data.

    Args:
        model: The model.
        names: Fitted parameters.
        tested: Those that the conditional fits hold.
        truth: True values, nuisances included.
        fixed: Values of parameters that all fits hold.
        fits: Of the pseudo-experiments.
        found: The data's own fit.
        about: Further attributes.
    """
    table, q = model.parameters, fits.q
    one = "toy"
    variables: dict[str, Any] = {
        "q": (one, q, {"long_name": "chi2 with tested parameters held less chi2"}),
        "chi2": (one, fits.chi2),
        "chi2_conditional": (one, fits.fixed_chi2),
        "converged": (one, fits.fine),
    }
    for k, name in enumerate(names):
        described = {"units": table[name].unit, "label": table[name].label}
        variables[name] = (one, fits.x[:, k], described)
        if name not in tested:
            variables[f"{name}_conditional"] = (one, fits.fixed_x[:, k], described)
    p, error = p_value(q, found.q)
    goodness, its_error = p_value(np.where(fits.converged, fits.chi2, np.nan), found.chi2)
    attributes = {
        "analysis": model.name,
        "experiments": list(model.experiments),
        "free": list(names),
        "tested": list(tested),
        "q_data": found.q,
        "chi2_data": found.chi2,
        "p_value": p,
        "p_value_error": error,
        "p_value_chi2": goodness,
        "p_value_chi2_error": its_error,
        "failed": int(np.sum(~fits.fine)),
        **{k: int(v) if isinstance(v, bool) else v for k, v in about.items()},
        "truth": json.dumps(truth),
        "fixed": json.dumps(fixed),
        **{f"best_fit_{n}": x for n, x in found.best.items()},
    }
    return xr.Dataset(variables, attrs=attributes)
