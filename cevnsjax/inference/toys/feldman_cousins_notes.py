"""What a reader of a Feldman-Cousins region should know: edges it runs over, islands too thin."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cevnsjax.core.levels import level_key
from cevnsjax.inference.objective import Objective

# Points that an island should have along each axis, for its shape to be seen.
_WIDTH = 3
_MOST = 3
# p-values so many errors from the level may be on its other side.
_ERRORS = 3.0


def notes_of(
    model: Objective,
    grids: Mapping[str, np.ndarray],
    p_value: np.ndarray,
    error: np.ndarray,
    levels: tuple[float, ...],
    best: Mapping[str, float],
) -> list[str]:
    """Sentences about where the grid does not show the region.

    Args:
        model: The model.
        grids: Values of each axis, increasing.
        p_value: Of each point, [*axes].
        error: Monte Carlo error of the p-values, [*axes].
        levels: Confidence levels.
        best: Best fit, of the axes at least.
    """
    out = []
    for level in levels:
        inside, key = p_value > 1 - level, level_key(level)
        unsure = np.abs(p_value - (1 - level)) < _ERRORS * error
        texts = [*_best(grids, inside, best), *_cut(model, grids, inside)]
        out += [f"{key}: {text}" for text in (*texts, *_thin(grids, inside, unsure))]
    return out


def _best(
    grids: Mapping[str, np.ndarray], inside: np.ndarray, best: Mapping[str, float]
) -> Iterator[str]:
    """Whether the best fit, which belongs to every region, has no point of it beside it."""
    place = ", ".join(f"{n} = {best[n]:.4g}" for n in grids)
    if any(not g[0] <= best[n] <= g[-1] for n, g in grids.items()):
        yield f"the best fit, {place}, lies off the grid; move or widen it"
        return
    around = []
    for name, grid in grids.items():
        after = int(np.searchsorted(grid, best[name]))
        around.append(range(max(after - 1, 0), min(after, grid.size - 1) + 1))
    if not inside[np.ix_(*around)].any():
        yield f"the grid misses the region around the best fit; refine it about {place}"


def _cut(model: Objective, grids: Mapping[str, np.ndarray], inside: np.ndarray) -> Iterator[str]:
    """Edges of the grid, other than bounds, that the region reaches."""
    for axis, (name, grid) in enumerate(grids.items()):
        bounds = model.parameters[name].bounds
        for index, bound, side in ((0, bounds[0], "below"), (-1, bounds[1], "above")):
            edge = float(grid[index])
            if np.take(inside, index, axis=axis).any() and edge != bound:
                yield f"runs out of the grid {side} {name} = {edge:.4g}; widen it there"


def _thin(grids: Mapping[str, np.ndarray], inside: np.ndarray, unsure: np.ndarray) -> Iterator[str]:
    """Islands of fewer points than show a shape, the first few; some may be chance."""
    from scipy import ndimage  # 0.1 s to import

    # Points that touch at corners belong together: slanting valleys are one island.
    labelled: Any = ndimage.label(inside, structure=np.ones((3,) * inside.ndim))
    islands, count = labelled
    thin = []
    for number, box in enumerate(ndimage.find_objects(islands), start=1):
        found = islands[box] == number
        short = [
            n
            for axis, n in enumerate(grids)
            if np.max(np.sum(found, axis=axis)) < _WIDTH <= grids[n].size
        ]
        if short:
            place = np.argwhere(islands == number)[0].tolist()
            at = ", ".join(
                f"{n} = {_rounded(g, i)}" for (n, g), i in zip(grids.items(), place, strict=True)
            )
            size = int(found.sum())
            island = f"an island of {size} point{'s' * (size > 1)} near {at}"
            if np.all(unsure[islands == number]):
                thin.append(f"{island} is within the Monte Carlo error; take more toys")
            else:
                thin.append(
                    f"{island} is thinner than {_WIDTH} along {' and '.join(short)}; refine the "
                    "grid there"
                )
    yield from thin[:_MOST]
    if len(thin) > _MOST:
        yield f"{len(thin) - _MOST} more of {count} islands are as thin"


def _rounded(grid: np.ndarray, index: int) -> str:
    """A grid point; what is 0 but for rounding as 0."""
    x, span = float(grid[index]), float(grid[-1] - grid[0])
    return f"{0.0 if abs(x) < 1e-12 * span else x:.4g}"
