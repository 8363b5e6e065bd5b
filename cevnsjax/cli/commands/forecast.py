"""The forecast command: expected errors and intervals, then text, JSON, netCDF and a figure."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import typer

from cevnsjax.cli.commands.system import prepare, say_table
from cevnsjax.cli.request import Request, axis, build
from cevnsjax.cli.sink import Sink
from cevnsjax.core.errors import InputError
from cevnsjax.core.files import write_atomically
from cevnsjax.core.levels import DEFAULT_LEVELS, delta_chi2_at, level_key

_AXIS = {
    "exposure": "exposure relative to today",
    "background": "background of {} relative to today",
    "sd": "standard deviation of {}",
    "efficiency": "{} of the efficiency",
}


def grid_of(word: str | None) -> tuple[str, list[float]]:
    """Name and values from name=low:high:points[:log]; exposure 1 if there is no word.

    Raises:
        InputError: If the word has another form, or no point.
    """
    if word is None:
        return "exposure", [1.0]
    name, (low, high, points, *spacing) = axis(word)
    if points < 1 or (points > 1 and not low < high):
        raise InputError(f"--over {word!r} needs low < high and a point at least")
    if spacing and low <= 0:
        raise InputError(f"--over {word!r}: a logarithmic axis must start above 0")
    steps = [k / max(points - 1, 1) for k in range(points)]
    if spacing:
        inner = [low * (high / low) ** t for t in steps]
    else:
        inner = [low + (high - low) * t for t in steps]
    return name, [low, *inner[1:-1], high] if points > 1 else [low]


def forecast(
    request: Request,
    parameter: str,
    over: str | None,
    levels: tuple[float, ...],
    truth: dict[str, float],
    side: str,
    statistical: Sequence[str],
    sink: Sink,
) -> None:
    """Forecast, print, write, draw; exit status 1 if an inner fit did not converge."""
    name, grid = grid_of(over)
    if sink.plot is not None and len(grid) < 2:
        raise InputError("a figure needs two points at least: --over exposure=0.1:100:12:log")
    prepare()
    from cevnsjax.inference.forecasts.design import KINDS
    from cevnsjax.inference.forecasts.forecast import forecast as run

    is_key = name.partition(".")[0] in KINDS
    first = build(request if is_key else _with_option(request, name, grid[0]))
    dataset = run(
        first if is_key else lambda x: build(_with_option(request, name, x)),
        parameter,
        truth=truth,
        free=request.free or (),
        fixed=request.fixed,
        level=levels or DEFAULT_LEVELS,
        over={name: grid},
        side=side,
        statistical=statistical,
    )
    to_file = sink.output is not None and sink.output.suffix.lower() == ".nc"
    if sink.output is not None and to_file:
        write_atomically(sink.output, lambda p: dataset.to_netcdf(p, engine="h5netcdf"))
    sink.deliver(_plain(dataset, name), _table(dataset, name), written=to_file)
    if sink.plot is not None:
        sink.draw(_figure(dataset, name, first.parameters[parameter].label))
    if not bool(dataset["converged"].all()):
        failed = int((~dataset["converged"]).sum())
        sink.say(f"minimisation failed at {failed} points; see converged")
        raise typer.Exit(1)


def _with_option(request: Request, name: str, x: float) -> Request:
    """The request with an option of experiment or theory set to x."""
    return replace(request, settings=[*(request.settings or []), f"{name}={x!r}"])


def _plain(dataset: Any, name: str) -> dict[str, Any]:
    """Plain data for JSON: null where there is no number."""

    def numbers(values: Any) -> Any:
        if isinstance(values, list):
            return [numbers(v) for v in values]
        return values if math.isfinite(values) else None

    about = {k: dataset.attrs[k] for k in ("parameter", "truth", "unit", "side", "analysis")}
    return {
        **about,
        "experiments": list(dataset.attrs["experiments"]),
        "free": list(dataset.attrs["free"]),
        "fixed": json.loads(dataset.attrs["fixed"]),
        "over": name,
        name: dataset[name].values.tolist(),
        "levels": dataset["level"].values.tolist(),
        **{k: numbers(dataset[k].values.tolist()) for k in dataset.data_vars if k != "converged"},
        "converged": dataset["converged"].values.tolist(),
    }


def _table(dataset: Any, name: str) -> str:
    """The forecast as a table."""
    about = dataset.attrs
    unit = f" {about['unit']}" if about["unit"] else ""
    title = f"{about['parameter']} = {about['truth']:.5g}{unit}, expected"
    levels = dataset["level"].values.tolist()
    rows = []
    for k, x in enumerate(dataset[name].values.tolist()):
        sd = float(dataset["sd"][k])
        ends = zip(dataset["low"].values[k], dataset["high"].values[k], strict=True)
        spans = [f"[{low:.4g}, {high:.4g}]" for low, high in ends]
        rows.append((f"{x:.4g}", f"{sd:.3g}" if math.isfinite(sd) else "-", *spans))
    return say_table(title, (name, "sd", *(f"{x:.6g} CL" for x in levels)), rows)


def _figure(dataset: Any, name: str, label: str) -> Any:
    from cevnsjax.plots.likelihoods.forecast import forecast as draw
    from cevnsjax.plots.likelihoods.scans import scale_of

    sides = 1 if dataset.attrs["side"] == "both" else 2
    levels = dataset["level"].values.tolist()
    kind, _, target = name.partition(".")
    return draw(
        dataset[name].values,
        dataset["low"].values,
        dataset["high"].values,
        truth=float(dataset.attrs["truth"]),
        # A one-sided limit leaves all that is excluded on one side.
        levels={level_key(x): delta_chi2_at(sides * x + 1 - sides) for x in levels},
        label=label,
        x_label=_AXIS.get(kind, name).format(target),
        sd=dataset["sd"].values,
        title=dataset.attrs["analysis"] or " + ".join(dataset.attrs["experiments"]),
        x_scale=scale_of(dataset[name].values),
    )
