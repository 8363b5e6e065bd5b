"""The frozen content of a model: what its functions are evaluated from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.types import Values
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.model import compiled, evaluate
from cevnsjax.model.data import observed_of, require_data
from cevnsjax.model.nuisance_groups import nuisance_names
from cevnsjax.model.structure import Experiments, Inputs, ModelStructure, Observed
from cevnsjax.parameters import ParameterTable


@dataclass(frozen=True, eq=False)
class ModelState:
    """Everything that predictions and likelihoods of a model are computed from.

    Attributes:
        structure: What compiled programs depend on besides arrays.
        leaves: Arrays of all experiments, flattened.
        parameters: Table of all parameters.
        experiments: The experiments, by name.
        defaults: Default value of every parameter, [parameter] in their units.
        observed: The experiments' own data and the centres of the priors.
        has_data: Whether a likelihood may be compared with them.
        templates: Signals on grids that were asked for last, by what they depend on.
    """

    structure: ModelStructure
    leaves: tuple[jax.Array, ...]
    parameters: ParameterTable
    experiments: Mapping[str, Experiment]
    defaults: Float[np.ndarray, " parameter"]
    observed: Observed
    has_data: bool = True
    templates: dict[Any, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> np.dtype:
        """Float type of all arrays."""
        return self.defaults.dtype

    @cached_property
    def arrays(self) -> Experiments:
        """The arrays of all experiments."""
        return self.structure.experiments(self.leaves)

    @cached_property
    def numpy_arrays(self) -> Experiments:
        """The same as NumPy's."""
        return jax.tree.map(np.asarray, self.arrays)

    @cached_property
    def signal_arrays(self) -> Experiments:
        """The arrays of all experiments that signals depend on."""
        return [e.for_signal for e in self.arrays]

    @cached_property
    def solved_names(self) -> tuple[str, ...]:
        """Names of the nuisances that are solved, group by group."""
        groups = [[self.arrays[i] for i in group] for group in self.structure.groups]
        return tuple(name for members in groups for name in nuisance_names(members))

    @cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.structure.names)}

    def split(self, values: Values) -> tuple[Float[np.ndarray, " parameter"], dict[str, Array]]:
        """Concrete numbers into a copy of the default vector, tracers into a dict.

        So a vmap batches only what varies, and new numbers never recompile.
        """
        vector, traced = self.defaults, {}
        for name, value in values.items():
            if name not in self._index:
                raise UnknownNameError("parameter", name, self._index)
            if isinstance(value, Tracer):
                traced[name] = jnp.asarray(value).astype(self.dtype)
                continue
            if vector is self.defaults:
                vector = vector.copy()
            vector[self._index[name]] = self.number(name, value)
        return vector, traced

    def number(self, name: str, value: Any) -> float:
        """The value of a parameter as a number within its bounds."""
        if np.ndim(value) != 0:
            raise InputError(
                f"{name} has shape {np.shape(value)}; give one number, or use jax.vmap or "
                "cevnsjax.scan for many"
            )
        return self.parameters[name].check(value)

    def observed_or(self, data: Any, *, needed: bool = True) -> Observed:
        """The experiments' data, replaced by ``data`` where it is given; checked if ``needed``."""
        observed = observed_of(self.structure, self.observed, list(self.experiments), data)
        if needed:
            require_data(self.experiments, observed, self.observed, has_data=self.has_data)
        return observed

    def inputs(self, values: Values, data: Any = None, *, needed: bool = True) -> Inputs:
        """The arguments of a compiled function; see ``split`` and ``observed_or``."""
        vector, traced = self.split(values)
        return Inputs(self.leaves, self.observed_or(data, needed=needed), vector, traced)

    def evaluate(self, kind: str, values: Values, data: Any = None) -> Any:
        """One of the functions in ``evaluate.KINDS``, compiled."""
        inputs = self.inputs(values, data, needed=kind not in evaluate.PREDICTIONS)
        return compiled.run(kind, self.structure, inputs)

    def along(
        self, values: Values, names: Iterable[str] | None, *, profiled: bool, data: Any
    ) -> tuple[str, ModelStructure, tuple[str, ...], Inputs, Float[np.ndarray, " name"]]:
        """The arguments of a compiled derivative by ``names``, or by those in ``values``."""
        names = tuple(values if names is None else names)
        others = {**{n: self.parameters[n].default for n in names}, **values}
        point = np.array([self.number(n, others.pop(n)) for n in names], dtype=self.dtype)
        kind = "profiled_nll" if profiled else "nll"
        return kind, self.structure, names, self.inputs(others, data), point
