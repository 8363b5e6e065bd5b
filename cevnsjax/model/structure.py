"""What a compiled likelihood depends on besides arrays, and the data it is compared with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.types import Arrays, Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.interactions.charges import Charges
from cevnsjax.parameters import Normal, ParameterTable

Interactions = tuple[Callable[..., Charges], ...]
"""The interactions of a model, the StandardModel first."""
Experiments = list[ExperimentArrays]
"""The arrays of a model's experiments, in the model's order."""
Counts = Arrays
"""Counts in the cells of one experiment, [..., cell] [count]."""
Signal = Arrays
"""Signal of one experiment in the bins of its first observable, [..., source, variant, bin]
[count]: the nominal response, then its linear and curved change by each morph that moves it."""
Leaves = tuple[jax.Array | np.ndarray, ...]
"""The same, flattened."""
Vector = Float[Array, " parameter"] | Float[np.ndarray, " parameter"]
"""Value of every parameter, in their units."""


@dataclass(frozen=True)
class ModelStructure:
    """What a compiled likelihood depends on besides arrays; equal ones share a compilation.

    Attributes:
        interactions: The StandardModel first, then any others.
        treedef: Structure of the experiments' arrays.
        names: All parameter names, in the order of the value vector.
        constraints: Gaussian priors of nonlinear nuisances, (name, prior).
        auxiliary_names: All nuisances with a Gaussian prior, linear ones too.
        groups: Indices of experiments that share pulls; their pulls are solved together.
    """

    interactions: Interactions
    treedef: Any
    names: tuple[str, ...]
    constraints: tuple[tuple[str, Normal], ...]
    auxiliary_names: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]

    def experiments(self, leaves: Leaves) -> Experiments:
        """The arrays of all experiments from their flattened leaves."""
        return jax.tree.unflatten(self.treedef, leaves)

    def values(self, vector: Vector) -> Values:
        """The vector [parameter] of all values as {name: scalar}."""
        return dict(zip(self.names, vector, strict=True))


class Observed(NamedTuple):
    """The measurements that a model is compared with, and that pseudo-experiments draw.

    Attributes:
        counts: Observed counts by experiment, each [cell] [count].
        auxiliary: Results of the auxiliary measurements of constrained nuisances, in the order of
            ``ModelStructure.auxiliary_names``, [nuisance] [1].
    """

    counts: tuple[Counts, ...]
    auxiliary: Float[Array, " nuisance"]


class ModelAtValues(NamedTuple):
    """A model at given values of all parameters: what predictions and likelihoods depend on."""

    structure: ModelStructure
    experiments: Experiments
    observed: Observed
    values: Values

    @property
    def measured(self) -> Values:
        """Results of the auxiliary measurements, {nuisance: scalar} [1]."""
        return dict(zip(self.structure.auxiliary_names, self.observed.auxiliary, strict=True))

    def moved(self, values: Values) -> "ModelAtValues":
        """The same with some other values."""
        return self._replace(values={**self.values, **values})


class Inputs(NamedTuple):
    """The arrays a compiled function of a model takes; ``traced`` replace values in ``vector``."""

    leaves: Leaves
    observed: Observed
    vector: Vector
    traced: Values

    def of(self, structure: ModelStructure) -> ModelAtValues:
        """The model that these are the arrays of."""
        values = {**structure.values(self.vector), **self.traced}
        return ModelAtValues(structure, structure.experiments(self.leaves), self.observed, values)


def gaussian_priors(table: ParameterTable) -> dict[str, Normal]:
    """Gaussian priors of all nuisances: what auxiliary measurements constrain."""
    return {
        n: p.prior for n, p in table.items() if p.kind == "nuisance" and isinstance(p.prior, Normal)
    }


def prior_information(table: ParameterTable, names: Iterable[str]) -> Float[np.ndarray, " name"]:
    """1/sd^2 of constrained nuisances, 0 for other parameters, [name] [1/unit^2]."""
    priors = [p.prior if (p := table[n]).kind == "nuisance" else None for n in names]
    return np.array([1 / p.sd**2 if isinstance(p, Normal) else 0.0 for p in priors])
