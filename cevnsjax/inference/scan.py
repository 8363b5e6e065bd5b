"""Grid scans: chi2 over one to four parameters, linear nuisances solved at each point.

The node engine evaluates any model. The template engine needs counts that are polynomials on all
axes but one; it is tens of times faster and agrees to rounding. ``engine="auto"`` takes templates
for large grids, and for axes that were scanned before.
"""

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import xarray as xr

from cevnsjax.errors import InputError, UnknownNameError
from cevnsjax.inference.objective import BlockGrid, Objective, Templated, free_names
from cevnsjax.inference.progress import track

Axis = tuple[float, float, int]
ENGINES = ("auto", "node", "template")
_MAX_POINTS = 100_000_000
_MAX_AXES = 4
_CHUNK = 1 << 18
# Compiling the template engine pays off above this.
_MANY_POINTS = 100_000
_scanned: WeakKeyDictionary[Any, set[frozenset[str]]] = WeakKeyDictionary()


def scan(
    objective: Objective,
    *,
    fixed: Mapping[str, float] | None = None,
    data: Any = None,
    engine: str = "auto",
    **axes: Axis | np.ndarray,
) -> xr.Dataset:
    """chi2 on a grid of one to four parameters.

    Args:
        objective: The model.
        fixed: Parameters to hold at given values; others stay at their defaults.
        data: Data to use instead of the model's.
        engine: "node", "template", or "auto" to choose by cost.
        **axes: Parameter name -> (low, high, points), or an array of values.

    Returns:
        Dataset with ``chi2`` and ``delta_chi2`` over the axes; attributes carry the lowest point,
        the engine and the names.

    Raises:
        UnknownNameError: At an unknown parameter or engine.
        InputError: At an empty, unordered or out-of-bounds grid, nuisances the engine cannot
            solve, or a template asked for where none is exact.
    """
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES)
    if not 1 <= len(axes) <= _MAX_AXES:
        raise InputError(f"scan needs one to {_MAX_AXES} axes, got {list(axes) or 'none'}")
    left, held = free_names(objective, (), fixed, exclude=axes)
    if left:
        raise InputError(
            f"scan does not profile nonlinear nuisances or searched pulls {list(left)}; hold them "
            "with fixed= (--fix name=value), or use profile"
        )
    grids = {name: _grid(objective, name, axis) for name, axis in axes.items()}
    shape = tuple(g.size for g in grids.values())
    points = int(np.prod(shape, dtype=float))
    if points > _MAX_POINTS:
        raise InputError(
            f"a grid of {' x '.join(map(str, shape))} points is too large, it takes "
            f"{points * 8e-9:.3g} GB; take fewer points, the limit is {_MAX_POINTS:.0e}"
        )
    blocks = _template(objective, grids, held, data, engine, points)
    if blocks is not None:
        chi2 = _from_blocks(blocks, grids)
    else:
        chi2 = _from_nodes(objective, grids, held, data).reshape(shape)
    lowest = np.unravel_index(int(np.nanargmin(chi2)), shape)
    best = {n: float(g[i]) for (n, g), i in zip(grids.items(), lowest, strict=True)}
    engine = "node" if blocks is None else "template"
    return _dataset(objective, grids, chi2, float(chi2[lowest]), best, engine)


def _template(
    objective: Objective,
    grids: dict[str, np.ndarray],
    held: dict[str, float],
    data: Any,
    engine: str,
    points: int,
) -> BlockGrid | None:
    """The template engine, if it is wanted and exact."""
    found = None
    if isinstance(objective, Templated) and engine != "node":
        seen, names = _scanned.setdefault(objective, set()), frozenset(grids)
        if engine == "template" or names in seen or points >= _MANY_POINTS:
            found = objective.template_grid(held, grids, data=data)
        seen.add(names)
    if found is None and engine == "template":
        raise InputError(
            f"no template is exact on {list(grids)}: counts are no polynomial on two axes or more, "
            'or one is a nuisance; use engine="node"'
        )
    return found


def _from_blocks(blocks: BlockGrid, grids: dict[str, np.ndarray]) -> np.ndarray:
    """chi2 over the axes in the order of ``grids``."""
    order = [*blocks.outer, blocks.inner]
    lengths = [grids[n].size for n in order]
    rows, width = int(np.prod(lengths[:-1])), lengths[-1]
    out = np.empty((rows, width))
    for first in track(range(0, rows, blocks.step), "scan"):
        last = min(first + blocks.step, rows)
        out[first:last] = blocks.block(first)[: last - first]
    return np.transpose(out.reshape(lengths), [order.index(n) for n in grids])


def _from_nodes(
    objective: Objective, grids: dict[str, np.ndarray], held: dict[str, float], data: Any
) -> np.ndarray:
    """Chunks of equal size, so that one compilation serves them all."""
    shape = tuple(g.size for g in grids.values())
    total = int(np.prod(shape))
    size = min(_CHUNK, total)
    out = np.empty(total)
    for start in track(range(0, total, size), "scan"):
        stop = min(start + size, total)
        # The last chunk is padded with its own last point.
        index = np.minimum(np.arange(start, start + size), total - 1)
        places = np.unravel_index(index, shape)
        chunk = {n: g[i] for (n, g), i in zip(grids.items(), places, strict=True)}
        out[start:stop] = 2 * np.asarray(objective.map(held, chunk, data=data))[: stop - start]
    return out


def _dataset(
    objective: Objective,
    grids: dict[str, np.ndarray],
    chi2: np.ndarray,
    least: float,
    best: dict[str, float],
    engine: str,
) -> xr.Dataset:
    table = objective.parameters
    dims = tuple(grids)
    coords = {
        n: xr.Variable(n, g, {"units": table[n].unit, "long_name": table[n].meaning})
        for n, g in grids.items()
    }
    return xr.Dataset(
        {"chi2": (dims, chi2), "delta_chi2": (dims, chi2 - least)},
        coords=coords,
        attrs={
            "analysis": objective.name,
            "experiments": list(objective.experiments),
            "engine": engine,
            "chi2_min": least,
            **{f"best_fit_{n}": x for n, x in best.items()},
        },
    )


def _grid(objective: Objective, name: str, axis: Axis | np.ndarray) -> np.ndarray:
    parameter = objective.parameters[name]
    if isinstance(axis, tuple):
        if len(axis) != 3:
            raise InputError(f"{name}: give (low, high, points), got {axis}")
        low, high, points = parameter.check(axis[0]), parameter.check(axis[1]), axis[2]
        if int(points) != points or points < 1:
            raise InputError(f"{name}: a grid needs at least one point, got {points}")
        if points > _MAX_POINTS:
            raise InputError(f"{name}: {points} points are too many; limit {_MAX_POINTS:.0e}")
        grid = np.linspace(low, high, int(points))
    else:
        grid = np.asarray(axis, dtype=float)
    if grid.ndim != 1 or grid.size == 0:
        raise InputError(f"{name}: the grid is empty or not one-dimensional: shape {grid.shape}")
    if not np.all(np.diff(grid) > 0):
        raise InputError(f"{name}: grid values must increase, got {grid[0]:g} to {grid[-1]:g}")
    for edge in (grid[0], grid[-1]):
        parameter.check(edge)
    return grid
