"""What the commands do: one library call each, then text, JSON, files and figures."""

import json
from pathlib import Path
from typing import Any

import typer

from cevnsjax.cli.build import Request, build
from cevnsjax.cli.prediction import only_experiment, spectrum_figure
from cevnsjax.cli.sink import Sink
from cevnsjax.cli.system import prepare, say_table
from cevnsjax.errors import InputError


def fit(request: Request, method: str, sink: Sink) -> None:
    """Fit, print, draw; exit status 1 if the fit did not converge."""
    prepare()
    from cevnsjax.inference.fit import fit as run
    from cevnsjax.inference.result import rounded

    model = build(request)
    if sink.plot is not None:
        only_experiment(model)
    result = run(model, request.free, fixed=request.fixed, method=method)
    rows = []
    for name, x in result.values.items():
        value, error = rounded(x, result.errors[name])
        p = model.parameters[name]
        at_bound = "at bound" if name in result.at_bound else error
        rows.append((name, value, at_bound, p.unit, p.meaning))
    title = f"{result.analysis or ' + '.join(result.experiments)}: {result.status}"
    table = say_table(title, ("parameter", "value", "error", "unit", "meaning"), rows)
    sink.deliver(result.to_dict(), "\n".join([table, result.lines()[-1], *result.notes]))
    if sink.plot is not None:
        sink.draw(spectrum_figure(model, {**result.fixed, **result.values}, _note(model, result)))
    if not result.converged:
        raise typer.Exit(1)


def _note(model: Any, result: Any) -> list[str]:
    """Fitted parameters and goodness of fit, for a figure."""
    from cevnsjax.inference.result import rounded

    lines = []
    for name, x in result.values.items():
        p = model.parameters[name]
        if not p.linear:
            value, error = rounded(x, result.errors[name])
            spread = "$ (at bound)" if name in result.at_bound else rf" \pm {error}$"
            lines.append(rf"${p.latex or name} = {value}{spread} {p.unit}".rstrip())
    return [*lines, rf"$\chi^2$/ndf = {result.chi2:.2f}/{result.ndf}"]


def profile(request: Request, parameter: str, levels: tuple[float, ...], sink: Sink) -> None:
    """Profile, print, draw; exit status 1 if an inner fit did not converge."""
    prepare()
    from cevnsjax.inference.profile import LEVELS
    from cevnsjax.inference.profile import profile as run

    model = build(request)
    result = run(
        model, parameter, levels=levels or LEVELS, free=request.free or (), fixed=request.fixed
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
            title=model.name or " + ".join(model.experiments),
        )
        sink.draw(figure)
    if result.status != "converged":
        sink.say(result.status)
        raise typer.Exit(1)


def scan(
    request: Request,
    axes: dict[str, tuple[float, float, int]],
    engine: str,
    levels: tuple[float, ...],
    sink: Sink,
) -> None:
    """Scan, print, write netCDF or JSON, draw."""
    prepare()
    from cevnsjax.inference.result import delta_chi2_at, level_key
    from cevnsjax.inference.scan import scan as run

    heights = {
        level_key(x): delta_chi2_at(x, dof=max(len(axes), 1)) for x in levels or (0.6827, 0.90)
    }
    if sink.plot is not None and any(points < 2 for _, _, points in axes.values()):
        raise InputError("a figure needs at least two points an axis")
    model = build(request)
    dataset = run(model, fixed=request.fixed, engine=engine, **axes)
    best = {n: dataset.attrs[f"best_fit_{n}"] for n in axes}
    result = {
        "analysis": model.name,
        "experiments": list(model.experiments),
        "engine": dataset.attrs["engine"],
        "chi2_min": dataset.attrs["chi2_min"],
        "best_fit": best,
        "axes": {n: dataset[n].values.tolist() for n in axes},
        "chi2": dataset["chi2"].values.tolist(),
        "levels": heights,
    }
    at = ", ".join(f"{n} = {x:.5g}" for n, x in best.items())
    text = f"lowest chi2 = {result['chi2_min']:.4f} at {at} ({dataset.attrs['engine']} engine)"
    sink.deliver(result, text, dataset)
    for name, (low, high, _) in axes.items():
        if best[name] in (low, high) and best[name] not in model.parameters[name].bounds:
            sink.say(f"the lowest chi2 lies on the edge of the grid in {name}: widen it")
    if sink.plot is not None:
        sink.draw(_scan_figure(model, dataset, best, heights))


def _scan_figure(model: Any, dataset: Any, best: dict[str, float], heights: Any) -> Any:
    from cevnsjax.plots import ContourSet, contours
    from cevnsjax.plots import profile as draw_profile

    labels = [model.parameters[n].label for n in best]
    delta = dataset["delta_chi2"].values
    grids = [dataset[n].values for n in best]
    if len(best) == 1:
        (only,) = best.values()
        return draw_profile(
            grids[0], delta, label=labels[0], best_fit=only, intervals={}, levels=heights
        )
    name = model.name or " + ".join(model.experiments)
    first, second = best.values()
    curve = ContourSet(
        grids[0], grids[1], delta, levels=heights, label=name, best_fit=(first, second)
    )
    return contours([curve], x_label=labels[0], y_label=labels[1])


def new_experiment(folder: Path, force: bool, as_json: bool) -> None:
    """Write a template folder, print its files and what to do next."""
    from cevnsjax.experiments import write_template

    files = [str(path) for path in write_template(folder, force=force)]
    word = str(folder) if folder.is_absolute() else f"./{folder}"
    text = [*(f"wrote {name}" for name in files), f"next: cevnsjax fit {word}"]
    typer.echo(json.dumps({"folder": str(folder), "files": files}) if as_json else "\n".join(text))
