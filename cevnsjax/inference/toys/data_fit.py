"""The data as one more pseudo-experiment: fitted in the same way, and the truth it suggests."""

from typing import Any, NamedTuple

import numpy as np

from cevnsjax.inference.minimise.problems import arrived
from cevnsjax.inference.toys.fitter import ToyFitter, batch_of_one
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.model import Model


class DataFit(NamedTuple):
    """The data fitted like a pseudo-experiment.

    Attributes:
        q: Test statistic.
        chi2: Of the global fit.
        best: Best values by name.
        conditional: Best values with the tested parameters fixed, by name.
        converged: Whether both fits are minima.
    """

    q: float
    chi2: float
    best: dict[str, float]
    conditional: dict[str, float]
    converged: bool


def observed(model: Model, data: Any) -> Pseudodata:
    """The data as one pseudo-experiment."""
    counts, auxiliary = model.state.observed_or(data)
    names = model.state.structure.auxiliary_names
    return Pseudodata(
        dict(zip(model.experiments, map(np.asarray, counts), strict=True)),
        dict(zip(names, np.asarray(auxiliary).tolist(), strict=True)),
    )


def fit_of_data(fitter: ToyFitter, point: dict[str, float], data: Any) -> DataFit:
    """Fit the data as pseudo-experiments are fitted, with the true values that are tested."""
    pseudodata = observed(fitter.model, data)
    fits = fitter.at(point, pseudodata)(batch_of_one(pseudodata))
    names = fitter.names
    return DataFit(
        float(fits.q[0]),
        float(fits.chi2[0]),
        dict(zip(names, fits.x[0].tolist(), strict=True)),
        dict(zip(names, fits.fixed_x[0].tolist(), strict=True)),
        bool(fits.both_converged[0]),
    )


def with_solved_nuisances(
    fitter: ToyFitter, conditional: dict[str, float], data: Any
) -> tuple[dict[str, float], bool]:
    """Parameters of a conditional fit of the data, and linear nuisances at their best there.

    The second result says whether the search for the nuisances arrived.
    """
    values = {**fitter.fixed, **conditional}
    pulls, distance = fitter.model.state.evaluate("solution", values, data)
    bounds = {n: fitter.model.parameters[n].bounds for n in pulls}
    nuisances = {n: float(np.clip(float(x), *bounds[n])) for n, x in pulls.items()}
    return {**conditional, **nuisances}, bool(arrived(distance))
