"""Allowed regions of scans, from ``scan`` or read back from netCDF."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cevnsjax.core.errors import InputError
from cevnsjax.core.levels import DEFAULT_LEVELS, checked_levels, delta_chi2_at, level_key
from cevnsjax.plots.arrays import Number, NumpyReals
from cevnsjax.plots.frame import Scale
from cevnsjax.plots.likelihoods.contours import ContourSet, contours

_SPACING_TOLERANCE = 1e-6


def scan_contours(
    scans: Mapping[str, xr.Dataset],
    *,
    levels: Sequence[Number] = DEFAULT_LEVELS,
    points: Sequence[tuple[str, Number, Number]] = (),
    common_minimum: bool = False,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Allowed regions of several scans of the same two parameters, over each other.

    Args:
        scans: xarray.Dataset with ``chi2`` by name in the legend. Scans of more parameters are
            projected on the first two of the first scan, with the others at their best values.
        levels: Confidence levels for two parameters [1].
        points: Points to mark as (name, x, y), e.g. the Standard Model [units of the axes].
        common_minimum: Whether Delta chi2 counts from the lowest chi2 of all scans, which must be
            of the same data, instead of from the minimum of each scan.
        title: Line over the figure.
        axes: Axes to draw into; a new figure if None.

    Raises:
        InputError: If a scan has no chi2, or lacks the parameters of the first.

    Examples:
        >>> import xarray as xr
        >>> x = np.linspace(-1.0, 1.0, 11)
        >>> chi2 = (("x", "y"), 8 * (x[:, None] ** 2 + x**2))
        >>> scan = xr.Dataset({"chi2": chi2}, coords={"x": x, "y": x})
        >>> figure = cj.plots.scan_contours({"CsI": scan}, levels=[0.90])
        >>> figure.axes[0].get_xlabel()
        'x'
    """
    if not scans:
        raise InputError("scans is empty; give at least one, e.g. {name: cj.scan(...)}")
    first = next(iter(scans.values()))
    if "chi2" not in first or first["chi2"].ndim < 2:
        raise InputError("contours need scans of two parameters or more, with chi2 in them")
    names = [str(n) for n in first["chi2"].dims[:2]]
    heights = {level_key(x): delta_chi2_at(x, dof=2) for x in checked_levels(levels)}
    chi2 = {label: _projected(label, scan, names) for label, scan in scans.items()}
    for label, values in chi2.items():
        if not np.isfinite(values).any():
            raise InputError(f"scan {label} has no finite chi2; leave it out")
    lowest = {label: float(np.nanmin(values)) for label, values in chi2.items()}
    base = min(lowest.values())
    curves = []
    for label, scan in scans.items():
        x, y = (np.asarray(scan[n].values, dtype=float) for n in names)
        i, j = np.unravel_index(int(np.nanargmin(chi2[label])), chi2[label].shape)
        delta = chi2[label] - (base if common_minimum else lowest[label])
        best = (float(x[i]), float(y[j]))
        curves.append(ContourSet(x, y, delta, levels=heights, label=label, best_fit=best))
    look = {}
    for side, name in zip("xy", names, strict=True):
        look[f"{side}_label"] = str(first[name].attrs.get("label", name))
        look[f"{side}_scale"] = scale_of(np.asarray(first[name].values))
    return contours(curves, points=points, title=title, axes=axes, **look)


def _projected(label: str, scan: xr.Dataset, names: list[str]) -> NumpyReals:
    """chi2 [x, y], the minimum over all other axes."""
    if "chi2" not in scan or not set(names) <= {str(n) for n in scan["chi2"].dims}:
        raise InputError(f"{label} is not a scan of {' and '.join(names)}, as the first one is")
    others = [n for n in scan["chi2"].dims if n not in names]
    return np.asarray(converged_chi2(scan).min(others).transpose(*names).values, dtype=float)


def converged_chi2(scan: xr.Dataset) -> xr.DataArray:
    """chi2 of a scan [1], NaN where its search did not converge."""
    if "converged" not in scan or bool(scan["converged"].all()):
        return scan["chi2"]
    return scan["chi2"].where(scan["converged"].astype(bool))


def scale_of(grid: NumpyReals) -> Scale:
    """Scale of an axis: "log" for an increasing grid of equal ratios above 0, else "linear"."""
    if grid.size < 3 or grid[0] <= 0:
        return "linear"
    ratios = grid[1:] / grid[:-1]
    return "log" if ratios.max() / ratios.min() < 1 + _SPACING_TOLERANCE else "linear"
