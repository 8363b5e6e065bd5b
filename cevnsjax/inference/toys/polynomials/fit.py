"""Fits of many pseudo-experiments side by side in NumPy, where signals are polynomials.

All pseudo-experiments share the coefficients, so that expected counts and their derivatives by
parameters and nuisances are products of matrices.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from cevnsjax.core.batches import on_all_cores
from cevnsjax.inference.minimise.side_by_side import Expansions, newton_side_by_side
from cevnsjax.inference.toys.polynomials.signal import monomials_at
from cevnsjax.likelihood.components import Templates
from cevnsjax.likelihood.shared.spanned import Spanned, points_together, spanned, spans_of
from cevnsjax.likelihood.shared.spans import Span
from cevnsjax.likelihood.stacks import side_by_side
from cevnsjax.model import evaluate
from cevnsjax.model.expansion.group import assembled
from cevnsjax.model.expansion.nearby import block_diagonal
from cevnsjax.model.model import Model
from cevnsjax.model.structure import ModelAtValues, Observed
from cevnsjax.model.templates.polynomial import Polynomial
from cevnsjax.model.templates.template import signal_shape, signal_slices

PerFit = Float[np.ndarray, "fit coordinate"]


# Along flat directions of more couplings the two ways end in different places, this one higher.
_MOST_NAMES = 3


class FitBatch(NamedTuple):
    """What each fit has to itself.

    Attributes:
        x: Parameters to start from, in their units.
        pulls: Nuisances to start from [1].
        counts: Of each experiment, [fit, cell].
        auxiliary: Auxiliary measurements, [fit, nuisance].
    """

    x: Float[np.ndarray, "fit name"]
    pulls: Float[np.ndarray, "fit nuisance"]
    counts: tuple[Float[np.ndarray, "fit _"], ...]
    auxiliary: Float[np.ndarray, "fit nuisance"]

    def at(self, rows: Int[np.ndarray, " row"]) -> "FitBatch":
        """Some of the fits."""
        counts = tuple(c[rows] for c in self.counts)
        return FitBatch(self.x[rows], self.pulls[rows], counts, self.auxiliary[rows])


@dataclass(frozen=True)
class _Group:
    """Experiments that share nuisances: their indices, and what all fits share."""

    members: tuple[int, ...]
    problem: Templates
    spans: tuple[Span, ...]
    names: tuple[str, ...]


class PolynomialFit:
    """Fits of a model whose signals are a polynomial of the parameters.

    Attributes:
        names: The parameters.
    """

    def __init__(self, model: Model, polynomial: Polynomial, fixed: Mapping[str, float]) -> None:
        """``fixed`` are values of parameters that all fits hold."""
        self.names, self._polynomial = polynomial.axes, polynomial
        state, table = model.state, model.parameters
        self._structure, self._values = state.structure, {**table.defaults(), **fixed}
        self._scale = np.array([table[n].scale for n in self.names])
        self._pull_scale = np.array([table[n].scale for n in state.solved_names])
        arrays = state.numpy_arrays
        counts = tuple(np.zeros(e.weights.shape) for e in arrays)
        centres: Any = np.asarray(state.observed_or(None, needed=False).auxiliary)
        at = ModelAtValues(state.structure, arrays, Observed(counts, centres), self._values)
        coefficients = polynomial.coefficients[:, 0]
        slices = signal_slices(arrays)
        self._groups = []
        for members in state.structure.groups:
            signals = [
                coefficients[:, slices[i]].reshape(-1, *signal_shape(arrays[i])) for i in members
            ]
            problem = evaluate.group_problem(at, members, signals)
            templates = problem.solved.problem
            self._groups.append(_Group(members, templates, spans_of(templates), problem.names))

    def descend(
        self,
        batch: FitBatch,
        is_fixed: Bool[np.ndarray, " name"],
        bounds: Float[np.ndarray, "2 name"],
        most_steps: int,
    ) -> tuple[
        Float[np.ndarray, "fit name"],
        Float[np.ndarray, "fit nuisance"],
        Float[np.ndarray, " fit"],
        Float[np.ndarray, " fit"],
    ]:
        """Parameters, nuisances, nll and distance to the minimum at the ends."""
        size, count = points_together(sum(x.shape[1] for x in batch.counts)), len(batch.x)
        rows = [np.arange(i, min(i + size, count)) for i in range(0, count, size)]

        def work(some: np.ndarray) -> tuple[np.ndarray, ...]:
            # Beyond what numbers can hold values are not finite, and say so by being that.
            with np.errstate(all="ignore"):
                return self._ends(batch.at(some), is_fixed, bounds, most_steps)

        parts = on_all_cores(work, rows)
        x, pulls, value, distance = (np.concatenate(p) for p in zip(*parts, strict=True))
        return x, pulls, value, distance

    def _ends(
        self, batch: FitBatch, is_fixed: np.ndarray, bounds: np.ndarray, most_steps: int
    ) -> tuple[np.ndarray, ...]:
        """The same side by side."""
        groups, n = self._spanned(batch), len(self.names)
        sizes = np.cumsum([len(g.names) for g in self._groups])[:-1]
        parts = zip(groups, np.split(batch.pulls, sizes, axis=1), strict=True)
        z = np.concatenate([g.of(a) for g, a in parts], axis=1)
        # Nuisances move in the coordinates in which they are solved, scaled as they are.
        moved = block_diagonal([g.by_nuisances for g in groups])
        units = np.concatenate([self._scale, np.sqrt(moved**2 @ self._pull_scale**2)])
        least = np.concatenate([g.low for g in groups])
        low = np.concatenate([bounds[0], least]) / units
        high = np.concatenate([bounds[1] / self._scale, np.full(least.size, np.inf)])
        start = np.concatenate([batch.x, np.maximum(z, least)], axis=1) / units
        fixed = np.concatenate([is_fixed, np.zeros(least.size, dtype=bool)])

        def expansions(rows: Int[np.ndarray, " fit"]) -> Expansions:
            return self._expansions(batch.at(rows), units)

        ends = newton_side_by_side(expansions, start, low, high, fixed, most_steps)
        u, value, distance = ends
        z = np.split(u[:, n:] * units[n:], np.cumsum([g.low.size for g in groups])[:-1], axis=1)
        pulls = [g.nuisances(part) for g, part in zip(groups, z, strict=True)]
        return u[:, :n] * self._scale, np.concatenate(pulls, axis=1), value, distance

    def _spanned(self, batch: FitBatch) -> list[Spanned]:
        """The nuisances of all groups, with the measurements of each fit."""
        at = monomials_at(self._polynomial, batch.x)
        out = []
        for group in self._groups:
            centre = np.zeros((len(batch.x), len(group.names)))
            for k, name in enumerate(group.names):
                if name in self._structure.auxiliary_names:
                    index = self._structure.auxiliary_names.index(name)
                    centre[:, k] = batch.auxiliary[:, index]
            out.append(spanned(replace(group.problem, centre=centre), group.spans, at))
        return out

    def _expansions(self, batch: FitBatch, units: np.ndarray) -> Expansions:
        n, groups = len(self.names), self._spanned(batch)
        ends = np.cumsum([g.low.size for g in groups])[:-1]
        data = [side_by_side([batch.counts[i] for i in g.members]) for g in self._groups]

        def expand(u: PerFit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            p, z = u[:, :n] * units[:n], np.split(u[:, n:] * units[n:], ends, axis=1)
            at = monomials_at(self._polynomial, p)
            parts = [
                replace(g, monomials=at).expansion(counts, part)
                for g, counts, part in zip(groups, data, z, strict=True)
            ]
            value, gradient, hessian = assembled(n, len(u), parts)
            self._add_constraints(batch, p, value, gradient, hessian)
            return value, gradient * units, hessian * units[:, None] * units

        return expand

    def _add_constraints(
        self,
        batch: FitBatch,
        p: Float[np.ndarray, "fit name"],
        value: np.ndarray,
        gradient: np.ndarray,
        hessian: np.ndarray,
    ) -> None:
        """Add half the constraints on nonlinear nuisances."""
        for name, prior in self._structure.constraints:
            measured = batch.auxiliary[:, self._structure.auxiliary_names.index(name)]
            k = self.names.index(name) if name in self.names else None
            away = ((self._values[name] if k is None else p[:, k]) - measured) / prior.sd
            value += away**2 / 2
            if k is not None:
                gradient[:, k] += away / prior.sd
                hessian[:, k, k] += 1 / prior.sd**2


def polynomial_fit_of(
    model: Model, polynomial: Polynomial | None, fixed: Mapping[str, float]
) -> PolynomialFit | None:
    """Fits side by side in NumPy; None where a compiled program is better or needed."""
    if polynomial is None or jax.default_backend() != "cpu":
        return None
    if len(polynomial.axes) > _MOST_NAMES:
        return None
    for e in model.state.arrays:
        if e.log_widths or any(n in polynomial.axes for n, _ in e.free_pulls):
            return None
    return PolynomialFit(model, polynomial, fixed)
