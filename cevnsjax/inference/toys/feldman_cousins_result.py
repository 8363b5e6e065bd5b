"""Results of a Feldman-Cousins construction, point by point and as a dataset with intervals."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

from cevnsjax.core.levels import level_key
from cevnsjax.inference.axes import coordinate
from cevnsjax.inference.toys.feldman_cousins_notes import notes_of, notes_on_failures
from cevnsjax.inference.toys.result import p_value
from cevnsjax.model.model import Model


class GridPoint(NamedTuple):
    """The q of pseudo-experiments at one point and that of the data, NaN where a fit failed."""

    q: Float[np.ndarray, " toy"]
    q_data: float
    levels: tuple[float, ...]

    @property
    def p_value(self) -> tuple[float, float]:
        """Part of the pseudo-experiments with at least the data's q, and its error."""
        return p_value(self.q, self.q_data)

    def accepted(self) -> list[bool]:
        """Whether the point belongs to the region at each level."""
        # Counts are discrete: a q as large as the data's is in the tail, so that > covers.
        return [self.p_value[0] > 1 - level for level in self.levels]

    def clear(self, errors: float) -> bool:
        """Whether the p-value is so many errors away from 1 - level, for every level."""
        if not np.isfinite(self.q_data):
            return True
        p, _ = self.p_value
        size = max(int(np.sum(np.isfinite(self.q))), 1)
        spread = [np.sqrt(level * (1 - level) / size) for level in self.levels]
        return all(
            abs(p - (1 - level)) > errors * s for level, s in zip(self.levels, spread, strict=True)
        )

    def critical(self) -> tuple[list[float], list[float]]:
        """Quantiles of q at the levels, and half the distance of those a binomial error away."""
        finite = np.sort(self.q[np.isfinite(self.q)])
        if not finite.size:
            nothing = [float("nan")] * len(self.levels)
            return nothing, nothing
        values, errors = [], []
        for level in self.levels:
            spread = np.sqrt(level * (1 - level) / finite.size)
            ends = np.clip([level - spread, level + spread], 0.0, 1.0)
            low, middle, high = np.quantile(finite, [ends[0], level, ends[1]])
            values.append(float(middle))
            errors.append(float(high - low) / 2)
        return values, errors


def dataset_of(
    model: Model,
    grids: Mapping[str, np.ndarray],
    points: list[GridPoint],
    levels: tuple[float, ...],
    best: Mapping[str, float],
    about: Mapping[str, object],
) -> xr.Dataset:
    """The construction as a dataset; the last axis of the grid runs fastest along the points."""
    dims = tuple(grids)
    shape = tuple(g.size for g in grids.values())
    critical = [p.critical() for p in points]
    by_point = {
        "q_data": [p.q_data for p in points],
        "p_value": [p.p_value[0] for p in points],
        "p_value_error": [p.p_value[1] for p in points],
        "toys": [p.q.size for p in points],
        "failed": [int(np.sum(~np.isfinite(p.q))) for p in points],
        "converged": [bool(np.isfinite(p.q_data)) for p in points],
    }
    by_level = {
        "critical": [values for values, _ in critical],
        "critical_error": [errors for _, errors in critical],
        "accepted": [p.accepted() for p in points],
    }
    grid_values = {n: np.reshape(x, shape) for n, x in by_point.items()}
    variables: dict[str, Any] = {n: (dims, x) for n, x in grid_values.items()}
    for name, x in by_level.items():
        variables[name] = ((*dims, "level"), np.reshape(x, (*shape, -1)))
    coordinates: dict[str, Any] = {
        n: (n, g, coordinate(model.parameters[n])) for n, g in grids.items()
    }
    coordinates["level"] = ("level", np.array(levels))
    p_value, error = grid_values["p_value"], grid_values["p_value_error"]
    attributes = {
        "analysis": model.name,
        "experiments": list(model.experiments),
        **about,
        "notes": [
            *notes_on_failures(grid_values["failed"], grid_values["converged"]),
            *notes_of(model, grids, p_value, error, levels, best),
        ],
    }
    if len(grids) == 1:
        (grid,) = grids.values()
        attributes["intervals"] = json.dumps(intervals(grid, p_value, levels))
    return xr.Dataset(variables, coords=coordinates, attrs=attributes)


def intervals(
    grid: Float[np.ndarray, " point"],
    p_value: Float[np.ndarray, " point"],
    levels: tuple[float, ...],
) -> dict[str, list[list[float]]]:
    """Unions of intervals in which the p-value is above 1 - level, ends between grid points.

    Points without a p-value are left out: an end lies between the nearest points that have one.
    """
    has_p = np.isfinite(p_value)
    if not has_p.any():
        return {level_key(level): [] for level in levels}
    grid, p_value = grid[has_p], p_value[has_p]
    out = {}
    for level in levels:
        above = p_value - (1 - level)
        inside = above > 0
        ends = [float(grid[0])] if inside[0] else []
        for i in np.flatnonzero(inside[1:] != inside[:-1]).tolist():
            # p falls like exp(-q/2): its logarithm is straighter.
            a, b = np.log(np.maximum(p_value[i : i + 2], 1e-12) / (1 - level))
            ends.append(float(grid[i] + (grid[i + 1] - grid[i]) * a / (a - b)))
        ends += [float(grid[-1])] if inside[-1] else []
        out[level_key(level)] = [list(pair) for pair in zip(ends[::2], ends[1::2], strict=True)]
    return out
