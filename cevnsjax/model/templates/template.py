"""Templates of a model: its signals as polynomials of the parameters of a scan."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cevnsjax.core.batches import in_batches
from cevnsjax.model import compiled
from cevnsjax.model.state import ModelState
from cevnsjax.model.templates.fold import FoldedTemplate
from cevnsjax.model.templates.polynomial import Polynomial, find_polynomial

Grids = Mapping[str, np.ndarray]
# Points are asked for in requests of one of two sizes, so that two compilations serve all. Few are
# taken side by side, which compiles twice as fast; many in batches that stay in the cache.
_FEW, _MANY, _BATCH = 256, 4096, 16
_KEPT = 8


def template_of(
    state: ModelState, held: Mapping[str, float], grids: Grids
) -> FoldedTemplate | None:
    """Signals of all experiments as a polynomial of the grid's axes; rows on at most one of them.

    Built from calls of the model itself and kept on it, for these held values and this box.

    Args:
        state: The model's content.
        held: Values of parameters that stay.
        grids: Values of each axis.

    Returns:
        The polynomial, outputs flattened over experiments, folded on the grid. None if counts are
        no polynomial in two axes or more, or if an axis acts on something else than the signal.
    """
    key = (
        tuple(sorted(held.items())),
        tuple((n, float(g[0]), float(g[-1]), g.size) for n, g in grids.items()),
        tuple(hash(g.tobytes()) for g in grids.values()),
    )
    kept = state.templates
    if key not in kept:
        if len(kept) >= _KEPT:
            kept.pop(next(iter(kept)))
        found = _build(state, held, grids)
        kept[key] = None if found is None else FoldedTemplate(found, grids)
    return kept[key]


def _build(state: ModelState, held: Mapping[str, float], grids: Grids) -> Polynomial | None:
    acting_elsewhere = {n for n, p in state.parameters.items() if p.kind == "nuisance"}
    shapes = {p.name for e in state.experiments.values() for p in e.shape.values()}
    if any(n in acting_elsewhere - shapes for n in grids):
        return None
    names = list(grids)
    # Without rows first; then each axis in turn as the one that numbers rows.
    for row in (None, *names):
        axes = [n for n in names if n != row]
        values = grids[row] if row else np.zeros(1)
        if row and not axes:
            return None
        found = find_polynomial(
            _asker(state, held, row, values),
            {n: (float(grids[n][0]), float(grids[n][-1])) for n in axes},
            {n: state.parameters[n].default for n in axes},
            {n: state.parameters[n].scale for n in axes},
            values.size,
        )
        if found is not None:
            return found
    return None


def _asker(
    state: ModelState, held: Mapping[str, float], row: str | None, values: np.ndarray
) -> Any:
    def ask(points: dict[str, np.ndarray]) -> np.ndarray:
        shape = next(iter(points.values())).shape
        flat = {n: x.reshape(-1) for n, x in points.items()}
        if row:
            flat[row] = np.broadcast_to(values, shape).reshape(-1)
        return signals_at(state, held, flat).reshape(*shape, -1)

    return ask


def signals_at(state: ModelState, held: Mapping[str, float], points: Grids) -> np.ndarray:
    """Signals of all experiments, flattened, at points {parameter: [point]}.

    Bounds are not looked at: a polynomial has none.

    Args:
        state: The model's content.
        held: Values of parameters that stay.
        points: Parameters that vary.

    Returns:
        [point, output] [count].
    """
    total = next(iter(points.values())).size
    size = _FEW if total <= _FEW else _MANY
    inputs = state.inputs(dict(held), needed=False)

    def signals(index: np.ndarray) -> list[np.ndarray]:
        chunk = {n: np.asarray(x[index], dtype=state.dtype) for n, x in points.items()}
        batch_size = _FEW if size == _FEW else _BATCH
        parts = compiled.run_map("signals", state.structure, inputs, chunk, batch_size)
        return [np.concatenate([np.asarray(p).reshape(size, -1) for p in parts], axis=1)]

    return in_batches(signals, total, size)[0]
