"""chi2 on product grids from templates: rows of polynomials in one variable.

All axes but one are folded into the coefficients of each row, and the last is run along, so that
a point costs the same whatever the number of parameters. Gaussian experiments with pulls of their
own take ``rows``; for others a program solves the nuisances point by point.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import jax
import numpy as np

from cevnsjax.core.types import Reals
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.model import evaluate
from cevnsjax.model.state import ModelState
from cevnsjax.model.structure import ModelStructure, Observed
from cevnsjax.model.templates.fold import FoldedTemplate
from cevnsjax.model.templates.rows import GaussianRows, chi2_of_rows
from cevnsjax.model.templates.signal_strength import strength_of

Grids = Mapping[str, np.ndarray]
# Blocks that stay in the cache: points, and rows whose coefficients are made at once.
_POINTS, _ROWS, _SOLVED_POINTS = 1 << 18, 1 << 12, 1 << 16
_BATCH = 64


class TemplateGrid:
    """chi2 on a product grid, a block of rows at a time.

    Attributes:
        inner: The axis along a row.
        outer: The axes that number rows, in the grid's order.
        lengths: Their lengths.
        width: Points in a row.
        step: Rows in a block.
    """

    def __init__(
        self,
        state: ModelState,
        template: FoldedTemplate,
        held: Mapping[str, float],
        grids: Grids,
        data: Any,
    ) -> None:
        """Prepare the grid.

        Args:
            state: The model's content.
            template: Its signals, folded on these axes at these held values.
            held: Values of parameters that stay.
            grids: Values of each axis.
            data: As for ``model.nll``.
        """
        self._structure, self._observed = state.structure, state.observed_or(data)
        self._experiments, self._leaves = state.arrays, state.leaves
        self._values = {**state.parameters.defaults(), **held}
        self._folded, self._grids = template, grids
        self.inner, self.outer = template.inner, template.outer
        self.lengths = tuple(grids[n].size for n in self.outer)
        self.width = grids[self.inner].size
        self._count = int(np.prod(self.lengths))
        self._slices = _slices(self._experiments)
        measured = np.asarray(self._observed.auxiliary).tolist()
        self._found = dict(zip(self._structure.auxiliary_names, measured, strict=True))
        alone = [g for g in self._structure.groups if self._is_alone(g)]
        self._together = [g for g in self._structure.groups if not self._is_alone(g)]
        if template.kept is None or template.kept[0] is not self._observed:
            template.kept = self._observed, [self._prepared(i) for (i,) in alone]
        self._rows: list[GaussianRows] = template.kept[1]
        points = _SOLVED_POINTS if self._together else _POINTS
        self.step = max(1, min(self._count, _ROWS, points // self.width))
        self._ahead: tuple[int, Any] | None = None

    def _is_alone(self, group: tuple[int, ...]) -> bool:
        """Whether a group is one Gaussian experiment, whose signal has one strength."""
        e = self._experiments[group[0]]
        return len(group) == 1 and e.statistic == "gaussian" and not e.morphs

    def _prepared(self, i: int) -> GaussianRows:
        e, folded = self._experiments[i], self._folded
        strength = strength_of(e, self._observed.counts[i], self._found, self._values)
        counts = _on_cells(e, folded.coefficients[:, :, self._slices[i]])
        return GaussianRows(strength, counts, folded.powers)

    def block(self, first: int) -> np.ndarray:
        """chi2 of ``step`` rows from ``first`` on, [row, width]; the last row is repeated."""
        found = self._ahead if self._ahead and self._ahead[0] == first else None
        out = self._started(first) if found is None else found[1]
        # The next block is worked at while the caller stores this one.
        after = first + self.step
        self._ahead = (after, self._started(after)) if after < self._count else None
        return np.asarray(out)

    def _started(self, first: int) -> Any:
        """chi2 of a block, as an array that may still be computed."""
        index = np.minimum(np.arange(first, first + self.step), self._count - 1)
        places = np.unravel_index(index, self.lengths) if self.lengths else ()
        out = self._penalty(places)
        if self._rows:
            weights, own = self._folded.weights(places, self.step), self._folded.own(places)
            tables = tuple(rows.table(weights, own) for rows in self._rows)
            numbers = tuple(rows.numbers for rows in self._rows)
            out = chi2_of_rows(out, self._folded.t, numbers, tables)
        if self._together:
            coefficients = self._folded.row_coefficients(places, self.step)
            for group in self._together:
                out = out + self._solved(group, coefficients)
        return out

    def _penalty(self, places: Sequence[np.ndarray]) -> np.ndarray:
        """chi2 of the constraints on nonlinear nuisances, [row, 1] or [row, width]."""
        out = np.zeros((self.step, 1))
        for name, prior in self._structure.constraints:
            value = self._values[name]
            if name in self.outer:
                value = self._grids[name][places[self.outer.index(name)], None]
            elif name == self.inner:
                value = self._grids[name]
            out = out + ((value - self._found[name]) / prior.sd) ** 2
        return out

    def _solved(self, group: tuple[int, ...], coefficients: np.ndarray) -> np.ndarray:
        """chi2 of experiments whose nuisances are solved at each point, [row, width]."""
        shape, t = (self.step, self.width), self._folded.t[:, None]
        signals = []
        for i in group:
            part = coefficients[:, :, None, self._slices[i]]
            counts = np.broadcast_to(part[-1], (*shape, part.shape[-1]))
            for lower in part[-2::-1]:
                counts = counts * t + lower
            e = self._experiments[i]
            signals.append(counts.reshape(shape[0] * shape[1], *_signal_shape(e)))
        values = {n: self._values[n] for e in self._experiments for n, _ in e.free_pulls}
        structure = (self._structure, group)
        return np.asarray(
            _solved(*structure, self._leaves, self._observed, values, signals)
        ).reshape(shape)


def _signal_shape(e: ExperimentArrays) -> tuple[int, int, int]:
    """Shape of what ``binned_signal`` gives, [source, variant, bin]."""
    variants = 1 + (0 if e.R_morphs is None else e.R_morphs.shape[0])
    apart = e.spread is not None or e.R_morphs is not None
    return (len(e.signal.flux.sources) if apart else 1), variants, len(e.signal.detector.edges) - 1


def _slices(experiments: list[ExperimentArrays]) -> list[slice]:
    """Where each experiment's signal lies among the outputs of a template."""
    ends = np.cumsum([0, *(int(np.prod(_signal_shape(e))) for e in experiments)])
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def _on_cells(e: ExperimentArrays, signal: np.ndarray) -> np.ndarray:
    """Signal [monomial, row, output] added over sources on the cells, [monomial, row, cell]."""
    parts = signal.reshape(*signal.shape[:2], *_signal_shape(e))[:, :, :, 0]
    if e.spread is None:
        return parts.sum(axis=2)
    cells = np.einsum("mrsb,sbc->mrbc", parts, np.asarray(e.spread))
    return cells.reshape(*signal.shape[:2], -1)


@jax.jit(static_argnums=(0, 1))
def _solved(
    structure: ModelStructure,
    group: tuple[int, ...],
    leaves: Any,
    observed: Observed,
    values: Any,
    signals: list[Any],
) -> Reals:
    """chi2 [point] of one group at signals [point, source, variant, bin]."""
    experiments = structure.experiments(leaves)

    def chi2(point: list[Any]) -> Reals:
        return evaluate.profiled_group(structure, experiments, observed, values, group, point)

    return jax.lax.map(chi2, signals, batch_size=_BATCH)
