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
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from cevnsjax.core.disk.files import check_output
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.axes import MAX_POINTS, Axis, Grids, grids_of
from cevnsjax.inference.fits.nuisance_notes import solver_of
from cevnsjax.inference.minimise.problems import Bounds, narrowed
from cevnsjax.inference.objective import (
    BlockGrid,
    Data,
    Objective,
    Templated,
    free_names,
)
from cevnsjax.inference.runs.blocks import run_in
from cevnsjax.inference.runs.store import manifest_of
from cevnsjax.inference.scans.netcdf import (
    IN_ONE_PIECE,
    dataset_of,
    require_room,
    stored,
    write_blocks,
)
from cevnsjax.inference.scans.node_blocks import NodeBlocks
from cevnsjax.inference.scans.profiled_grid import nuisances_on, solve_grid
from cevnsjax.inference.scans.stored_grid import (
    ComputedGrid,
    GridRows,
    StoredGrid,
    grid_blocks,
    row_count,
    rows_of,
)

ENGINES = ("auto", "node", "template")
_MAX_AXES = 4
# Compiling the template engine pays off above this number of points.
_MANY_POINTS = 100_000
# Points that are minimised at, or whose nuisances are kept, take about a millisecond each.
_MAX_FITTED, _FITTED_S = 1_000_000, 1e-3
# Sets of axes that each model was scanned over.
_scanned: WeakKeyDictionary[Any, set[frozenset[str]]] = WeakKeyDictionary()


def scan(
    model: Objective,
    *,
    free: str | Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    bounds: Bounds | None = None,
    data: Data = None,
    engine: str = "auto",
    keep_nuisances: bool = False,
    output: str | Path | None = None,
    overwrite: bool = False,
    folder: str | Path | None = None,
    resume: bool = False,
    **axes: Axis | ArrayLike,
) -> xr.Dataset:
    """chi2 on a grid of one to four parameters.

    Linear nuisances are solved and constrained nonlinear ones profiled at every point; other
    parameters only if they are listed in ``free``.

    Args:
        model: The model.
        free: Further parameters to profile over.
        fixed: Values of parameters that are held, in their units; others stay at their defaults.
        bounds: Narrower (low, high) for some of the parameters profiled over.
        data: Data to use instead of the model's.
        engine: "node", "template", or "auto" to choose by cost.
        keep_nuisances: Whether to keep the solved nuisances of every point.
        output: netCDF file (.nc) to write block by block, for grids larger than the memory; the
            dataset then reads it as it is used.
        overwrite: Whether an existing file may be replaced.
        folder: Keep blocks of the scan here, so that it can be interrupted and shared out among
            processes; the numbers are the same. Not with ``free`` or ``keep_nuisances``.
        resume: Go on with the scan in ``folder``.
        **axes: Parameter name -> (low, high, points), (low, high, points, "log"), or an array of
            values, [point] [unit of the parameter].

    Returns:
        Dataset with ``chi2`` over the axes; up to 10 million points in memory ``delta_chi2`` and
        ``converged``, whether nuisances and profiled parameters are at their minimum (beyond that
        only if some are not); profiled parameters at their best; nuisances if asked for.
        Attributes carry the lowest converged point, the engine, the names, the number of
        ``failed`` points and ``notes``.

    Raises:
        UnknownNameError: At an unknown parameter or engine.
        InputError: At an empty, unordered or out-of-bounds grid, one that takes more memory or
            time than is sensible, a template asked for where none is exact, or a folder that
            holds another run.
        RunError: If the folder is in use, or cannot be written any more.

    Examples:
        >>> grid = cj.scan(model, sin2_theta_w=(0.1, 0.4, 4), R_n_Cs=(4.0, 6.0, 3))
        >>> dict(grid.sizes), grid.attrs["engine"]
        ({'sin2_theta_w': 4, 'R_n_Cs': 3}, 'node')
        >>> best = grid.chi2.argmin(...)
        >>> float(grid.sin2_theta_w[best["sin2_theta_w"]]), round(float(grid.chi2.min()), 2)
        (0.2, 3.02)
    """
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES)
    if not 1 <= len(axes) <= _MAX_AXES:
        raise InputError(f"scan needs one to {_MAX_AXES} axes, got {list(axes) or 'none'}")
    names, fixed_values = free_names(model, free, fixed, exclude=axes)
    narrowed(model, names, bounds)
    grids = grids_of(model, axes, MAX_POINTS)
    shape = tuple(g.size for g in grids.values())
    minimised = bool(names) or keep_nuisances
    _require_sensible(shape, minimised=minimised, in_memory=output is None)
    path = None
    if output is not None:
        path = check_output(output, overwrite=overwrite, suffixes=(".nc",))
        require_room(path, shape)
    if not minimised:
        place = (path, overwrite)
        return _evaluated(model, grids, fixed_values, data, engine, place, folder, resume=resume)
    if folder is not None or resume:
        raise InputError(
            f"a scan with {list(names) or 'nuisances'} wanted at every point has no blocks "
            "that a folder could keep; leave folder= and resume= (--folder, --resume) out"
        )
    if engine == "template":
        raise InputError(
            f"no template is exact where {list(names) or 'nuisances'} are wanted at every point; "
            'use engine="auto", or fix them'
        )
    variables = solve_grid(model, grids, names, fixed_values, data=data, bounds=bounds)
    if keep_nuisances:
        best = {n: variables[n] for n in names}
        variables |= nuisances_on(model, grids, fixed_values, best, data)
    chi2 = variables.pop("chi2")
    solve = solver_of(model, fixed_values, data)
    dataset = dataset_of(model, grids, chi2, "newton", variables, solve, names)
    return dataset if path is None else stored(path, dataset, overwrite=overwrite)


def _require_sensible(shape: tuple[int, ...], *, minimised: bool, in_memory: bool) -> None:
    """Refuse a grid that takes more memory or time than is sensible, and say how much."""
    points, text = float(np.prod(shape, dtype=float)), " x ".join(map(str, shape))
    if in_memory and points > MAX_POINTS:
        raise InputError(
            f"a grid of {text} points is too large, it takes {points * 8e-9:.3g} GB; take fewer "
            f"points (the limit is {MAX_POINTS:.0e}), or write it to a file with output= (--output)"
        )
    if minimised and points > _MAX_FITTED:
        raise InputError(
            f"a grid of {text} points with a minimisation at each takes about "
            f"{points * _FITTED_S / 3600:.2g} hours; take at most {_MAX_FITTED:.0e}, or fix "
            "what is profiled over"
        )


def _evaluated(
    model: Objective,
    grids: Grids,
    fixed: dict[str, float],
    data: Data,
    engine: str,
    place: tuple[Path | None, bool],
    folder: str | Path | None,
    *,
    resume: bool,
) -> xr.Dataset:
    """A grid without a minimisation, by blocks that a folder can keep.

    ``place`` is the file to write, and whether it may be replaced.
    """
    path, overwrite = place
    if folder is not None and resume and engine == "auto":
        # Resuming takes the engine that began the run, however often these axes were scanned.
        engine = str((manifest_of(folder) or {}).get("engine", engine))
    points = int(np.prod([g.size for g in grids.values()], dtype=float))
    template = _template(model, grids, fixed, data, engine, points)
    engine = "node" if template is None else "template"
    blocks = NodeBlocks(model, grids, fixed, data) if template is None else template
    computed = ComputedGrid(blocks, grids)
    parts = grid_blocks(computed, grids, engine)
    configuration = {
        "command": "scan",
        "order": list(grids),
        "axes": grids,
        "fixed": fixed,
        "data": data,
        "engine": engine,
        "rows of a block": blocks.step * len(parts[0]),
    }
    solve = solver_of(model, fixed, data)
    with run_in(folder, resume, model, configuration, len(parts)) or nullcontext() as run:
        rows = computed if run is None else StoredGrid(run, computed, parts)
        if path is not None and points > IN_ONE_PIECE:
            return write_blocks(path, model, grids, rows, engine, solve, overwrite=overwrite)
        chi2, converged = _gathered(rows, grids)
        dataset = dataset_of(model, grids, chi2, engine, {"converged": converged}, solve)
    return dataset if path is None else stored(path, dataset, overwrite=overwrite)


def _template(
    model: Objective,
    grids: Grids,
    fixed: dict[str, float],
    data: Data,
    engine: str,
    points: int,
) -> BlockGrid | None:
    """The template engine, if it is wanted and exact."""
    template = None
    if isinstance(model, Templated) and engine != "node":
        scanned, names = _scanned.setdefault(model, set()), frozenset(grids)
        if engine == "template" or names in scanned or points >= _MANY_POINTS:
            template = model.template_grid(fixed, grids, data=data)
        scanned.add(names)
    if template is None and engine == "template":
        raise InputError(
            f"no template is exact on {list(grids)}: counts are not polynomials on all axes but "
            'one, or an axis is a nuisance; use engine="node"'
        )
    return template


def _gathered(
    blocks: GridRows, grids: Grids
) -> tuple[Float[np.ndarray, "..."], Bool[np.ndarray, "..."]]:
    """chi2 and whether it converged, over the axes in the order of ``grids``."""
    order = [*blocks.outer, blocks.inner]
    lengths = [grids[n].size for n in order]
    chi2 = np.empty((row_count(blocks, grids), lengths[-1]))
    converged = np.ones(chi2.size, dtype=bool)
    for first, (block, failed) in rows_of(blocks, grids):
        chi2[first : first + len(block)] = block
        converged[failed] = False
    places = [order.index(n) for n in grids]
    chi2, converged = chi2.reshape(lengths), converged.reshape(lengths)
    return np.transpose(chi2, places), np.transpose(converged, places)
