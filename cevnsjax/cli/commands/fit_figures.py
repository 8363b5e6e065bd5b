"""Figures of a fit: pulls, impacts, correlations."""

from typing import Any

from cevnsjax.core.errors import InputError
from cevnsjax.parameters import Normal

FIGURES = ("spectrum", "pulls", "impacts", "correlations")
"""What ``cevnsjax fit --plot`` can show."""


def fit_figure(model: Any, result: Any, kind: str) -> Any:
    """A figure of a fit's nuisances.

    Args:
        model: The model that was fitted.
        result: The fit.
        kind: "pulls", "impacts" or "correlations".

    Raises:
        InputError: If the fit has nothing of the kind.
    """
    from cevnsjax import plots

    title = result.analysis or " + ".join(result.experiments)
    if kind == "correlations":
        return plots.correlations(list(result.values), result.correlation, title=title)
    pulled = _pulls(model, result)
    if kind == "pulls":
        if not pulled:
            raise InputError(f"{title} has no constrained nuisances, so there are no pulls")
        values, errors = zip(*pulled.values(), strict=True)
        return plots.pulls(list(pulled), values, errors, title=title)
    parameter = next((n for n in result.values if n not in pulled), None)
    if parameter is None or len(result.values) < 2:
        raise InputError("impacts are on a fitted parameter; fit one with --free")
    moved = result.impacts(parameter)
    nan = float("nan")
    beside = [pulled.get(n, (nan, nan)) for n in moved]
    return plots.impacts(
        list(moved),
        list(moved.values()),
        [-x for x in moved.values()],
        label=model.parameters[parameter].label,
        pulls=([v for v, _ in beside], [e for _, e in beside]),
        title=title,
    )


def _pulls(model: Any, result: Any) -> dict[str, tuple[float, float]]:
    """Fitted nuisances and their errors in widths of their priors."""
    out = {}
    for name, x in result.values.items():
        p, error = model.parameters[name], result.errors[name]
        if p.kind == "nuisance" and isinstance(p.prior, Normal):
            sd = p.prior.sd
            out[name] = ((x - p.prior.mean) / sd, error / sd if error else float("nan"))
    return out
