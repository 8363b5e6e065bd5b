"""Notes on a Feldman-Cousins region: grid edges that it reaches, islands too thin to be seen."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from cevnsjax.core.levels import level_key
from cevnsjax.model.model import Model

# Points that an island should have along each axis, for its shape to be seen.
_LEAST_WIDTH = 3
# Thin islands that are described; the others are counted.
_MAX_DESCRIBED = 3
# p-values closer to 1 - level than so many errors may be on its other side.
_UNSURE_ERRORS = 3.0

Grids = Mapping[str, np.ndarray]
"""Values of each axis, increasing, [point]."""
Inside = Bool[np.ndarray, "*axes"]
"""Which points of the grid a condition holds at."""


def notes_on_failures(failed: Int[np.ndarray, "*axes"], converged: Inside) -> list[str]:
    """Sentences on ``failed`` pseudo-experiments, and on points without a p-value."""
    notes, toys, points = [], int(np.sum(failed)), int(np.sum(~converged))
    if points:
        notes.append(
            f"the data could not be fitted at {points} points: they have no p-value and belong to "
            "no region (see converged)"
        )
    if toys:
        notes.append(f"{toys} failed fits are left out of all p-values (see failed)")
    return notes


def notes_of(
    model: Model,
    grids: Grids,
    p_value: Float[np.ndarray, "*axes"],
    error: Float[np.ndarray, "*axes"],
    levels: tuple[float, ...],
    best: Mapping[str, float],
) -> list[str]:
    """Sentences on where the grid does not show the region about the best fit."""
    notes = []
    for level in levels:
        inside, key = p_value > 1 - level, level_key(level)
        unsure = np.abs(p_value - (1 - level)) < _UNSURE_ERRORS * error
        texts = [*_best(grids, inside, best), *_cut(model, grids, inside)]
        notes += [f"{key}: {text}" for text in (*texts, *_thin(grids, inside, unsure))]
    return notes


def _best(grids: Grids, inside: Inside, best: Mapping[str, float]) -> Iterator[str]:
    """A note if no point beside the best fit, which belongs to every region, is in the region."""
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


def _cut(model: Model, grids: Grids, inside: Inside) -> Iterator[str]:
    """Edges of the grid, other than bounds, that the region reaches."""
    for axis, (name, grid) in enumerate(grids.items()):
        bounds = model.parameters[name].bounds
        for index, bound, side in ((0, bounds[0], "below"), (-1, bounds[1], "above")):
            edge = float(grid[index])
            if np.take(inside, index, axis=axis).any() and edge != bound:
                yield f"runs out of the grid {side} {name} = {edge:.4g}; widen it there"


def _thin(grids: Grids, inside: Inside, unsure: Inside) -> Iterator[str]:
    """The first few islands with too few points to show a shape; some may be chance."""
    from scipy import ndimage  # 0.1 s to import

    # Points that touch at corners belong together: slanting valleys are one island.
    labelled: Any = ndimage.label(inside, structure=np.ones((3,) * inside.ndim))
    islands, count = labelled
    thin = []
    for number, box in enumerate(ndimage.find_objects(islands), start=1):
        island = islands[box] == number
        short = [
            n
            for axis, n in enumerate(grids)
            if np.max(np.sum(island, axis=axis)) < _LEAST_WIDTH <= grids[n].size
        ]
        if short:
            place = np.argwhere(islands == number)[0].tolist()
            at = ", ".join(
                f"{n} = {_rounded(g, i)}" for (n, g), i in zip(grids.items(), place, strict=True)
            )
            size = int(island.sum())
            text = f"an island of {size} point{'s' * (size > 1)} near {at}"
            if np.all(unsure[islands == number]):
                thin.append(f"{text} is within the Monte Carlo error; take more toys")
            else:
                thin.append(
                    f"{text} is thinner than {_LEAST_WIDTH} along {' and '.join(short)}; refine "
                    "the grid there"
                )
    yield from thin[:_MAX_DESCRIBED]
    if len(thin) > _MAX_DESCRIBED:
        yield f"{len(thin) - _MAX_DESCRIBED} more of {count} islands are as thin"


def _rounded(grid: Float[np.ndarray, " point"], index: int) -> str:
    """A grid point as text; 0 where it differs from 0 by rounding only."""
    x, span = float(grid[index]), float(grid[-1] - grid[0])
    return f"{0.0 if abs(x) < 1e-12 * span else x:.4g}"
