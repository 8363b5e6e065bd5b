"""The fisher command: expected errors of all parameters from the Fisher information."""

from typing import TYPE_CHECKING

import cevnsjax as cj
from cevnsjax.cli.options import Free, Truth
from cevnsjax.cli.request import Request
from cevnsjax.cli.sink import FigureSink, parameter_table
from cevnsjax.cli.words import numbers_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cevnsjax.inference.forecasts.fisher_result import FisherResult


def fisher(request: Request, *, free: Free = (), truth: Truth = (), sink: FigureSink) -> None:
    """Expected errors of parameters, nuisances profiled; needs no data.

    --plot draws the expected correlations.
    """
    true_values = numbers_of(truth, "--truth")
    model = request.model(free, true_values)
    result = cj.fisher(model, free or None, truth=true_values, fixed=request.fixed)
    sink.deliver(result.to_dict(), _text(model, result))
    sink.draw(_figure, model, result)


def _text(model: "cj.Model", result: "FisherResult") -> str:
    columns = ("truth", "expected error")
    drawn = parameter_table(model.title, columns, model.parameters, result.truth, result.errors)
    return "\n".join([drawn, *result.notes])


def _figure(model: "cj.Model", result: "FisherResult") -> "Figure":
    return cj.plots.correlations(list(result.names), result.correlation, title=model.title)
