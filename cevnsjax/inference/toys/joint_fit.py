"""Fits of many pseudo-experiments side by side: parameters and nuisances in one Newton descent.

Every fit has its own data and start. Nuisances move together with the parameters instead of being
solved anew at every step, so that a step costs one second-order expansion. Where the signal is a
polynomial of the parameters it is evaluated as one.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from cevnsjax.core.batches import in_batches
from cevnsjax.core.types import Reals
from cevnsjax.inference.minimise.traced import MAX_STEPS, newton
from cevnsjax.inference.toys.polynomials.fit import FitBatch, polynomial_fit_of
from cevnsjax.inference.toys.polynomials.signal import (
    PolynomialSignal,
    find_signals,
    signals_of,
    traced_signals,
)
from cevnsjax.model import evaluate
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.expansion.nearby import block_diagonal, expanded_nll, problems_near
from cevnsjax.model.expansion.second_order import second_order
from cevnsjax.model.model import Model
from cevnsjax.model.nuisance_groups import NuisanceProblem
from cevnsjax.model.structure import Inputs, Leaves, ModelAtValues, ModelStructure, Observed, Vector

# Fits in one call, and side by side in it; on a GPU all at once.
_FITS_PER_CALL, _SIDE_BY_SIDE = 256, {"cpu": 32}


class FitEnd(NamedTuple):
    """Where fits of some pseudo-experiments ended.

    Attributes:
        x: Parameters, in their units.
        pulls: Solved nuisances [1].
        chi2: There.
        distance: To the minimum in nll; infinite if the curvature is not positive.
    """

    x: Float[np.ndarray, "toy name"]
    pulls: Float[np.ndarray, "toy nuisance"]
    chi2: Float[np.ndarray, " toy"]
    distance: Float[np.ndarray, " toy"]


class _Box(NamedTuple):
    """Bounds of the scaled coordinates, their scales, which keep their start, and most steps."""

    low: Float[Array, " coordinate"]
    high: Float[Array, " coordinate"]
    scale: Float[Array, " coordinate"]
    fixed: Bool[Array, " coordinate"]
    most_steps: Int[Array, ""]


class _FitInputs(NamedTuple):
    """What each fit has to itself: scaled start, counts by experiment, auxiliary measurements."""

    start: Float[Array, "*fit coordinate"]
    counts: tuple[Float[Array, "*fit _"], ...]
    auxiliary: Float[Array, "*fit nuisance"]


class JointFit:
    """Fits of a model's parameters and all its solved nuisances to pseudo-experiments.

    Attributes:
        names: The parameters.
        solved: The nuisances.
    """

    def __init__(
        self,
        model: Model,
        names: tuple[str, ...],
        fixed: dict[str, float],
        box: Float[np.ndarray, "name 2"],
    ) -> None:
        self.names, self._model = names, model
        self.solved = model.state.solved_names
        table = model.parameters
        self._vector, _ = model.state.split(fixed)
        polynomial = find_signals(model, names, fixed, box)
        self._in_numpy = polynomial_fit_of(model, polynomial, fixed)
        self._signals = traced_signals(polynomial)
        self.scale = np.array([table[n].scale for n in (*names, *self.solved)])
        low, high = np.full((2, self.scale.size), np.inf) * [[-1], [1]]
        low[: len(names)], high[: len(names)] = box.T
        self._bounds = box.T
        self._low, self._high = low / self.scale, high / self.scale

    def descend(
        self,
        x: Float[np.ndarray, "toy name"],
        pulls: Float[np.ndarray, "toy nuisance"],
        data: Pseudodata,
        is_fixed: Bool[np.ndarray, " name"],
        most_steps: int = MAX_STEPS,
    ) -> FitEnd:
        """Minimise from one start for each pseudo-experiment; fixed parameters keep theirs.

        Fits that are not there after ``most_steps`` stay where they are.
        """
        k = len(self.names)
        x = np.where(is_fixed, x, np.clip(x, *self._bounds))
        counts, auxiliary = observed_batch(self._model, data)
        if self._in_numpy is not None:
            batch = FitBatch(x, pulls, counts, auxiliary)
            found = self._in_numpy.descend(batch, is_fixed, self._bounds, most_steps)
            x_end, pulls_end, value, distance = found
            x_end = np.where(is_fixed, x, np.clip(x_end, *self._bounds))
            return FitEnd(x_end, pulls_end, 2 * value, distance)
        u = np.concatenate([x, pulls], axis=1) / self.scale
        fixed = np.concatenate([is_fixed, np.zeros(len(self.solved), dtype=bool)])
        box = _Box(*jax.device_put((self._low, self._high, self.scale, fixed, most_steps)))
        side_by_side = _SIDE_BY_SIDE.get(jax.default_backend(), _FITS_PER_CALL)
        state = self._model.state

        def ends(rows: np.ndarray) -> tuple[Array, Array, Array]:
            arrays_of_fits = u[rows], tuple(c[rows] for c in counts), auxiliary[rows]
            inputs = _FitInputs(*jax.device_put(arrays_of_fits))
            static = (state.structure, self.names, side_by_side)
            return _descend(*static, state.leaves, self._signals, self._vector, box, inputs)

        u_end, value, distance = in_batches(ends, len(u), _FITS_PER_CALL)
        natural = u_end * self.scale
        # Scaled and scaled back a bound may be missed by one rounding.
        inside = np.clip(natural[:, :k], *self._bounds)
        return FitEnd(np.where(is_fixed, x, inside), natural[:, k:], 2 * value, distance)


def observed_batch(
    model: Model, data: Pseudodata
) -> tuple[tuple[Float[np.ndarray, "toy _"], ...], Float[np.ndarray, "toy nuisance"]]:
    """Counts by experiment and auxiliary measurements; those not drawn stay at their centres."""
    centres = model.state.observed_or(None, needed=False).auxiliary
    counts = tuple(np.asarray(data.counts[n], dtype=model.dtype) for n in model.experiments)
    auxiliary = np.tile(np.asarray(centres), (len(data), 1))
    for k, name in enumerate(model.state.structure.auxiliary_names):
        if name in data.auxiliary:
            auxiliary[:, k] = data.auxiliary[name]
    return counts, auxiliary


class _Nuisances(NamedTuple):
    """Coordinates of all solved nuisances: where they start, least values, and derivatives."""

    start: Float[Array, " coordinate"]
    low: Float[np.ndarray, " coordinate"]
    by_nuisances: Float[np.ndarray, "coordinate nuisance"]

    @classmethod
    def of(cls, problems: list[NuisanceProblem], a: Float[Array, " nuisance"]) -> "_Nuisances":
        """The coordinates of nuisances a, in the order of the problems."""
        ends = np.cumsum([len(q.names) for q in problems])[:-1]
        pairs = zip(problems, jnp.split(a, ends), strict=True)
        start = jnp.concatenate([q.coordinates(part) for q, part in pairs])
        low = np.concatenate([q.low for q in problems])
        return cls(start, low, block_diagonal([q.by_nuisances for q in problems]))

    def nuisances(
        self, problems: list[NuisanceProblem], z: Float[Array, " coordinate"]
    ) -> Float[Array, " nuisance"]:
        """The nuisances at coordinates z."""
        ends = np.cumsum([q.low.size for q in problems])[:-1]
        pairs = zip(problems, jnp.split(z, ends), strict=True)
        return jnp.concatenate([q.nuisances(part) for q, part in pairs])


@jax.jit(static_argnums=(0, 1, 2))
def _descend(
    structure: ModelStructure,
    names: tuple[str, ...],
    side_by_side: int,
    leaves: Leaves,
    signals: PolynomialSignal | None,
    vector: Vector,
    box: _Box,
    inputs: _FitInputs,
) -> tuple[Float[Array, "fit coordinate"], Float[Array, " fit"], Float[Array, " fit"]]:
    """Scaled coordinates, nll and distance to the minimum."""
    k, scale = len(names), box.scale

    def one_fit(inputs: _FitInputs) -> tuple[Reals, Reals, Reals]:
        observed = Observed(inputs.counts, inputs.auxiliary)
        model = Inputs(leaves, observed, vector, {}).of(structure)

        def model_at(q: Reals) -> ModelAtValues:
            return model.moved(dict(zip(names, q, strict=True)))

        def problems_at(p: Reals) -> list[NuisanceProblem]:
            near = model_at(p)
            return evaluate.nuisance_problems(near, signals_of(signals, near, p))

        # Nuisances move in the coordinates in which they are solved, scaled as they are.
        p, a = inputs.start[:k] * scale[:k], inputs.start[k:] * scale[k:]
        solved = _Nuisances.of(problems_at(p), a)
        spread = jnp.sqrt(jnp.asarray(solved.by_nuisances**2, scale.dtype) @ scale[k:] ** 2)
        units, bounds = jnp.concatenate([scale[:k], spread]), jnp.asarray(solved.low, scale.dtype)

        def expand(u: Reals) -> tuple[Reals, Reals, Reals]:
            p, z = u[:k] * units[:k], u[k:] * units[k:]
            # To second order in the parameters once, so that nodes are not differentiated again.
            near = second_order(lambda q: signals_of(signals, model_at(q), q), p)
            problems = problems_near(model_at, near, p)
            value, gradient, hessian = expanded_nll(problems, p, z)
            return value, gradient * units, hessian * units[:, None] * units[None, :]

        start = jnp.concatenate([inputs.start[:k], jnp.maximum(solved.start, bounds) / spread])
        low = jnp.concatenate([box.low[:k], bounds / spread])
        high = jnp.concatenate([box.high[:k], jnp.full_like(spread, jnp.inf)])
        fixed = jnp.concatenate([box.fixed[:k], jnp.zeros(spread.shape, bool)])
        u, value, distance = newton(expand, start, low, high, fixed, most_steps=box.most_steps)
        a = solved.nuisances(problems_at(u[:k] * scale[:k]), u[k:] * spread)
        return jnp.concatenate([u[:k], a / scale[k:]]), value, distance

    return jax.lax.map(one_fit, inputs, batch_size=side_by_side)
