"""Delta chi2 along one parameter, as figures of several papers show it."""

from typing import Any

import numpy as np

from cevnsjax.inference.scans.scan import scan
from cevnsjax.model import Model
from cevnsjax.plots.arrays import NumpyReals

Curve = tuple[NumpyReals, NumpyReals]
"""Increasing values of a parameter, and Delta chi2 at each, [point]."""


def delta_chi2_curve(model: Model, parameter: str, reach: tuple[float, float]) -> Curve:
    """A parameter and its Delta chi2 above the lowest point of the grid, nuisances profiled."""
    axes: dict[str, Any] = {parameter: (*reach, 1001)}
    scanned = scan(model, **axes)
    return np.asarray(scanned[parameter].values), np.asarray(scanned["delta_chi2"].values)


def one_at_a_time(
    model: Model, names: tuple[str, str], reach: tuple[float, float]
) -> dict[str, Curve]:
    """Curves of two couplings by name, each with the other at 0, from one scan of both.

    Counts of the model are polynomials in both couplings, and the range contains 0.
    """
    grid = np.linspace(*reach, 501)
    # The middle point is exactly 0, whatever rounding made of it.
    grid[np.argmin(np.abs(grid))] = 0.0
    axes: dict[str, Any] = dict.fromkeys(names, grid)
    chi2 = scan(model, engine="template", **axes)["chi2"]
    out = {}
    for name, other in (names, names[::-1]):
        one = np.asarray(chi2.sel({other: 0.0}).values)
        out[name] = grid, one - one.min()
    return out
