"""Experiments that share solved nuisances, as one problem: Gaussian in closed form, or Poisson."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cevnsjax.core.types import Reals, Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.likelihood import components, gaussian, poisson, search
from cevnsjax.likelihood.search import Solution
from cevnsjax.model.components import CountComponent, components_of
from cevnsjax.model.structure import Counts, Signal

Cells = Float[Array, " cell"]
Nuisances = Float[Array, " nuisance"]
Coordinates = Float[Array, " coordinate"]


@dataclass(frozen=True, eq=False)
class NuisanceProblem:
    """A likelihood of its solved nuisances at fixed theory, solved by a search.

    Nuisances are solved in coordinates: strengths of components instead of the pulls that
    multiply them, then all others; see ``likelihood.strengths``.

    Attributes:
        names: Names of the nuisances.
        data: Observed counts [count].
        solved: The prediction in its coordinates.
    """

    names: tuple[str, ...]
    data: Cells
    solved: poisson.Coordinates

    @property
    def low(self) -> Float[np.ndarray, " coordinate"]:
        """Least values of the coordinates [1]."""
        return self.solved.low

    @property
    def by_nuisances(self) -> Float[np.ndarray, "coordinate nuisance"]:
        """Derivatives of the coordinates by the nuisances [1]."""
        return self.solved.by_nuisances

    def nll(self, a: Nuisances) -> Reals:
        """-log L at nuisances a."""
        return poisson.chi2(self.data, self.solved.problem, a) / 2

    def profiled(self) -> tuple[Reals, Reals]:
        """Least chi2, and its distance from the minimum in nll."""
        best = self.best()
        return self.chi2(best.z), best.distance

    def best(self) -> Solution:
        """Coordinates of the least chi2, and their distance from the minimum in nll."""
        return search.best(self.data, self.solved)

    def chi2(self, z: Coordinates) -> Reals:
        """chi2 at coordinates z, with the least constraints of the nuisances there."""
        return self.solved.chi2(self.data, z)

    def derivatives(self, z: Coordinates) -> tuple[Reals, Reals]:
        """Gradient [coordinate] and Hessian [coordinate, coordinate] of chi2/2."""
        return self.solved.expansion(self.data, z)[:2]

    def nuisances(self, z: Coordinates) -> Nuisances:
        """The nuisances at coordinates z."""
        return self.solved.nuisances(z)

    def coordinates(self, a: Nuisances) -> Coordinates:
        """The coordinates of nuisances a."""
        return self.solved.of(a)

    def at_bound(self, solution: Solution) -> Bool[Array, " nuisance"]:
        """Which nuisances hold a component at 0."""
        on_bound = solution.held & (solution.z <= jnp.asarray(self.low, solution.z.dtype))
        return jnp.any(on_bound[:, None] & (self.by_nuisances != 0), axis=0)

    def constraints(self) -> tuple[Reals, Reals]:
        """Second derivatives of half the penalty, by coordinates and by nuisances."""
        z = self.solved.start()
        precision = self.solved.problem.inverse_variance
        return self.solved.penalty_derivatives(z)[1], jnp.diag(precision)


@dataclass(frozen=True, eq=False)
class GaussianProblem(NuisanceProblem):
    """Gaussian counts with linear pulls: a problem of least squares."""

    def _linear(self) -> gaussian.LinearStrengths:
        return gaussian.linear_strengths(self.solved.problem, self.solved.strengths)

    def _weights(self) -> Cells:
        weights = self.solved.problem.weights
        assert weights is not None
        return weights

    def profiled(self) -> tuple[Reals, Reals]:
        """Least chi2, what is left of the data; it is exact."""
        chi2 = self._solution()[1]
        return chi2, jnp.zeros_like(chi2)

    def nll(self, a: Nuisances) -> Reals:
        """-log L at nuisances a; without any it is the profiled one to the last bit."""
        return super().nll(a) if self.names else self.profiled()[0] / 2

    def best(self) -> Solution:
        """Coordinates of the least chi2; they are exact."""
        u = self._solution()[0]
        z = jnp.stack(u) if u else self.solved.strengths.start
        return Solution(z, jnp.zeros((), z.dtype), jnp.zeros(z.shape, bool))

    def chi2(self, z: Coordinates) -> Reals:
        """chi2 at coordinates z, with the least constraints of the nuisances there."""
        return gaussian.strengths_chi2(self.data, self._weights(), self._linear(), list(z))

    def derivatives(self, z: Coordinates) -> tuple[Reals, Reals]:
        """Gradient [coordinate] and Hessian [coordinate, coordinate] of chi2/2."""
        return gaussian.strengths_derivatives(self.data, self._weights(), self._linear(), z)

    def _solution(self) -> tuple[list[Reals], Reals]:
        start = list(self.solved.strengths.start)
        return gaussian.best_strengths(self.data, self._weights(), self._linear(), start)

    def log_determinant(self) -> Reals:
        """Logarithm of the determinant of chi2/2's second derivatives by the nuisances."""
        return gaussian.log_determinant(self._weights(), self._linear(), self.solved.strengths)


def problem_of(
    members: list[ExperimentArrays],
    signals: list[Signal],
    observed: list[Counts],
    auxiliary: Values,
    values: Values,
) -> NuisanceProblem:
    """The problem of experiments that share nuisances.

    Gaussian experiments alone have a closed form; with a Poisson one among them, or a nuisance
    that is not linear, all of them go to the Poisson solver.
    """
    names = nuisance_names(members)
    by_member = [components_of(e, s, values) for e, s in zip(members, signals, strict=True)]
    sd = {n: x for e in members for n, x in e.pull_sd.items()}
    data = _concatenate(observed)

    def vector(numbers: Iterable[Any]) -> Nuisances:
        scalars = [jnp.asarray(x, data.dtype) for x in numbers]
        return jnp.stack(scalars) if scalars else jnp.zeros(0, data.dtype)

    bounded = tuple(e.statistic == "poisson" for e in members)
    weights = [
        jnp.zeros_like(e.weights) if is_poisson else e.weights
        for e, is_poisson in zip(members, bounded, strict=True)
    ]
    problem = components.Templates(
        experiments=tuple(
            tuple(_component(e, c, names) for c in cs)
            for e, cs in zip(members, by_member, strict=True)
        ),
        inverse_variance=vector(1 / sd[n] ** 2 for n in names),
        centre=vector(auxiliary.get(n, 0.0) for n in names),
        weights=None if all(bounded) else _concatenate(weights),
        bounded=bounded,
    )
    is_linear = not any(bounded) and not any(e.log_widths for e in members)
    kind = GaussianProblem if is_linear else NuisanceProblem
    return kind(names, data, poisson.coordinates_of(problem))


def nuisance_names(members: list[ExperimentArrays]) -> tuple[str, ...]:
    """Names of the solved nuisances, once each."""
    return tuple(dict.fromkeys(n for e in members for n in (*(p for p, _ in e.pulls), *e.morphs)))


def _component(
    e: ExperimentArrays, component: CountComponent, names: tuple[str, ...]
) -> components.Component:
    multiplying = [n for n, multiplied in e.pulls if component.name in multiplied]
    logarithmic = [n for n in multiplying if n in e.log_widths]
    part = components.Component(
        component.nominal,
        pulls=tuple(names.index(n) for n in multiplying if n not in e.log_widths),
        extra=component.free_pulls if e.free_pulls else None,
        log_pulls=tuple(names.index(n) for n in logarithmic),
        log_widths=jnp.stack([e.log_widths[n] for n in logarithmic]) if logarithmic else None,
    )
    if not component.shifts:
        return part
    linear, curved = (jnp.stack([s[k] for s in component.shifts.values()], axis=1) for k in (0, 1))
    morphs = tuple(names.index(n) for n in component.shifts)
    return replace(part, linear=linear, curved=curved, morphs=morphs)


def _concatenate(arrays: list[Counts]) -> Cells:
    return arrays[0] if len(arrays) == 1 else jnp.concatenate(arrays)
