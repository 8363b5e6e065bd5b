"""The feldman-cousins command: intervals of one parameter, regions of two."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

import cevnsjax as cj
from cevnsjax.cli.options import MAX_JSON_NUMBERS, Auxiliary, Free, Levels, Seed, Words
from cevnsjax.cli.request import Request
from cevnsjax.cli.run_options import RunOptions
from cevnsjax.cli.sink import DatasetSink, attributes_of
from cevnsjax.cli.words import axes_of, require_axes, require_drawable
from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import DEFAULT_LEVELS, delta_chi2_at, level_key, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from xarray import Dataset


def feldman_cousins(
    request: Request,
    *,
    parameter: Annotated[str | None, "One parameter; sin2_theta_w without --axis."] = None,
    axis: Annotated[Words, "One or two axes: name=low:high:points[:log]."] = (),
    toys: Annotated[int, "Pseudo-experiments at each point, at most."] = 8192,
    true_nuisances: Annotated[str, "profile, prior or default."] = "profile",
    free: Free = (),
    auxiliary: Auxiliary = True,
    seed: Seed = 0,
    level: Levels = DEFAULT_LEVELS,
    run: RunOptions,
    sink: DatasetSink,
) -> None:
    """Feldman-Cousins intervals of a parameter or regions of two; fc for short.

    Exit status 1 if fits failed.
    """
    axes = axes_of(*axis)
    if axes and parameter is not None and parameter not in axes:
        raise InputError(f"give --parameter {parameter} or --axis {' '.join(axes)}, not both")
    if sink.plot is not None:
        require_drawable(axes.values())
    chosen = parameter or "sin2_theta_w"
    run.begin()
    model = request.model(free, axes or [chosen])
    require_axes(cj.feldman_cousins, axes, model.parameters)
    dataset = cj.feldman_cousins(
        model,
        None if axes else chosen,
        free=free,
        fixed=request.fixed,
        levels=level,
        toys=toys,
        true_nuisances=true_nuisances,
        auxiliary=auxiliary,
        seed=seed,
        folder=run.folder,
        resume=run.resume,
        **axes,
    )
    if not run.is_first:
        return
    result = {**attributes_of(dataset), "levels": dataset["level"].values}
    result["axes"] = {n: dataset[n].values for n in _names(dataset)}
    if dataset["critical"].size <= MAX_JSON_NUMBERS:
        result |= {str(v): dataset[v].values for v in dataset.data_vars}
    sink.deliver(result, "\n".join(_lines(dataset)), dataset)
    for note in dataset.attrs["notes"]:
        sink.say(f"note: {note}")
    sink.draw(_figure, model, dataset)
    if bool(dataset["failed"].any()) or not bool(dataset["converged"].all()):
        raise typer.Exit(1)


def _names(dataset: "Dataset") -> list[str]:
    return [str(d) for d in dataset["q_data"].dims]


def _lines(dataset: "Dataset") -> list[str]:
    names, a = _names(dataset), attributes_of(dataset)
    best = ", ".join(f"{n} = {a[f'best_fit_{n}']:.5g}" for n in names)
    head = f"best fit {best}, chi2 = {a['chi2_min']:.4f} ({a['engine']} engine)"
    total = f"{int(dataset['toys'].sum())} pseudo-experiments at {dataset['q_data'].size} points"
    if len(names) > 1:
        inside = dataset["accepted"].mean(dim=names).values
        keys = [percent(level_key(float(lv))) for lv in dataset["level"].values]
        shares = zip(keys, inside, strict=True)
        return [head, total, *(f"{key} %: {x:.3g} of the grid" for key, x in shares)]
    spans = [
        f"{key}: " + (" u ".join(f"[{low:.5g}, {high:.5g}]" for low, high in pairs) or "none")
        for key, pairs in a["intervals"].items()
    ]
    return [head, total, *spans]


def _figure(model: "cj.Model", dataset: "Dataset") -> "Figure":
    """Critical values and p-values of one parameter, or regions of two."""
    if len(_names(dataset)) > 1:
        return _regions(model, dataset)
    from cevnsjax.plots.likelihoods.scans import scale_of

    (name,) = _names(dataset)
    levels = {level_key(float(x)): float(x) for x in dataset["level"].values}
    values, errors = (dataset[v].values.T for v in ("critical", "critical_error"))
    return cj.plots.feldman_cousins(
        dataset[name].values,
        dataset["q_data"].values,
        dataset["p_value"].values,
        label=model.parameters[name].label,
        critical={k: (values[i], errors[i]) for i, k in enumerate(levels)},
        wilks={k: delta_chi2_at(x) for k, x in levels.items()},
        intervals=attributes_of(dataset)["intervals"],
        p_error=dataset["p_value_error"].values,
        best_fit=float(dataset.attrs[f"best_fit_{name}"]),
        title=model.title,
        x_scale=scale_of(dataset[name].values),
    )


def _regions(model: "cj.Model", dataset: "Dataset") -> "Figure":
    import numpy as np

    from cevnsjax.plots.likelihoods.scans import scale_of

    x, y = _names(dataset)
    # The chi2 of two degrees of freedom that has this p-value: smooth where p is.
    p = np.maximum(dataset["p_value"].values, 0.5 / dataset["toys"].values)
    curve = cj.plots.ContourSet(
        dataset[x].values,
        dataset[y].values,
        -2 * np.log(p),
        levels={level_key(float(lv)): -2 * math.log(1 - lv) for lv in dataset["level"].values},
        label=model.title,
        best_fit=(float(dataset.attrs[f"best_fit_{x}"]), float(dataset.attrs[f"best_fit_{y}"])),
    )
    return cj.plots.contours(
        [curve],
        x_label=model.parameters[x].label,
        y_label=model.parameters[y].label,
        x_scale=scale_of(dataset[x].values),
        y_scale=scale_of(dataset[y].values),
    )
