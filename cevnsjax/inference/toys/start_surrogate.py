"""A surrogate of chi2 that says where fits of pseudo-experiments start, by a few matrix products.

At each of some shared points -log L is expanded to second order in the nuisances and in small moves
of the parameters, with the curvature of expected counts. Moves are damped at about the distance
between points. For Gaussian cells with linear pulls the expansion is exact in the pulls; for all
others it is good enough to say where fits should start.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cevnsjax.core.batches import in_batches
from cevnsjax.inference.toys.joint_fit import observed_batch
from cevnsjax.likelihood.deviance import FLOOR
from cevnsjax.model import evaluate
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.model import Model
from cevnsjax.model.structure import (
    Inputs,
    Leaves,
    ModelStructure,
    Observed,
    Vector,
    prior_information,
)

# Points in one call, and side by side in it.
_POINTS_PER_CALL, _POINTS_SIDE_BY_SIDE = 64, 8
# Added to curvatures, and the least step, so that nothing is singular.
_TINY = 1e-12

PerPoint = Float[np.ndarray, "point name"]


class StartSurrogate:
    """chi2 of pseudo-experiments near some points, up to a constant for each of them.

    Coordinates are the parameters that move, then the solved nuisances.
    """

    def __init__(
        self,
        model: Model,
        names: tuple[str, ...],
        points: PerPoint,
        spacing: PerPoint,
        pulls: Float[np.ndarray, "point nuisance"],
        fixed: dict[str, float],
    ) -> None:
        """Expand chi2 at points, with the best nuisances of expected counts there.

        ``spacing`` is about the distance to the next point, 0 in coordinates that do not move.
        """
        self._model, self._points = model, points
        structure = model.state.structure
        solved = model.state.solved_names
        self._moving = np.flatnonzero(np.any(spacing > 0, axis=0))
        coordinates = (*(names[k] for k in self._moving), *solved)
        self._values = np.concatenate([points[:, self._moving], pulls], axis=1)
        self._precision = prior_information(model.parameters, coordinates)
        measured = structure.auxiliary_names
        self._auxiliary_index = np.array(
            [measured.index(n) if n in measured else -1 for n in coordinates], dtype=int
        )
        vector, _ = model.state.split(fixed)
        all_points = np.concatenate([points, pulls], axis=1)
        mu, slopes = in_batches(
            lambda rows: _expected(
                structure, (*names, *solved), model.state.leaves, vector, all_points[rows]
            ),
            len(points),
            _POINTS_PER_CALL,
        )
        chosen = [*self._moving, *range(len(names), len(names) + len(solved))]
        step = np.maximum(spacing[:, self._moving], _TINY)
        damping = np.concatenate([1 / step**2, np.zeros_like(pulls)], axis=1)
        self._expand(mu, np.swapaxes(slopes, 1, 2)[:, chosen], damping)

    def _expand(
        self,
        mu: Float[np.ndarray, "point cell"],
        slopes: Float[np.ndarray, "point coordinate cell"],
        damping: Float[np.ndarray, "point coordinate"],
    ) -> None:
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
        penalty_gradient = self._values * self._precision
        self._along, self._auxiliary_along = along.T, 2 * penalty_gradient.T
        self._level = level + np.sum(self._values * penalty_gradient, axis=1)
        self._slope = np.einsum("gkc,gc->gk", slopes, tilt) + penalty_gradient
        self._slope_counts = -slopes * curvature[:, None, :]
        hessian = np.einsum("gkc,gc,glc->gkl", slopes, curvature, slopes)
        unit = np.eye(self._precision.size)
        hessian = hessian + unit * (self._precision + _TINY)
        damped = hessian + unit * damping[:, None, :]
        self._inverse = np.linalg.inv(damped)
        # Along the damped step -D^-1 s, D = H + P, chi2 falls by s D^-1 (D + P) D^-1 s.
        gain = self._inverse @ (damped + unit * damping[:, None, :]) @ self._inverse
        root = _root((gain + np.swapaxes(gain, 1, 2)) / 2)
        g, k, c = slopes.shape
        self._gain_counts = (root @ self._slope_counts).reshape(g * k, c).T
        self._gain_auxiliary = (-root * self._precision).reshape(g * k, k).T
        self._gain = np.einsum("glk,gk->gl", root, self._slope).reshape(-1)

    def chi2(self, data: Pseudodata) -> Float[np.ndarray, "toy point"]:
        """About the lowest chi2 near every point, up to a constant for each pseudo-experiment."""
        n, auxiliary = self._measured(data)
        gain = n @ self._gain_counts + auxiliary @ self._gain_auxiliary + self._gain
        undamped = self._level - n @ self._along - auxiliary @ self._auxiliary_along
        return undamped - np.sum(gain.reshape(len(n), len(self._points), -1) ** 2, axis=2)

    def starts(
        self, data: Pseudodata, index: Int[np.ndarray, " toy"]
    ) -> tuple[Float[np.ndarray, "toy name"], Float[np.ndarray, "toy nuisance"]]:
        """Parameters and nuisances to start from near the point that is named for each toy."""
        n, auxiliary = self._measured(data)
        slope = self._slope[index] - auxiliary * self._precision
        slope = slope + np.einsum("tkc,tc->tk", self._slope_counts[index], n)
        ends = self._values[index] - np.einsum("tkl,tl->tk", self._inverse[index], slope)
        x, count = self._points[index], self._moving.size
        x[:, self._moving] = ends[:, :count]
        return x, ends[:, count:]

    def _measured(
        self, data: Pseudodata
    ) -> tuple[Float[np.ndarray, "toy cell"], Float[np.ndarray, "toy coordinate"]]:
        """Counts of all experiments, and auxiliary measurements of coordinates."""
        counts, auxiliary = observed_batch(self._model, data)
        measured = np.zeros((len(auxiliary), self._auxiliary_index.size))
        has_measurement = self._auxiliary_index >= 0
        measured[:, has_measurement] = auxiliary[:, self._auxiliary_index[has_measurement]]
        return np.concatenate(counts, axis=1), measured


def _root(
    gain: Float[np.ndarray, "point coordinate coordinate"],
) -> Float[np.ndarray, "point coordinate coordinate"]:
    """R with R^T R = gain; what rounding makes negative counts as 0."""
    size = np.sqrt(np.einsum("gkk->gk", gain))
    scaled = gain / (size[:, :, None] * size[:, None, :])
    curvatures, axes = np.linalg.eigh(scaled)
    roots = np.sqrt(np.maximum(curvatures, 0.0))[:, :, None] * np.swapaxes(axes, 1, 2)
    return roots * size[:, None, :]


@jax.jit(static_argnums=(0, 1))
def _expected(
    structure: ModelStructure,
    names: tuple[str, ...],
    leaves: Leaves,
    vector: Vector,
    points: Float[Array, "point name"] | Float[np.ndarray, "point name"],
) -> tuple[Float[Array, "point cell"], Float[Array, "point cell name"]]:
    """Expected counts and their slopes."""
    model = Inputs(leaves, Observed((), jnp.zeros(0)), vector, {}).of(structure)

    def counts(x: Float[Array, " name"]) -> tuple[Float[Array, " cell"], Float[Array, " cell"]]:
        mu = evaluate.expected(model.moved(dict(zip(names, x, strict=True))))
        joined = jnp.concatenate([mu[e.name] for e in model.experiments])
        return joined, joined

    def with_slopes(
        x: Float[Array, " name"],
    ) -> tuple[Float[Array, " cell"], Float[Array, "cell name"]]:
        slopes, mu = jax.jacfwd(counts, has_aux=True)(x)
        return mu, slopes

    return jax.lax.map(with_slopes, jnp.asarray(points), batch_size=_POINTS_SIDE_BY_SIDE)
