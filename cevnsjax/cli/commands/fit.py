"""What the commands do: one library call each, then text, JSON, files and figures."""

import json
from pathlib import Path
from typing import Any

import typer

from cevnsjax.cli.commands.fit_figures import FIGURES, fit_figure
from cevnsjax.cli.commands.predict import only_experiment, spectrum_figure
from cevnsjax.cli.commands.system import prepare, say_table
from cevnsjax.cli.request import Request, build
from cevnsjax.cli.sink import Sink
from cevnsjax.core.errors import UnknownNameError
from cevnsjax.core.levels import DEFAULT_LEVELS


def fit(request: Request, search: dict[str, Any], figure: str, sink: Sink) -> None:
    """Fit, print, draw; exit status 1 if the fit did not converge.

    Args:
        request: What to fit.
        search: Options of the library's ``fit``.
        figure: What to draw.
        sink: Where results go.
    """
    if figure not in FIGURES:
        raise UnknownNameError("figure", figure, FIGURES)
    prepare()
    from cevnsjax.inference.fits.fit import fit as run
    from cevnsjax.inference.rounding import rounded

    model = build(request)
    if sink.plot is not None and figure == "spectrum":
        only_experiment(model)
    result = run(model, request.free, fixed=request.fixed, **search)
    rows = []
    for name, x in result.values.items():
        value, error = rounded(x, result.errors[name])
        p = model.parameters[name]
        at_bound = "at bound" if name in result.at_bound else error
        rows.append((name, value, at_bound, p.unit, p.meaning))
    title = f"{result.analysis or ' + '.join(result.experiments)}: {result.status}"
    table = say_table(title, ("parameter", "value", "error", "unit", "meaning"), rows)
    more = [f"another minimum: {_place(v)}, chi2 = {c:.3f}" for c, v in result.minima[1:]]
    sink.deliver(result.to_dict(), "\n".join([table, result.lines()[-1], *result.notes, *more]))
    if sink.plot is not None and figure == "spectrum":
        sink.draw(spectrum_figure(model, {**result.fixed, **result.values}, _note(model, result)))
    elif sink.plot is not None:
        sink.draw(fit_figure(model, result, figure))
    if not result.converged:
        raise typer.Exit(1)


def _place(values: dict[str, float]) -> str:
    return ", ".join(f"{n} = {x:.4g}" for n, x in values.items())


def _note(model: Any, result: Any) -> list[str]:
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


def profile(
    request: Request,
    parameter: str,
    levels: tuple[float, ...],
    within: tuple[float, float] | None,
    side: str,
    sink: Sink,
) -> None:
    """Profile, print, draw; exit status 1 if an inner fit did not converge."""
    prepare()
    from cevnsjax.inference.fits.profile import profile as run

    model = build(request)
    result = run(
        model,
        parameter,
        levels=levels or DEFAULT_LEVELS,
        free=request.free or (),
        fixed=request.fixed,
        within=within,
        side=side,
    )
    held = {n: p.default for n, p in model.parameters.items() if p.kind == "theory"}
    held = {**held, **result.fixed}
    others = ", ".join(
        f"{n} = {x:g}" for n, x in held.items() if n != parameter and n not in result.free
    )
    sink.deliver(result.to_dict(), "\n".join([*result.lines(), f"held: {others or 'nothing'}"]))
    if sink.plot is not None:
        from cevnsjax.plots import profile as draw

        figure = draw(
            result.x,
            result.delta_chi2,
            label=model.parameters[parameter].label,
            best_fit=result.best_fit,
            intervals=result.intervals,
            levels=result.levels,
            title=model.title,
        )
        sink.draw(figure)
    if result.status != "converged":
        sink.say(result.status)
        raise typer.Exit(1)


def new_experiment(folder: Path, force: bool, as_json: bool) -> None:
    """Write a template folder, print its files and what to do next."""
    from cevnsjax.experiments import write_template

    files = [str(path) for path in write_template(folder, overwrite=force)]
    word = str(folder) if folder.is_absolute() else f"./{folder}"
    text = [*(f"wrote {name}" for name in files), f"next: cevnsjax fit {word}"]
    typer.echo(json.dumps({"folder": str(folder), "files": files}) if as_json else "\n".join(text))
