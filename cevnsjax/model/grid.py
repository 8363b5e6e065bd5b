"""chi2 on product grids from templates: rows of polynomials in one variable.

All axes but one are folded into the coefficients of each row, the last is run along by Horner's
rule, so that a point costs the same whatever the number of parameters. Gaussian experiments with
pulls of their own take one compiled program each over contiguous memory; for others a program
solves the nuisances point by point.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import SIGNAL
from cevnsjax.likelihood import gaussian
from cevnsjax.model import evaluate
from cevnsjax.model.evaluate import Observed, Static
from cevnsjax.model.polynomial import Polynomial
from cevnsjax.types import Reals

if TYPE_CHECKING:
    from cevnsjax.model.model import Model

Grids = Mapping[str, np.ndarray]
_POINTS, _SOLVED_POINTS = 1 << 18, 1 << 16
_UNROLLED = 64
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
        model: "Model",
        template: Polynomial,
        held: Mapping[str, float],
        grids: Grids,
        data: Any,
    ) -> None:
        """Prepare the grid.

        Args:
            model: The model.
            template: Its signals as a polynomial, made for these axes and held values.
            held: Values of parameters that stay.
            grids: Values of each axis.
            data: As for ``model.nll``.
        """
        self._template, self._grids = template, grids
        self._static, self._observed = model.static, model.observed_or(data)
        self._experiments = jax.tree.unflatten(model.static.treedef, model.leaves)
        self._leaves, self._values = model.leaves, {**model.parameters.defaults(), **held}
        self.inner = max(template.axes, key=lambda n: grids[n].size)
        self.outer = tuple(n for n in grids if n != self.inner)
        self.lengths = tuple(grids[n].size for n in self.outer)
        self.width = grids[self.inner].size
        self._slices = _slices(self._experiments)
        fast = [self._is_fast(g) for g in model.static.groups]
        points = _POINTS if all(fast) else _SOLVED_POINTS
        rows = int(np.prod(self.lengths))
        self.step = max(1, min(rows, points // self.width))

    def _is_fast(self, group: tuple[int, ...]) -> bool:
        e = self._experiments[group[0]]
        cells = self._observed.counts[group[0]].size
        alone = len(group) == 1 and not e.searched
        return alone and e.statistic == "gaussian" and cells <= _UNROLLED

    def block(self, first: int) -> np.ndarray:
        """chi2 of ``step`` rows from ``first`` on, [row, width]; the last row is repeated."""
        rows = int(np.prod(self.lengths))
        index = np.minimum(np.arange(first, first + self.step), rows - 1)
        unraveled = np.unravel_index(index, self.lengths) if self.lengths else ()
        places = dict(zip(self.outer, unraveled, strict=True))
        coefficients, z = self._folded(places)
        out = self._penalty(places)[:, None] if self._static.constraints else None
        auxiliary = np.asarray(self._observed.auxiliary)
        found = {n: auxiliary[k] for k, n in enumerate(self._static.measured)}
        for group in self._static.groups:
            if self._is_fast(group):
                i = group[0]
                e, signal = self._experiments[i], coefficients[:, :, self._slices[i]]
                cells = np.moveaxis(_on_cells(e, signal), 2, 1)
                out = _added(out, np.asarray(_fast(e, cells, z, self._observed.counts[i], found)))
            else:
                out = _added(out, self._solved(group, coefficients, z))
        assert out is not None  # a model has one experiment at least
        return out

    def _folded(self, places: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients [degree, row, output] of each row, and the inner variable [row, width]."""
        t = self._template
        rowed = [n for n in self.outer if n not in t.axes]
        size = next(iter(places.values())).size if places else 1
        row = places[rowed[0]] if rowed else np.zeros(size, dtype=int)
        k = t.axes.index(self.inner)
        weights = np.ones((size, len(t.exponents)))
        for j, name in enumerate(t.axes):
            if name != self.inner:
                z = (self._grids[name][places[name]] - t.centre[j]) / t.scale[j, row]
                weights *= z[:, None] ** t.exponents[None, :, j]
        out = []
        for degree in range(int(t.exponents[:, k].max()) + 1):
            chosen = t.exponents[:, k] == degree
            if rowed:
                mine = t.coefficients[chosen][:, row]
                out.append(np.einsum("rm,mro->ro", weights[:, chosen], mine))
            else:
                out.append(weights[:, chosen] @ t.coefficients[chosen, 0])
        scale = t.scale[k, row][:, None] if rowed else t.scale[k, :1][:, None]
        return np.stack(out), (self._grids[self.inner][None, :] - t.centre[k]) / scale

    def _penalty(self, places: dict[str, np.ndarray]) -> np.ndarray:
        """chi2 of the constraints on nonlinear nuisances, [row]."""
        found = dict(zip(self._static.measured, np.asarray(self._observed.auxiliary), strict=True))
        size = next(iter(places.values())).size if places else 1
        out = np.zeros(size)
        for name, prior in self._static.constraints:
            value = self._grids[name][places[name]] if name in places else self._values[name]
            out = out + ((value - found[name]) / prior.sd) ** 2
        return out

    def _solved(self, group: tuple[int, ...], C: np.ndarray, z: np.ndarray) -> np.ndarray:
        """chi2 of experiments whose nuisances are solved at each point, [row, width]."""
        shape = (C.shape[1], self.width)
        signals = []
        for i in group:
            part = C[:, :, None, self._slices[i]]
            counts = np.broadcast_to(part[-1], (*shape, part.shape[-1]))
            for lower in part[-2::-1]:
                counts = counts * z[:, :, None] + lower
            e = self._experiments[i]
            signals.append(counts.reshape(shape[0] * shape[1], *_signal_shape(e)))
        values = {n: self._values[n] for e in self._experiments for n, _ in e.searched}
        static = (self._static, group)
        return np.asarray(_solved(*static, self._leaves, self._observed, values, signals)).reshape(
            shape
        )


def _added(out: np.ndarray | None, part: np.ndarray) -> np.ndarray:
    return part if out is None else out + part


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
    """Signal [degree, row, output] added over sources on the cells, [degree, row, cell]."""
    parts = signal.reshape(*signal.shape[:2], *_signal_shape(e))[:, :, :, 0]
    if e.spread is None:
        return parts.sum(axis=2)
    cells = np.einsum("drsb,sbc->drbc", parts, np.asarray(e.spread))
    return cells.reshape(*signal.shape[:2], -1)


def _fast(e: ExperimentArrays, cells: np.ndarray, z: np.ndarray, observed: Any, found: Any) -> Any:
    centre = tuple(found.get(n, 0.0) for n, _ in e.pulls)
    sd = tuple(e.pull_sd[n] for n, _ in e.pulls)
    return _gaussian_rows(e.pulls, cells, z, observed, e.weights, e.backgrounds, sd, centre)


@jax.jit(static_argnums=0)
def _gaussian_rows(
    pulls: tuple[tuple[str, tuple[str, ...]], ...],
    cells: Any,
    z: Any,
    observed: Any,
    weights: Any,
    backgrounds: Any,
    sd: tuple[Any, ...],
    centre: tuple[Any, ...],
) -> Reals:
    """chi2 [row, width] of cells [degree, cell, row] at the inner variable z [row or 1, width]."""
    signal = []
    for i in range(cells.shape[1]):
        counts = cells[-1, i][:, None] + jnp.zeros_like(z)
        for degree in reversed(range(cells.shape[0] - 1)):
            counts = counts * z + cells[degree, i][:, None]
        signal.append(counts)

    def bins(array: Any) -> list[Any]:
        return [array[i] for i in range(len(signal))]

    components = {SIGNAL: signal, **{name: bins(b) for name, b in backgrounds.items()}}
    multiplied = tuple((names, s) for (_, names), s in zip(pulls, sd, strict=True))
    problem = gaussian.design(components, multiplied)._replace(centre=centre)
    best = gaussian.best_pulls(bins(observed), bins(weights), problem)
    return jnp.asarray(gaussian.chi2(bins(observed), bins(weights), problem, best))


@jax.jit(static_argnums=(0, 1))
def _solved(
    static: Static,
    group: tuple[int, ...],
    leaves: Any,
    observed: Observed,
    values: Any,
    signals: list[Any],
) -> Reals:
    """chi2 [point] of one group at signals [point, source, variant, bin]."""
    experiments = jax.tree.unflatten(static.treedef, leaves)

    def chi2(point: list[Any]) -> Reals:
        return evaluate.profiled_group(static, experiments, observed, values, group, point)

    return jax.lax.map(chi2, signals, batch_size=_BATCH)
