"""Grids profiled over further parameters: minima followed from a coarse grid to a fine one."""

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise, product

import numpy as np
from jaxtyping import Float

from cevnsjax.inference.axes import Grids
from cevnsjax.inference.fits.followed_minima import Minima, MinimaFollower, starts_from
from cevnsjax.inference.minimise.problems import Bounds, far_starts, narrowed, problem_of, starts_of
from cevnsjax.inference.objective import Data, Objective
from cevnsjax.inference.progress import track

# Points of an axis at which all starts are tried, by number of axes.
_COARSE = {1: 13, 2: 7, 3: 4, 4: 3}
# Points of one call for nuisances.
_CHUNK = 4096

Indices = list[list[int]]
"""Some points of a grid: their indices along each axis."""
Solved = dict[tuple[int, ...], Minima]
"""Minima by index on the grid."""


def solve_grid(
    model: Objective,
    grids: Grids,
    names: tuple[str, ...],
    fixed: Mapping[str, float],
    *,
    data: Data = None,
    bounds: Bounds | None = None,
) -> dict[str, np.ndarray]:
    """chi2 minimised over further parameters at every point of a grid.

    Returns:
        "chi2", "converged" and the best value of each name, each shaped like the grid.
    """
    problem = problem_of(model, (*names, *grids), fixed, data, bounds)
    n, table = len(names), model.parameters
    listed = starts_of(model, names)
    listed += far_starts(listed[0]) if n else []
    starts = [np.clip(s, problem.low[:n], problem.high[:n]) for s in listed]
    follower = MinimaFollower(problem, starts, "scan")
    scaled = [g / table[a].scale for a, g in grids.items()]
    shape = tuple(g.size for g in scaled)
    solved: Solved = {}
    coarser: Indices = []
    for indices in _refinements(shape):
        new = [p for p in product(*indices) if p not in solved]
        points = _points(scaled, new)
        if not solved:
            minima = follower.everywhere(points)
        else:
            corners = (_corners(p, coarser) for p in new)
            from_corners = [starts_from([solved[c] for c in cs], n) for cs in corners]
            minima = follower.solve(points, from_corners)
        coarser = indices
        solved.update(zip(new, minima, strict=True))
        solved = _spread(follower, scaled, indices, solved)
    best = [solved[p][0] for p in np.ndindex(*shape)]
    variables = {"chi2": np.array([2 * m.value for m in best]).reshape(shape)}
    variables["converged"] = np.array([m.converged for m in best]).reshape(shape)
    for k, (name, ends) in enumerate(zip(names, narrowed(model, names, bounds), strict=True)):
        values = np.array([m.u[k] for m in best]).reshape(shape) * table[name].scale
        # Scaling and scaling back may miss a bound by one rounding.
        variables[name] = np.clip(values, *ends)
    return variables


def _points(
    scaled: list[np.ndarray], indices: list[tuple[int, ...]]
) -> Float[np.ndarray, "point axis"]:
    return np.array([[g[i] for g, i in zip(scaled, p, strict=True)] for p in indices])


def _refinements(shape: tuple[int, ...]) -> Iterator[Indices]:
    """Indices of a coarse grid, then of finer ones, steps about halved, up to all points."""
    coarse = _COARSE[len(shape)]
    lists = [
        np.unique(np.linspace(0, size - 1, min(size, coarse)).round().astype(int)).tolist()
        for size in shape
    ]
    while True:
        yield lists
        if all(len(some) == size for some, size in zip(lists, shape, strict=True)):
            return
        lists = [sorted({*some, *((a + b) // 2 for a, b in pairwise(some))}) for some in lists]


def _corners(point: tuple[int, ...], coarser: Indices) -> list[tuple[int, ...]]:
    """The points of a coarser grid about a point."""
    sides = []
    for i, some in zip(point, coarser, strict=True):
        k = int(np.searchsorted(some, i))
        sides.append([i] if some[min(k, len(some) - 1)] == i else [some[k - 1], some[k]])
    return list(product(*sides))


def _spread(
    follower: MinimaFollower, scaled: list[np.ndarray], indices: Indices, solved: Solved
) -> Solved:
    """Let points learn from their neighbours."""
    shape = tuple(len(some) for some in indices)
    order = list(product(*indices))
    strides = [int(np.prod(shape[k + 1 :])) for k in range(len(shape))]

    def beside(i: int) -> list[int]:
        place = np.unravel_index(i, shape)
        return [
            i + side * stride
            for here, size, stride in zip(place, shape, strides, strict=True)
            for side in (-1, 1)
            if 0 <= here + side < size
        ]

    points = _points(scaled, order)
    better = follower.spread(points, [solved[p] for p in order], beside)
    return dict(zip(order, better, strict=True))


def nuisances_on(
    model: Objective,
    grids: Grids,
    fixed: Mapping[str, float],
    best: dict[str, np.ndarray],
    data: Data,
) -> dict[str, np.ndarray]:
    """The solved nuisances at every point of a grid, {name: shaped like the grid} [1]."""
    shape = tuple(g.size for g in grids.values())
    axes = dict(zip(grids, np.meshgrid(*grids.values(), indexing="ij"), strict=True))
    columns = {n: x.reshape(-1) for n, x in {**axes, **best}.items()}
    parts = [
        model.expand(
            dict(fixed), {n: x[first : first + _CHUNK] for n, x in columns.items()}, data=data
        ).pulls
        for first in track(range(0, math.prod(shape), _CHUNK), "nuisances")
    ]
    return {n: np.concatenate([p[n] for p in parts]).reshape(shape) for n in parts[0]}
