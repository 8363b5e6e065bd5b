"""The Asimov data of a design and their likelihood, inside a trace."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cevnsjax.core.types import Reals
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.inference.forecasts.design import DesignChange, factor
from cevnsjax.inference.forecasts.traced_design import Layout, inverse_variances, with_efficiency
from cevnsjax.model import components as parts
from cevnsjax.model import evaluate
from cevnsjax.model.structure import Observed
from cevnsjax.numerics import total


class Asimov(NamedTuple):
    """A design, its truth and the data it expects.

    Attributes:
        layout: Of the model.
        experiments: Arrays of all experiments.
        truth: {name: scalar}.
        observed: Asimov data.
        inverse_variance: 1/sd^2 of the measured nuisances, {name: scalar}.
    """

    layout: Layout
    experiments: list[ExperimentArrays]
    truth: dict[str, Any]
    observed: Observed
    inverse_variance: dict[str, Any]


def asimov_of(
    layout: Layout, knobs: Mapping[DesignChange, Any], leaves: Any, vector: Reals, prior: Reals
) -> Asimov:
    """The Asimov data of a design, as ``forecast`` has them for a model built anew.

    Args:
        layout: Of the model.
        knobs: The design.
        leaves: Arrays of the model's experiments as they are.
        vector: True values of all parameters, [name].
        prior: 1/sd^2 of the measured nuisances as they are, [nuisance].
    """
    structure = layout.structure
    experiments: list[ExperimentArrays] = structure.experiments(leaves)
    truth: dict[str, Any] = structure.values(vector)
    truth |= {k.target: x for k, x in knobs.items() if k.kind == "value"}
    inverse = inverse_variances(layout, structure.auxiliary_names, knobs, prior)
    widths: dict[str, Any] = dict(zip(structure.auxiliary_names, inverse, strict=True))
    made, counts = [], []
    for (_, kind), e in zip(layout.experiments, experiments, strict=True):
        scaled = _scaled(with_efficiency(e, knobs), knobs, widths)
        counts.append(parts.expected(scaled, structure.interactions, truth))
        if kind == "planned":
            scaled = replace(scaled, weights=1 / jnp.maximum(counts[-1], 1.0))
        made.append(scaled)
    auxiliary = [truth[n] for n in structure.auxiliary_names]
    found = jnp.stack(auxiliary) if auxiliary else jnp.zeros_like(prior)
    return Asimov(layout, made, truth, Observed(tuple(counts), found), widths)


def chi2(a: Asimov, values: Mapping[str, Any]) -> Reals:
    """chi2 of the Asimov data, linear nuisances at their best.

    Args:
        a: The design and its data.
        values: Theory and nuisances that are not solved, {name: scalar}.
    """
    structure = a.layout.structure
    pulled = [
        (values[n] - a.truth[n]) ** 2 * a.inverse_variance[n] for n, _ in structure.constraints
    ]
    problems = evaluate.problems(structure, a.experiments, a.observed, dict(values))
    return total([*pulled, *(p.chi2(p.best()[0]) for p in problems)])


def _scaled(
    e: ExperimentArrays, knobs: Mapping[DesignChange, Any], widths: Mapping[str, Any]
) -> ExperimentArrays:
    """The arrays with exposure, backgrounds and widths of a design, as ``redesigned`` has them."""
    exposure, level = (factor(knobs, kind, e.name) for kind in ("exposure", "background"))
    times = exposure * level
    added = (level - 1) * total([jnp.zeros_like(e.weights), *e.backgrounds.values()])
    return replace(
        e,
        norms={n: exposure * x for n, x in e.norms.items()},
        backgrounds={n: times * x for n, x in e.backgrounds.items()},
        weights=1 / (exposure * (1 / e.weights + added)),
        component_morphs=jax.tree.map(lambda x: times * x, e.component_morphs),
        pull_sd={n: 1 / jnp.sqrt(widths[n]) if n in widths else x for n, x in e.pull_sd.items()},
    )
