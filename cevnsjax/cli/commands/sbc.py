"""The sbc command: whether posteriors of a model are calibrated."""

from typing import TYPE_CHECKING, Annotated

import typer

import cevnsjax as cj
from cevnsjax.cli.commands.sample import labels_of
from cevnsjax.cli.request import Request
from cevnsjax.cli.sampling import Sampling
from cevnsjax.cli.sink import FigureSink

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cevnsjax.inference.posteriors.calibration_result import Calibration


def sbc(
    request: Request,
    sampling: Sampling,
    *,
    simulations: Annotated[int, "Data sets drawn from the priors."] = 200,
    draws: Annotated[int, "Draws that each true value is ranked among."] = 99,
    thin: Annotated[int, "Steps of a chain for each draw."] = 5,
    strict: Annotated[bool, "Exit status 1 if ranks are not uniform."] = False,
    sink: FigureSink,
) -> None:
    """Check posteriors on data simulated from the priors: simulation-based calibration."""
    model = request.model(sampling.free, sampling.priors)
    calibration = cj.sbc(
        model,
        sampling.free or None,
        fixed=request.fixed,
        simulations=simulations,
        draws=draws,
        thin=thin,
        **sampling.keywords,
    )
    head = f"{simulations} simulations of {model.title}: {calibration.status}"
    sink.deliver(calibration.to_dict(), "\n".join([head, *calibration.lines()]))
    sink.draw(_figure, model, calibration)
    if strict and not calibration.calibrated:
        raise typer.Exit(1)


def _figure(model: "cj.Model", calibration: "Calibration") -> "Figure":
    labels = labels_of(model, calibration.ranks)
    ranks = {labels[n]: x for n, x in calibration.ranks.items()}
    title = f"{model.title}, {calibration.method}"
    return cj.plots.ranks(ranks, calibration.draws, title=title)
