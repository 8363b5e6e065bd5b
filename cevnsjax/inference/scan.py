"""Grid scans on the node engine: chi2 over one or two parameters, linear nuisances solved."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from cevnsjax.errors import InputError
from cevnsjax.inference.objective import Objective, free_names
from cevnsjax.inference.progress import track

Axis = tuple[float, float, int]
_MAX_POINTS = 100_000_000
_CHUNK = 1 << 18


def scan(
    objective: Objective,
    *,
    fixed: Mapping[str, float] | None = None,
    data: Any = None,
    **axes: Axis | np.ndarray,
) -> xr.Dataset:
    """chi2 on a grid of one or two parameters.

    Args:
        objective: The model.
        fixed: Parameters to hold at given values; others stay at their defaults.
        data: Data to use instead of the model's.
        **axes: Parameter name -> (low, high, points), or an array of values.

    Returns:
        Dataset with ``chi2`` and ``delta_chi2`` over the axes; attributes carry the lowest point,
        the engine and the names.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At an empty, unordered or out-of-bounds grid, or nuisances the engine cannot
            solve.
    """
    if not 1 <= len(axes) <= 2:
        raise InputError(f"scan needs one or two axes, got {list(axes) or 'none'}")
    left, held = free_names(objective, (), fixed, exclude=axes)
    if left:
        raise InputError(
            f"scan does not profile nonlinear nuisances {list(left)}; hold them with fixed=, or "
            "use profile"
        )
    grids = {name: _grid(objective, name, axis) for name, axis in axes.items()}
    shape = tuple(g.size for g in grids.values())
    if np.prod(shape, dtype=float) > _MAX_POINTS:
        raise InputError(f"a grid of {shape} points is too large; the limit is {_MAX_POINTS:.0e}")
    chi2 = _chi2(objective, grids, held, data).reshape(shape)
    lowest = np.unravel_index(int(np.nanargmin(chi2)), shape)
    best = {n: float(g[i]) for (n, g), i in zip(grids.items(), lowest, strict=True)}
    return _dataset(objective, grids, chi2, best)


def _chi2(
    objective: Objective, grids: dict[str, np.ndarray], held: dict[str, float], data: Any
) -> np.ndarray:
    """Chunks of equal size, so that one compilation serves them all."""
    mesh = np.meshgrid(*grids.values(), indexing="ij")
    points = {n: m.ravel() for n, m in zip(grids, mesh, strict=True)}
    total = next(iter(points.values())).size
    size = min(_CHUNK, total)
    out = np.empty(total)
    for start in track(range(0, total, size), "scan"):
        stop = min(start + size, total)
        # The last chunk is padded with its own last point.
        index = np.minimum(np.arange(start, start + size), total - 1)
        chunk = {n: p[index] for n, p in points.items()}
        out[start:stop] = 2 * np.asarray(objective.map(held, chunk, data=data))[: stop - start]
    return out


def _dataset(
    objective: Objective, grids: dict[str, np.ndarray], chi2: np.ndarray, best: dict[str, float]
) -> xr.Dataset:
    table = objective.parameters
    dims = tuple(grids)
    coords = {
        n: xr.Variable(n, g, {"units": table[n].unit, "long_name": table[n].meaning})
        for n, g in grids.items()
    }
    return xr.Dataset(
        {"chi2": (dims, chi2), "delta_chi2": (dims, chi2 - np.nanmin(chi2))},
        coords=coords,
        attrs={
            "analysis": objective.name,
            "experiments": list(objective.experiments),
            "engine": "node",
            "chi2_min": float(np.nanmin(chi2)),
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
