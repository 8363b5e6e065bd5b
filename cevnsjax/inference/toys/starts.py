"""Where fits of pseudo-experiments start: shared points, and the valleys among them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from cevnsjax.inference.minimise.problems import far_starts, rungs_between, starts_of
from cevnsjax.model.model import Model

# Points of a product grid along each axis, by number of parameters: even steps in the inverse
# hyperbolic sine of the distance in scales, with its linear range and its largest distance.
_GRID_SIDE, _LINEAR_RANGE, _MAX_DISTANCE = {1: 81, 2: 17, 3: 7}, 0.3, 60.0
# Further points between the bounds of one parameter.
_BOUNDED_POINTS = 41
# Where others stand along a parameter with many minima, in scales from their defaults.
_LADDER_OFFSETS = (-8.0, -2.0, 2.0, 8.0)
# Points where there are too many parameters for a grid.
_RANDOM_POINTS, _RANDOM_SEED = 200, 2020
# Points with chi2 this much above the lowest are not near a minimum of the expected counts.
_NEAR_LOWEST_CHI2 = 100.0
# So many minima are kept; those closer than this, in scales, are one.
_MAX_MINIMA, _SAME_MINIMUM = 24, 1e-3
_NEIGHBOURS_PER_DIMENSION = 4

Points = Float[np.ndarray, "point name"]


class StartPoints(NamedTuple):
    """Points to start from, and which of them are neighbours.

    Attributes:
        points: In the parameters' units.
        scale: Of each parameter.
        moving: Which coordinates differ between points.
        neighbours: Indices of each point's neighbours.
        is_ladder: Whether they go through a parameter with many minima, step by step.
    """

    points: Points
    scale: Float[np.ndarray, " name"]
    moving: Bool[np.ndarray, " name"]
    neighbours: Int[np.ndarray, "point neighbour"]
    is_ladder: bool = False

    @property
    def spacing(self) -> Points:
        """About half the distance to neighbours, 0 in coordinates that do not move."""
        if not self.neighbours.shape[1]:
            return np.zeros(self.points.shape)
        away = np.abs(self.points[self.neighbours] - self.points[:, None])
        typical = np.maximum(np.mean(away, axis=1) / 2, 1e-3 * self.scale)
        return np.where(self.moving, typical, 0.0)

    def near_lowest(self, chi2: Float[np.ndarray, " point"]) -> Int[np.ndarray, " near"]:
        """Indices of the points that may be near a minimum of the expected counts' chi2."""
        return np.flatnonzero(chi2 <= np.min(chi2) + _NEAR_LOWEST_CHI2)

    def narrowed(
        self,
        rows: Int[np.ndarray, " near"],
        x: Float[np.ndarray, "minimum name"],
        chi2: Float[np.ndarray, " minimum"],
        converged: Bool[np.ndarray, " minimum"],
    ) -> "StartPoints":
        """Some of the points with the lowest minima of the expected counts' chi2, each once."""
        minima: list[np.ndarray] = []
        for k in np.argsort(chi2):
            is_new = all(np.max(np.abs(x[k] - y) / self.scale) > _SAME_MINIMUM for y in minima)
            is_low = chi2[k] <= np.min(chi2) + _NEAR_LOWEST_CHI2
            if converged[k] and is_low and is_new and len(minima) < _MAX_MINIMA:
                minima.append(x[k])
        new = np.array(minima).reshape(-1, len(self.scale))
        points = np.concatenate([self.points[rows], new])
        return _with_neighbours(points, self.scale, self.moving)

    def valleys(
        self, chi2: Float[np.ndarray, "toy point"], most: int, margin: float
    ) -> tuple[Int[np.ndarray, " start"], Int[np.ndarray, " start"]]:
        """Pseudo-experiments and points to start from: points lower than all their neighbours.

        Each pseudo-experiment has at most so many, at most ``margin`` above its lowest.
        """
        least = np.min(chi2, axis=1, keepdims=True)
        is_low = chi2 <= least + margin
        for k in range(self.neighbours.shape[1]):
            is_low &= chi2 <= chi2[:, self.neighbours[:, k]]
        height = np.where(is_low | (chi2 == least), chi2, np.inf)
        toys, places = [], []
        rows = np.arange(len(chi2))
        for _ in range(min(most, chi2.shape[1])):
            place = np.argmin(height[rows], axis=1)
            is_valley = np.isfinite(height[rows, place])
            rows, place = rows[is_valley], place[is_valley]
            toys.append(rows)
            places.append(place)
            height[rows, place] = np.inf
        return np.concatenate(toys), np.concatenate(places)


def _with_neighbours(
    points: Points, scale: Float[np.ndarray, " name"], moving: Bool[np.ndarray, " name"]
) -> StartPoints:
    """Points in increasing order, equal ones once, with their neighbours."""
    points = np.unique(points, axis=0)
    dimensions, size = int(np.sum(moving)), len(points)
    if dimensions == 0 or size == 1:
        neighbours = np.zeros((size, 0), dtype=int)
    elif dimensions == 1:
        place = np.arange(size)
        sides = [np.maximum(place - 1, 0), np.minimum(place + 1, size - 1)]
        neighbours = np.stack(sides, axis=1)
    else:
        u = np.arcsinh(points[:, moving] / scale[moving] / _LINEAR_RANGE)
        apart = np.sum((u[:, None] - u[None]) ** 2, axis=2)
        np.fill_diagonal(apart, np.inf)
        count = min(_NEIGHBOURS_PER_DIMENSION * dimensions, size - 1)
        neighbours = np.argsort(apart, axis=1)[:, :count]
    return StartPoints(points, scale, moving, neighbours)


def start_points_of(model: Model, names: tuple[str, ...], fixed: dict[str, float]) -> StartPoints:
    """Points at all distances from the defaults in the parameters that are not fixed."""
    table = model.parameters
    moving = np.array([n not in fixed for n in names], dtype=bool)
    scale = np.array([table[n].scale for n in names])
    points = np.array([[fixed.get(n, table[n].default) for n in names]], dtype=float)
    ladders = [k for k, n in enumerate(names) if moving[k] and np.isfinite(table[n].start_spacing)]
    if ladders and np.sum(moving) > 1:
        return _ladder(model, names, points[0], moving, ladders[0])
    if moving.any():
        varied = _varied_points(model, tuple(n for n in names if n not in fixed))
        points = np.tile(points, (len(varied), 1))
        points[:, moving] = varied
    return _with_neighbours(points, scale, moving)


def _ladder(
    model: Model,
    names: tuple[str, ...],
    base: Float[np.ndarray, " name"],
    moving: Bool[np.ndarray, " name"],
    k: int,
) -> StartPoints:
    """Steps through the bounds of parameter k, with each of the others at several values."""
    listed = [model.parameters[n] for n in names]
    scale = np.array([p.scale for p in listed])
    box = np.array([p.bounds for p in listed], dtype=float)
    rungs = rungs_between(box[k, 0], box[k, 1], listed[k].start_spacing)
    others = np.flatnonzero(moving & (np.arange(len(names)) != k))
    moves = [np.eye(len(names))[i] * x * scale[i] for i in others for x in _LADDER_OFFSETS]
    settings = np.unique(np.clip([base, *(base + move for move in moves)], *box.T), axis=0)
    points = np.repeat(settings, rungs.size, axis=0)
    points[:, k] = np.tile(rungs, len(settings))
    setting, rung = np.divmod(np.arange(len(points)), rungs.size)
    sides = [np.clip(rung + side, 0, rungs.size - 1) + setting * rungs.size for side in (-1, 1)]
    same = [(setting + i) % len(settings) * rungs.size + rung for i in range(1, len(settings))]
    return StartPoints(points, scale, moving, np.stack([*sides, *same], axis=1), is_ladder=True)


def _varied_points(model: Model, names: tuple[str, ...]) -> Points:
    table, n = model.parameters, len(names)
    scale = np.array([table[m].scale for m in names])
    box = np.array([table[m].bounds for m in names], dtype=float)
    starts = starts_of(model, names)
    listed = [np.array(starts), np.array(far_starts(starts[0]))]
    if n in _GRID_SIDE:
        end = np.arcsinh(_MAX_DISTANCE / _LINEAR_RANGE)
        axis = _LINEAR_RANGE * np.sinh(np.linspace(-end, end, _GRID_SIDE[n]))
        grid = np.meshgrid(*[axis] * n, indexing="ij")
        listed.append(starts[0] + np.stack(grid, axis=-1).reshape(-1, n))
    else:
        rng = np.random.default_rng(_RANDOM_SEED)
        listed.append(starts[0] + rng.standard_normal((_RANDOM_POINTS, n)))
    points = np.clip(np.concatenate(listed) * scale, box[:, 0], box[:, 1])
    if n == 1 and np.all(np.isfinite(box)):
        spacing = min(table[names[0]].start_spacing, np.ptp(box[0]) / (_BOUNDED_POINTS - 1))
        between = rungs_between(box[0, 0], box[0, 1], spacing)
        points = np.concatenate([points, between[:, None]])
    return np.unique(points, axis=0)
