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
Auxiliary = Annotated[
    bool,
    typer.Option(help="Throw the auxiliary measurements of nuisances too."),
]
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
def sample(
    experiments: Experiments = None,
    analysis: AnalysisName = None,
    free: Annotated[
        list[str] | None, typer.Option("--free", help="Parameter to sample; repeatable.")
    ] = None,
    fix: Fix = None,
    settings: Set = None,
    prior: Annotated[
        list[str] | None,
        typer.Option("--prior", help="name=normal:mean,sd or name=uniform:low,high; repeatable."),
    ] = None,
    method: Annotated[
        str | None, typer.Option("--method", help="nuts, or smc for separated modes.")
    ] = None,
    chains: Annotated[int, typer.Option("--chains", help="Number of chains.")] = 4,
    draws: Annotated[int, typer.Option("--draws", help="Draws of each chain.")] = 1000,
    warmup: Annotated[int, typer.Option("--warmup", help="Steps before that adapt.")] = 500,
    seed: Annotated[int, typer.Option("--seed", help="Of the random numbers.")] = 0,
    marginalize: Annotated[
        bool, typer.Option("--marginalize", help="Integrate linear pulls out in closed form.")
    ] = False,
    target_accept: Annotated[
        float, typer.Option("--target-accept", help="Nearer 1 diverges less.")
    ] = 0.8,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit status 1 if chains did not converge.")
    ] = False,
    interaction: Interactions = None,
    figure: Annotated[
        str, typer.Option("--figure", help="For --plot: corner, trace or predictive.")
    ] = "corner",
    plot: Plot = None,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Sample the posterior; --output takes .nc (all draws, for arviz) or .json (the report).

    Parameters without prior are flat within their bounds; nuisances have their constraints.
    """
    from cevnsjax.cli import posterior
    from cevnsjax.cli.build import Request
    from cevnsjax.cli.sink import Sink

    priors = posterior.priors_of(prior or ())
    request = Request(
        experiments, analysis, free, fix, settings, tuple(priors), tuple(interaction or ())
    )
    sampling = posterior.Sampling(
        priors, chains, draws, warmup, seed, target_accept, marginalize, strict, method
    )
    sink = Sink(plot, output, overwrite, as_json, suffixes=(".nc", ".json"))
    posterior.sample(request, sampling, figure, sink)


@app.command()
def forecast(
    experiments: Experiments = None,
    parameter: Annotated[str, typer.Option("--parameter", help="Parameter to measure.")] = (
        "sin2_theta_w"
    ),
    over: Annotated[
        str | None,
        typer.Option(
            "--over",
            help="What changes: name=low:high:points[:log]; exposure, exposure.EXPERIMENT, "
            "background.EXPERIMENT, efficiency.EXPERIMENT.x_0, sd.NUISANCE or an option of --set.",
        ),
    ] = None,
    analysis: AnalysisName = None,
    free: Annotated[
        list[str] | None, typer.Option("--free", help="Parameter to profile over; repeatable.")
    ] = None,
    fix: Fix = None,
    truth: Annotated[
        list[str] | None, typer.Option("--truth", help="True value: name=value; repeatable.")
    ] = None,
    statistical: Annotated[
        list[str] | None,
        typer.Option("--statistical", help="Nuisance that shrinks as 1/sqrt(exposure)."),
    ] = None,
    settings: Set = None,
    interaction: Interactions = None,
    level: Levels = None,
    side: Annotated[
        str, typer.Option("--side", help="both, or upper or lower for a one-sided limit.")
    ] = "both",
    plot: Plot = None,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Expected error and interval of a parameter, e.g. against exposure; needs no data.

    --output takes .nc or .json.
    """
    from cevnsjax.cli import forecast as command
    from cevnsjax.cli.build import Request
    from cevnsjax.cli.sink import Sink

    true = command.truths(truth or ())
    request = Request(
        experiments, analysis, free, fix, settings, (parameter, *true), tuple(interaction or ())
    )
    sink = Sink(plot, output, overwrite, as_json, suffixes=(".nc", ".json"))
    levels, nuisances = tuple(level or ()), tuple(statistical or ())
    command.forecast(request, parameter, over, levels, true, side, nuisances, sink)


@app.command()
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
    seed: Annotated[int, typer.Option("--seed", help="Of the random numbers.")] = 0,
    plot: Plot = None,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Pseudo-experiments: distribution and p-value of the likelihood ratio of tested parameters."""
    from cevnsjax.cli import toys as commands
    from cevnsjax.cli.build import Request
    from cevnsjax.cli.sink import Sink

    values = commands.numbers_of(true or [], "--true")
    named = tuple(dict.fromkeys([*(test or ()), *values]))
    request = Request(experiments, analysis, free, fix, settings, named, tuple(interaction or ()))
    sink = Sink(plot, output, overwrite, as_json, suffixes=(".nc", ".json"))
    commands.toys(request, n, tuple(test or ()), values, seed, sink, auxiliary=auxiliary)


@app.command()
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
    seed: Annotated[int, typer.Option("--seed", help="Of the random numbers.")] = 0,
    level: Levels = None,
    plot: Plot = None,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Feldman-Cousins intervals of a parameter or regions of two; --output takes .nc or .json."""
    from cevnsjax.cli import toys as commands
    from cevnsjax.cli.build import Request, axes_of
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
    )


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
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Compute numbers that papers print and compare, row by row.

    Exit status 1 if a row that counts differs and no reason is known.
    """
    from cevnsjax.cli import reproduce as command
    from cevnsjax.cli.sink import Sink

    sink = Sink(None, output, overwrite, as_json)
    command.reproduce(papers or [], sink, everything=everything, quick=quick, listing=listing)


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
