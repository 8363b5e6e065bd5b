"""The model: experiments, interactions and parameters behind pure functions of a values dict."""

import copy
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, SupportsIndex

import jax
import numpy as np
from jaxtyping import Float

from cevnsjax.core.precision import numpy_dtype
from cevnsjax.core.types import Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.interactions.charges import Charges
from cevnsjax.model import compiled
from cevnsjax.model.build import new_state, standard_model_first, state_with
from cevnsjax.model.content import Portable, describe
from cevnsjax.model.data import Pseudodata, draw
from cevnsjax.model.expansion.expand import Expansion, expand
from cevnsjax.model.map import BATCH, map_points
from cevnsjax.model.structure import Counts, gaussian_priors
from cevnsjax.model.templates.grid import TemplateGrid
from cevnsjax.model.templates.template import template_of
from cevnsjax.parameters import ParameterTable


class Model(Portable):
    """Experiments + interactions + parameters.

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

    Attributes:
        experiments: The experiments, by name.
        interactions: The interactions, the StandardModel first.
        parameters: Table of all parameters.
        observed: The experiments' own counts, each [cell] [count].
        state: The frozen content that all functions are evaluated from.
        nll: -log L with every parameter given, nuisances included; chi2 = 2 nll.
        profiled_nll: -log L minimised over the solved nuisances; gradient and Hessian are exact.
        marginal_nll: -log of the integral of exp(-nll) over linear pulls; Gaussian cells only.
        expected: Expected counts with pulls, {experiment: [bin]}.
        by_component: Expected counts before nuisances, by neutrino source and background.
        predicted: The same with the nuisances in ``values`` applied.
        best_pulls: Solved nuisances, {name: scalar}.
        solver_distance: Their distance from the minimum in nll; 0 for a Gaussian chi2.

    Examples:
        >>> nsi = cj.Model(csi, [cj.NSI("eps_uV_ee")], name="one coupling")
        >>> nsi.title
        'one coupling'
        >>> list(nsi.parameters)[:2]
        ['sin2_theta_w', 'R_p_Cs']
        >>> round(float(model.nll()), 2)
        1.46
    """

    def __init__(
        self,
        experiments: Experiment | Sequence[Experiment],
        interactions: Sequence[Callable[..., Charges]] = (),
        *,
        defaults: Mapping[str, float] | None = None,
        free_pulls: Collection[str] = (),
        dtype: str = "float64",
        name: str = "",
    ) -> None:
        self.dtype = numpy_dtype(dtype)
        self.name = name
        self.interactions = standard_model_first(interactions)
        options = defaults or {}, free_pulls, self.dtype
        self._bind(new_state(self.interactions, experiments, *options))

    def with_arrays(self, arrays: list[ExperimentArrays], parameters: ParameterTable) -> "Model":
        """The same model with other arrays, in the experiments' order, and priors or defaults.

        Nothing was observed with them: whatever compares with counts needs ``data`` (Asimov or
        pseudo-data).

        Examples:
            >>> model.with_arrays(list(model.state.arrays), model.parameters).title
            'csi-2017'
        """
        other = copy.copy(self)
        other._bind(state_with(self.state, arrays, parameters))
        return other

    @property
    def title(self) -> str:
        """The name of the analysis, or the names of the experiments."""
        return self.name or " + ".join(self.experiments)

    def observed_counts(self, data: Any = None) -> dict[str, Counts]:
        """The counts that a likelihood of ``data`` compares with, {experiment: [cell]} [count].

        Examples:
            >>> model.observed_counts()["csi-2017"][:3]
            Array([ 9., 11., 24.], dtype=float64)
        """
        return dict(zip(self.experiments, self.state.observed_or(data).counts, strict=True))

    def describe(self) -> dict[str, object]:
        """Everything the model's numbers depend on, versions of the software too, for JSON.

        Runs in a folder and exported functions keep it. Arrays are given by shape, type and sha256,
        functions of a user by name and the sha256 of their source text and of their code.

        Examples:
            >>> model.describe()["experiments"]["csi-2017"]["mass_kg"]
            14.57
            >>> model.describe()["parameters"]["sin2_theta_w"]["default"]
            0.23857
        """
        return describe(self.state, type(self).__qualname__, self.name)

    def toy(
        self,
        seed: SupportsIndex,
        truth: Values | None = None,
        *,
        toys: int | None = None,
        auxiliary: bool = True,
    ) -> Pseudodata:
        """Pseudo-experiments, drawn with NumPy; give them to any function as ``data=``.

        Args:
            seed: Seed; a batch begins with the toys of a smaller one of the same seed.
            truth: True parameters, nuisances included; names left out take their defaults.
            toys: Number of toys in a batch; None draws one without a batch axis.
            auxiliary: Draw the auxiliary measurements of constrained nuisances about their true
                values too; otherwise they stay at the centres of the priors.

        Returns:
            Counts by experiment [cell] or [toy, cell] [count], Poisson or Gaussian as the
            experiment's statistic is, and auxiliary measurements by nuisance.

        Raises:
            InputError: If seed or toys is not a whole number, or expected counts are not finite.

        Examples:
            >>> model.toy(seed=1).counts["csi-2017"][:3].round(1)
            array([ 4.1, 19.1, 15.4])
            >>> len(model.toy(seed=1, truth={"sin2_theta_w": 0.23}, toys=1000))
            1000
        """
        priors = gaussian_priors(self.parameters) if auxiliary else {}
        values = {**self.parameters.defaults(), **(truth or {})}
        return draw(self.experiments, priors, self.expected, values, seed, toys)

    def value_and_grad(
        self,
        values: Values,
        *,
        names: Iterable[str] | None = None,
        profiled: bool = True,
        data: Any = None,
    ) -> tuple[float, dict[str, float]]:
        """Compiled value and gradient, {name: derivative [1/unit]}, of (profiled) nll.

        Args:
            values: Parameters by name; names left out take their defaults.
            names: Parameters to differentiate with respect to; those in ``values`` if None.
            profiled: Profile the solved nuisances, or differentiate the full nll.
            data: As for ``nll``.

        Examples:
            >>> value, gradient = model.value_and_grad({"sin2_theta_w": 0.25})
            >>> round(value, 3), round(gradient["sin2_theta_w"], 2)
            (1.574, 15.39)
        """
        arguments = self.state.along(values, names, profiled=profiled, data=data)
        value, gradient = compiled.run_value_and_grad(*arguments)
        return float(value), dict(zip(arguments[2], np.asarray(gradient).tolist(), strict=True))

    def hessian(
        self,
        values: Values,
        *,
        names: Iterable[str] | None = None,
        profiled: bool = True,
        data: Any = None,
    ) -> Float[np.ndarray, "name name"]:
        """Compiled exact Hessian of (profiled) nll, [name, name] [1/unit^2].

        Arguments are those of ``value_and_grad``.

        Examples:
            >>> model.hessian({"sin2_theta_w": 0.25}).round(1)
            array([[572.1]])
        """
        arguments = self.state.along(values, names, profiled=profiled, data=data)
        return np.asarray(compiled.run_hessian(*arguments))

    def expand(
        self,
        values: Values,
        points: Mapping[str, Any],
        *,
        data: Any = None,
        near: Float[np.ndarray, "point nuisance"] | None = None,
    ) -> Expansion:
        """Value, gradient and Hessian of the profiled nll at many points, in NumPy.

        One small compiled program, several times faster to compile than ``hessian``, which it
        agrees with to rounding.

        Args:
            values: Parameters that stay as they are.
            points: Those to differentiate by, each an array [point] in its unit, within bounds.
            data: As for ``nll``.
            near: Solved nuisances of points nearby, in the order of ``Expansion.pulls`` [1]: the
                search for those at the points starts there.

        Examples:
            >>> near = model.expand({}, {"sin2_theta_w": [0.2, 0.25]})
            >>> near.value.round(3), near.gradient[:, 0].round(2)
            (array([1.541, 1.574]), array([-14.07,  15.39]))
        """
        return expand(self.state, values, points, data, near)

    def map(
        self,
        values: Values,
        points: Mapping[str, Any],
        *,
        kind: str = "profiled_nll",
        batch_size: int = BATCH,
        data: Any = None,
    ) -> jax.Array:
        """Evaluate at many points, [point] [1], in one compiled program with bounded memory.

        Args:
            values: Parameters that stay as they are.
            points: The ones that vary, each an array [point] in its unit, within bounds.
            kind: "profiled_nll", "nll" or "marginal_nll".
            batch_size: Points evaluated side by side.
            data: As for ``nll``.

        Examples:
            >>> chi2 = 2 * model.map({}, {"sin2_theta_w": np.linspace(0.1, 0.4, 4)})
            >>> np.asarray(chi2).round(2)
            array([10.28,  3.08,  6.  , 16.56])
        """
        return map_points(self.state, values, points, kind, batch_size, data)

    def map_searched(
        self,
        values: Values,
        points: Mapping[str, Any],
        *,
        batch_size: int = BATCH,
        data: Any = None,
    ) -> tuple[jax.Array, jax.Array]:
        """Profiled nll at many points and the solved nuisances' distance from it, [point] [1] each.

        One program gives both. A distance that is not below 1e-9, or is not a number, says that
        the nuisances were not found at this point. Arguments are those of ``map``.

        Examples:
            >>> nll, distance = model.map_searched({}, {"sin2_theta_w": [0.2, 0.25]})
            >>> np.asarray(nll).round(3), np.asarray(distance)
            (array([1.541, 1.574]), array([0., 0.]))
        """
        return map_points(self.state, values, points, "searched", batch_size, data)

    def template_grid(
        self, values: Values, grids: Mapping[str, np.ndarray], *, data: Any = None
    ) -> TemplateGrid | None:
        """chi2 on a product grid from templates, if counts are polynomials on all axes but one.

        Templates are made by calls of the model, checked at random points of the grid's box, and
        kept in ``state``. The grid is evaluated block by block; None where no template is exact.

        Args:
            values: Parameters that stay as they are.
            grids: Values of each axis [point], in its unit.
            data: As for ``nll``.

        Examples:
            >>> grid = model.template_grid({}, {"sin2_theta_w": np.linspace(0.1, 0.4, 4)})
            >>> grid.block(0)[0].round(2)
            array([[10.28,  3.08,  6.  , 16.56]])
        """
        template = template_of(self.state, values, grids)
        return None if template is None else TemplateGrid(self.state, template, values, grids, data)

    def __repr__(self) -> str:
        return f"Model {self.title} ({self.dtype}), parameters:\n{self.parameters!r}"
