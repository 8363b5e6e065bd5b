"""Grid scans: chi2 over one to four parameters, profiled over others.

The node engine evaluates any model. The template engine needs counts that are polynomials on all
axes but one; it is tens of times faster and agrees to rounding. ``engine="auto"`` takes templates
for large grids, and for axes that were scanned before. Where further parameters are profiled over
there is a minimisation at each point, by Newton's method: minima are followed over the grid.
"""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import xarray as xr

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.files import check_output
from cevnsjax.inference.axes import MOST, Axis, grids_of
from cevnsjax.inference.minimise.problems import Bounds, narrowed
from cevnsjax.inference.objective import BlockGrid, Objective, Templated, free_names
from cevnsjax.inference.progress import track
from cevnsjax.inference.runs.blocks import run_in
from cevnsjax.inference.runs.store import manifest_of
from cevnsjax.inference.scans.netcdf import (
    IN_ONE_PIECE,
    dataset_of,
    require_room,
    stored,
    write_blocks,
)
from cevnsjax.inference.scans.profiled_grid import nuisances_on, solve_grid
from cevnsjax.inference.scans.stored_grid import grid_blocks, row_count, stored_grid

ENGINES = ("auto", "node", "template")
_MAX_AXES = 4
# Points of one call: large enough to hide what a call costs, small enough to store often.
_CHUNK = 1 << 15
# Compiling the template engine pays off above this.
_MANY_POINTS = 100_000
# Points that are minimised at, or whose nuisances are kept, take about a millisecond each.
_MOST_FITTED, _FITTED_S = 1_000_000, 1e-3
_scanned: WeakKeyDictionary[Any, set[frozenset[str]]] = WeakKeyDictionary()


def scan(
    model: Objective,
    *,
    free: str | Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    bounds: Bounds | None = None,
    data: Any = None,
    engine: str = "auto",
    nuisances: bool = False,
    output: str | Path | None = None,
    overwrite: bool = False,
    folder: str | Path | None = None,
    resume: bool = False,
    **axes: Axis | np.ndarray,
) -> xr.Dataset:
    """chi2 on a grid of one to four parameters.

    Linear nuisances are solved and constrained nonlinear ones profiled at every point; other
    parameters only if they are listed in ``free``.

    Args:
        model: The model.
        free: Further parameters to profile over.
        fixed: Parameters to hold at given values; others stay at their defaults.
        bounds: Narrower (low, high) for some of the parameters profiled over.
        data: Data to use instead of the model's.
        engine: "node", "template", or "auto" to choose by cost.
        nuisances: Whether to keep the solved nuisances of every point.
        output: netCDF file (.nc) to write block by block, for grids larger than the memory; the
            dataset then reads it as it is used.
        overwrite: Whether an existing file may be replaced.
        folder: Keep blocks of the scan here, so that it can be interrupted and shared out among
            processes; the numbers are the same. Not with ``free`` or ``nuisances``, where points
            learn from each other.
        resume: Go on with the scan in ``folder``.
        **axes: Parameter name -> (low, high, points), (low, high, points, "log"), or an array.

    Returns:
        Dataset with ``chi2`` over the axes and, up to 10 million points in memory,
        ``delta_chi2``; profiled parameters at their best and ``converged``; nuisances if asked
        for. Attributes carry the lowest point, the engine and the names.

    Raises:
        UnknownNameError: At an unknown parameter or engine.
        InputError: At an empty, unordered or out-of-bounds grid, one that takes more memory or
            time than is sensible, or a template asked for where none is exact; a folder that
            holds another run.
        RunError: If the folder is in use, or cannot be written any more.
    """
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES)
    if not 1 <= len(axes) <= _MAX_AXES:
        raise InputError(f"scan needs one to {_MAX_AXES} axes, got {list(axes) or 'none'}")
    names, held = free_names(model, free, fixed, exclude=axes)
    narrowed(model, names, bounds)
    grids = grids_of(model, axes, MOST)
    shape = tuple(g.size for g in grids.values())
    _require_sensible(shape, fitted=bool(names) or nuisances, in_memory=output is None)
    path = None
    if output is not None:
        path = check_output(output, overwrite=overwrite, suffixes=(".nc",))
        require_room(path, shape)
    if names or nuisances:
        if folder is not None or resume:
            raise InputError(
                f"a scan with {list(names) or 'nuisances'} wanted at every point has no blocks "
                "that a folder could keep; leave folder= and resume= (--folder, --resume) out"
            )
        dataset = _fitted(model, grids, names, held, data, bounds, engine, nuisances)
        return dataset if path is None else stored(path, dataset)
    if folder is not None and resume and engine == "auto":
        # What is asked for again is what was begun, however often these axes were scanned.
        engine = str((manifest_of(folder) or {}).get("engine", engine))
    points = int(np.prod(shape, dtype=float))
    blocks = _template(model, grids, held, data, engine, points)
    named = "node" if blocks is None else "template"
    made = _NodeBlocks(model, grids, held, data) if blocks is None else blocks
    lengths = dict(zip(grids, shape, strict=True))
    parts = grid_blocks(made, lengths, named)
    asked = {
        "command": "scan",
        "order": list(grids),
        "axes": grids,
        "fixed": held,
        "data": data,
        "engine": named,
        "rows of a block": made.step * len(parts[0]),
    }
    with run_in(folder, resume, model, asked, len(parts)) or nullcontext() as run:
        if run is not None:
            made = stored_grid(run, made, row_count(made, lengths), parts)
        if path is not None and points > IN_ONE_PIECE:
            return write_blocks(path, model, grids, made, named)
        dataset = dataset_of(model, grids, _gathered(made, grids), named)
    return dataset if path is None else stored(path, dataset)


def _require_sensible(shape: tuple[int, ...], *, fitted: bool, in_memory: bool) -> None:
    points, text = float(np.prod(shape, dtype=float)), " x ".join(map(str, shape))
    if in_memory and points > MOST:
        raise InputError(
            f"a grid of {text} points is too large, it takes {points * 8e-9:.3g} GB; take fewer "
            f"points (the limit is {MOST:.0e}), or write it to a file with output= (--output)"
        )
    if fitted and points > _MOST_FITTED:
        raise InputError(
            f"a grid of {text} points with a minimisation at each takes about "
            f"{points * _FITTED_S / 3600:.2g} hours; take at most {_MOST_FITTED:.0e}, or fix "
            "what is profiled over"
        )


def _fitted(
    model: Objective,
    grids: dict[str, np.ndarray],
    names: tuple[str, ...],
    held: dict[str, float],
    data: Any,
    bounds: Bounds | None,
    engine: str,
    nuisances: bool,
) -> xr.Dataset:
    """A grid with a minimisation, or nuisances kept, at every point."""
    if engine == "template":
        raise InputError(
            f"no template is exact where {list(names) or 'nuisances'} are wanted at every point; "
            'use engine="auto", or fix them'
        )
    found = solve_grid(model, grids, names, held, data=data, bounds=bounds)
    best = {n: found[n] for n in names}
    if nuisances:
        found |= nuisances_on(model, grids, held, best, data)
    chi2 = found.pop("chi2")
    return dataset_of(model, grids, chi2, "newton", found, names)


def _template(
    model: Objective,
    grids: dict[str, np.ndarray],
    held: dict[str, float],
    data: Any,
    engine: str,
    points: int,
) -> BlockGrid | None:
    """The template engine, if it is wanted and exact."""
    found = None
    if isinstance(model, Templated) and engine != "node":
        seen, names = _scanned.setdefault(model, set()), frozenset(grids)
        if engine == "template" or names in seen or points >= _MANY_POINTS:
            found = model.template_grid(held, grids, data=data)
        seen.add(names)
    if found is None and engine == "template":
        raise InputError(
            f"no template is exact on {list(grids)}: counts are no polynomial on two axes or more, "
            'or one is a nuisance; use engine="node"'
        )
    return found


def _gathered(blocks: BlockGrid, grids: dict[str, np.ndarray]) -> np.ndarray:
    """chi2 over the axes in the order of ``grids``."""
    order = [*blocks.outer, blocks.inner]
    lengths = [grids[n].size for n in order]
    rows, width = int(np.prod(lengths[:-1])), lengths[-1]
    out = np.empty((rows, width))
    for first in track(range(0, rows, blocks.step), "scan"):
        last = min(first + blocks.step, rows)
        out[first:last] = blocks.block(first)[: last - first]
    return np.transpose(out.reshape(lengths), [order.index(n) for n in grids])


class _NodeBlocks:
    """The node engine in blocks of rows: pieces of equal size, one compilation for all."""

    def __init__(
        self,
        model: Objective,
        grids: dict[str, np.ndarray],
        held: dict[str, float],
        data: Any,
    ) -> None:
        self._objective, self._grids, self._held, self._data = model, grids, held, data
        *outer, self.inner = grids
        self.outer, self._shape = tuple(outer), tuple(g.size for g in grids.values())
        rows = int(np.prod(self._shape[:-1]))
        self.step = max(1, min(rows, _CHUNK // self._shape[-1]))

    def block(self, first: int) -> np.ndarray:
        """chi2 of ``step`` rows from ``first`` on, [row, point]; the last point is repeated."""
        width = self._shape[-1]
        total, size = int(np.prod(self._shape)), self.step * width
        # Rows longer than a chunk go in pieces, the last one filled up.
        piece = min(size, _CHUNK)
        out = []
        for at in range(0, size, piece):
            index = np.minimum(first * width + np.arange(at, at + piece), total - 1)
            places = np.unravel_index(index, self._shape)
            part = {n: g[i] for (n, g), i in zip(self._grids.items(), places, strict=True)}
            out.append(np.asarray(self._objective.map(self._held, part, data=self._data)))
        return 2 * np.concatenate(out)[:size].reshape(self.step, width)
