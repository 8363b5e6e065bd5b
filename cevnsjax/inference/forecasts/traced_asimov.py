"""The Asimov data of a design and their likelihood, inside a trace."""

from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.core.types import Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.inference.forecasts.design import Changes
from cevnsjax.inference.forecasts.traced_design import (
    Layout,
    cell_variance,
    designed,
    inverse_variances,
)
from cevnsjax.inference.minimise.problems import largest_distance
from cevnsjax.model import components, evaluate
from cevnsjax.model.structure import Leaves, ModelAtValues, Observed
from cevnsjax.numerics import total


class Asimov(NamedTuple):
    """A design, its true values and the data it expects, inside a trace.

    Attributes:
        layout: Of the model.
        experiments: Arrays of all experiments.
        truth: {name: scalar}.
        observed: Asimov data.
        inverse_variance: 1/sd^2 of the measured nuisances, {name: scalar}.
    """

    layout: Layout
    experiments: list[ExperimentArrays]
    truth: Values
    observed: Observed
    inverse_variance: Values


def asimov_of(
    layout: Layout,
    changes: Changes,
    leaves: Leaves,
    vector: Float[Array, " parameter"],
    prior: Float[Array, " nuisance"],
) -> Asimov:
    """The Asimov data of a design.

    The vector has the true values of all parameters, ``prior`` 1/sd^2 of the measured nuisances.
    """
    structure = layout.structure
    names = structure.auxiliary_names
    truth = structure.values(vector)
    truth |= {k.target: x for k, x in changes.items() if k.kind == "value"}
    inverse = inverse_variances(layout, names, changes, prior, jnp)
    sd = dict(zip(names, inverse**-0.5, strict=True))
    experiments, counts = [], []
    for (_, kind), e in zip(layout.experiments, structure.experiments(leaves), strict=True):
        scaled = designed(e, changes, sd)
        mean = components.expected(scaled, structure.interactions, truth)
        if kind == "planned":
            scaled = replace(scaled, weights=1 / cell_variance(kind, mean, None, jnp))
        experiments.append(scaled)
        counts.append(mean)
    centres = jnp.stack([truth[n] for n in names]) if names else jnp.zeros_like(prior)
    by_name = dict(zip(names, inverse, strict=True))
    return Asimov(layout, experiments, truth, Observed(tuple(counts), centres), by_name)


def asimov_chi2(asimov: Asimov, values: Values) -> Float[Array, ""]:
    """chi2 of the Asimov data at values of all parameters, linear nuisances at their best.

    NaN where the search for the nuisances fails.
    """
    structure = asimov.layout.structure
    pulled = [
        (values[n] - asimov.truth[n]) ** 2 * asimov.inverse_variance[n]
        for n, _ in structure.constraints
    ]
    model = ModelAtValues(structure, asimov.experiments, asimov.observed, values)
    problems = evaluate.nuisance_problems(model)
    solved = [p.profiled() for p in problems]
    value = total([*pulled, *(chi2 for chi2, _ in solved)])
    distance = jnp.asarray(total([distance for _, distance in solved]), value.dtype)
    return jnp.where(distance < largest_distance(value.dtype), value, jnp.nan)
