"""Where the search for the best nuisances starts."""

import numpy as np

from cevnsjax.core.namespaces import numpy_of
from cevnsjax.core.types import Arrays
from cevnsjax.likelihood.coordinates import Coordinates
from cevnsjax.likelihood.counts import mean_of
from cevnsjax.numerics import total


def starts_of(observed: Arrays, coordinates: Coordinates) -> list[Arrays]:
    """Nuisances at 0; besides, a component that grows without end may give a second minimum.

    It is where the component accounts for the counts that are missing at the first start, or for
    all counts if none are.
    """
    start = _full_batch(observed, coordinates)
    growing = sorted({k for stack in coordinates.stacks for k in stack.log_pulls})
    if not growing:
        return [start]
    mean, starts = mean_of(coordinates.stacks, coordinates.view(start)), [start]
    xp = numpy_of(start, mean.mu)
    for k in growing:
        now, width = [], 0.0
        for stack, p in zip(coordinates.stacks, mean.experiments, strict=True):
            if k not in stack.log_pulls or stack.log_widths is None:
                continue
            widths = stack.log_widths[stack.log_pulls.index(k)]
            now.append(xp.where(widths > 0, p.factor * p.parts.sum(-1), 0.0).sum(-1))
            width = widths.max()
        scaled = total(now)
        missing = observed.sum(-1) - (mean.mu.sum(-1) - scaled)
        missing = xp.where(missing > 0, missing, observed.sum(-1))
        usable = (missing > 0) & (scaled > 0)
        growth = xp.where(usable, missing, 1.0) / xp.where(usable, scaled, 1.0)
        is_k = np.arange(start.shape[-1]) == coordinates.place(k)
        starts.append(xp.where(is_k, (xp.log(growth) / width)[..., None], start))
    return starts


def _full_batch(observed: Arrays, coordinates: Coordinates) -> Arrays:
    """The first start, with all axes of points that data, counts or constraints have."""
    start, problem = coordinates.start(), coordinates.problem
    shapes = [observed.shape[:-1], problem.centre.shape[:-1], start.shape[:-1]]
    shapes += [stack.nominal.shape[:-2] for stack in coordinates.stacks]
    batch = np.broadcast_shapes(*shapes)
    return numpy_of(start, observed).broadcast_to(start, (*batch, start.shape[-1]))
