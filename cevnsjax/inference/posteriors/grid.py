"""Exact posteriors on grids of one to three parameters, with linear pulls integrated out.

The density is interpolated linearly along every axis: integrals are trapezoids, and intervals of
highest density are exact for that interpolation.
"""

import itertools
import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from jaxtyping import Float, PyTree
from numpy.typing import ArrayLike

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.core.levels import DEFAULT_LEVELS, checked_levels, level_key
from cevnsjax.inference.axes import Axis, coordinate, grids_of
from cevnsjax.inference.objective import Objective, free_names
from cevnsjax.inference.posteriors.priors import Density, densities
from cevnsjax.parameters import Prior, Uniform

_MAX_AXES, _MAX_POINTS = 3, 10_000_000
# An axis cuts the density off where it is above this part of its maximum at an end.
_CUT_PART = 1e-3
_BISECTIONS = 100

Points = Float[np.ndarray, " point"]


def grid_posterior(
    model: Objective,
    priors: Mapping[str, Prior] | None = None,
    fixed: Mapping[str, float] | None = None,
    data: PyTree = None,
    **axes: Axis | ArrayLike,
) -> xr.Dataset:
    """Posterior density on a grid of one to three parameters.

    Linear pulls are integrated out in closed form. The prior of a parameter that has neither a
    prior nor finite bounds is flat over its axis. The density is normalised over the grid.

    Args:
        model: The model; its pulls must have Gaussian cells only.
        priors: ``Normal`` or ``Uniform`` by axis, instead of the table's.
        fixed: Values of parameters to fix; others stay at their defaults.
        data: Data to use instead of the model's.
        **axes: Parameter name -> (low, high, points), (low, high, points, "log"), or an array.

    Returns:
        Dataset with ``density`` over the axes [1/units of the axes], which integrates to 1 by
        trapezoids. Attributes: ``mean_<axis>`` and ``sd_<axis>`` in the axis' unit,
        ``log_evidence``, ``cut`` with the axes that end before the density has died out although
        the prior goes on, and ``coarse`` with the axes whose steps are wider than the posterior.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At a bad axis, a prior as in ``sample``, a nonlinear nuisance that is neither
            an axis nor fixed, solved nuisances in a Poisson likelihood, or a density that is not
            finite or 0 everywhere.

    Examples:
        >>> posterior = cj.grid_posterior(model, sin2_theta_w=(0.0, 1.0, 101))
        >>> posterior["density"].dims
        ('sin2_theta_w',)
        >>> round(posterior.attrs["mean_sin2_theta_w"], 2)
        0.22
        >>> round(posterior.attrs["sd_sin2_theta_w"], 2)
        0.04
    """
    if not 1 <= len(axes) <= _MAX_AXES:
        raise InputError(f"grid_posterior needs one to {_MAX_AXES} axes, got {list(axes)}")
    nonlinear, values = free_names(model, (), fixed, exclude=axes)
    if nonlinear:
        names = ", ".join(nonlinear)
        raise InputError(f"{names} must be integrated over: make it an axis, or fix it")
    grids = grids_of(model, axes, _MAX_POINTS)
    shape = tuple(g.size for g in grids.values())
    if min(shape) < 2 or math.prod(shape) > _MAX_POINTS:
        raise InputError(
            f"axes need two points at least and at most {_MAX_POINTS:.0e} together, got {shape}"
        )
    ranges = {n: Uniform(float(g[0]), float(g[-1])) for n, g in grids.items()}
    table = densities(model, grids, priors, data, ranges)
    mesh = np.meshgrid(*grids.values(), indexing="ij")
    points = {n: x.ravel() for n, x in zip(grids, mesh, strict=True)}
    nll = model.map(values, points, kind="marginal_nll", data=data)
    log = -np.asarray(nll, dtype=float)
    for p in table:
        log = log + p.log(points[p.name]) + p.counted_nll(points[p.name])
    return _dataset(model, table, grids, values, log.reshape(shape))


def _dataset(
    model: Objective,
    priors: list[Density],
    grids: dict[str, Float[np.ndarray, " _"]],
    fixed: dict[str, float],
    log: Float[np.ndarray, "..."],
) -> xr.Dataset:
    top = np.max(log)
    if np.any(np.isnan(log)) or not np.isfinite(top):
        raise InputError("the posterior is 0 or not finite on the grid; move axes or priors")
    density = np.exp(log - top)
    norm = density
    for x in reversed(grids.values()):
        norm = np.trapezoid(norm, x, axis=-1)
    table = model.parameters
    coordinates = {n: (n, g, coordinate(table[n])) for n, g in grids.items()}
    out = xr.Dataset({"density": (tuple(grids), density / norm)}, coords=coordinates)
    cut, coarse = [], []
    for p in priors:
        x, one = grids[p.name], marginal(out, p.name).values
        mean, sd = _moments(x, one)
        out.attrs |= {f"mean_{p.name}": mean, f"sd_{p.name}": sd}
        goes_on = (p.improper or p.low < x[0], p.improper or p.high > x[-1])
        ends = zip(goes_on, (one[0], one[-1]), strict=True)
        if any(on and end > _CUT_PART * one.max() for on, end in ends):
            cut.append(p.name)
        high = one > 0.1 * one.max()
        # Cells with an end at which the density is high.
        if np.max(np.diff(x)[high[1:] | high[:-1]]) > sd:
            coarse.append(p.name)
    out.attrs |= {
        "analysis": model.name,
        "experiments": list(model.experiments),
        "fixed": json.dumps(fixed),
        "log_evidence": float(top + np.log(norm)),
        "cut": ", ".join(cut),
        "coarse": ", ".join(coarse),
    }
    return out


def _moments(x: Points, density: Points) -> tuple[float, float]:
    """Mean and standard deviation."""
    norm = np.trapezoid(density, x)
    mean = np.trapezoid(x * density, x) / norm
    variance = np.trapezoid((x - mean) ** 2 * density, x) / norm
    return float(mean), float(np.sqrt(variance))


def marginal(posterior: xr.Dataset, *names: str) -> xr.DataArray:
    """Density of some axes, integrated over the others by trapezoids.

    Args:
        posterior: Result of ``grid_posterior``.
        *names: Axes to keep, in this order.

    Raises:
        UnknownNameError: At a name that is not an axis.

    Examples:
        >>> axes = {"sin2_theta_w": (0.0, 1.0, 21), "R_n_Cs": (4.0, 6.0, 11)}
        >>> density = cj.marginal(cj.grid_posterior(model, **axes), "R_n_Cs")
        >>> density.shape, round(float(density.integrate("R_n_Cs")), 6)
        ((11,), 1.0)
    """
    density = posterior["density"]
    for name in names:
        if name not in density.dims:
            raise UnknownNameError("axis", name, [str(d) for d in density.dims])
    for other in [d for d in density.dims if d not in names]:
        density = density.integrate(other)
    return density.transpose(*names)


def credible_intervals(
    posterior: xr.Dataset, name: str, levels: Sequence[float] = DEFAULT_LEVELS
) -> dict[str, list[tuple[float, float]]]:
    """Intervals of highest marginal density: several where it has several peaks.

    Args:
        posterior: Result of ``grid_posterior``.
        name: The axis.
        levels: Probabilities within (0, 1).

    Returns:
        Intervals in the axis' unit by level key.

    Raises:
        UnknownNameError: At a name that is not an axis.
        InputError: At a level outside (0, 1).

    Examples:
        >>> posterior = cj.grid_posterior(model, sin2_theta_w=(0.0, 1.0, 101))
        >>> ((low, high),) = cj.credible_intervals(posterior, "sin2_theta_w", [0.90])["0.90"]
        >>> print(f"[{low:.2f}, {high:.2f}]")
        [0.15, 0.29]
    """
    density = marginal(posterior, name)
    x, p = density[name].values, density.values
    intervals = {}
    for level in checked_levels(levels):
        intervals[level_key(level)] = _above(x, p, _threshold(x, p, level))
    return intervals


def credible_density(density: xr.DataArray, level: float) -> float:
    """Density on the boundary of the most probable region of a probability, for contours.

    Args:
        density: Density of two axes or more, as from ``marginal``.
        level: Probability of the region within (0, 1).

    Returns:
        Height in the density's unit; points count with their trapezoid weights.

    Raises:
        InputError: At a level outside (0, 1).

    Examples:
        >>> axes = {"sin2_theta_w": (0.0, 1.0, 21), "R_n_Cs": (4.0, 6.0, 11)}
        >>> density = cj.grid_posterior(model, **axes)["density"]
        >>> cj.credible_density(density, 0.6827) > cj.credible_density(density, 0.9545)
        True
    """
    (level,) = checked_levels([level])
    weights = np.ones(density.shape)
    for k, dim in enumerate(density.dims):
        step = np.diff(density[dim].values)
        edge = 0.5 * (np.append(step, 0.0) + np.insert(step, 0, 0.0))
        weights = weights * np.expand_dims(edge, [i for i in range(density.ndim) if i != k])
    p = density.values.ravel()
    order = np.argsort(p)[::-1]
    inside = np.cumsum((p * weights.ravel())[order])
    return float(p[order][np.searchsorted(inside, level * inside[-1])])


def _threshold(x: Points, p: Points, level: float) -> float:
    """Height above which the piecewise linear density holds at least this probability."""
    low, high = 0.0, float(p.max())
    wanted = level * np.trapezoid(p, x)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _mass_above(x, p, middle) >= wanted else (low, middle)
    return low


def _mass_above(x: Points, p: Points, height: float) -> float:
    """Probability where the piecewise linear density is above a height."""
    a, b = np.minimum(p[1:], p[:-1]), np.maximum(p[1:], p[:-1])
    rise = np.where(b > a, b - a, 1.0)
    part = np.clip(np.where(b > a, (b - height) / rise, b >= height), 0.0, 1.0)
    lowest = np.maximum(a, height)
    return float(np.sum(np.diff(x) * part * 0.5 * (lowest + b)))


def _above(x: Points, p: Points, height: float) -> list[tuple[float, float]]:
    """Where a piecewise linear function is at or above a height."""
    inside = p >= height
    ends = [float(x[0])] if inside[0] else []
    for k, (i, j) in enumerate(itertools.pairwise(inside)):
        if i != j:
            ends.append(float(x[k] + (height - p[k]) / (p[k + 1] - p[k]) * (x[k + 1] - x[k])))
    ends += [float(x[-1])] if inside[-1] else []
    return list(zip(ends[::2], ends[1::2], strict=True))
