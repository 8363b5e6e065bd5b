"""The profile command: intervals of one parameter from its profile likelihood."""

from typing import TYPE_CHECKING, Annotated

import typer

import cevnsjax as cj
from cevnsjax.cli.options import Levels, ProfiledOver, Side
from cevnsjax.cli.request import Request
from cevnsjax.cli.sink import FigureSink
from cevnsjax.cli.words import range_of
from cevnsjax.core.levels import DEFAULT_LEVELS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cevnsjax.inference.fits.profile_result import ProfileResult


def profile(
    request: Request,
    *,
    parameter: Annotated[str, "Parameter to profile."] = "sin2_theta_w",
    free: ProfiledOver = (),
    level: Levels = DEFAULT_LEVELS,
    within: Annotated[str | None, "Range: low:high."] = None,
    side: Side = "both",
    sink: FigureSink,
) -> None:
    """Profile likelihood of one parameter, with intervals as unions.

    Exit status 1 if an inner fit did not converge.
    """
    ends = None if within is None else range_of(within, "--within")
    model = request.model(free, [parameter])
    result = cj.profile(
        model, parameter, levels=level, free=free, fixed=request.fixed, within=ends, side=side
    )
    text = "\n".join([*result.lines(), _held(model, result), *result.notes])
    sink.deliver(result.to_dict(), text)
    sink.draw(_figure, model, result)
    if result.status != "converged":
        sink.say(result.status)
        raise typer.Exit(1)


def _held(model: "cj.Model", result: "ProfileResult") -> str:
    """The values at which the other parameters are held."""
    values = {n: p.default for n, p in model.parameters.items() if p.kind == "theory"}
    values |= result.fixed
    varied = (result.parameter, *result.free)
    held = ", ".join(f"{n} = {x:g}" for n, x in values.items() if n not in varied)
    return f"held: {held or 'nothing'}"


def _figure(model: "cj.Model", result: "ProfileResult") -> "Figure":
    import numpy as np

    return cj.plots.profile(
        result.x,
        # Points whose search failed leave a gap.
        np.where(np.isin(result.x, result.failed), np.nan, result.delta_chi2),
        label=model.parameters[result.parameter].label,
        best_fit=result.best_fit,
        intervals=result.intervals,
        levels=result.levels,
        title=model.title,
    )
