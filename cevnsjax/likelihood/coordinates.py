"""The coordinates in which the nuisances of binned counts are solved.

Normalisations are solved as strengths of components, which stay at or above 0 in Poisson
experiments: those that press against 0 are held there.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cevnsjax.core.lazy import lazy
from cevnsjax.core.namespaces import numpy_of, picked, rows_of, times
from cevnsjax.core.types import Arrays, Flags
from cevnsjax.likelihood.components import Component, Templates
from cevnsjax.likelihood.counts import Mean, curving, mean_of
from cevnsjax.likelihood.poisson import along, cell_hessian, cell_tilt, cells_chi2, diagonal
from cevnsjax.likelihood.stacks import Stack, base_of, stacks_of
from cevnsjax.likelihood.strengths import Strengths, layout_of, strengths_of
from cevnsjax.likelihood.views import View


@dataclass(frozen=True, eq=False)
class Coordinates:
    """What the search moves: strengths of components, then the nuisances that multiply none.

    Attributes:
        problem: The prediction.
        stacks: The parts of its components.
        strengths: The nuisances that multiply components.
        others: Indices of the other nuisances.
        centre: Results of their auxiliary measurements, [..., other] [1].
        precision: 1/sd^2 of their constraints, [other] [1].
        curvature: Second derivatives of half the constraints, [coordinate, coordinate].
    """

    problem: Templates
    stacks: list[Stack]
    strengths: Strengths
    others: tuple[int, ...]
    centre: Arrays
    precision: Arrays
    curvature: Arrays

    @lazy
    def low(self) -> Float[np.ndarray, " coordinate"]:
        """Least values [1]."""
        return np.concatenate([self.strengths.low, np.full(len(self.others), -np.inf)])

    @lazy
    def by_nuisances(self) -> Float[np.ndarray, "coordinate nuisance"]:
        """Derivatives of the coordinates by the nuisances [1]."""
        layout = self.strengths.layout
        out = np.zeros((self.low.size, self.problem.centre.shape[-1]))
        out[: self._count, list(layout.pulls)] = layout.rows[list(layout.chosen)]
        out[range(self._count, self.low.size), list(self.others)] = 1.0
        return out

    @lazy
    def components(self) -> list[Component]:
        """The components of all experiments."""
        return [c for experiment in self.problem.experiments for c in experiment]

    @lazy
    def growing(self) -> list[int]:
        """Indices of lognormal pulls, in which chi2 is not convex."""
        return sorted({k for stack in self.stacks for k in stack.log_pulls})

    @property
    def is_curved(self) -> bool:
        """Whether chi2 may have curved valleys, along which searches go with more care."""
        return self.problem.wide and bool(self.growing)

    @property
    def _count(self) -> int:
        return len(self.strengths.layout.chosen)

    def place(self, nuisance: int) -> int:
        """The coordinate that is a nuisance which multiplies no strength."""
        return self._count + self.others.index(nuisance)

    def start(self) -> Arrays:
        """All nuisances at 0, as far as bounds allow, [..., coordinate] [1]."""
        start = self._origin
        return numpy_of(start).maximum(start, self.low.astype(start.dtype))

    @property
    def _origin(self) -> Arrays:
        """All nuisances at 0, [..., coordinate] [1]."""
        strengths = self.strengths.start
        none = np.zeros((*strengths.shape[:-1], len(self.others)), strengths.dtype)
        return numpy_of(strengths).concatenate([strengths, none], axis=-1)

    def of(self, a: Arrays) -> Arrays:
        """Coordinates of nuisances a, [..., nuisance] [1]."""
        return self._origin + times(a, self.by_nuisances.T.astype(a.dtype))

    def nuisances(self, z: Arrays) -> Arrays:
        """All nuisances at coordinates z, [..., nuisance] [1]."""
        pulls = self.strengths.pulls(z[..., : self._count])
        joined = numpy_of(z).concatenate([pulls, z[..., self._count :]], axis=-1)
        return picked(joined, np.argsort([*self.strengths.layout.pulls, *self.others]))

    def view(self, z: Arrays) -> View:
        """The problem's components at coordinates z, [..., coordinate] [1]."""
        slopes = np.zeros((self.strengths.bounded.size, z.shape[-1]))
        slopes[:, : self._count] = self.strengths.layout.strengths
        places = [(k, self._count + i) for i, k in enumerate(self.others)]
        strengths = self.strengths.at(z[..., : self._count])
        return View(strengths, slopes, {k: (z[..., i], i) for k, i in places})

    def chi2(self, observed: Arrays, z: Arrays) -> Arrays:
        """chi2 with the least constraints of nuisances at coordinates z, [...] [1]."""
        return self._chi2(observed, z, mean_of(self.stacks, self.view(z)).mu)

    def _chi2(self, observed: Arrays, z: Arrays, mu: Arrays) -> Arrays:
        return cells_chi2(observed, self.problem, mu) + self._penalty(z)

    def _penalty(self, z: Arrays) -> Arrays:
        far = z[..., self._count :] - self.centre
        return self.strengths.penalty(z[..., : self._count]) + (far**2 * self.precision).sum(-1)

    def penalty_slope(self, z: Arrays) -> Arrays:
        """Gradient of half the constraints, [..., coordinate]."""
        slope = self.strengths.penalty_slope(z[..., : self._count])
        far = (z[..., self._count :] - self.centre) * self.precision
        return numpy_of(z, slope).concatenate([slope, far], axis=-1)

    def expansion(self, observed: Arrays, z: Arrays) -> "Expanded":
        """chi2/2 to second order at coordinates z, [..., coordinate] [1]."""
        mean = mean_of(self.stacks, self.view(z))
        tilt = cell_tilt(observed, self.problem, mean.mu)
        hessian = self.curvature
        return Expanded(
            self._chi2(observed, z, mean.mu) / 2,
            self.penalty_slope(z) + along(mean.slopes, tilt),
            hessian + cell_hessian(observed, self.problem, mean) + curving(mean, tilt),
            mean,
        )

    def at_points(self, points: Flags) -> "Coordinates":
        """The coordinates of some of many points, in NumPy."""
        stacks = [stack.at_points(points) for stack in self.stacks]
        strengths, centre = self.strengths.at_points(points), rows_of(self.centre, points, 1)
        return replace(self, stacks=stacks, strengths=strengths, centre=centre)

    def bound(self, observed: Arrays, mean: Mean) -> Arrays:
        """A matrix above the Hessian of chi2/2, [..., coordinate, coordinate]."""
        through_cells = cell_hessian(observed, self.problem, mean, guarded=True)
        return self.curvature + through_cells


class Expanded(NamedTuple):
    """chi2/2 to second order at coordinates.

    Attributes:
        value: [...] [1].
        gradient: [..., coordinate].
        hessian: [..., coordinate, coordinate].
        mean: Expected counts and their slopes.
    """

    value: Arrays
    gradient: Arrays
    hessian: Arrays
    mean: Mean


def coordinates_of(problem: Templates) -> Coordinates:
    """The coordinates in which the nuisances of a problem are solved."""
    components = [c for experiment in problem.experiments for c in experiment]
    sizes = [len(experiment) for experiment in problem.experiments]
    held = problem.bounded or (True,) * len(sizes)
    bounded = np.repeat(np.array(held, dtype=bool), sizes)
    place = [i for n in sizes for i in range(n)]
    # Signals, which come first, may be huge: they are coordinates if possible.
    order = sorted(range(len(place)), key=lambda c: (place[c] > 0, not bounded[c], c))
    layout = layout_of(tuple(c.pulls for c in components), tuple(order))
    pulls = np.array(layout.pulls, dtype=int)
    precision = problem.inverse_variance[pulls]
    # Derivatives at 0 are 0.
    xp, is_constrained = numpy_of(precision), precision > 0
    root = xp.where(is_constrained, xp.sqrt(xp.where(is_constrained, precision, 1.0)), 0.0)
    strengths = strengths_of(layout, base_of(problem), bounded, root, problem.centre[..., pulls])
    others = tuple(k for k in range(problem.centre.shape[-1]) if k not in layout.pulls)
    chosen = np.array(others, dtype=int)
    precision, inner = problem.inverse_variance[chosen], strengths.curvature
    left = np.zeros((inner.shape[0], chosen.size), precision.dtype)
    xp = numpy_of(inner, precision)
    upper = xp.concatenate([inner, left], axis=1)
    curvature = xp.concatenate([upper, xp.concatenate([left.T, diagonal(precision)], axis=1)])
    centre = picked(problem.centre, chosen)
    stacks = stacks_of(problem)
    return Coordinates(problem, stacks, strengths, others, centre, precision, curvature)
