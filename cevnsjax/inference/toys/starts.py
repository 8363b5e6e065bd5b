"""Where fits of pseudo-experiments start: shared points, and the valleys among them."""

from typing import NamedTuple

import numpy as np

from cevnsjax.inference.minimise.problems import far_starts, starts_of
from cevnsjax.inference.objective import Objective

# Even steps in the inverse hyperbolic sine of the distance in scales, by number of parameters.
_SIDE, _NEAR, _REACH = {1: 81, 2: 17, 3: 7}, 0.3, 60.0
_EVEN = 41
_RANDOM, _SEED = 200, 2020
# Points with chi2 this much above the lowest expect no minimum; so many minima are kept.
_WORTH, _MINIMA, _SAME = 100.0, 24, 1e-3
_NEIGHBOURS = 4


class StartPoints(NamedTuple):
    """Points and which of them are neighbours.

    Attributes:
        points: [point, name] in the parameters' units.
        scale: Of each parameter, [name].
        moving: Which coordinates differ between points, [name].
        minima: Whether the expected counts have a minimum at a point, [point].
        neighbours: Indices, [point, neighbour].
    """

    points: np.ndarray
    scale: np.ndarray
    moving: np.ndarray
    minima: np.ndarray
    neighbours: np.ndarray

    @property
    def spacing(self) -> np.ndarray:
        """About half the distance to neighbours, 0 in what does not move, [point, name]."""
        if not self.neighbours.shape[1]:
            return np.zeros(self.points.shape)
        away = np.abs(self.points[self.neighbours] - self.points[:, None])
        typical = np.maximum(np.mean(away, axis=1) / 2, 1e-3 * self.scale)
        return np.where(self.moving, typical, 0.0)

    def worth(self, chi2: np.ndarray) -> np.ndarray:
        """Indices of the points that may be near a minimum.

        Args:
            chi2: Of what is expected, [point].
        """
        return np.flatnonzero(chi2 <= np.min(chi2) + _WORTH)

    def chosen(self, rows: np.ndarray) -> "StartPoints":
        """Some of the points."""
        return made(self.points[rows], self.scale, self.moving, self.minima[rows])

    def joined(self, x: np.ndarray, chi2: np.ndarray, converged: np.ndarray) -> "StartPoints":
        """With minima of what is expected, each once, the lowest few.

        Args:
            x: [minimum, name].
            chi2: [minimum].
            converged: [minimum].
        """
        kept: list[np.ndarray] = []
        for k in np.argsort(chi2):
            apart = [np.max(np.abs(x[k] - y) / self.scale) > _SAME for y in kept]
            near = chi2[k] <= np.min(chi2) + _WORTH
            if converged[k] and near and all(apart) and len(kept) < _MINIMA:
                kept.append(x[k])
        new = np.array(kept).reshape(-1, len(self.scale))
        points = np.concatenate([self.points, new])
        minima = np.concatenate([self.minima, np.ones(len(new), dtype=bool)])
        return made(points, self.scale, self.moving, minima)

    def valleys(self, chi2: np.ndarray, most: int, margin: float) -> tuple[np.ndarray, np.ndarray]:
        """Pseudo-experiments and points to start from: points lower than all their neighbours.

        Args:
            chi2: [toy, point].
            most: Points for each pseudo-experiment at most.
            margin: How much higher than the lowest one they may be.
        """
        least = np.min(chi2, axis=1, keepdims=True)
        low = chi2 <= least + margin
        for k in range(self.neighbours.shape[1]):
            low &= chi2 <= chi2[:, self.neighbours[:, k]]
        height = np.where(low | (chi2 == least), chi2, np.inf)
        toys, places = [], []
        rows = np.arange(len(chi2))
        for _ in range(min(most, chi2.shape[1])):
            place = np.argmin(height[rows], axis=1)
            real = np.isfinite(height[rows, place])
            rows, place = rows[real], place[real]
            toys.append(rows)
            places.append(place)
            height[rows, place] = np.inf
        return np.concatenate(toys), np.concatenate(places)


def made(
    points: np.ndarray, scale: np.ndarray, moving: np.ndarray, minima: np.ndarray
) -> StartPoints:
    """A lattice in the order of its points; equal ones once."""
    points, index = np.unique(points, axis=0, return_index=True)
    minima = minima[index]
    dimensions, size = int(np.sum(moving)), len(points)
    if dimensions == 0 or size == 1:
        none = np.zeros((size, 0), dtype=int)
        return StartPoints(points, scale, moving, minima, none)
    count = min(2 if dimensions == 1 else _NEIGHBOURS * dimensions, size - 1)
    if dimensions == 1:
        place = np.arange(size)
        sides = [np.maximum(place - 1, 0), np.minimum(place + 1, size - 1)]
        return StartPoints(points, scale, moving, minima, np.stack(sides, axis=1))
    u = np.arcsinh(points[:, moving] / scale[moving] / _NEAR)
    apart = np.sum((u[:, None] - u[None]) ** 2, axis=2)
    np.fill_diagonal(apart, np.inf)
    return StartPoints(points, scale, moving, minima, np.argsort(apart, axis=1)[:, :count])


def lattice_of(model: Objective, names: tuple[str, ...], fixed: dict[str, float]) -> StartPoints:
    """Points at all distances from the defaults.

    Args:
        model: The model.
        names: All parameters of the points.
        fixed: Values of those that do not vary.
    """
    table = model.parameters
    moving = np.array([n not in fixed for n in names], dtype=bool)
    scale = np.array([table[n].scale for n in names])
    free = tuple(n for n in names if n not in fixed)
    rows = np.tile([fixed.get(n, table[n].default) for n in names], (1, 1)).astype(float)
    if free:
        varied = _points(model, free)
        rows = np.tile(rows, (len(varied), 1))
        rows[:, moving] = varied
    return made(rows, scale, moving, np.zeros(len(rows), dtype=bool))


def _points(model: Objective, names: tuple[str, ...]) -> np.ndarray:
    table, n = model.parameters, len(names)
    scale = np.array([table[m].scale for m in names])
    box = np.array([table[m].bounds for m in names], dtype=float)
    starts = starts_of(model, names)
    listed = [np.array(starts), np.array(far_starts(starts[0]))]
    if n in _SIDE:
        reach = np.arcsinh(_REACH / _NEAR)
        away = _NEAR * np.sinh(np.linspace(-reach, reach, _SIDE[n]))
        grid = np.meshgrid(*[away] * n, indexing="ij")
        listed.append(starts[0] + np.stack(grid, axis=-1).reshape(-1, n))
    else:
        rng = np.random.default_rng(_SEED)
        listed.append(starts[0] + rng.standard_normal((_RANDOM, n)))
    points = np.clip(np.concatenate(listed) * scale, box[:, 0], box[:, 1])
    if n == 1 and np.all(np.isfinite(box)):
        points = np.concatenate([points, np.linspace(box[0, 0], box[0, 1], _EVEN)[:, None]])
    return np.unique(points, axis=0)
