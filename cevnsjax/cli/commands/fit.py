"""The fit command, and figures of a fit: spectrum, pulls, impacts, correlations."""

from typing import TYPE_CHECKING, Annotated

import typer

import cevnsjax as cj
from cevnsjax.cli.commands.predict import only_experiment, spectrum_figure
from cevnsjax.cli.options import Free, Seed, Words
from cevnsjax.cli.request import Request
from cevnsjax.cli.sink import FigureSink, parameter_table
from cevnsjax.cli.words import ranges_of
from cevnsjax.core.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cevnsjax.inference.fits.fit_result import FitResult

_FIGURES = ("spectrum", "pulls", "impacts", "correlations")


def fit(
    request: Request,
    *,
    free: Free = (),
    method: Annotated[str, "auto, newton, lbfgs or minuit."] = "auto",
    bounds: Annotated[Words, "Narrower bounds: name=low:high; repeatable."] = (),
    starts: Annotated[int, "Random starts besides the default values."] = 0,
    seed: Seed = 0,
    figure: Annotated[str, "For --plot: spectrum, pulls, impacts or correlations."] = "spectrum",
    sink: FigureSink,
) -> None:
    """Fit parameters with all systematic pulls; sin2_theta_w unless --free says otherwise.

    Exit status 1 if the fit did not converge.
    """
    if figure not in _FIGURES:
        raise UnknownNameError("figure", figure, _FIGURES)
    box = ranges_of(bounds, "--bounds")
    model = request.model(free, box)
    if sink.plot is not None and figure == "spectrum":
        only_experiment(model)
    result = cj.fit(
        model,
        free or None,
        fixed=request.fixed,
        method=method,
        bounds=box,
        starts=starts,
        seed=seed,
    )
    sink.deliver(result.to_dict(), _text(model, result))
    sink.draw(_figure, model, result, figure)
    if not result.converged:
        raise typer.Exit(1)


def _text(model: "cj.Model", result: "FitResult") -> str:
    title, columns = f"{model.title}: {result.status}", ("value", "error")
    errors = {n: "at bound" if n in result.at_bound else e for n, e in result.errors.items()}
    minima = [f"another minimum: {_place(v)}, chi2 = {c:.3f}" for c, v in result.minima[1:]]
    drawn = parameter_table(title, columns, model.parameters, result.values, errors)
    return "\n".join([drawn, result.lines()[-1], *result.notes, *minima])


def _place(values: dict[str, float]) -> str:
    return ", ".join(f"{n} = {x:.4g}" for n, x in values.items())


def _figure(model: "cj.Model", result: "FitResult", kind: str) -> "Figure":
    if kind == "spectrum":
        return spectrum_figure(model, {**result.fixed, **result.values}, _note(model, result))
    title = model.title
    if kind == "correlations":
        return cj.plots.correlations(list(result.values), result.correlation, title=title)
    pulls = _pulls(model, result)
    if kind == "impacts":
        return _impacts(model, result, pulls)
    if not pulls:
        raise InputError(f"{title} has no constrained nuisances, so there are no pulls")
    values, errors = zip(*pulls.values(), strict=True)
    return cj.plots.pulls(list(pulls), values, errors, title=title)


def _note(model: "cj.Model", result: "FitResult") -> list[str]:
    """Fitted parameters and goodness of fit, for a figure."""
    from cevnsjax.inference.rounding import rounded

    lines = []
    for name, x in result.values.items():
        p = model.parameters[name]
        if not p.linear:
            value, error = rounded(x, result.errors[name])
            spread = "$ (at bound)" if name in result.at_bound else rf" \pm {error}$"
            lines.append(rf"${p.latex or name} = {value}{spread} {p.unit}".rstrip())
    return [*lines, rf"$\chi^2$/ndf = {result.chi2:.2f}/{result.ndf}"]


def _impacts(
    model: "cj.Model", result: "FitResult", pulls: dict[str, tuple[float, float]]
) -> "Figure":
    """Shifts of the first fitted parameter by one standard deviation of each nuisance."""
    parameter = next((n for n in result.values if n not in pulls), None)
    if parameter is None or len(result.values) < 2:
        raise InputError("impacts are on a fitted parameter; fit one with --free")
    shifts = result.impacts(parameter)
    nan = float("nan")
    beside = [pulls.get(n, (nan, nan)) for n in shifts]
    return cj.plots.impacts(
        list(shifts),
        list(shifts.values()),
        [-x for x in shifts.values()],
        label=model.parameters[parameter].label,
        pulls=([v for v, _ in beside], [e for _, e in beside]),
        title=model.title,
    )


def _pulls(model: "cj.Model", result: "FitResult") -> dict[str, tuple[float, float]]:
    """Fitted nuisances and their errors in widths of their priors."""
    pulls = {}
    for name, x in result.values.items():
        p, error = model.parameters[name], result.errors[name]
        if p.kind == "nuisance" and isinstance(p.prior, cj.Normal):
            sd = p.prior.sd
            pulls[name] = ((x - p.prior.mean) / sd, error / sd if error else float("nan"))
    return pulls
