"""Where the search for the best nuisances starts."""

import numpy as np

from cevnsjax.core.namespaces import numpy_of
from cevnsjax.core.types import Arrays
from cevnsjax.likelihood.coordinates import Coordinates
from cevnsjax.likelihood.counts import Mean, mean_of
from cevnsjax.likelihood.curved import width_of
from cevnsjax.likelihood.stacks import side_by_side


def first_start(observed: Arrays, coordinates: Coordinates) -> Arrays:
    """Nuisances at 0, with all axes of points that data, counts or constraints have."""
    start, problem = coordinates.start(), coordinates.problem
    shapes = [observed.shape[:-1], problem.centre.shape[:-1], start.shape[:-1]]
    shapes += [stack.nominal.shape[:-2] for stack in coordinates.stacks]
    batch = np.broadcast_shapes(*shapes)
    return numpy_of(start, observed).broadcast_to(start, (*batch, start.shape[-1]))


def further_starts(observed: Arrays, coordinates: Coordinates, start: Arrays) -> list[Arrays]:
    """Where a component with lognormal pulls may have a further minimum, besides a first start.

    It accounts for the counts that are missing at the first start, or for all counts if none are.
    A wide pull may account for those of the cell that lacks most, too. With normal pulls beside
    the lognormal one it may vanish through either: in one start it has one count left, in another
    the strength 0.
    """
    mean, out = mean_of(coordinates.stacks, coordinates.view(start)), []
    xp = numpy_of(start, mean.mu, observed)
    for k in coordinates.growing:
        with_k = [c for c in coordinates.components if k in c.log_pulls]
        now = _counts_with(coordinates, mean, k)
        missing, all_now = observed - (mean.mu - now), now.sum(-1)
        all_missing = missing.sum(-1)
        factors = [xp.where(all_missing > 0, all_missing, observed.sum(-1)) / all_now]
        if coordinates.is_curved:
            factors.append(xp.where(now > 0, missing / xp.where(now > 0, now, 1.0), 0.0).max(-1))
            factors += [1 / all_now] if any(c.pulls for c in with_k) else []
        for factor in factors:
            usable = xp.where((factor > 0) & xp.isfinite(factor), factor, 1.0)
            b = xp.log(usable) / width_of(with_k[0], k)
            out.append(_moved(start, coordinates.place(k), b[..., None]))
    for i, c in enumerate(coordinates.strengths.layout.chosen if coordinates.is_curved else ()):
        if coordinates.components[c].log_pulls and coordinates.low[i] == 0:
            out.append(_moved(start, i, 0.0))
    return out


def _moved(start: Arrays, place: int, value: Arrays | float) -> Arrays:
    is_there = np.arange(start.shape[-1]) == place
    return numpy_of(start, value).where(is_there, value, start)


def _counts_with(coordinates: Coordinates, mean: Mean, k: int) -> Arrays:
    """Counts of the components that a lognormal pull multiplies, [..., cell] [count]."""
    cells, grows = [], np.array([float(k in c.log_pulls) for c in coordinates.components])
    for p in mean.experiments:
        counts = p.factor[..., None] * p.parts
        cells.append((counts * grows[p.owner][:, None].astype(counts.dtype)).sum(-2))
    return side_by_side(cells)
