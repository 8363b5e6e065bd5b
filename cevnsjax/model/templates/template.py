"""Templates of a model: its signals as polynomials of the parameters of a scan."""

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from cevnsjax.core.batches import in_batches
from cevnsjax.core.types import Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.model import compiled
from cevnsjax.model.state import ModelState
from cevnsjax.model.structure import Experiments
from cevnsjax.model.templates.fold import FoldedTemplate
from cevnsjax.model.templates.polynomial import Grids, Polynomial, find_polynomial

# Signals are computed in requests of one of two sizes, so that two compilations serve all. A small
# request is one batch, which compiles twice as fast; a large one has batches that stay in the
# cache.
_SMALL_REQUEST, _LARGE_REQUEST, _BATCH = 256, 4096, 16
_MAX_TEMPLATES = 8


def template_of(state: ModelState, values: Values, grids: Grids) -> FoldedTemplate | None:
    """Signals of all experiments as a polynomial of the grid's axes; rows on at most one of them.

    Built from calls of the model itself and kept in ``state``, for these values and this box.
    Outputs are flattened over experiments. None if counts are not a polynomial in two axes or more,
    or if an axis acts on something besides the signal.
    """
    key = (
        tuple(sorted(values.items())),
        tuple((n, float(g[0]), float(g[-1]), g.size) for n, g in grids.items()),
        tuple(hash(g.tobytes()) for g in grids.values()),
    )
    templates = state.templates
    if key not in templates:
        if len(templates) >= _MAX_TEMPLATES:
            templates.pop(next(iter(templates)))
        polynomial = _build(state, values, grids)
        templates[key] = None if polynomial is None else FoldedTemplate(polynomial, grids)
    return templates[key]


def signal_shape(e: ExperimentArrays) -> tuple[int, int, int]:
    """Shape of what ``binned_signal`` gives, [source, variant, bin]."""
    variants = 1 + (0 if e.R_morphs is None else e.R_morphs.values.shape[0])
    apart = e.spread is not None or e.R_morphs is not None
    return (len(e.signal.flux.sources) if apart else 1), variants, len(e.signal.detector.edges) - 1


def signal_slices(experiments: Experiments) -> list[slice]:
    """Where each experiment's signal lies among the outputs of a template."""
    ends = np.cumsum([0, *(int(np.prod(signal_shape(e))) for e in experiments)])
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def _build(state: ModelState, values: Values, grids: Grids) -> Polynomial | None:
    nuisances = {n for n, p in state.parameters.items() if p.kind == "nuisance"}
    shapes = {p.name for e in state.experiments.values() for p in e.shape.values()}
    if any(n in nuisances - shapes for n in grids):
        return None
    # Without rows first; then each axis in turn as the one that numbers rows.
    for row in (None, *grids):
        axes = [n for n in grids if n != row]
        row_values = grids[row] if row else np.zeros(1)
        if row and not axes:
            return None
        polynomial = find_polynomial(
            partial(_signals_on_rows, state, values, row, row_values),
            {n: (float(grids[n][0]), float(grids[n][-1])) for n in axes},
            {n: state.parameters[n].default for n in axes},
            {n: state.parameters[n].scale for n in axes},
            row_values.size,
        )
        if polynomial is not None:
            return polynomial
    return None


def _signals_on_rows(
    state: ModelState,
    values: Values,
    row: str | None,
    row_values: Float[np.ndarray, " row"],
    points: Mapping[str, np.ndarray],
) -> Float[np.ndarray, "point row output"]:
    """The function whose polynomial is looked for."""
    shape = next(iter(points.values())).shape
    flat = {n: x.reshape(-1) for n, x in points.items()}
    if row:
        flat[row] = np.broadcast_to(row_values, shape).reshape(-1)
    return signals_at(state, values, flat).reshape(*shape, -1)


def signals_at(
    state: ModelState, values: Mapping[str, float], points: Grids
) -> Float[np.ndarray, "point output"]:
    """Signals of all experiments, flattened, at points {parameter: [point]} [count].

    Points out of bounds are allowed: a polynomial has no bounds.
    """
    count = next(iter(points.values())).size
    size = _SMALL_REQUEST if count <= _SMALL_REQUEST else _LARGE_REQUEST
    batch_size = size if size == _SMALL_REQUEST else _BATCH
    inputs = state.inputs(dict(values), needed=False)

    def signals(index: np.ndarray) -> list[np.ndarray]:
        block = {n: np.asarray(x[index], dtype=state.dtype) for n, x in points.items()}
        by_experiment = compiled.run_map("signals", state.structure, inputs, block, batch_size)
        return [np.asarray(s).reshape(size, -1) for s in by_experiment]

    return np.concatenate(in_batches(signals, count, size), axis=1)
