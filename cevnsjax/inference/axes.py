"""Axes of grids: what a user writes, checked and turned into values."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from cevnsjax.core.errors import InputError
from cevnsjax.core.real_arrays import real_array
from cevnsjax.inference.objective import Objective
from cevnsjax.parameters import Parameter

Axis = tuple[float, float, int] | tuple[float, float, int, str]
"""(low, high, points) or (low, high, points, "log")."""
Grids = dict[str, Float[np.ndarray, " _"]]
"""Values of each axis by parameter, each [point] in the parameter's unit."""
MAX_POINTS = 100_000_000
"""Largest number of points of a grid in memory."""
SPACINGS = ("linear", "log")


def grids_of(model: Objective, axes: Mapping[str, Axis | ArrayLike], max_points: int) -> Grids:
    """Values of one to four axes of at most ``max_points`` each.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At an empty, unordered or out-of-bounds axis.
    """
    return {name: _grid(model.parameters[name], axis, max_points) for name, axis in axes.items()}


def coordinate(parameter: Parameter) -> dict[str, str]:
    """Attributes of an xarray variable that holds values of a parameter.

    They are ``units``, ``long_name`` (its meaning) and ``label`` (symbol and unit for plots).
    """
    return {"units": parameter.unit, "long_name": parameter.meaning, "label": parameter.label}


def _grid(parameter: Parameter, axis: Any, max_points: int) -> Float[np.ndarray, " _"]:
    name = parameter.name
    grid = _spaced(parameter, axis, max_points) if isinstance(axis, tuple) else _array(name, axis)
    if grid.ndim != 1 or grid.size == 0:
        raise InputError(f"{name}: the grid is empty or not one-dimensional: shape {grid.shape}")
    if not np.all(np.diff(grid) > 0):
        raise InputError(f"{name}: grid values must increase, got {grid[0]:g} to {grid[-1]:g}")
    for end in (grid[0], grid[-1]):
        parameter.check(end)
    return grid


def _array(name: str, axis: Any) -> np.ndarray:
    return real_array(f"{name}: values of an axis, unless it is (low, high, points),", axis)


def _spaced(
    parameter: Parameter, axis: tuple[Any, ...], max_points: int
) -> Float[np.ndarray, " _"]:
    name, spacing = parameter.name, axis[3] if len(axis) == 4 else "linear"
    if len(axis) not in (3, 4) or spacing not in SPACINGS:
        raise InputError(f'{name}: give (low, high, points) or (..., "log"), got {axis}')
    low, high, points = parameter.check(axis[0]), parameter.check(axis[1]), axis[2]
    if not isinstance(points, int | float | np.integer) or not points >= 1 or points % 1:
        raise InputError(f"{name}: a grid needs at least one point, a whole number, got {points!r}")
    if points > max_points:
        raise InputError(f"{name}: {points} points are too many; limit {max_points:.0e}")
    if spacing == "linear":
        return np.linspace(low, high, int(points))
    if low <= 0:
        raise InputError(f"{name}: a logarithmic axis must start above 0, got {low:g}")
    # Rounding may put the ends slightly beyond the bounds.
    return np.clip(np.geomspace(low, high, int(points)), low, high)
