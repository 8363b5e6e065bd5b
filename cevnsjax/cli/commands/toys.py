"""The commands of pseudo-experiments: toys and Feldman-Cousins intervals."""

import json
import math
from pathlib import Path
from typing import Any

import typer

from cevnsjax.cli.commands.system import prepare
from cevnsjax.cli.request import Request, build
from cevnsjax.cli.run_options import RunOptions
from cevnsjax.cli.sink import Sink
from cevnsjax.core.errors import InputError
from cevnsjax.core.files import write_atomically
from cevnsjax.core.levels import DEFAULT_LEVELS, delta_chi2_at, level_key

# Lists longer than this go to netCDF, not to JSON.
_MOST_JSON = 1_000_000
# Attributes of datasets that are JSON.
_JSON = ("fixed", "intervals", "truth")


def toys(
    request: Request,
    n: int,
    test: tuple[str, ...],
    values: dict[str, float],
    seed: int,
    sink: Sink,
    *,
    auxiliary: bool,
    kept: RunOptions,
) -> None:
    """Throw and fit pseudo-experiments, print what they say, write, draw; 1 if fits failed."""
    prepare()
    kept.begin()
    from cevnsjax.inference.toys.toys import toys as run

    model = build(request)
    free = tuple(dict.fromkeys([*(request.free or ()), *test])) or None
    dataset = run(
        model,
        n,
        truth=values,
        free=free,
        test=test or None,
        fixed=request.fixed,
        auxiliary=auxiliary,
        seed=seed,
        **kept.options,
    )
    if not kept.is_first:
        return
    a = dataset.attrs
    result = {**_plain(a), "n": n}
    quantiles = dataset["q"].quantile(DEFAULT_LEVELS, skipna=True).values.tolist()
    result["q_quantiles"] = dict(zip(map(level_key, DEFAULT_LEVELS), quantiles, strict=True))
    truth = json.loads(a["truth"])
    tested = ", ".join(f"{name} = {truth[name]:.5g}" for name in a["tested"])
    lines = [
        f"{n} pseudo-experiments at {tested} ({a['engine']} engine)",
        f"q of the data = {a['q_data']:.4f}, p = {a['p_value']:.4g} +- {a['p_value_error']:.1g}",
        f"chi2 of the data = {a['chi2_data']:.4f}, p = {a['p_value_chi2']:.4g} "
        f"+- {a['p_value_chi2_error']:.1g}",
        "q at 68.27 %, 90 %, 95.45 %: " + ", ".join(f"{x:.3f}" for x in quantiles),
    ]
    _deliver(sink, dataset, result, lines)
    if sink.plot is not None:
        sink.draw(_distribution(dataset, model.title))
    if a["failed"]:
        sink.say(f"{a['failed']} fits failed and count nowhere; see the variable converged")
        raise typer.Exit(1)


def feldman_cousins(
    request: Request,
    parameter: str | None,
    axes: dict[str, Any],
    most: int,
    levels: tuple[float, ...],
    nuisances: str,
    seed: int,
    sink: Sink,
    *,
    auxiliary: bool,
    kept: RunOptions,
) -> None:
    """Construct intervals or a region, print, write, draw; 1 if fits failed."""
    if axes and parameter is not None and parameter not in axes:
        raise InputError(f"give --parameter {parameter} or --axis {' '.join(axes)}, not both")
    if sink.plot is not None and any(axis[2] < 2 for axis in axes.values()):
        raise InputError("a figure needs at least two points an axis")
    prepare()
    kept.begin()
    from cevnsjax.inference.toys.feldman_cousins import feldman_cousins as run

    model = build(request)
    dataset = run(
        model,
        None if axes else parameter or "sin2_theta_w",
        free=request.free or (),
        fixed=request.fixed,
        levels=levels or DEFAULT_LEVELS,
        toys=most,
        true_nuisances=nuisances,
        auxiliary=auxiliary,
        seed=seed,
        **kept.options,
        **axes,
    )
    if not kept.is_first:
        return
    names = [str(d) for d in dataset["q_data"].dims]
    result = {**_plain(dataset.attrs), "levels": dataset["level"].values.tolist()}
    result["axes"] = {n: dataset[n].values.tolist() for n in names}
    if dataset["critical"].size <= _MOST_JSON:
        result |= {str(v): dataset[v].values.tolist() for v in dataset.data_vars}
    _deliver(sink, dataset, result, _lines(dataset, names))
    for note in dataset.attrs["notes"]:
        sink.say(f"note: {note}")
    if sink.plot is not None:
        title = model.title
        labels = [model.parameters[n].label for n in names]
        sink.draw(feldman_cousins_figure(dataset, labels, title))
    failed = int(dataset["failed"].sum())
    if failed:
        sink.say(f"{failed} fits failed and count nowhere; see the variable failed")
        raise typer.Exit(1)


def _lines(dataset: Any, names: list[str]) -> list[str]:
    a = dataset.attrs
    best = ", ".join(f"{n} = {a[f'best_fit_{n}']:.5g}" for n in names)
    head = f"best fit {best}, chi2 = {a['chi2_min']:.4f} ({a['engine']} engine)"
    total = f"{int(dataset['toys'].sum())} pseudo-experiments at {dataset['q_data'].size} points"
    if len(names) > 1:
        inside = dataset["accepted"].mean(dim=names).values
        shares = zip(dataset["level"].values, inside, strict=True)
        return [head, total, *(f"{100 * lv:g} %: {x:.3g} of the grid" for lv, x in shares)]
    found = json.loads(a["intervals"])
    spans = [
        f"{key}: " + (" u ".join(f"[{low:.5g}, {high:.5g}]" for low, high in pairs) or "none")
        for key, pairs in found.items()
    ]
    return [head, total, *spans]


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes as plain data for JSON; what is JSON already as an object, NaN as null."""
    out = {}
    for name, value in attributes.items():
        plain = value.item() if hasattr(value, "item") else value
        if isinstance(plain, float) and not math.isfinite(plain):
            plain = None
        out[str(name)] = json.loads(str(plain)) if name in _JSON else plain
    return out


def _deliver(sink: Sink, dataset: Any, result: dict[str, Any], lines: list[str]) -> None:
    to_netcdf = sink.output is not None and sink.output.suffix.lower() == ".nc"
    if to_netcdf and sink.output is not None:
        path: Path = sink.output
        write_atomically(path, lambda part: dataset.to_netcdf(part, engine="h5netcdf"))
    sink.deliver(result, "\n".join(lines), written=to_netcdf)


def _distribution(dataset: Any, title: str) -> Any:
    from cevnsjax.plots.likelihoods.feldman_cousins import statistic_distribution

    a = dataset.attrs
    return statistic_distribution(
        dataset["q"].values, q_data=a["q_data"], dof=len(a["tested"]), title=title
    )


def feldman_cousins_figure(dataset: Any, labels: list[str], title: str) -> Any:
    """Critical values and p-values of one parameter, or regions of two.

    Args:
        dataset: The construction.
        labels: Axis labels.
        title: Line over the figure.
    """
    import numpy as np

    from cevnsjax.plots import ContourSet
    from cevnsjax.plots import contours as draw_contours
    from cevnsjax.plots.likelihoods.feldman_cousins import feldman_cousins as draw
    from cevnsjax.plots.likelihoods.scans import scale_of

    names = [str(d) for d in dataset["q_data"].dims]
    levels = {level_key(float(x)): float(x) for x in dataset["level"].values}
    scales: list[Any] = [scale_of(dataset[n].values) for n in names]
    best = [float(dataset.attrs[f"best_fit_{n}"]) for n in names]
    if len(names) == 1:
        values, errors = (dataset[v].values.T for v in ("critical", "critical_error"))
        return draw(
            dataset[names[0]].values,
            dataset["q_data"].values,
            dataset["p_value"].values,
            label=labels[0],
            critical={k: (values[i], errors[i]) for i, k in enumerate(levels)},
            wilks={k: delta_chi2_at(x) for k, x in levels.items()},
            intervals=json.loads(dataset.attrs["intervals"]),
            p_error=dataset["p_value_error"].values,
            best_fit=best[0],
            title=title,
            x_scale=scales[0],
        )
    # The chi2 of two degrees of freedom that has this p-value: smooth where p is.
    p = np.maximum(dataset["p_value"].values, 0.5 / dataset["toys"].values)
    heights = {k: -2 * math.log(1 - x) for k, x in levels.items()}
    grids = [dataset[n].values for n in names]
    curve = ContourSet(
        grids[0], grids[1], -2 * np.log(p), levels=heights, label=title, best_fit=(best[0], best[1])
    )
    return draw_contours(
        [curve], x_label=labels[0], y_label=labels[1], x_scale=scales[0], y_scale=scales[1]
    )
