"""The commands of posteriors and forecasts: sample, sbc, forecast."""

from typing import Annotated

import typer

from cevnsjax.cli.options import (
    AnalysisName,
    AsJson,
    Devices,
    Experiments,
    Fix,
    Folder,
    Interactions,
    Levels,
    Marginalize,
    Method,
    Output,
    Overwrite,
    Plot,
    Priors,
    Process,
    Resume,
    Sampled,
    Seed,
    Set,
    TargetAccept,
    Warmup,
)


def sample(
    experiments: Experiments = None,
    analysis: AnalysisName = None,
    free: Sampled = None,
    fix: Fix = None,
    settings: Set = None,
    prior: Priors = None,
    method: Method = None,
    chains: Annotated[int, typer.Option("--chains", help="Number of chains.")] = 4,
    draws: Annotated[int, typer.Option("--draws", help="Draws of each chain.")] = 1000,
    warmup: Warmup = 500,
    seed: Seed = 0,
    marginalize: Marginalize = False,
    target_accept: TargetAccept = 0.8,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit status 1 if chains did not converge.")
    ] = False,
    interaction: Interactions = None,
    folder: Folder = None,
    resume: Resume = False,
    devices: Devices = None,
    process: Process = None,
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
    from cevnsjax.cli.commands import sample as posterior
    from cevnsjax.cli.request import Request
    from cevnsjax.cli.run_options import RunOptions
    from cevnsjax.cli.sink import Sink

    priors = posterior.priors_of(prior or ())
    request = Request(
        experiments, analysis, free, fix, settings, tuple(priors), tuple(interaction or ())
    )
    sampling = posterior.Sampling(
        priors, chains, draws, warmup, seed, target_accept, marginalize, strict, method
    )
    sink = Sink(plot, output, overwrite, as_json, suffixes=(".nc", ".json"))
    posterior.sample(request, sampling, figure, sink, RunOptions(folder, resume, devices, process))


def sbc(
    experiments: Experiments = None,
    analysis: AnalysisName = None,
    free: Sampled = None,
    fix: Fix = None,
    settings: Set = None,
    prior: Priors = None,
    simulations: Annotated[
        int, typer.Option("--simulations", help="Data sets drawn from the priors.")
    ] = 200,
    method: Method = None,
    draws: Annotated[
        int, typer.Option("--draws", help="Draws that each true value is ranked among.")
    ] = 99,
    thin: Annotated[int, typer.Option("--thin", help="Steps of a chain for each draw.")] = 5,
    warmup: Warmup = 500,
    seed: Seed = 0,
    marginalize: Marginalize = False,
    target_accept: TargetAccept = 0.8,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit status 1 if ranks are not uniform.")
    ] = False,
    interaction: Interactions = None,
    plot: Plot = None,
    output: Output = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Check posteriors on data simulated from the priors: simulation-based calibration."""
    from cevnsjax.cli.commands import sample as posterior
    from cevnsjax.cli.commands import sbc as calibration
    from cevnsjax.cli.request import Request
    from cevnsjax.cli.sink import Sink

    priors = posterior.priors_of(prior or ())
    request = Request(
        experiments, analysis, free, fix, settings, tuple(priors), tuple(interaction or ())
    )
    sampling = posterior.Sampling(
        priors,
        draws=draws,
        warmup=warmup,
        seed=seed,
        target_accept=target_accept,
        marginalize=marginalize,
        strict=strict,
        method=method,
    )
    calibration.sbc(request, sampling, simulations, thin, Sink(plot, output, overwrite, as_json))


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
    from cevnsjax.cli.commands import forecast as command
    from cevnsjax.cli.request import Request, numbers_of
    from cevnsjax.cli.sink import Sink

    true = numbers_of(truth or (), "--truth")
    request = Request(
        experiments, analysis, free, fix, settings, (parameter, *true), tuple(interaction or ())
    )
    sink = Sink(plot, output, overwrite, as_json, suffixes=(".nc", ".json"))
    levels, nuisances = tuple(level or ()), tuple(statistical or ())
    command.forecast(request, parameter, over, levels, true, side, nuisances, sink)
