"""The scan command: a grid, then text, JSON, netCDF and figures."""

import math
from pathlib import Path
from typing import Any

from cevnsjax.cli.commands.system import prepare
from cevnsjax.cli.request import Request, build, range_of, split
from cevnsjax.cli.run_options import RunOptions
from cevnsjax.cli.sink import Sink
from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import DEFAULT_LEVELS, delta_chi2_at, level_key

# Numbers that JSON may hold; a grid above this goes to netCDF.
_MOST_JSON = 1_000_000


def scan(
    request: Request,
    axes: dict[str, Any],
    engine: str,
    levels: tuple[float, ...],
    sink: Sink,
    *,
    nuisances: bool,
    kept: RunOptions,
) -> None:
    """Scan, print, write netCDF or JSON, draw."""
    points = math.prod(max(axis[2], 1) for axis in axes.values())
    to_file = sink.output is not None and sink.output.suffix.lower() == ".nc"
    if points > _MOST_JSON and (sink.as_json or (sink.output is not None and not to_file)):
        raise InputError(f"{points} points are too many for JSON; write them with --output x.nc")
    if sink.plot is not None and any(axis[2] < 2 for axis in axes.values()):
        raise InputError("a figure needs at least two points an axis")
    prepare()
    kept.begin()
    from cevnsjax.inference.scans.scan import scan as run

    chosen, dof = levels or DEFAULT_LEVELS, min(len(axes), 2) or 1
    heights = {level_key(x): delta_chi2_at(x, dof=dof) for x in chosen}
    model = build(request)
    dataset = run(
        model,
        free=request.free or (),
        fixed=request.fixed,
        engine=engine,
        nuisances=nuisances,
        output=sink.output if to_file and kept.is_first else None,
        overwrite=sink.overwrite,
        **kept.options,
        **axes,
    )
    if not kept.is_first:
        return
    best = {n: float(dataset.attrs[f"best_fit_{n}"]) for n in axes}
    result = _result(model, dataset, best, heights, axes, points)
    at = ", ".join(f"{n} = {x:.5g}" for n, x in best.items())
    text = f"lowest chi2 = {result['chi2_min']:.4f} at {at} ({result['engine']} engine)"
    sink.deliver(result, text, written=to_file)
    _warn(model, dataset, axes, best, sink)
    if sink.plot is not None:
        sink.draw(scan_figure(model, dataset, best, heights, levels or DEFAULT_LEVELS))


def _result(
    model: Any, dataset: Any, best: dict[str, float], heights: Any, axes: Any, points: int
) -> dict[str, Any]:
    result = {
        "analysis": model.name,
        "experiments": list(model.experiments),
        "engine": dataset.attrs["engine"],
        "chi2_min": float(dataset.attrs["chi2_min"]),
        "best_fit": best,
        "levels": heights,
        "axes": {n: dataset[n].values.tolist() for n in axes},
    }
    if points <= _MOST_JSON:
        for name in dataset.data_vars:
            if name != "delta_chi2":
                result[str(name)] = dataset[name].transpose(*axes).values.tolist()
    return result


def _warn(model: Any, dataset: Any, axes: Any, best: dict[str, float], sink: Sink) -> None:
    spread = float(dataset["chi2"].max()) - float(dataset.attrs["chi2_min"])
    if dataset["chi2"].size == 1:
        sink.say("a grid of one point: give more to see how chi2 depends on the parameters")
        return
    if spread < 1e-9:
        sink.say(f"chi2 does not depend on {', '.join(axes)} on this grid")
        return
    for name, axis in axes.items():
        if best[name] in axis[:2] and best[name] not in model.parameters[name].bounds:
            sink.say(f"the lowest chi2 lies on the edge of the grid in {name}: widen it")
    if "converged" in dataset and not bool(dataset["converged"].all()):
        failed = int((~dataset["converged"]).sum())
        sink.say(f"minimisation failed at {failed} points; see the variable converged")


def scan_figure(
    model: Any, dataset: Any, best: dict[str, float], heights: Any, levels: tuple[float, ...]
) -> Any:
    """A curve, a contour plot, or the projections of three or four axes.

    Args:
        model: The model that was scanned.
        dataset: The scan.
        best: Lowest point by axis.
        heights: Delta chi2 by level.
        levels: Confidence levels, for the curves beside projections.
    """
    from cevnsjax.plots import ContourSet, projections
    from cevnsjax.plots import contours as draw_contours
    from cevnsjax.plots import profile as draw_profile
    from cevnsjax.plots.likelihoods.scans import scale_of

    names = list(best)
    labels = [model.parameters[n].label for n in names]
    delta = dataset["chi2"].transpose(*names).values - float(dataset.attrs["chi2_min"])
    grids = [dataset[n].values for n in names]
    scales: Any = [scale_of(g) for g in grids]
    title = model.title
    if len(names) == 1:
        return draw_profile(
            grids[0],
            delta,
            label=labels[0],
            best_fit=best[names[0]],
            intervals={},
            levels=heights,
            x_scale=scales[0],
            title=title,
        )
    if len(names) > 2:
        one = {level_key(x): delta_chi2_at(x) for x in levels}
        values = list(best.values())
        return projections(
            grids,
            delta,
            labels=labels,
            levels_1d=one,
            levels_2d=heights,
            best_fit=values,
            scales=scales,
            title=title,
        )
    first, second = best.values()
    curve = ContourSet(
        grids[0], grids[1], delta, levels=heights, label=title, best_fit=(first, second)
    )
    return draw_contours(
        [curve], x_label=labels[0], y_label=labels[1], x_scale=scales[0], y_scale=scales[1]
    )


def contours(files: list[str], levels: tuple[float, ...], points: list[str], sink: Sink) -> None:
    """Draw stored scans over each other."""
    import xarray as xr

    from cevnsjax.plots import scan_contours

    marks = [(name, *place) for name, place in map(_point, points)]
    scans = {}
    for word in files:
        label, sign, path = word.rpartition("=")
        name = label if sign else Path(path).stem
        if name in scans:
            raise InputError(f"two scans are called {name}; give labels: label={path}")
        if not Path(path).is_file():
            raise InputError(f"there is no file {path}")
        try:
            scans[name] = xr.open_dataset(path, engine="h5netcdf")
        except (OSError, ValueError):
            raise InputError(f"{path} is no scan; write one with scan --output x.nc") from None
    sink.draw(scan_contours(scans, levels=levels or DEFAULT_LEVELS, points=marks))


def _point(word: str) -> tuple[str, tuple[float, float]]:
    name, place = split(word, "--point")
    return name, range_of(place, f"--point {name}")
