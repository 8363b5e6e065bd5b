"""Experiments that share solved nuisances, as one problem: Gaussian in closed form, or Poisson."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.core.namespaces import numpy_of
from cevnsjax.core.types import Arrays, Flags, Numbers, Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.likelihood import components, coordinates, gaussian, poisson, search
from cevnsjax.likelihood.search import Solution
from cevnsjax.likelihood.stacks import side_by_side
from cevnsjax.model.components import CountComponent, components_of
from cevnsjax.model.structure import Counts, Signal


@dataclass(frozen=True, eq=False)
class NuisanceProblem:
    """A likelihood of its solved nuisances at fixed theory, solved by a search.

    Nuisances are solved in coordinates: strengths of components instead of the pulls that
    multiply them, then all others; see ``likelihood.strengths``.

    Attributes:
        names: Names of the nuisances.
        data: Observed counts, [..., cell] [count].
        solved: The prediction in its coordinates.
    """

    names: tuple[str, ...]
    data: Arrays
    solved: coordinates.Coordinates

    @property
    def low(self) -> Float[np.ndarray, " coordinate"]:
        """Least values of the coordinates [1]."""
        return self.solved.low

    @property
    def by_nuisances(self) -> Float[np.ndarray, "coordinate nuisance"]:
        """Derivatives of the coordinates by the nuisances [1]."""
        return self.solved.by_nuisances

    def nll(self, a: Arrays) -> Arrays:
        """-log L at nuisances a, [..., nuisance] [1]."""
        return poisson.chi2(self.data, self.solved.problem, a) / 2

    def profiled(self) -> tuple[Arrays, Arrays]:
        """Least chi2, and its distance from the minimum in nll, [...]."""
        best = self.best()
        return self.chi2(best.z), best.distance

    def best(self, start: Arrays | None = None) -> Solution:
        """Coordinates of the least chi2, and their distance from the minimum in nll.

        ``start`` are coordinates near it, if some are known, [..., coordinate] [1].
        """
        return search.best(self.data, self.solved, start)

    def chi2(self, z: Arrays) -> Arrays:
        """chi2 at coordinates z, with the least constraints of the nuisances there."""
        return self.solved.chi2(self.data, z)

    def derivatives(self, z: Arrays) -> tuple[Arrays, Arrays]:
        """Gradient [..., coordinate] and Hessian [..., coordinate, coordinate] of chi2/2."""
        at_z = self.solved.expansion(self.data, z)
        return at_z.gradient, at_z.hessian

    def nuisances(self, z: Arrays) -> Arrays:
        """The nuisances at coordinates z, [..., nuisance] [1]."""
        return self.solved.nuisances(z)

    def coordinates(self, a: Arrays) -> Arrays:
        """The coordinates of nuisances a, [..., coordinate] [1]."""
        return self.solved.of(a)

    def at_bound(self, solution: Solution) -> Flags:
        """Which nuisances hold a component at 0, [..., nuisance]."""
        on_bound = solution.held & (solution.z <= self.low.astype(solution.z.dtype))
        return (on_bound[..., :, None] & (self.by_nuisances != 0)).any(-2)

    def constraints(self) -> tuple[Arrays, Arrays]:
        """Second derivatives of half the penalty, by coordinates and by nuisances."""
        precision = self.solved.problem.inverse_variance
        return self.solved.curvature, poisson.diagonal(precision)


@dataclass(frozen=True, eq=False)
class GaussianProblem(NuisanceProblem):
    """Gaussian counts with linear pulls: a problem of least squares."""

    def _linear(self) -> gaussian.LinearStrengths:
        return gaussian.linear_strengths(self.solved.problem, self.solved.strengths)

    def _weights(self) -> Arrays:
        weights = self.solved.problem.weights
        assert weights is not None
        return weights

    def profiled(self) -> tuple[Arrays, Arrays]:
        """Least chi2, what is left of the data; it is exact."""
        chi2 = self._solution()[1]
        return chi2, chi2 * 0

    def nll(self, a: Arrays) -> Arrays:
        """-log L at nuisances a; without any it is the profiled one to the last bit."""
        return super().nll(a) if self.names else self.profiled()[0] / 2

    def best(self, start: Arrays | None = None) -> Solution:  # noqa: ARG002
        """Coordinates of the least chi2; they are exact, whatever the start."""
        u, chi2 = self._solution()
        xp = numpy_of(chi2)
        z = xp.stack(u, axis=-1) if u else xp.zeros((*chi2.shape, 0), chi2.dtype)
        return Solution(z, xp.zeros(z.shape[:-1], z.dtype), xp.zeros(z.shape, bool))

    def chi2(self, z: Arrays) -> Arrays:
        """chi2 at coordinates z, with the least constraints of the nuisances there."""
        u = [z[..., k] for k in range(z.shape[-1])]
        return gaussian.strengths_chi2(self.data, self._weights(), self._linear(), u)

    def derivatives(self, z: Arrays) -> tuple[Arrays, Arrays]:
        """Gradient [coordinate] and Hessian [coordinate, coordinate] of chi2/2."""
        return gaussian.strengths_derivatives(self.data, self._weights(), self._linear(), z)

    def _solution(self) -> tuple[list[Numbers], Arrays]:
        start = self.solved.strengths.start
        otherwise = [start[..., k] for k in range(start.shape[-1])]
        return gaussian.best_strengths(self.data, self._weights(), self._linear(), otherwise)

    def log_determinant(self) -> Arrays:
        """Logarithm of the determinant of chi2/2's second derivatives by the nuisances."""
        return gaussian.log_determinant(self._weights(), self._linear(), self.solved.strengths)


def problem_of(
    members: list[ExperimentArrays],
    signals: Sequence[Signal],
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
    data = side_by_side(observed)
    bounded = tuple(e.statistic == "poisson" for e in members)
    weights = [
        e.weights * 0 if is_poisson else e.weights
        for e, is_poisson in zip(members, bounded, strict=True)
    ]
    problem = components.Templates(
        experiments=tuple(
            tuple(_component(e, c, names) for c in cs)
            for e, cs in zip(members, by_member, strict=True)
        ),
        inverse_variance=_vector([1 / sd[n] ** 2 for n in names], data),
        centre=_vector([auxiliary.get(n, 0.0) for n in names], data),
        weights=None if all(bounded) else side_by_side(weights),
        bounded=bounded,
        wide=any(e.has_wide_pulls for e in members),
    )
    is_linear = not any(bounded) and not any(e.log_widths for e in members)
    kind = GaussianProblem if is_linear else NuisanceProblem
    return kind(names, data, coordinates.coordinates_of(problem))


def _vector(numbers: Sequence[Any], like: Arrays) -> Arrays:
    """Numbers as a vector of the kind of an array."""
    xp = numpy_of(like, *numbers)
    scalars = [xp.asarray(x, dtype=like.dtype) for x in numbers]
    return xp.stack(scalars) if scalars else xp.zeros(0, like.dtype)


def nuisance_names(members: list[ExperimentArrays]) -> tuple[str, ...]:
    """Names of the solved nuisances, once each."""
    return tuple(dict.fromkeys(n for e in members for n in (*(p for p, _ in e.pulls), *e.morphs)))


def _component(
    e: ExperimentArrays, component: CountComponent, names: tuple[str, ...]
) -> components.Component:
    multiplying = [n for n, multiplied in e.pulls if component.name in multiplied]
    logarithmic = [n for n in multiplying if n in e.log_widths]
    widths = [e.log_widths[n] for n in logarithmic]
    part = components.Component(
        component.nominal,
        pulls=tuple(names.index(n) for n in multiplying if n not in e.log_widths),
        extra=component.free_pulls if e.free_pulls else None,
        log_pulls=tuple(names.index(n) for n in logarithmic),
        log_widths=numpy_of(*widths).stack(widths) if logarithmic else None,
    )
    if not component.shifts:
        return part
    xp = numpy_of(component.nominal)
    pairs = list(component.shifts.values())
    linear, curved = (xp.stack([pair[k] for pair in pairs], axis=-2) for k in (0, 1))
    morphs = tuple(names.index(n) for n in component.shifts)
    return replace(part, linear=linear, curved=curved, morphs=morphs)
