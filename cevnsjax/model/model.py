"""The model: experiments, interactions and parameters behind pure functions of a values dict."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.precision import numpy_dtype
from cevnsjax.core.types import Values
from cevnsjax.experiments.arrays import arrays_of
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.interactions.interaction import structures_of
from cevnsjax.model import compiled
from cevnsjax.model.bound import BoundFunction
from cevnsjax.model.build import (
    by_name,
    constraints,
    groups,
    intern,
    measured,
    require_data,
    standard_model_first,
    table_of,
)
from cevnsjax.model.data import Pseudodata, draw, observed_of
from cevnsjax.model.evaluate import ModelStructure, Observed
from cevnsjax.model.expansion import Expansion, expand
from cevnsjax.model.map import BATCH, map_points
from cevnsjax.model.templates.grid import TemplateGrid
from cevnsjax.model.templates.template import template_of


class Model:
    """Experiments + interactions + parameters.

    Attributes:
        experiments: The experiments, by name.
        parameters: Table of all parameters.
        nll: -log L with every parameter given, nuisances included; chi2 = 2 nll.
        profiled_nll: -log L minimised over linear pulls, differentiable to any order.
        marginal_nll: -log of the integral of exp(-nll) over linear pulls; Gaussian cells only.
        expected: Expected counts with pulls, {experiment: [bin]}.
        by_component: Expected counts before nuisances, by neutrino source and background.
        predicted: The same with the nuisances in ``values`` applied.
        best_pulls: Solved nuisances, {name: scalar}.
        solver_distance: Their distance from the minimum in nll; 0 for a Gaussian chi2.
    """

    def __init__(
        self,
        experiments: Experiment | Sequence[Experiment],
        interactions: Sequence[Any] = (),
        *,
        defaults: Mapping[str, float] | None = None,
        free_pulls: Collection[str] = (),
        dtype: str = "float64",
        name: str = "",
    ) -> None:
        """Build the arrays; see the class for what it offers.

        Args:
            experiments: One experiment or several.
            interactions: Interactions; a default StandardModel is put first if none is given.
            defaults: Values to use instead of parameters' own defaults.
            free_pulls: Pulls to treat as parameters like any other, not solved: fit, profile or fix
                them, e.g. "alpha_sig_csi2017" for the strength of the signal.
            dtype: "float64", or "float32" for screening.
            name: Name of the analysis, for reports.

        Raises:
            PrecisionError: If float64 is asked for and jax has it switched off.
            InputError: If experiments or parameters clash.
        """
        self.dtype = numpy_dtype(dtype)
        self.name = name
        self.experiments = by_name(experiments)
        self.interactions = standard_model_first(interactions)
        self.parameters = table_of(self.interactions, self.experiments, defaults or {}, free_pulls)
        kinematics = self.interactions[0].kinematics
        structures = structures_of(self.interactions)
        oscillating = any(hasattr(i, "survival") for i in self.interactions)
        arrays = [
            arrays_of(
                e,
                kinematics,
                self.dtype,
                structures,
                oscillating=oscillating,
                free_pulls=free_pulls,
            )
            for e in self.experiments.values()
        ]
        self.observed = tuple(self._leaf(e.observed) for e in self.experiments.values())
        leaves, treedef = jax.tree.flatten(arrays)
        self.leaves = tuple(leaves)
        self.static = intern(
            ModelStructure(
                interactions=self.interactions,
                treedef=treedef,
                names=tuple(self.parameters),
                constraints=constraints(self.parameters),
                measured=tuple(measured(self.parameters)),
                groups=groups(arrays),
            )
        )
        centres = [prior.mean for prior in measured(self.parameters).values()]
        self._own = Observed(self.observed, self._leaf(centres))
        self.templates: dict[Any, Any] = {}
        self._index = {n: i for i, n in enumerate(self.static.names)}
        self._defaults = np.array(list(self.parameters.defaults().values()), dtype=self.dtype)
        self.nll = BoundFunction(self, "nll")
        self.profiled_nll = BoundFunction(self, "profiled_nll")
        self.marginal_nll = BoundFunction(self, "marginal_nll")
        self.expected = BoundFunction(self, "expected")
        self.by_component = BoundFunction(self, "by_component")
        self.predicted = BoundFunction(self, "predicted")
        self.best_pulls = BoundFunction(self, "best_pulls")
        self.solver_distance = BoundFunction(self, "solver_distance")

    def _leaf(self, array: Any) -> jax.Array:
        # device_put does not compile a program for each new shape; jnp.asarray does.
        return jax.device_put(np.asarray(array, dtype=self.dtype))

    def split(self, values: Values) -> tuple[np.ndarray, dict[str, Any]]:
        """Concrete numbers into a copy of the default vector, tracers into a dict.

        So a vmap batches only what varies, and new numbers never recompile.
        """
        vector, traced = self._defaults, {}
        for name, value in values.items():
            if name not in self._index:
                raise UnknownNameError("parameter", name, self._index)
            if isinstance(value, Tracer):
                traced[name] = jnp.asarray(value).astype(self.dtype)
                continue
            if vector is self._defaults:
                vector = vector.copy()
            vector[self._index[name]] = self._number(name, value)
        return vector, traced

    def _number(self, name: str, value: Any) -> float:
        if np.ndim(value) != 0:
            raise InputError(
                f"{name} has shape {np.shape(value)}; give one number, or use jax.vmap or "
                "cevnsjax.scan for many"
            )
        return self.parameters[name].check(value)

    def observed_or(self, data: Any, *, needed: bool = True) -> Observed:
        """The experiments' data, replaced by ``data`` where it is given.

        Raises:
            InputError: If an experiment that is only planned has been given none, or counts of a
                Poisson likelihood are negative.
        """
        observed = observed_of(self.static, self._own, list(self.experiments), data)
        if needed:
            require_data(self.experiments, observed, self._own)
        return observed

    def toy(
        self,
        seed: int,
        values: Values | None = None,
        *,
        size: int | None = None,
        auxiliary: bool = True,
    ) -> Pseudodata:
        """Pseudo-experiments, drawn with NumPy; give them to any function as ``data=``.

        Args:
            seed: Seed; a batch begins with the toys of a smaller one of the same seed.
            values: True parameters, nuisances included; names left out take their defaults.
            size: Number of toys of a batch; None draws one without a batch axis.
            auxiliary: Throw the auxiliary measurements of constrained nuisances about their true
                values too; otherwise they stay at the centres of the priors.

        Returns:
            Counts by experiment [cell] or [toy, cell] [count], Poisson or Gaussian as the
            experiment's statistic is, and auxiliary measurements by nuisance.

        Raises:
            UnknownNameError: At an unknown parameter.
            InputError: At a seed or size that is no whole number, or non-finite expected counts.
        """
        return draw(self, seed, values, size, auxiliary)

    def value_and_grad(
        self,
        values: Values,
        *,
        names: Iterable[str] | None = None,
        profiled: bool = True,
        data: Any = None,
    ) -> tuple[float, dict[str, float]]:
        """Compiled value and gradient of (profiled) nll.

        Args:
            values: Parameters by name; names left out take their defaults.
            names: Parameters to differentiate with respect to; those in ``values`` if None.
            profiled: Profile the linear pulls, or differentiate the full nll.
            data: As for ``nll``.

        Returns:
            Scalar and {name: derivative [1/unit]}.
        """
        order = tuple(values if names is None else names)
        run = compiled.run_value_and_grad
        value, gradient = self._derivative(run, values, order, profiled, data)
        return float(value), dict(zip(order, np.asarray(gradient).tolist(), strict=True))

    def hessian(
        self,
        values: Values,
        *,
        names: Iterable[str] | None = None,
        profiled: bool = True,
        data: Any = None,
    ) -> np.ndarray:
        """Compiled exact Hessian of (profiled) nll, in the order of ``names``.

        Args:
            values: Parameters by name; names left out take their defaults.
            names: Parameters to differentiate with respect to; those in ``values`` if None.
            profiled: Profile the linear pulls, or differentiate the full nll.
            data: As for ``nll``.

        Returns:
            Matrix [name, name] [1/unit^2].
        """
        order = tuple(values if names is None else names)
        run = compiled.run_hessian
        return np.asarray(self._derivative(run, values, order, profiled, data))

    def _derivative(
        self, run: Any, values: Values, names: tuple[str, ...], profiled: bool, data: Any
    ) -> Any:
        full = {**{n: self.parameters[n].default for n in names}, **values}
        point = np.array([self._number(n, full.pop(n)) for n in names], dtype=self.dtype)
        vector, traced = self.split(full)
        observed = self.observed_or(data)
        kind = "profiled_nll" if profiled else "nll"
        return run(kind, self.static, names, self.leaves, observed, vector, traced, point)

    def expand(self, values: Values, points: Mapping[str, Any], *, data: Any = None) -> Expansion:
        """Value, gradient and Hessian of the profiled nll at many points, in NumPy.

        One compiled program, several times faster to compile than ``hessian``, which it agrees
        with to rounding.

        Args:
            values: Parameters that stay as they are.
            points: Those to differentiate by, each an array [point] in its unit.
            data: As for ``nll``.

        Raises:
            InputError: If a point is not finite or out of bounds, or lengths differ.
        """
        return expand(self, values, points, data)

    def map(
        self,
        values: Values,
        points: Mapping[str, Any],
        *,
        kind: str = "profiled_nll",
        batch_size: int = BATCH,
        data: Any = None,
    ) -> jax.Array:
        """Evaluate at many points in one compiled program, with bounded memory.

        Args:
            values: Parameters that stay as they are.
            points: The ones that vary, each an array [point] in its unit.
            kind: "profiled_nll", "nll" or "marginal_nll".
            batch_size: Points evaluated side by side.
            data: As for ``nll``.

        Returns:
            [point] [1].

        Raises:
            InputError: If a point is not finite or out of bounds, or lengths differ.
        """
        return map_points(self, values, points, kind, batch_size, data)

    def template_grid(
        self, values: Values, grids: Mapping[str, np.ndarray], *, data: Any = None
    ) -> TemplateGrid | None:
        """chi2 on a product grid from templates, if counts are polynomials on all axes but one.

        Templates are made by calls of the model, checked at random points of the grid's box, and
        kept on the model.

        Args:
            values: Parameters that stay as they are.
            grids: Values of each axis [point], in its unit.
            data: As for ``nll``.

        Returns:
            The grid, evaluated block by block, or None where no template is exact.
        """
        template = template_of(self, values, grids)
        return None if template is None else TemplateGrid(self, template, values, grids, data)

    def __repr__(self) -> str:
        title = self.name or " + ".join(self.experiments)
        return f"Model {title} ({self.dtype}), parameters:\n{self.parameters!r}"
