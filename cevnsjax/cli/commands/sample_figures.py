"""Figures of a sampled posterior: corner, trace, predictive."""

from collections.abc import Iterable
from typing import Any

from cevnsjax.cli.commands.predict import only_experiment
from cevnsjax.cli.request import Request
from cevnsjax.core.errors import InputError

FIGURES = ("corner", "trace", "predictive")
"""What ``cevnsjax sample --plot`` can show."""
LEAST_DRAWS = 20
"""Draws of a chain that a figure needs."""
# Panels a corner shows where nuisances are among them.
_MOST_SHOWN = 6


def require_drawable(model: Any, request: Request, figure: str) -> None:
    """Refuse what the figure cannot show, before anything is sampled.

    Raises:
        InputError: If there are too many experiments or parameters.
    """
    from cevnsjax.inference.objective import free_names
    from cevnsjax.plots.posteriors.draws import MOST

    if figure == "predictive":
        only_experiment(model)
    names = free_names(model, request.free, request.fixed)[0]
    theory = [n for n in names if model.parameters[n].kind == "theory"]
    if figure == "corner" and len(theory) > MOST:
        raise InputError(
            f"a corner shows up to {MOST} parameters, {len(theory)} are sampled; "
            "draw --figure trace, or write --output x.nc and draw some of them"
        )


def title_of(model: Any) -> str:
    """Name of the analysis, or of the experiments."""
    return model.title


def posterior_figure(model: Any, result: Any, found: Any, priors: dict[str, Any], kind: str) -> Any:
    """A figure of a sampled posterior.

    Args:
        model: The model.
        result: What ``sample`` gave.
        found: Its report.
        priors: Prior density by parameter.
        kind: "corner", "trace" or "predictive".
    """
    from cevnsjax import plots

    title = title_of(model) if found.converged else f"{title_of(model)}: not converged"
    if kind == "predictive":
        name, experiment = only_experiment(model)
        seen, thrown = (
            x.reshape(*x.shape[:-1], experiment.grid[0], -1).sum(axis=-1)
            for x in (result[g][name].values for g in ("observed_data", "posterior_predictive"))
        )
        return plots.predictive(
            experiment.edges, seen, thrown, observable=experiment.observable, title=title
        )
    draws = {str(n): x.values for n, x in result["posterior"].data_vars.items()}
    labels = _labels(model, draws)
    if kind == "corner":
        return _corner(model, draws, found, priors, title)
    stats = result["sample_stats"]
    return plots.trace(
        draws,
        labels=labels,
        r_hat={n: row.r_hat for n, row in found.rows.items()},
        ess={n: (row.ess_bulk, row.ess_tail) for n, row in found.rows.items()},
        diverging=stats["diverging"].values if "diverging" in stats else None,
        title=title,
    )


def _labels(model: Any, names: Iterable[str]) -> dict[str, str]:
    """Labels of parameters; names where several have the same label, such as pulls of detectors."""
    labels = {n: model.parameters[n].label for n in names}
    seen = list(labels.values())
    return {n: n if seen.count(label) > 1 else label for n, label in labels.items()}


def _corner(
    model: Any, draws: dict[str, Any], found: Any, priors: dict[str, Any], title: str
) -> Any:
    """Theory parameters, and the nuisances too where they are few."""
    import numpy as np

    from cevnsjax.inference.rounding import rounded
    from cevnsjax.plots import corner

    theory = {n: x for n, x in draws.items() if model.parameters[n].kind == "theory"}
    shown = theory if theory and len(draws) > _MOST_SHOWN else draws
    curves, notes = {}, {}
    for name, x in shown.items():
        note = " ± ".join(rounded(found.rows[name].mean, found.rows[name].sd))
        notes[name] = note.replace("-", "\u2212")
        reach = 0.3 * np.ptp(x)
        ends = max(priors[name].low, x.min() - reach), min(priors[name].high, x.max() + reach)
        at = np.linspace(*ends, 500)
        curves[name] = (at, np.exp(priors[name].log(at)))
    return corner(
        shown,
        labels=_labels(model, shown),
        bounds={n: (priors[n].low, priors[n].high) for n in shown},
        priors=curves,
        notes=notes,
        title=title,
    )
