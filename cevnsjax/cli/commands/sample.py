"""The sample command: draws from a posterior, as a report, JSON, netCDF and figures."""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

import cevnsjax as cj
from cevnsjax.cli.commands.predict import only_experiment
from cevnsjax.cli.request import Request
from cevnsjax.cli.run_options import RunOptions
from cevnsjax.cli.sampling import Sampling
from cevnsjax.cli.sink import DatasetSink
from cevnsjax.core.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from cevnsjax.inference.posteriors.priors import Density
    from cevnsjax.inference.posteriors.report import Report

FIGURES = ("corner", "trace", "predictive")
"""What ``cevnsjax sample --plot`` can show."""
_MIN_FIGURE_DRAWS = 20
# Panels that a corner shows where nuisances are among them.
_MAX_PANELS = 6


def sample(
    request: Request,
    sampling: Sampling,
    *,
    chains: Annotated[int, "Number of chains."] = 4,
    draws: Annotated[int, "Draws of each chain."] = 1000,
    strict: Annotated[bool, "Exit status 1 if chains did not converge."] = False,
    run: RunOptions,
    figure: Annotated[str, "For --plot: corner, trace or predictive."] = "corner",
    sink: DatasetSink,
) -> None:
    """Sample the posterior; --output takes .nc (all draws, for arviz) or .json (the report).

    Parameters without prior are flat within their bounds; nuisances have their constraints.
    """
    if figure not in FIGURES:
        raise UnknownNameError("figure", figure, FIGURES)
    if sink.plot is not None and draws < _MIN_FIGURE_DRAWS:
        raise InputError(f"a figure needs {_MIN_FIGURE_DRAWS} draws at least, got {draws}")
    priors = sampling.priors
    run.begin()
    model = request.model(sampling.free, priors)
    if sink.plot is not None:
        _require_drawable(model, request, sampling, figure)
    from cevnsjax.inference.posteriors.sample import sample_tree

    posterior = sample_tree(
        model,
        sampling.free or None,
        fixed=request.fixed,
        chains=chains,
        draws=draws,
        folder=run.folder,
        resume=run.resume,
        **sampling.keywords,
    )
    if not run.is_first:
        return
    from cevnsjax.inference.posteriors.priors import densities
    from cevnsjax.inference.posteriors.report import report

    about = report(posterior)
    names = [str(n) for n in posterior["posterior"].data_vars]
    density = {p.name: p for p in densities(model, names, priors)}
    numbers = {"chains": chains, "draws": draws, "warmup": sampling.warmup, "seed": sampling.seed}
    result = _plain(model, about, density, {"fixed": request.fixed, **numbers})
    sink.deliver(result, _text(model, about, density), posterior)
    if not about.converged:
        sink.say(f"warning: {about.status}")
    sink.draw(posterior_figure, model, posterior, about, density, figure)
    if strict and not about.converged:
        raise typer.Exit(1)


def _require_drawable(model: "cj.Model", request: Request, sampling: Sampling, figure: str) -> None:
    """Refuse what the figure cannot show, before anything is sampled."""
    from cevnsjax.inference.objective import free_names
    from cevnsjax.plots.posteriors.draws import MAX_PARAMETERS

    if figure == "predictive":
        only_experiment(model)
    names = free_names(model, sampling.free or None, request.fixed)[0]
    theory = [n for n in names if model.parameters[n].kind == "theory"]
    if figure == "corner" and len(theory) > MAX_PARAMETERS:
        raise InputError(
            f"a corner shows up to {MAX_PARAMETERS} parameters, {len(theory)} are sampled; "
            "draw --figure trace, or write --output x.nc and draw some of them"
        )


def _in_words(prior: "Density") -> str:
    if prior.normal is None:
        return f"flat within [{prior.low:g}, {prior.high:g}]"
    cut = [f"above {prior.low:g}"] if math.isfinite(prior.low) else []
    cut += [f"below {prior.high:g}"] if math.isfinite(prior.high) else []
    return f"Gaussian {prior.normal.mean:.4g} ± {prior.normal.sd:.4g} {' and '.join(cut)}".rstrip()


def _text(model: "cj.Model", about: "Report", priors: "Mapping[str, Density]") -> str:
    from cevnsjax.inference.rounding import rounded

    last = f"{about.divergences} of {about.draws} draws diverged"
    if about.evidence is not None:
        last = "log evidence {} ± {}".format(*rounded(*about.evidence))
    words = "; ".join(f"{name} {_in_words(p)}" for name, p in priors.items())
    head = f"{model.title}: {'converged' if about.converged else 'not converged'}"
    return "\n".join([head, *about.lines(), last, f"priors: {words}", *about.notes])


def _plain(
    model: "cj.Model",
    about: "Report",
    priors: "Mapping[str, Density]",
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """The report as data for JSON."""
    rows = {
        name: {
            "mean": row.mean,
            "sd": row.sd,
            "intervals": {"0.6827": row.interval68, "0.9545": row.interval95},
            "r_hat": row.r_hat,
            "ess_bulk": row.ess_bulk,
            "ess_tail": row.ess_tail,
            "unit": row.unit,
            "prior": _in_words(priors[name]),
        }
        for name, row in about.rows.items()
    }
    evidence = {} if about.evidence is None else {"log_evidence": about.evidence}
    return {
        "analysis": model.name,
        "experiments": list(model.experiments),
        "parameters": rows,
        **options,
        "divergences": about.divergences,
        "notes": about.notes,
        **evidence,
        "status": about.status,
    }


def posterior_figure(
    model: "cj.Model",
    posterior: Any,
    about: "Report",
    priors: "Mapping[str, Density]",
    kind: str,
) -> "Figure":
    """A figure of a sampled posterior."""
    title = model.title if about.converged else f"{model.title}: not converged"
    if kind == "predictive":
        return _predictive(model, posterior, title)
    draws = {str(n): x.values for n, x in posterior["posterior"].data_vars.items()}
    if kind == "corner":
        return _corner(model, draws, about, priors, title)
    stats = posterior["sample_stats"]
    return cj.plots.trace(
        draws,
        labels=labels_of(model, draws),
        r_hat={n: row.r_hat for n, row in about.rows.items()},
        ess={n: (row.ess_bulk, row.ess_tail) for n, row in about.rows.items()},
        diverging=stats["diverging"].values if "diverging" in stats else None,
        title=title,
    )


def _predictive(model: "cj.Model", posterior: Any, title: str) -> "Figure":
    name, experiment = only_experiment(model)
    observed, replicated = (
        x.reshape(*x.shape[:-1], experiment.grid[0], -1).sum(axis=-1)
        for x in (posterior[g][name].values for g in ("observed_data", "posterior_predictive"))
    )
    return cj.plots.predictive(
        experiment.edges, observed, replicated, observable=experiment.observable, title=title
    )


def labels_of(model: "cj.Model", names: Iterable[str]) -> dict[str, str]:
    """Labels of parameters; names where several have the same label, such as pulls of detectors."""
    labels = {n: model.parameters[n].label for n in names}
    repeated = list(labels.values())
    return {n: n if repeated.count(label) > 1 else label for n, label in labels.items()}


def _corner(
    model: "cj.Model",
    draws: "Mapping[str, np.ndarray]",
    about: "Report",
    priors: "Mapping[str, Density]",
    title: str,
) -> "Figure":
    """Theory parameters, and the nuisances too where they are few."""
    import numpy as np

    from cevnsjax.inference.rounding import rounded

    theory = {n: x for n, x in draws.items() if model.parameters[n].kind == "theory"}
    shown = theory if theory and len(draws) > _MAX_PANELS else dict(draws)
    curves, notes = {}, {}
    for name, x in shown.items():
        note = " ± ".join(rounded(about.rows[name].mean, about.rows[name].sd))
        notes[name] = note.replace("-", "\u2212")
        margin = 0.3 * np.ptp(x)
        ends = max(priors[name].low, x.min() - margin), min(priors[name].high, x.max() + margin)
        points = np.linspace(*ends, 500)
        curves[name] = (points, np.exp(priors[name].log(points)))
    return cj.plots.corner(
        shown,
        labels=labels_of(model, shown),
        bounds={n: (priors[n].low, priors[n].high) for n in shown},
        priors=curves,
        notes=notes,
        title=title,
    )
