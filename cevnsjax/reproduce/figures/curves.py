"""Delta chi2 along one parameter, as figures of several papers show it."""

from typing import Any

import numpy as np

from cevnsjax.inference.scans.scan import scan
from cevnsjax.model import Model
from cevnsjax.plots.arrays import NumpyReals

Curve = tuple[NumpyReals, NumpyReals]
"""Increasing values of a parameter, and Delta chi2 at each, [point]."""


def delta_chi2_curve(
    model: Model, parameter: str, reach: tuple[float, float], *, points: int = 1001
) -> Curve:
    """A parameter and its Delta chi2 above the lowest point of the grid, nuisances profiled.

    Args:
        model: The model; other parameters stay at their defaults.
        parameter: Name of the parameter.
        reach: Ends of the curve; the minimum lies between them [unit of the parameter].
        points: Number of points, evenly spaced.
    """
    axes: dict[str, Any] = {parameter: (*reach, points)}
    scanned = scan(model, **axes)
    return np.asarray(scanned[parameter].values), np.asarray(scanned["delta_chi2"].values)


def one_at_a_time(
    model: Model, names: tuple[str, str], reach: tuple[float, float], *, points: int = 501
) -> dict[str, Curve]:
    """Curves of two couplings, each with the other at 0, from one scan of both.

    Args:
        model: The model; its counts are polynomials in both.
        names: The couplings.
        reach: Ends of both, 0 among the evenly spaced points between them.
        points: Number of points of a curve.

    Returns:
        Curves as of ``delta_chi2_curve``, by name.
    """
    grid = np.linspace(*reach, points)
    # The middle point is exactly 0, whatever rounding made of it.
    grid[np.argmin(np.abs(grid))] = 0.0
    axes: dict[str, Any] = dict.fromkeys(names, grid)
    chi2 = scan(model, engine="template", **axes)["chi2"]
    out = {}
    for name, other in (names, names[::-1]):
        one = np.asarray(chi2.sel({other: 0.0}).values)
        out[name] = grid, one - one.min()
    return out
