"""The forecast command: expected errors and intervals, as text, JSON, netCDF and a figure."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

import cevnsjax as cj
from cevnsjax.cli.options import Levels, ProfiledOver, Side, Truth, Words
from cevnsjax.cli.request import Request
from cevnsjax.cli.sink import DatasetSink, attributes_of, table
from cevnsjax.cli.words import axis, numbers_of
from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import DEFAULT_LEVELS, delta_chi2_at, level_key
from cevnsjax.core.text import of_value

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from xarray import Dataset

_MOST_POINTS = 10_000
_AXIS_LABELS = {
    "exposure": "exposure relative to today",
    "background": "background of {} relative to today",
    "sd": "standard deviation of {}",
    "efficiency": "{} of the efficiency",
}


def forecast(
    request: Request,
    *,
    parameter: Annotated[str, "Parameter to measure."] = "sin2_theta_w",
    over: Annotated[
        str | None,
        "What changes: name=low:high:points[:log]; exposure, exposure.EXPERIMENT, "
        "background.EXPERIMENT, efficiency.EXPERIMENT.x_0, sd.NUISANCE or an option of --set.",
    ] = None,
    free: ProfiledOver = (),
    truth: Truth = (),
    statistical: Annotated[Words, "Nuisance that shrinks as 1/sqrt(exposure)."] = (),
    level: Levels = DEFAULT_LEVELS,
    side: Side = "both",
    sink: DatasetSink,
) -> None:
    """Expected error and interval of a parameter, e.g. against exposure; needs no data.

    Exit status 1 if an inner fit did not converge.
    """
    true_values = numbers_of(truth, "--truth")
    name, grid = _grid(over)
    if sink.plot is not None and len(grid) < 2:
        raise InputError("a figure needs two points at least: --over exposure=0.1:100:12:log")
    from cevnsjax.inference.forecasts.design import KINDS

    def model_at(x: float) -> "cj.Model":
        """The model with an option of experiment or theory set to x."""
        changed = replace(request, settings=[*request.settings, f"{name}={x!r}"])
        return changed.model(free, [parameter, *true_values])

    changes_design = name.partition(".")[0] in KINDS
    model = request.model(free, [parameter, *true_values]) if changes_design else model_at(grid[0])
    dataset = cj.forecast(
        model if changes_design else model_at,
        parameter,
        truth=true_values,
        free=free,
        fixed=request.fixed,
        level=level,
        over={name: grid},
        side=side,
        statistical=statistical,
    )
    sink.deliver(_result(dataset, name), _text(dataset, name), dataset)
    sink.draw(_figure, model, dataset, name)
    for note in dataset.attrs["notes"]:
        sink.say(f"note: {note}")
    if not bool(dataset["converged"].all()):
        raise typer.Exit(1)


def _grid(word: str | None) -> tuple[str, list[float]]:
    """Name and values from name=low:high:points[:log]; exposure 1 if there is no word."""
    if word is None:
        return "exposure", [1.0]
    name, (low, high, points, *spacing) = axis(word)
    if points > _MOST_POINTS:
        raise InputError(f"--over {name}: {of_value(points)} points are too many: {_MOST_POINTS}")
    if points < 1 or (points > 1 and not low < high) or not math.isfinite(high - low):
        raise InputError(f"--over {word!r} needs low < high and a point at least")
    if spacing and low <= 0:
        raise InputError(f"--over {word!r}: a logarithmic axis must start above 0")
    import numpy as np

    steps = np.geomspace if spacing else np.linspace
    return name, steps(low, high, points).tolist()


def _result(dataset: "Dataset", name: str) -> dict[str, Any]:
    keys = (
        *("parameter", "truth", "unit", "side", "analysis", "experiments", "free", "fixed"),
        "notes",
    )
    attributes = attributes_of(dataset)
    return {
        **{key: attributes[key] for key in keys},
        "over": name,
        name: dataset[name].values,
        "levels": dataset["level"].values,
        **{str(n): x.values for n, x in dataset.data_vars.items()},
    }


def _text(dataset: "Dataset", name: str) -> str:
    about = dataset.attrs
    unit = f" {about['unit']}" if about["unit"] else ""
    title = f"{about['parameter']} = {about['truth']:.5g}{unit}, expected"
    rows = []
    for k, x in enumerate(dataset[name].values.tolist()):
        sd = float(dataset["sd"][k])
        ends = zip(dataset["low"].values[k], dataset["high"].values[k], strict=True)
        spans = [f"[{low:.4g}, {high:.4g}]" for low, high in ends]
        rows.append((f"{x:.4g}", f"{sd:.3g}" if math.isfinite(sd) else "-", *spans))
    levels = [f"{level_key(x)} CL" for x in dataset["level"].values.tolist()]
    return table(title, (name, "sd", *levels), rows)


def _figure(model: "cj.Model", dataset: "Dataset", name: str) -> "Figure":
    from cevnsjax.plots.likelihoods.scans import scale_of

    sides = 1 if dataset.attrs["side"] == "both" else 2
    levels: Sequence[float] = dataset["level"].values.tolist()
    kind, _, target = name.partition(".")
    return cj.plots.forecast(
        dataset[name].values,
        dataset["low"].values,
        dataset["high"].values,
        truth=float(dataset.attrs["truth"]),
        # A one-sided limit leaves all that is excluded on one side.
        levels={level_key(x): delta_chi2_at(sides * x + 1 - sides) for x in levels},
        label=model.parameters[dataset.attrs["parameter"]].label,
        x_label=_AXIS_LABELS[kind].format(target) if kind in _AXIS_LABELS else name,
        sd=dataset["sd"].values,
        title=model.title,
        x_scale=scale_of(dataset[name].values),
    )
