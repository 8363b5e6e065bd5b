"""The commands of pseudo-experiments: toys and fc."""

from typing import Annotated

import typer

from cevnsjax.cli.options import (
    AnalysisName,
    AsJson,
    Auxiliary,
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
    Seed,
    Set,
)


def toys(
    experiments: Experiments = None,
    n: Annotated[int, typer.Option("--n", help="Number of pseudo-experiments.")] = 100_000,
    test: Annotated[
        list[str] | None, typer.Option("--test", help="Parameter to test; repeatable.")
    ] = None,
    true: Annotated[
        list[str] | None, typer.Option("--true", help="True value: name=value; repeatable.")
    ] = None,
    analysis: AnalysisName = None,
    free: Free = None,
    fix: Fix = None,
    settings: Set = None,
    interaction: Interactions = None,
    auxiliary: Auxiliary = True,
    seed: Seed = 0,
    folder: Folder = None,
    resume: Resume = False,
    devices: Devices = None,
    process: Process = None,
    plot: Plot = None,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Pseudo-experiments: distribution and p-value of the likelihood ratio of tested parameters."""
    from cevnsjax.cli.commands import toys as commands
    from cevnsjax.cli.request import Request, numbers_of
    from cevnsjax.cli.run_options import RunOptions
    from cevnsjax.cli.sink import Sink

    values = numbers_of(true or (), "--true")
    named = tuple(dict.fromkeys([*(test or ()), *values]))
    request = Request(experiments, analysis, free, fix, settings, named, tuple(interaction or ()))
    sink = Sink(plot, output, overwrite, as_json, suffixes=(".nc", ".json"))
    kept = RunOptions(folder, resume, devices, process)
    commands.toys(request, n, tuple(test or ()), values, seed, sink, auxiliary=auxiliary, kept=kept)


def fc(
    experiments: Experiments = None,
    parameter: Annotated[
        str | None,
        typer.Option("--parameter", help="Parameter; sin2_theta_w if neither it nor --axis."),
    ] = None,
    axis: Annotated[
        list[str] | None,
        typer.Option("--axis", help="One or two axes: name=low:high:points[:log]."),
    ] = None,
    toys: Annotated[
        int, typer.Option("--toys", help="Pseudo-experiments of a point at most.")
    ] = 8192,
    nuisances: Annotated[
        str, typer.Option("--nuisances", help="True nuisances: profile, prior or default.")
    ] = "profile",
    analysis: AnalysisName = None,
    free: Free = None,
    fix: Fix = None,
    settings: Set = None,
    interaction: Interactions = None,
    auxiliary: Auxiliary = True,
    seed: Seed = 0,
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
    """Feldman-Cousins intervals of a parameter or regions of two; --output takes .nc or .json."""
    from cevnsjax.cli.commands import toys as commands
    from cevnsjax.cli.request import Request, axes_of
    from cevnsjax.cli.run_options import RunOptions
    from cevnsjax.cli.sink import Sink

    axes = axes_of(*(axis or ()))
    named = tuple(axes) or (parameter or "sin2_theta_w",)
    request = Request(experiments, analysis, free, fix, settings, named, tuple(interaction or ()))
    sink = Sink(plot, output, overwrite, as_json, suffixes=(".nc", ".json"))
    commands.feldman_cousins(
        request,
        parameter,
        axes,
        toys,
        tuple(level or ()),
        nuisances,
        seed,
        sink,
        auxiliary=auxiliary,
        kept=RunOptions(folder, resume, devices, process),
    )
