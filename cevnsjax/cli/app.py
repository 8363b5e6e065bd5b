"""The commands and their help."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="cevnsjax",
    help="Differentiable analysis of coherent elastic neutrino-nucleus scattering.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(no_args_is_help=True, help="List or verify the data that come along.")
app.add_typer(data_app, name="data")


def _version(asked: bool | None) -> None:
    if asked:
        from cevnsjax import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool | None,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = None,
) -> None:
    """Differentiable analysis of coherent elastic neutrino-nucleus scattering."""
    del version


Experiments = Annotated[
    list[str] | None,
    typer.Argument(help="Experiments, e.g. csi-2017 or ./my_folder.", show_default=False),
]
AnalysisName = Annotated[
    str | None, typer.Option("--analysis", help="A paper's whole analysis, e.g. papoulias2020.")
]
Free = Annotated[list[str] | None, typer.Option("--free", help="Parameter to fit; repeatable.")]
Fix = Annotated[
    list[str] | None, typer.Option("--fix", help="Hold a parameter: name=value; repeatable.")
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Option of experiment or theory: quenching=pe117, pulls.sig=0.28, couplings=tree.",
    ),
]
Interactions = Annotated[
    list[str] | None,
    typer.Option("--interaction", help="Your own interaction: package.module:function."),
]
Levels = Annotated[
    list[float] | None, typer.Option("--level", help="Confidence level, e.g. 0.90; repeatable.")
]
Plot = Annotated[Path | None, typer.Option("--plot", help="Write a figure (.png, .pdf, .svg).")]
Output = Annotated[Path | None, typer.Option("--output", help="Write the result to a file.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def fit(
    experiments: Experiments = None,
    analysis: AnalysisName = None,
    free: Free = None,
    fix: Fix = None,
    settings: Set = None,
    method: Annotated[
        str, typer.Option("--method", help="auto, newton, lbfgs, adam or minuit.")
    ] = "auto",
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
    from cevnsjax.cli import commands
    from cevnsjax.cli.build import Request
    from cevnsjax.cli.sink import Sink

    request = Request(
        experiments, analysis, free, fix, settings, interactions=tuple(interaction or ())
    )
    commands.fit(request, method, figure, Sink(plot, output, overwrite, as_json))


@app.command()
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
    from cevnsjax.cli import commands
    from cevnsjax.cli.build import Request, range_of
    from cevnsjax.cli.sink import Sink

    request = Request(
        experiments, analysis, free, fix, settings, (parameter,), tuple(interaction or ())
    )
    sink = Sink(plot, output, overwrite, as_json)
    given = range_of(within, "--within")
    commands.profile(request, parameter, tuple(level or ()), given, side, sink)


@app.command()
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
    plot: Plot = None,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Chi2 on a grid of one to four parameters; --output takes .nc or .json.

    A .nc file of a grid larger than the memory is written piece by piece.
    """
    from cevnsjax.cli import scans
    from cevnsjax.cli.build import Request, axes_of
    from cevnsjax.cli.sink import Sink

    axes = axes_of(x, y, *(axis or ()))
    request = Request(
        experiments, analysis, free, fix, settings, tuple(axes), tuple(interaction or ())
    )
    sink = Sink(plot, output, overwrite, as_json, suffixes=(".nc", ".json"))
    scans.scan(request, axes, engine, tuple(level or ()), sink, nuisances=nuisances)


@app.command()
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
    from cevnsjax.cli import scans as commands
    from cevnsjax.cli.sink import Sink

    commands.contours(scans, tuple(level or ()), point or [], Sink(plot, None, overwrite, False))


@app.command()
def predict(
    experiments: Experiments = None,
    analysis: AnalysisName = None,
    fix: Fix = None,
    settings: Set = None,
    interaction: Interactions = None,
    quantity: Annotated[
        str, typer.Option("--quantity", help="counts, dR_dT_nr or dsigma_dT_nr.")
    ] = "counts",
    energy: Annotated[
        float | None,
        typer.Option("--energy", help="Neutrino energy of dsigma_dT_nr; 30 if left out [MeV]."),
    ] = None,
    plot: Plot = None,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Expected counts by neutrino source and background, or spectra in recoil energy.

    With interactions beyond the Standard Model the figure compares the two.
    """
    from cevnsjax.cli import prediction
    from cevnsjax.cli.build import Request
    from cevnsjax.cli.sink import Sink

    request = Request(
        experiments, analysis, None, fix, settings, interactions=tuple(interaction or ())
    )
    prediction.predict(request, Sink(plot, output, overwrite, as_json), quantity, energy)


@app.command("new-experiment")
def new_experiment(
    folder: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a commented experiment of your own to start from; it fits as it is."""
    from cevnsjax.cli import commands

    commands.new_experiment(folder, force, as_json)


@app.command()
def info(as_json: AsJson = False) -> None:
    """Versions, devices and precision."""
    from cevnsjax.cli import system

    system.info(as_json)


@data_app.command("list")
def data_list(as_json: AsJson = False) -> None:
    """Data sets with title, source and licence."""
    from cevnsjax.cli import system

    system.data_list(as_json)


@data_app.command("verify")
def data_verify(
    dataset: Annotated[str | None, typer.Argument(help="One data set; all if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare every data file with its manifest; exit status 1 if any differs."""
    from cevnsjax.cli import system

    system.data_verify(dataset, as_json)
