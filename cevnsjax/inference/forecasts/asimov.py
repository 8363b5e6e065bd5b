"""Asimov data: the expected counts themselves, in place of observed ones."""

from collections.abc import Mapping

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.inference.forecasts.design import truth_of
from cevnsjax.model.data import Pseudodata, expected_data
from cevnsjax.model.model import Model
from cevnsjax.model.structure import gaussian_priors


def asimov(model: Model, truth: Mapping[str, float] | None = None) -> Pseudodata:
    """The Asimov data of a model: expected counts, auxiliary measurements at the true values.

    They need no observed data, so that planned experiments have them too.

    Args:
        model: The model.
        truth: True values, nuisances included; names left out take their defaults.

    Returns:
        Data for ``data=`` of fits, profiles and the model's own functions.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At values out of bounds, or expected counts that are not finite.

    Examples:
        >>> data = cj.asimov(model, {"sin2_theta_w": 0.22})
        >>> fit = cj.fit(model, "sin2_theta_w", data=data)
        >>> round(fit.values["sin2_theta_w"], 3), round(abs(fit.chi2), 3)
        (0.22, 0.0)
    """
    if not isinstance(model, Model):
        raise InputError(f"Asimov data need a Model, got {model!r}")
    values = truth_of(model.parameters, truth, {})
    data = expected_data(model.expected, gaussian_priors(model.parameters), values)
    for name, mu in data.counts.items():
        if model.experiments[name].statistic == "poisson" and np.any(mu < 0):
            raise InputError(f"{name}: expected counts are negative at these values")
    return data
