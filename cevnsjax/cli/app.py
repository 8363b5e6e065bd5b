"""The commands and their help."""

from pathlib import Path
from typing import Annotated

import typer

from cevnsjax.cli.app_fits import contours, fit, profile, scan
from cevnsjax.cli.app_statistics import forecast, sample, sbc
from cevnsjax.cli.app_toys import fc, toys
from cevnsjax.cli.options import (
    AnalysisName,
    AsJson,
    Experiments,
    Fix,
    Folder,
    Interactions,
    Output,
    Overwrite,
    Plot,
    Process,
    Resume,
    Set,
)

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


for command in (fit, profile, scan, contours, sample, sbc, forecast, toys, fc):
    app.command()(command)


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
    from cevnsjax.cli.commands import predict as prediction
    from cevnsjax.cli.request import Request
    from cevnsjax.cli.sink import Sink

    request = Request(
        experiments, analysis, None, fix, settings, interactions=tuple(interaction or ())
    )
    prediction.predict(request, Sink(plot, output, overwrite, as_json), quantity, energy)


@app.command()
def reproduce(
    papers: Annotated[
        list[str] | None,
        typer.Argument(help="Papers, e.g. papoulias2020; see --list.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every paper.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Only rows that take seconds.")] = False,
    listing: Annotated[
        bool, typer.Option("--list", help="Papers and groups of rows; computes nothing.")
    ] = False,
    figures: Annotated[
        Path | None, typer.Option("--figures", help="Draw the papers' figures into a folder.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", help="Rows and figures on one page, HTML and Markdown, in a folder."
        ),
    ] = None,
    beyond: Annotated[
        bool,
        typer.Option("--beyond", help="All results beyond the papers, minutes; in --all --report."),
    ] = False,
    folder: Folder = None,
    resume: Resume = False,
    process: Process = None,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Compute numbers that papers print and compare, row by row.

    Exit status 1 if a row that counts differs. With --folder the rows are
    kept there, and processes share them; the first one draws and writes.
    """
    from cevnsjax.cli.commands import reproduce as command
    from cevnsjax.cli.run_options import RunOptions
    from cevnsjax.cli.sink import Sink

    sink = Sink(None, output, overwrite, as_json)
    wanted = command.ReproduceRequest(
        papers or [], everything, quick, listing, figures, report, beyond
    )
    command.reproduce(wanted, sink, RunOptions(folder, resume, None, process))


@app.command("new-experiment")
def new_experiment(
    folder: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a commented experiment of your own to start from; it fits as it is."""
    from cevnsjax.cli.commands import fit as commands

    commands.new_experiment(folder, force, as_json)


@app.command()
def info(as_json: AsJson = False) -> None:
    """Versions, devices and precision."""
    from cevnsjax.cli.commands import system

    system.info(as_json)


@data_app.command("list")
def data_list(as_json: AsJson = False) -> None:
    """Data sets with title, source and licence."""
    from cevnsjax.cli.commands import system

    system.data_list(as_json)


@data_app.command("verify")
def data_verify(
    dataset: Annotated[str | None, typer.Argument(help="One data set; all if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare every data file with its manifest; exit status 1 if any differs."""
    from cevnsjax.cli.commands import system

    system.data_verify(dataset, as_json)
