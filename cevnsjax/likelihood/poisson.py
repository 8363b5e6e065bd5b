"""Binned counts with Gaussian constraints, nuisances solved by Newton's method.

A prediction is a sum of components; normalisations multiply them, shape morphs bend them from
nominal through their shifted templates, kept positive. Poisson cells:
chi2 = 2 sum(mu - n + n ln(n/mu)); cells with a weight: w (n - mu)^2; constraints:
((a - centre)/sd)^2.

Normalisations are solved as strengths of components, which stay at or above 0 in Poisson
experiments: those that press against 0 are held there. Derivatives come from one more, undamped
step with a differentiable right-hand side: value, gradient and Hessian are exact.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cevnsjax.core.types import Real, Reals
from cevnsjax.likelihood import deviance
from cevnsjax.likelihood.components import Templates
from cevnsjax.likelihood.counts import Mean, View, base_of, by_nuisances, curving, mean_of
from cevnsjax.likelihood.strengths import Strengths, layout_of, strengths_of


def expected(problem: Templates, a: Reals) -> Reals:
    """Prediction at nuisances a, [cell] [count]."""
    return mean_of(problem, by_nuisances(problem, a)).mu


def chi2(observed: Reals, problem: Templates, a: Reals) -> Reals:
    """Deviance plus constraints at nuisances a.

    Args:
        observed: Observed counts, [cell] [count].
        problem: The prediction.
        a: Nuisances, [nuisance] [1].

    Returns:
        Scalar [1].
    """
    penalty = jnp.sum((a - problem.centre) ** 2 * problem.inverse_variance)
    return cells_chi2(observed, problem, expected(problem, a)) + penalty


def cells_chi2(observed: Reals, problem: Templates, mu: Reals) -> Reals:
    """Deviance of expected counts, [cell] [count], without constraints."""
    cells = deviance.deviance(observed, _cellwise(problem, 1.0, mu))
    return jnp.sum(_cellwise(problem, _weights(problem) * (observed - mu) ** 2, cells))


def derivatives(observed: Reals, problem: Templates, a: Reals) -> tuple[Reals, Reals]:
    """Gradient [nuisance] and Hessian [nuisance, nuisance] of chi2/2 by the nuisances.

    Args:
        observed: Observed counts, [cell] [count].
        problem: The prediction.
        a: Nuisances, [nuisance] [1].
    """
    view = by_nuisances(problem, a)
    mean = mean_of(problem, view)
    tilt = cell_tilt(observed, problem, mean.mu)
    gradient = mean.slopes @ tilt + (a - problem.centre) * problem.inverse_variance
    hessian = cell_hessian(observed, problem, mean) + curving(problem, view, mean, tilt)
    return gradient, hessian + jnp.diag(problem.inverse_variance)


def cell_tilt(observed: Reals, problem: Templates, mu: Reals) -> Reals:
    """Half the derivative of chi2 by expected counts, [cell] [1/count]."""
    poisson = deviance.tilt(observed, _cellwise(problem, 1.0, mu))
    return _cellwise(problem, _weights(problem) * (mu - observed), poisson)


def cell_hessian(
    observed: Reals, problem: Templates, mean: Mean, *, guarded: bool = False
) -> Reals:
    """Half of chi2's second derivatives through the curvature of cells, without constraints.

    The guarded one has the weights max(1, n/mu)/mu, which bound it from above.
    """
    mu = _cellwise(problem, 1.0, mean.mu)
    poisson = deviance.curvature(observed, mu)
    if guarded:
        floored = jnp.maximum(mu, deviance.FLOOR)
        poisson = jnp.maximum(1.0, observed / floored) / floored
    curvature = _cellwise(problem, _weights(problem), poisson)
    return (mean.slopes * curvature[None, :]) @ mean.slopes.T


def _weights(problem: Templates) -> Real:
    return 0.0 if problem.weights is None else problem.weights


def _cellwise(problem: Templates, gaussian: Real, poisson: Reals) -> Reals:
    """One value where cells are Gaussian, the other where they are Poisson."""
    return poisson if problem.weights is None else jnp.where(problem.weights > 0, gaussian, poisson)


@dataclass(frozen=True, eq=False)
class Coordinates:
    """What the search moves: strengths of components, then the nuisances that multiply none.

    Attributes:
        problem: The prediction.
        strengths: The nuisances that multiply components.
        others: Indices of the other nuisances.
    """

    problem: Templates
    strengths: Strengths
    others: tuple[int, ...]

    @property
    def low(self) -> Float[np.ndarray, " coordinate"]:
        """Least values [1]."""
        return np.concatenate([self.strengths.low, np.full(len(self.others), -np.inf)])

    @property
    def by_nuisances(self) -> Float[np.ndarray, "coordinate nuisance"]:
        """Derivatives of the coordinates by the nuisances [1]."""
        layout = self.strengths.layout
        out = np.zeros((self.low.size, self.problem.centre.size))
        out[: self._count, list(layout.pulls)] = layout.rows[list(layout.chosen)]
        out[range(self._count, self.low.size), list(self.others)] = 1.0
        return out

    @property
    def _count(self) -> int:
        return len(self.strengths.layout.chosen)

    def place(self, nuisance: int) -> int:
        """The coordinate that is a nuisance which multiplies no strength."""
        return self._count + self.others.index(nuisance)

    def start(self) -> Reals:
        """All nuisances at 0, as far as bounds allow, [coordinate] [1]."""
        none = jnp.zeros(len(self.others), self.problem.centre.dtype)
        start = jnp.concatenate([self.strengths.start, none])
        return jnp.maximum(start, jnp.asarray(self.low, start.dtype))

    def of(self, a: Reals) -> Reals:
        """Coordinates of nuisances a, [nuisance] [1]."""
        none = jnp.zeros(len(self.others), a.dtype)
        start = jnp.concatenate([self.strengths.start, none])
        return start + jnp.asarray(self.by_nuisances, a.dtype) @ a

    def nuisances(self, z: Reals) -> Reals:
        """All nuisances at coordinates z, [nuisance] [1]."""
        joined = jnp.concatenate([self.strengths.pulls(z[: self._count]), z[self._count :]])
        return joined[np.argsort([*self.strengths.layout.pulls, *self.others])]

    def view(self, z: Reals) -> View:
        """The problem's components at coordinates z."""
        u = z[: self._count]
        slopes = np.zeros((len(self.strengths.base), z.size))
        slopes[:, : self._count] = self.strengths.layout.strengths
        nuisances = {k: (z[self._count + i], self._count + i) for i, k in enumerate(self.others)}
        return View(self.strengths.at(u), slopes, nuisances)

    def chi2(self, observed: Reals, z: Reals) -> Reals:
        """chi2 with the least constraints of nuisances at coordinates z."""
        mu = mean_of(self.problem, self.view(z)).mu
        return cells_chi2(observed, self.problem, mu) + self._penalty(z)

    def _penalty(self, z: Reals) -> Reals:
        far, precision = self._away(z)
        return self.strengths.penalty(z[: self._count]) + jnp.sum(far**2 * precision)

    def _away(self, z: Reals) -> tuple[Reals, Reals]:
        """The other nuisances less their centres, and their 1/sd^2."""
        places = np.array(self.others, dtype=int)
        centre, precision = self.problem.centre[places], self.problem.inverse_variance[places]
        return z[self._count :] - centre, precision

    def penalty_derivatives(self, z: Reals) -> tuple[Reals, Reals]:
        """Gradient [coordinate] and Hessian [coordinate, coordinate] of half the constraints."""
        slope, curvature = self.strengths.penalty_derivatives(z[: self._count])
        far, precision = self._away(z)
        gradient = jnp.concatenate([slope, far * precision])
        hessian = jnp.zeros((z.size, z.size), z.dtype)
        hessian = hessian.at[: self._count, : self._count].set(curvature)
        hessian = hessian.at[self._count :, self._count :].set(jnp.diag(precision))
        return gradient, hessian

    def expansion(self, observed: Reals, z: Reals) -> tuple[Reals, Reals, Reals, Reals]:
        """Gradient and Hessian of chi2/2, a bound on the latter from above, and counts."""
        view = self.view(z)
        mean = mean_of(self.problem, view)
        tilt = cell_tilt(observed, self.problem, mean.mu)
        gradient, hessian = self.penalty_derivatives(z)
        gradient = gradient + mean.slopes @ tilt
        exact = hessian + cell_hessian(observed, self.problem, mean)
        exact = exact + curving(self.problem, view, mean, tilt)
        bound = hessian + cell_hessian(observed, self.problem, mean, guarded=True)
        return gradient, exact, bound, mean.mu


def coordinates_of(problem: Templates) -> Coordinates:
    """The coordinates in which the nuisances of a problem are solved."""
    components = [c for experiment in problem.experiments for c in experiment]
    sizes = [len(experiment) for experiment in problem.experiments]
    held = problem.bounded or (True,) * len(sizes)
    bounded = tuple(h for h, n in zip(held, sizes, strict=True) for _ in range(n))
    place = [i for n in sizes for i in range(n)]
    # Signals, which come first, may be huge: they are coordinates if possible.
    order = sorted(range(len(place)), key=lambda c: (place[c] > 0, not bounded[c], c))
    layout = layout_of(tuple(c.pulls for c in components), tuple(order))
    pulls = np.array(layout.pulls, dtype=int)
    precision = problem.inverse_variance[pulls]
    # Derivatives at 0 are 0.
    is_constrained = precision > 0
    root = jnp.where(is_constrained, jnp.sqrt(jnp.where(is_constrained, precision, 1.0)), 0.0)
    base = [base_of(c) for c in components]
    strengths = strengths_of(layout, base, bounded, root, problem.centre[pulls])
    others = tuple(k for k in range(problem.centre.size) if k not in layout.pulls)
    return Coordinates(problem, strengths, others)
