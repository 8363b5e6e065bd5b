"""A first look at pseudo-experiments: about chi2 near shared points, by a few matrix products.

At each point -log L is taken to second order in the nuisances and in small moves of the parameters,
with the curvature of expected counts. Moves are damped at about the distance between points. For
Gaussian cells with linear pulls that is exact in the pulls; for all others it is good enough to say
where fits should start.
"""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.inference.toys.joint_fit import observed_batch
from cevnsjax.likelihood.components import FLOOR
from cevnsjax.model import evaluate
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.structure import ModelStructure, Observed
from cevnsjax.parameters import Normal

if TYPE_CHECKING:
    from cevnsjax.model.model import Model

# Points in one call, and side by side in it.
_POINTS, _SIDE_BY_SIDE = 64, 8
_TINY = 1e-12


class StartSurrogate:
    """chi2 of pseudo-experiments near some points, but for a constant of each.

    Coordinates are the parameters that move, then the solved nuisances.
    """

    def __init__(
        self,
        model: "Model",
        names: tuple[str, ...],
        points: np.ndarray,
        spacing: np.ndarray,
        pulls: np.ndarray,
        held: dict[str, float],
    ) -> None:
        """Prepare.

        Args:
            model: The model.
            names: Parameters that make up the points.
            points: [point, name] in their units.
            spacing: About the distance to the next point, 0 in coordinates that do not move,
                [point, name] in their units.
            pulls: Best nuisances of expected counts there, [point, nuisance] [1].
            held: Values of others.
        """
        self._model, self._points = model, points
        experiments = model.state.arrays
        solved = evaluate.solved_names(model.state.structure, experiments)
        self._moving = np.flatnonzero(np.any(spacing > 0, axis=0))
        coordinates = (*(names[k] for k in self._moving), *solved)
        self._values = np.concatenate([points[:, self._moving], pulls], axis=1)
        priors = [model.parameters[n].prior for n in coordinates]
        nuisance = [model.parameters[n].kind == "nuisance" for n in coordinates]
        self._precision = np.array(
            [
                1 / p.sd**2 if is_one and isinstance(p, Normal) else 0.0
                for p, is_one in zip(priors, nuisance, strict=True)
            ]
        )
        measured = model.state.structure.auxiliary_names
        self._place = np.array(
            [measured.index(n) if n in measured else -1 for n in coordinates], dtype=int
        )
        vector, _ = model.state.split(held)
        mu, slopes = self._counts(names, solved, vector, points, pulls)
        kept = [*self._moving, *range(len(names), len(names) + len(solved))]
        step = np.maximum(spacing[:, self._moving], _TINY)
        damping = np.concatenate([1 / step**2, np.zeros_like(pulls)], axis=1)
        self._cells(mu, slopes[:, kept], damping)

    def _counts(
        self,
        names: tuple[str, ...],
        solved: tuple[str, ...],
        vector: np.ndarray,
        points: np.ndarray,
        pulls: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Expected counts [point, cell] and slopes by all coordinates [point, name, cell]."""
        m, parts = self._model, []
        for first in range(0, len(points), _POINTS):
            # The last call is filled up with its own last point.
            index = np.minimum(np.arange(first, first + _POINTS), len(points) - 1)
            every = np.concatenate([points, pulls], axis=1)[index]
            parts.append(
                _expected(m.state.structure, (*names, *solved), m.state.leaves, vector, every)
            )
        joined = (np.concatenate(p)[: len(points)] for p in zip(*parts, strict=True))
        mu, slopes = joined
        return mu, np.swapaxes(slopes, 1, 2)

    def _cells(self, mu: np.ndarray, slopes: np.ndarray, damping: np.ndarray) -> None:
        """Matrices that take counts and auxiliary measurements to chi2 and to steps."""
        experiments = self._model.experiments.values()
        poisson = np.concatenate(
            [np.full(e.observed.size, e.statistic == "poisson") for e in experiments]
        )
        weights = np.concatenate([1 / e.variance for e in experiments])
        # Half the derivative of chi2 by mu is tilt - n curvature; chi2 is level - n along.
        floored = np.where(poisson, np.maximum(mu, FLOOR), 1.0)
        curvature = np.where(poisson, 1 / floored, weights)
        tilt = np.where(poisson, 1.0, weights * mu)
        along = np.where(poisson, 2 * np.log(floored), 2 * weights * mu)
        level = np.sum(np.where(poisson, 2 * floored, weights * mu**2), axis=1)
        pressed = self._values * self._precision
        self._along, self._found_along = along.T, 2 * pressed.T
        self._level = level + np.sum(self._values * pressed, axis=1)
        self._slope = np.einsum("gkc,gc->gk", slopes, tilt) + pressed
        self._slope_counts = -slopes * curvature[:, None, :]
        hessian = np.einsum("gkc,gc,glc->gkl", slopes, curvature, slopes)
        here = np.eye(self._precision.size)
        hessian = hessian + here * (self._precision + _TINY)
        damped = hessian + here * damping[:, None, :]
        self._inverse = np.linalg.inv(damped)
        gain = self._inverse @ (damped + here * damping[:, None, :]) @ self._inverse
        root = np.swapaxes(np.linalg.cholesky((gain + np.swapaxes(gain, 1, 2)) / 2), 1, 2)
        g, k, c = slopes.shape
        self._to_gain = (root @ self._slope_counts).reshape(g * k, c).T
        self._found_to_gain = (-root * self._precision).reshape(g * k, k).T
        self._gain = np.einsum("glk,gk->gl", root, self._slope).reshape(-1)

    def chi2(self, data: Pseudodata) -> np.ndarray:
        """About chi2 near every point, but for a constant of each, [toy, point].

        Args:
            data: A batch of pseudo-experiments.
        """
        n, found = self._arrays(data)
        gain = n @ self._to_gain + found @ self._found_to_gain + self._gain
        out = self._level - n @ self._along - found @ self._found_along
        return out - np.sum(gain.reshape(len(n), len(self._points), -1) ** 2, axis=2)

    def starts(self, data: Pseudodata, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Parameters [toy, name] and nuisances [toy, nuisance] to start from near one point.

        Args:
            data: A batch of pseudo-experiments.
            index: Which point, [toy].
        """
        n, found = self._arrays(data)
        slope = self._slope[index] - found * self._precision
        slope = slope + np.einsum("tkc,tc->tk", self._slope_counts[index], n)
        there = self._values[index] - np.einsum("tkl,tl->tk", self._inverse[index], slope)
        x, count = self._points[index], self._moving.size
        x[:, self._moving] = there[:, :count]
        return x, there[:, count:]

    def _arrays(self, data: Pseudodata) -> tuple[np.ndarray, np.ndarray]:
        """Counts of all experiments [toy, cell], measurements of coordinates [toy, name]."""
        counts, auxiliary = observed_batch(self._model, data)
        found = np.zeros((len(auxiliary), self._place.size))
        known = self._place >= 0
        found[:, known] = auxiliary[:, self._place[known]]
        return np.concatenate(counts, axis=1), found


@jax.jit(static_argnums=(0, 1))
def _expected(
    structure: ModelStructure, names: tuple[str, ...], leaves: Any, vector: Any, points: Any
) -> Any:
    """Expected counts [point, cell] and their slopes [point, cell, name]."""
    experiments = structure.experiments(leaves)
    defaults = structure.values(vector)

    def counts(x: Any) -> tuple[Any, Any]:
        values = {**defaults, **dict(zip(names, x, strict=True))}
        mu = evaluate.expected(structure, experiments, Observed((), jnp.zeros(0)), values)
        every = jnp.concatenate([mu[e.name] for e in experiments])
        return every, every

    def both(x: Any) -> tuple[Any, Any]:
        slopes, mu = jax.jacfwd(counts, has_aux=True)(x)
        return mu, slopes

    return jax.lax.map(both, points, batch_size=_SIDE_BY_SIDE)
