"""chi2 on product grids from templates: rows of polynomials in one variable.

All axes but one are folded into the coefficients of each row, so that a point costs the same
whatever the number of parameters. Gaussian experiments that share no pulls take ``rows``; for
others a compiled program solves the nuisances point by point.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from cevnsjax.core.types import Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.model import evaluate
from cevnsjax.model.state import ModelState
from cevnsjax.model.structure import Leaves, ModelAtValues, ModelStructure, Observed
from cevnsjax.model.templates.fold import FoldedTemplate, Places
from cevnsjax.model.templates.polynomial import Grids
from cevnsjax.model.templates.rows import GaussianRows, chi2_of_rows
from cevnsjax.model.templates.signal_strength import strength_of
from cevnsjax.model.templates.solved_rows import SolvedRows
from cevnsjax.model.templates.template import signal_shape, signal_slices

# Blocks that stay in the cache: points, and rows whose coefficients are computed at once.
_MAX_POINTS, _MAX_ROWS, _MAX_SOLVED_POINTS = 1 << 18, 1 << 12, 1 << 16
_BATCH = 64
# Distance in nll from which the search at the next points may start.
_ARRIVED = 1e-6
_NOTHING = -1, (0.0, None)

Block = tuple[Float[np.ndarray, "row point"], Float[np.ndarray, "row point"] | None]
"""chi2 of some rows, and how far solved nuisances are from their minimum in nll."""


class TemplateGrid:
    """chi2 on a product grid, a block of rows at a time.

    The template has the signals of all experiments, folded on the axes of ``grids`` at ``values``.

    Attributes:
        inner: The axis along a row.
        outer: The axes that number rows, in the grid's order.
        lengths: Lengths of the outer axes.
        width: Points in a row.
        step: Rows in a block.
    """

    def __init__(
        self, state: ModelState, template: FoldedTemplate, values: Values, grids: Grids, data: Any
    ) -> None:
        self._structure, self._observed = state.structure, state.observed_or(data)
        self._experiments, self._leaves = state.arrays, state.leaves
        self._values = {**state.parameters.defaults(), **values}
        self._folded, self._grids = template, grids
        self.inner, self.outer = template.inner, template.outer
        self.lengths = tuple(grids[n].size for n in self.outer)
        self.width = grids[self.inner].size
        self._count = int(np.prod(self.lengths))
        self._slices = signal_slices(self._experiments)
        auxiliary = np.asarray(self._observed.auxiliary).tolist()
        self._measured = dict(zip(self._structure.auxiliary_names, auxiliary, strict=True))
        groups = self._structure.groups
        self._together = [g for g in groups if not self._is_alone(g)]
        self._in_numpy = [self._solved_rows(state, g) for g in self._together]
        if template.prepared is None or template.prepared[0] is not self._observed:
            rows = [self._prepared(g[0]) for g in groups if self._is_alone(g)]
            template.prepared = self._observed, rows
        self._rows = template.prepared[1]
        points = _MAX_SOLVED_POINTS if self._together else _MAX_POINTS
        self.step = max(1, min(self._count, _MAX_ROWS, points // self.width))
        self._ahead: tuple[int, tuple[ArrayLike, ArrayLike | None]] = _NOTHING

    def _is_alone(self, group: tuple[int, ...]) -> bool:
        """Whether a group is one Gaussian experiment, whose signal has one strength."""
        e = self._experiments[group[0]]
        is_linear = e.statistic == "gaussian" and not e.morphs and not e.log_widths
        return len(group) == 1 and is_linear

    def _prepared(self, i: int) -> GaussianRows:
        e, folded = self._experiments[i], self._folded
        strength = strength_of(e, self._observed.counts[i], self._measured, self._values)
        counts = _on_cells(e, folded.coefficients[:, :, self._slices[i]])
        return GaussianRows(strength, counts, folded.powers)

    def block(self, first: int) -> Block:
        """chi2 of ``step`` rows from ``first`` on; the last row of the grid is repeated.

        The second result is how far solved nuisances are from their minimum in nll, [row, point]
        [1]; None where all are exact.
        """
        start, out = self._ahead
        out = out if start == first else self._started(first)
        # The next block is computed while the caller stores this one.
        after = first + self.step
        self._ahead = (after, self._started(after)) if after < self._count else _NOTHING
        chi2, distance = out
        return np.asarray(chi2), None if distance is None else np.asarray(distance)

    def _started(self, first: int) -> tuple[ArrayLike, ArrayLike | None]:
        """A block as arrays that may still be being computed."""
        index = np.minimum(np.arange(first, first + self.step), self._count - 1)
        places = np.unravel_index(index, self.lengths) if self.lengths else ()
        out, distance = self._penalty(places), None
        if self._rows:
            weights, chosen = self._folded.weights(places, self.step), self._folded.tables(places)
            tables = tuple(rows.table(weights, chosen) for rows in self._rows)
            numbers = tuple(rows.numbers for rows in self._rows)
            out = chi2_of_rows(out, self._folded.t, numbers, tables)
        if self._together:
            coefficients = self._folded.row_coefficients(places, self.step)
            distance = np.zeros((self.step, self.width))
            for group, in_numpy in zip(self._together, self._in_numpy, strict=True):
                chi2, left = self._solved(group, in_numpy, coefficients, first)
                out, distance = out + chi2, distance + left
        return out, distance

    def _penalty(self, places: Places) -> Float[np.ndarray, "row width"]:
        """chi2 of the constraints on nonlinear nuisances; width is 1 if none lies along rows."""
        out = np.zeros((self.step, 1))
        for name, prior in self._structure.constraints:
            value = self._values[name]
            if name in self.outer:
                value = self._grids[name][places[self.outer.index(name)], None]
            elif name == self.inner:
                value = self._grids[name]
            out = out + ((value - self._measured[name]) / prior.sd) ** 2
        return out

    def _solved_rows(self, state: ModelState, group: tuple[int, ...]) -> SolvedRows | None:
        """How a group is solved in NumPy; None where a compiled program is better or needed."""
        grows = any(self._experiments[i].log_widths for i in group)
        if grows or jax.default_backend() != "cpu":
            return None
        observed = jax.tree.map(np.asarray, self._observed)
        values = {n: self._values[n] for e in state.numpy_arrays for n, _ in e.free_pulls}
        model = ModelAtValues(self._structure, state.numpy_arrays, observed, values)
        powers = self._folded.t[:, None] ** np.arange(int(self._folded.powers.max()) + 1)
        return SolvedRows(model, group, powers, self.lengths[-1] if self.lengths else 1)

    def _solved(
        self,
        group: tuple[int, ...],
        in_numpy: SolvedRows | None,
        coefficients: Float[np.ndarray, "power row output"],
        first: int,
    ) -> tuple[Float[np.ndarray, "row point"], Float[np.ndarray, "row point"]]:
        """chi2 of experiments whose nuisances are solved at each point, and their distance."""
        shapes = [signal_shape(self._experiments[i]) for i in group]
        parts = [coefficients[:, :, self._slices[i]] for i in group]
        if in_numpy is not None:
            pairs = zip(parts, shapes, strict=True)
            by_row = [np.moveaxis(p.reshape(*p.shape[:2], *s), 0, 1) for p, s in pairs]
            return in_numpy.solved(by_row, first)
        shape, t = (self.step, self.width), self._folded.t[:, None]
        signals = []
        for part, signal in zip(parts, shapes, strict=True):
            powers = part[:, :, None]
            counts = np.broadcast_to(powers[-1], (*shape, powers.shape[-1]))
            for lower in powers[-2::-1]:
                counts = counts * t + lower
            signals.append(counts.reshape(-1, *signal))
        pulls = {n: self._values[n] for e in self._experiments for n, _ in e.free_pulls}
        out = _solved(self._structure, group, self._leaves, self._observed, pulls, signals)
        chi2, distance = (np.asarray(x).reshape(shape) for x in out)
        return chi2, distance


def _on_cells(
    e: ExperimentArrays, signal: Float[np.ndarray, "monomial table output"]
) -> Float[np.ndarray, "monomial table cell"]:
    """Signals in the cells, added over sources."""
    nominal = signal.reshape(*signal.shape[:2], *signal_shape(e))[:, :, :, 0]
    if e.spread is None:
        return nominal.sum(axis=2)
    cells = np.einsum("mrsb,sbc->mrbc", nominal, np.asarray(e.spread))
    return cells.reshape(*signal.shape[:2], -1)


@jax.jit(static_argnums=(0, 1))
def _solved(
    structure: ModelStructure,
    group: tuple[int, ...],
    leaves: Leaves,
    observed: Observed,
    pulls: Values,
    signals: list[Float[np.ndarray, "point _source _variant _bin"]],
) -> tuple[Float[Array, " point"], Float[Array, " point"]]:
    """chi2 of one group at many signals, and distances; ``pulls`` are those that are free."""
    model = ModelAtValues(structure, structure.experiments(leaves), observed, pulls)
    points = len(signals[0])
    padding = [(0, -points % _BATCH), (0, 0), (0, 0), (0, 0)]
    chunks = [jnp.pad(s, padding, "edge").reshape(-1, _BATCH, *s.shape[1:]) for s in signals]
    cold = evaluate.group_problem(model, group, [s[0, 0] for s in chunks]).solved.start()

    def chunk(near: Any, counts: list[Any]) -> tuple[Any, tuple[Any, Any]]:
        def point(counts: list[Any]) -> tuple[Any, Any, Any]:
            problem = evaluate.group_problem(model, group, counts)
            best = problem.best(near)
            return best.z, problem.chi2(best.z), best.distance

        z, chi2, distance = jax.vmap(point)(counts)
        # The last point is the nearest to those of the next chunk.
        return jnp.where(distance[-1] < _ARRIVED, z[-1], cold), (chi2, distance)

    _, (chi2, distance) = jax.lax.scan(chunk, cold, chunks)
    return chi2.reshape(-1)[:points], distance.reshape(-1)[:points]
