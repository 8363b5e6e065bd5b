"""The commands that minimise: fit, profile, scan, contours."""

from pathlib import Path
from typing import Annotated

import typer

from cevnsjax.cli.options import (
    AnalysisName,
    AsJson,
    Devices,
    Experiments,
    Fix,
    Folder,
    Free,
    Interactions,
    Levels,
    Output,
    Overwrite,
    Plot,
    Process,
    Resume,
    Set,
)


def fit(
    experiments: Experiments = None,
    analysis: AnalysisName = None,
    free: Free = None,
    fix: Fix = None,
    settings: Set = None,
    method: Annotated[
        str, typer.Option("--method", help="auto, newton, lbfgs or minuit.")
    ] = "auto",
    bounds: Annotated[
        list[str] | None,
        typer.Option("--bounds", help="Narrower bounds: name=low:high; repeatable."),
    ] = None,
    starts: Annotated[int, typer.Option("--starts", help="Random starts besides its own.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Of random starts.")] = 0,
    interaction: Interactions = None,
    figure: Annotated[
        str, typer.Option("--figure", help="For --plot: spectrum, pulls, impacts or correlations.")
    ] = "spectrum",
    plot: Plot = None,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Fit parameters with all systematic pulls; sin2_theta_w unless --free says otherwise."""
    from cevnsjax.cli.commands import fit as commands
    from cevnsjax.cli.request import Request, ranges_of
    from cevnsjax.cli.sink import Sink

    box = ranges_of(bounds or (), "--bounds")
    request = Request(
        experiments, analysis, free, fix, settings, tuple(box), tuple(interaction or ())
    )
    search = {"method": method, "bounds": box, "starts": starts, "seed": seed}
    commands.fit(request, search, figure, Sink(plot, output, overwrite, as_json))


def profile(
    experiments: Experiments = None,
    parameter: Annotated[str, typer.Option("--parameter", help="Parameter to profile.")] = (
        "sin2_theta_w"
    ),
    analysis: AnalysisName = None,
    free: Free = None,
    fix: Fix = None,
    settings: Set = None,
    interaction: Interactions = None,
    level: Levels = None,
    within: Annotated[str | None, typer.Option("--within", help="Range: low:high.")] = None,
    side: Annotated[
        str, typer.Option("--side", help="both, or upper or lower for a one-sided limit.")
    ] = "both",
    plot: Plot = None,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Profile likelihood of one parameter, with intervals as unions."""
    from cevnsjax.cli.commands import fit as commands
    from cevnsjax.cli.request import Request, range_of
    from cevnsjax.cli.sink import Sink

    request = Request(
        experiments, analysis, free, fix, settings, (parameter,), tuple(interaction or ())
    )
    sink = Sink(plot, output, overwrite, as_json)
    given = None if within is None else range_of(within, "--within")
    commands.profile(request, parameter, tuple(level or ()), given, side, sink)


def scan(
    experiments: Experiments = None,
    x: Annotated[str, typer.Option("--x", help="Axis: name=low:high:points.")] = "",
    y: Annotated[str, typer.Option("--y", help="Second axis: name=low:high:points.")] = "",
    axis: Annotated[
        list[str] | None,
        typer.Option("--axis", help="Any axis, four at most: name=low:high:points[:log]."),
    ] = None,
    analysis: AnalysisName = None,
    free: Annotated[
        list[str] | None, typer.Option("--free", help="Parameter to profile over; repeatable.")
    ] = None,
    fix: Fix = None,
    settings: Set = None,
    engine: Annotated[str, typer.Option("--engine", help="auto, node or template.")] = "auto",
    nuisances: Annotated[
        bool, typer.Option("--nuisances", help="Keep the solved nuisances of every point.")
    ] = False,
    interaction: Interactions = None,
    level: Levels = None,
    folder: Folder = None,
    resume: Resume = False,
    devices: Devices = None,
    process: Process = None,
    plot: Plot = None,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Chi2 on a grid of one to four parameters; --output takes .nc or .json.

    A .nc file of a grid larger than the memory is written piece by piece.
    """
    from cevnsjax.cli.commands import scan as scans
    from cevnsjax.cli.request import Request, axes_of
    from cevnsjax.cli.run_options import RunOptions
    from cevnsjax.cli.sink import Sink

    axes = axes_of(x, y, *(axis or ()))
    request = Request(
        experiments, analysis, free, fix, settings, tuple(axes), tuple(interaction or ())
    )
    sink = Sink(plot, output, overwrite, as_json, suffixes=(".nc", ".json"))
    kept = RunOptions(folder, resume, devices, process)
    levels = tuple(level or ())
    scans.scan(request, axes, engine, levels, sink, nuisances=nuisances, kept=kept)


def contours(
    scans: Annotated[list[str], typer.Argument(help="Scans: file.nc or label=file.nc.")],
    plot: Annotated[Path, typer.Option("--plot", help="Figure to write (.png, .pdf, .svg).")],
    level: Levels = None,
    point: Annotated[
        list[str] | None, typer.Option("--point", help="Mark a point: name=x:y; repeatable.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw stored scans of two parameters over each other."""
    from cevnsjax.cli.commands import scan as commands
    from cevnsjax.cli.sink import Sink

    commands.contours(scans, tuple(level or ()), point or [], Sink(plot, None, overwrite, False))
