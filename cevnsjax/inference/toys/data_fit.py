"""The data as one more pseudo-experiment: fitted in the same way, and the truth it suggests."""

from typing import Any, NamedTuple

import numpy as np

from cevnsjax.inference.toys.fitter import ToyFitter, batch_of_one
from cevnsjax.model.data import Pseudodata


class DataFit(NamedTuple):
    """The data fitted like a pseudo-experiment.

    Attributes:
        q: Test statistic.
        chi2: Of the global fit.
        best: Best values by name.
        conditional: Best values with the tested ones held, by name.
        converged: Whether both fits are minima.
    """

    q: float
    chi2: float
    best: dict[str, float]
    conditional: dict[str, float]
    converged: bool


def observed(model: Any, data: Any) -> Pseudodata:
    """The data as one pseudo-experiment.

    Args:
        model: The model.
        data: Data to use instead of the model's.
    """
    found = model.state.observed_or(data)
    counts = dict(zip(model.experiments, map(np.asarray, found.counts), strict=True))
    auxiliary = np.asarray(found.auxiliary).tolist()
    return Pseudodata(
        counts, dict(zip(model.state.structure.auxiliary_names, auxiliary, strict=True))
    )


def of_data(model: Any, engine: ToyFitter, point: dict[str, float], data: Any) -> DataFit:
    """Fit the data as pseudo-experiments are.

    Args:
        model: The model.
        engine: What fits.
        point: True values of the tested parameters.
        data: Data to use instead of the model's.
    """
    one = observed(model, data)
    fits = engine.fitter(point, one)(batch_of_one(one))
    names = engine.names
    return DataFit(
        float(fits.q[0]),
        float(fits.chi2[0]),
        dict(zip(names, fits.x[0].tolist(), strict=True)),
        dict(zip(names, fits.fixed_x[0].tolist(), strict=True)),
        bool(fits.fine[0]),
    )


def truth_of(
    model: Any,
    names: tuple[str, ...],
    held: dict[str, float],
    conditional: dict[str, float],
    data: Any,
) -> dict[str, float]:
    """Parameters and solved nuisances where a conditional fit of the data has them.

    Args:
        model: The model.
        names: Fitted parameters.
        held: Values of others.
        conditional: Where the fit has the parameters.
        data: Data to use instead of the model's.
    """
    values = {n: conditional[n] for n in names}
    pulls = model.best_pulls({**held, **values}, data=data)
    bounds = {n: model.parameters[n].bounds for n in pulls}
    return {**values, **{n: float(np.clip(float(x), *bounds[n])) for n, x in pulls.items()}}
