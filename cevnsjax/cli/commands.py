"""What the commands do: one library call each, then text, JSON, files and figures."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from cevnsjax.cli.build import Request, build
from cevnsjax.cli.system import prepare, say_table
from cevnsjax.files import FIGURES, check_output, write_atomically


@dataclass(frozen=True)
class Sink:
    """Where results go; files are checked before the work begins.

    Attributes:
        plot: Figure file.
        output: Result file.
        overwrite: Whether existing files may be replaced.
        as_json: JSON on stdout instead of text.
        suffixes: Endings of result files.
    """

    plot: Path | None
    output: Path | None
    overwrite: bool
    as_json: bool
    suffixes: tuple[str, ...] = (".json",)

    def __post_init__(self) -> None:
        if self.plot is not None:
            check_output(self.plot, overwrite=self.overwrite, suffixes=FIGURES)
        if self.output is not None:
            check_output(self.output, overwrite=self.overwrite, suffixes=self.suffixes)

    def deliver(self, result: dict[str, Any], text: str, dataset: Any = None) -> None:
        """Print and write a result.

        Args:
            result: Plain data for JSON.
            text: What a person reads.
            dataset: The xarray.Dataset of a scan, for netCDF.
        """
        typer.echo(json.dumps(result) if self.as_json else text)
        if self.output is None:
            return
        if self.output.suffix == ".nc":
            write_atomically(self.output, lambda p: dataset.to_netcdf(p, engine="h5netcdf"))
        else:
            body = json.dumps(result, indent=2) + "\n"
            write_atomically(self.output, lambda p: p.write_text(body))
        self.say(f"wrote {self.output}")

    def draw(self, figure: Any) -> None:
        """Write a figure."""
        from cevnsjax.plots import save

        if self.plot is not None:
            save(figure, self.plot, overwrite=self.overwrite)
            self.say(f"wrote {self.plot}")

    def say(self, text: str) -> None:
        """A line on stderr."""
        typer.echo(text, err=True)


def fit(request: Request, sink: Sink) -> None:
    """Fit, print, draw; exit status 1 if the fit did not converge."""
    prepare()
    from cevnsjax.inference.fit import fit as run
    from cevnsjax.inference.result import rounded

    model = build(request)
    result = run(model, request.free, fixed=request.fixed)
    rows = []
    for name, x in result.values.items():
        value, error = rounded(x, result.errors[name])
        p = model.parameters[name]
        at_bound = "at bound" if name in result.at_bound else error
        rows.append((name, value, at_bound, p.unit, p.meaning))
    title = f"{result.analysis or ' + '.join(result.experiments)}: {result.status}"
    table = say_table(title, ("parameter", "value", "error", "unit", "meaning"), rows)
    sink.deliver(result.to_dict(), table + f"\n{result.lines()[-1]}")
    if sink.plot is not None:
        sink.draw(_spectrum(model, {**result.fixed, **result.values}, _note(model, result)))
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
            lines.append(rf"${p.latex or name} = {value} \pm {error}$ {p.unit}".rstrip())
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
    sink.deliver(result.to_dict(), "\n".join(result.lines()))
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
    model = build(request)
    dataset = run(model, fixed=request.fixed, **axes)
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


def predict(request: Request, sink: Sink) -> None:
    """Predict at defaults and --fix values, print, draw."""
    prepare()
    import numpy as np

    model = build(request)
    predicted = model.by_component(request.fixed)
    results = {}
    for name, experiment in model.experiments.items():
        parts = predicted[name]
        results[name] = {
            "observables": [experiment.observable],
            "edges": {experiment.observable: experiment.edges.tolist()},
            "signal": {s: np.asarray(c).tolist() for s, c in parts["signal"].items()},
            "background": {b: np.asarray(c).tolist() for b, c in parts["background"].items()},
            "observed": experiment.observed.tolist(),
        }
    text = "\n\n".join(_prediction_table(n, r) for n, r in results.items())
    # One experiment gives its object; several give an object of them by name.
    sink.deliver(next(iter(results.values())) if len(results) == 1 else results, text)
    if sink.plot is not None:
        sink.draw(_spectrum(model, request.fixed, []))


def _prediction_table(name: str, result: dict[str, Any]) -> str:
    observable = result["observables"][0]
    edges = result["edges"][observable]
    columns = {**result["signal"], **result["background"]}
    rows = []
    for i, observed in enumerate(result["observed"]):
        parts = [f"{c[i]:.4f}" for c in columns.values()]
        total = sum(c[i] for c in columns.values())
        rows.append((f"{edges[i]:g}-{edges[i + 1]:g}", *parts, f"{total:.4f}", f"{observed:g}"))
    sums = {k: sum(c) for k, c in columns.items()}
    totals = [f"{s:.3f}" for s in sums.values()]
    rows.append(("sum", *totals, f"{sum(sums.values()):.3f}", f"{sum(result['observed']):g}"))
    return say_table(name, (observable, *columns, "total", "observed"), rows)


def _spectrum(model: Any, values: dict[str, float], note: list[str]) -> Any:
    """Data and stacked prediction of the model's first experiment, pulls applied."""
    from cevnsjax.plots import spectrum

    name, experiment = next(iter(model.experiments.items()))
    parts = model.by_component({n: x for n, x in values.items() if not _is_pull(model, n)})[name]
    factor = dict.fromkeys(["signal", *parts["background"]], 1.0)
    for pull in experiment.pulls:
        for component in pull.components:
            factor[component] += values.get(pull.name, 0.0)
    return spectrum(
        experiment.edges,
        experiment.observed,
        experiment.variance,
        {s: factor["signal"] * c for s, c in parts["signal"].items()},
        {b: factor[b] * c for b, c in parts["background"].items()},
        observable=experiment.observable,
        title=experiment.title,
        note="\n".join(note),
    )


def _is_pull(model: Any, name: str) -> bool:
    return model.parameters[name].linear
