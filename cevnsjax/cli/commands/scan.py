"""The scan command: chi2 on a grid, as text, JSON, netCDF and figures."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import cevnsjax as cj
from cevnsjax.cli.options import MAX_JSON_NUMBERS, Levels, ProfiledOver, Words
from cevnsjax.cli.request import Request
from cevnsjax.cli.run_options import RunOptions
from cevnsjax.cli.sink import DatasetSink
from cevnsjax.cli.words import Axis, axes_of, require_axes, require_drawable
from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import DEFAULT_LEVELS, checked_levels, delta_chi2_at, level_key

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from xarray import Dataset


def scan(
    request: Request,
    *,
    x: Annotated[str, "Axis: name=low:high:points."] = "",
    y: Annotated[str, "Second axis: name=low:high:points."] = "",
    axis: Annotated[Words, "Any axis, four at most: name=low:high:points[:log]."] = (),
    free: ProfiledOver = (),
    engine: Annotated[str, "auto, node or template."] = "auto",
    keep_nuisances: Annotated[bool, "Keep the solved nuisances of every point."] = False,
    level: Levels = DEFAULT_LEVELS,
    run: RunOptions,
    sink: DatasetSink,
) -> None:
    """Chi2 on a grid of one to four parameters.

    A .nc file of a grid larger than the memory is written piece by piece.
    """
    axes = axes_of(x, y, *axis)
    points = math.prod(max(ends[2], 1) for ends in axes.values())
    to_json = sink.as_json or (sink.output is not None and not sink.is_netcdf)
    if points > MAX_JSON_NUMBERS and to_json:
        raise InputError(f"{points} points are too many for JSON; write them with --output x.nc")
    if sink.plot is not None:
        require_drawable(axes.values())
    run.begin()
    dof = min(len(axes), 2) or 1
    heights = {level_key(p): delta_chi2_at(p, dof) for p in checked_levels(level)}
    model = request.model(free, axes)
    require_axes(cj.scan, axes, model.parameters)
    dataset = cj.scan(
        model,
        free=free,
        fixed=request.fixed,
        bounds=None,
        engine=engine,
        keep_nuisances=keep_nuisances,
        output=sink.output if sink.is_netcdf and run.is_first else None,
        overwrite=sink.overwrite,
        folder=run.folder,
        resume=run.resume,
        **axes,
    )
    if not run.is_first:
        return
    result = _result(model, dataset, heights, list(axes))
    lowest = ", ".join(f"{n} = {best:.5g}" for n, best in result["best_fit"].items())
    text = f"lowest chi2 = {result['chi2_min']:.4f} at {lowest} ({result['engine']} engine)"
    sink.deliver(result, text)
    for warning in _warnings(model, dataset, axes, result["best_fit"]):
        sink.say(warning)
    sink.draw(_figure, model, dataset, result["best_fit"], heights, level)


def _result(
    model: "cj.Model", dataset: "Dataset", heights: Mapping[str, float], axes: list[str]
) -> dict[str, Any]:
    result = {
        "analysis": model.name,
        "experiments": list(model.experiments),
        "engine": dataset.attrs["engine"],
        "chi2_min": float(dataset.attrs["chi2_min"]),
        "failed": int(dataset.attrs["failed"]),
        "notes": _notes(dataset),
        "best_fit": {n: float(dataset.attrs[f"best_fit_{n}"]) for n in axes},
        "levels": heights,
        "axes": {n: dataset[n].values for n in axes},
    }
    if dataset["chi2"].size <= MAX_JSON_NUMBERS:
        for name in dataset.data_vars:
            if name != "delta_chi2":
                result[str(name)] = dataset[name].transpose(*axes).values
    return result


def _warnings(
    model: "cj.Model", dataset: "Dataset", axes: Mapping[str, Axis], best: Mapping[str, float]
) -> list[str]:
    spread = float(dataset["chi2"].max()) - float(dataset.attrs["chi2_min"])
    if dataset["chi2"].size == 1:
        one = "a grid of one point: give more to see how chi2 depends on the parameters"
        return [one, *_notes(dataset)]
    if spread < 1e-9:
        return [f"chi2 does not depend on {', '.join(axes)} on this grid", *_notes(dataset)]
    warnings = [
        f"the lowest chi2 lies on the edge of the grid in {name}: widen it"
        for name, ends in axes.items()
        if best[name] in ends[:2] and best[name] not in model.parameters[name].bounds
    ]
    return [*warnings, *_notes(dataset)]


def _notes(dataset: "Dataset") -> list[str]:
    """Notes of a dataset; a file gives a list of one text back as the text."""
    notes = dataset.attrs["notes"]
    return [notes] if isinstance(notes, str) else [str(note) for note in notes]


def _figure(
    model: "cj.Model",
    dataset: "Dataset",
    best: dict[str, float],
    heights: dict[str, float],
    levels: Sequence[float],
) -> "Figure":
    """A curve, a contour plot, or the projections of three or four axes."""
    from cevnsjax.plots.likelihoods.scans import converged_chi2, scale_of

    names, title = list(best), model.title
    labels = [model.parameters[n].label for n in names]
    dataset = dataset.transpose(*names)
    if len(names) == 2:
        return cj.plots.scan_contours({title: dataset}, levels=levels)
    delta = converged_chi2(dataset).values - float(dataset.attrs["chi2_min"])
    grids = [dataset[n].values for n in names]
    if len(names) == 1:
        return cj.plots.profile(
            grids[0],
            delta,
            label=labels[0],
            best_fit=best[names[0]],
            intervals={},
            levels=heights,
            x_scale=scale_of(grids[0]),
            title=title,
        )
    return cj.plots.projections(
        grids,
        delta,
        labels=labels,
        levels_1d={level_key(x): delta_chi2_at(x) for x in levels},
        levels_2d=heights,
        best_fit=list(best.values()),
        scales=[scale_of(g) for g in grids],
        title=title,
    )
