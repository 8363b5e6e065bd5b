"""What a reader of a Feldman-Cousins region should know: edges it runs over, islands too thin."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cevnsjax.inference.objective import Objective
from cevnsjax.levels import level_key

# Points that an island should have along each axis, for its shape to be seen.
_WIDTH = 3
_MOST = 3


def notes_of(
    objective: Objective,
    grids: Mapping[str, np.ndarray],
    accepted: np.ndarray,
    levels: tuple[float, ...],
    best: Mapping[str, float],
) -> list[str]:
    """Sentences about where the grid does not show the region.

    Args:
        objective: The model.
        grids: Values of each axis, increasing.
        accepted: Whether points belong to the region, [*axes, level].
        levels: Confidence levels.
        best: Best fit, of the axes at least.
    """
    out = []
    for k, level in enumerate(levels):
        inside, key = accepted[..., k], level_key(level)
        if not inside.any():
            place = ", ".join(f"{n} = {best[n]:.4g}" for n in grids)
            out.append(f"{key}: no point of the grid is inside; refine it about {place}")
            continue
        out += [f"{key}: {text}" for text in _cut(objective, grids, inside)]
        out += [f"{key}: {text}" for text in _thin(grids, inside)]
    return out


def _cut(
    objective: Objective, grids: Mapping[str, np.ndarray], inside: np.ndarray
) -> Iterator[str]:
    """Edges of the grid, other than bounds, that the region reaches."""
    for axis, (name, grid) in enumerate(grids.items()):
        bounds = objective.parameters[name].bounds
        for index, bound, side in ((0, bounds[0], "below"), (-1, bounds[1], "above")):
            edge = float(grid[index])
            if np.take(inside, index, axis=axis).any() and edge != bound:
                yield f"runs out of the grid {side} {name} = {edge:.4g}; widen it there"


def _thin(grids: Mapping[str, np.ndarray], inside: np.ndarray) -> Iterator[str]:
    """Islands of fewer points than show a shape, the first few."""
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
            place = np.argwhere(islands == number)[0]
            at = ", ".join(
                f"{n} = {g[i]:.4g}" for (n, g), i in zip(grids.items(), place, strict=True)
            )
            thin.append(
                f"an island of {found.sum()} points near {at} is thinner than {_WIDTH} "
                f"along {' and '.join(short)}; refine the grid there"
            )
    yield from thin[:_MOST]
    if len(thin) > _MOST:
        yield f"{len(thin) - _MOST} more of {count} islands are as thin"
