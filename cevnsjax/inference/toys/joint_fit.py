"""Fits of many pseudo-experiments side by side: parameters and nuisances in one Newton descent.

Each lane has data and a start of its own. Nuisances move together with the parameters instead of
being solved anew at every step, so that a step costs one second-order expansion. Where the signal
is a polynomial in the parameters it is evaluated as one.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from cevnsjax.core.types import Reals, Values
from cevnsjax.inference.minimise.traced import newton
from cevnsjax.inference.toys.polynomial_signal import (
    PolynomialSignal,
    polynomial_signals,
    signals_of,
)
from cevnsjax.model import evaluate
from cevnsjax.model.data import Pseudodata
from cevnsjax.model.expansion import expanded_nll, problems_near, second_order
from cevnsjax.model.structure import ModelStructure, Observed

if TYPE_CHECKING:
    from cevnsjax.model.model import Model

# Lanes in one call and side by side in it; on a GPU all at once.
_LANES, _BATCH = 256, {"cpu": 32}


class FitEnd(NamedTuple):
    """Where fits of some pseudo-experiments ended.

    Attributes:
        x: Parameters, [toy, name] in their units.
        pulls: Solved nuisances, [toy, nuisance] [1].
        chi2: There, [toy].
        distance: Left in nll; infinite if the curvature is not positive, [toy].
    """

    x: np.ndarray
    pulls: np.ndarray
    chi2: np.ndarray
    distance: np.ndarray


class JointFit:
    """Fits of a model's parameters and all its solved nuisances to pseudo-experiments.

    Attributes:
        names: The parameters.
        solved: The nuisances.
    """

    def __init__(
        self, model: "Model", names: tuple[str, ...], held: dict[str, float], box: np.ndarray
    ) -> None:
        """Prepare.

        Args:
            model: The model.
            names: Parameters that a fit may move.
            held: Values of others.
            box: Bounds of the parameters, [name, 2] in their units.
        """
        self.names, self._model = names, model
        experiments = model.state.arrays
        self.solved = evaluate.solved_names(model.state.structure, experiments)
        table = model.parameters
        self._vector, _ = model.state.split(held)
        self._signals = polynomial_signals(model, names, held, box)
        self.scale = np.array([table[n].scale for n in (*names, *self.solved)])
        low, high = np.full((2, self.scale.size), np.inf) * [[-1], [1]]
        low[: len(names)], high[: len(names)] = box.T
        self._box = box.T
        self._low, self._high = low / self.scale, high / self.scale

    def descend(
        self, x: np.ndarray, pulls: np.ndarray, data: Pseudodata, still: np.ndarray
    ) -> FitEnd:
        """Come down from one start for each pseudo-experiment.

        Args:
            x: Parameters to start from, [toy, name] in their units.
            pulls: Nuisances to start from, [toy, nuisance] [1].
            data: The pseudo-experiments, a batch.
            still: Which parameters keep their start, [name].
        """
        k = len(self.names)
        x = np.where(still, x, np.clip(x, *self._box))
        u = np.concatenate([x, pulls], axis=1) / self.scale
        counts, auxiliary = observed_batch(self._model, data)
        fixed = np.concatenate([still, np.zeros(len(self.solved), dtype=bool)])
        parts = []
        for first in range(0, len(u), _LANES):
            # The last call is filled up with its own last lane.
            index = np.minimum(np.arange(first, first + _LANES), len(u) - 1)
            lanes = (u[index], tuple(c[index] for c in counts), auxiliary[index])
            parts.append(self._run(fixed, lanes))
        u, value, distance = (np.concatenate(p)[: len(x)] for p in zip(*parts, strict=True))
        natural = u * self.scale
        # Scaled and scaled back a bound may be missed by one rounding.
        inside = np.clip(natural[:, :k], *self._box)
        kept = np.where(still, x, inside)
        return FitEnd(kept, natural[:, k:], 2 * value, distance)

    def _run(self, fixed: np.ndarray, lanes: Any) -> Any:
        m, s = self._model, self._signals
        box = (self._low, self._high, self.scale, fixed)
        batch = _BATCH.get(jax.default_backend(), _LANES)
        powers = None if s is None else s.powers
        arrays = None if s is None else s.arrays
        return _descend(
            m.state.structure,
            self.names,
            powers,
            batch,
            m.state.leaves,
            arrays,
            self._vector,
            box,
            lanes,
        )


def observed_batch(model: "Model", data: Pseudodata) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Counts by experiment, each [toy, cell], and auxiliary measurements, [toy, nuisance].

    Args:
        model: The model.
        data: A batch of pseudo-experiments.
    """
    own = model.state.observed_or(None, needed=False)
    counts = tuple(np.asarray(data.counts[n], dtype=model.dtype) for n in model.experiments)
    centres = np.asarray(own.auxiliary)
    auxiliary = np.tile(centres, (len(data), 1))
    for k, name in enumerate(model.state.structure.auxiliary_names):
        if name in data.auxiliary:
            auxiliary[:, k] = data.auxiliary[name]
    return counts, auxiliary


@jax.jit(static_argnums=(0, 1, 2, 3))
def _descend(
    structure: ModelStructure,
    names: tuple[str, ...],
    powers: Any,
    batch: int,
    leaves: Any,
    arrays: Any,
    vector: Any,
    box: Any,
    lanes: Any,
) -> Any:
    """Scaled coordinates [lane, coordinate], nll [lane] and distance left [lane]."""
    experiments = structure.experiments(leaves)
    defaults = structure.values(vector)
    k, scale = len(names), box[2]
    signals = None if powers is None else PolynomialSignal(powers, arrays)

    def lane(given: Any) -> Any:
        start, counts, auxiliary = given
        observed = Observed(counts, auxiliary)

        def expand(u: Reals) -> Any:
            p, a = u[:k] * scale[:k], u[k:] * scale[k:]

            def values_at(q: Reals) -> Values:
                return {**defaults, **dict(zip(names, q, strict=True))}

            def at(q: Reals) -> list[Reals]:
                return signals_of(signals, structure, experiments, observed, values_at(q), q)

            # To second order in the parameters once, so that nodes are not differentiated again.
            near = second_order(at, p)
            problems = problems_near(structure, experiments, observed, values_at, near, p)
            value, gradient, hessian = expanded_nll(problems, p, a)
            return value, gradient * scale, hessian * scale[:, None] * scale[None, :]

        return newton(expand, start, box[0], box[1], box[3])

    return jax.lax.map(lane, lanes, batch_size=batch)
