"""Starts along parameters in which a function has many valleys, such as the phase of a wave.

A ladder goes through the range of such a parameter in steps as wide as the problem says. At every
rung the other coordinates take two Newton steps towards their best; descents start at the rungs
that are then lower than both neighbours.
"""

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.inference.minimise.newton import newton_many
from cevnsjax.inference.minimise.problems import Coordinates, Problem, rungs_between

# Rungs of one call.
_CHUNK = 512
# Steps of the other coordinates at a rung.
_STEPS = 2
# So many of the lowest rungs are starts, at most this much above the lowest in value.
_MOST_STARTS, _MAX_HEIGHT = 32, 30.0


def ladder_starts(
    problem: Problem, base: Coordinates, free: Bool[np.ndarray, " parameter"] | None = None
) -> list[Coordinates]:
    """Starts in the valleys along every parameter that has a spacing of starts.

    Args:
        problem: The function.
        base: Where the other coordinates start from at every rung, [parameter].
        free: Which coordinates may move; all if None.

    Returns:
        Starts, lowest first along each ladder; none if no free parameter has a spacing.
    """
    moves = np.ones(problem.low.size, dtype=bool) if free is None else free
    starts: list[Coordinates] = []
    for k in np.flatnonzero(moves & np.isfinite(problem.spacings)):
        rungs = rungs_between(problem.low[k], problem.high[k], problem.spacings[k])
        rows = np.tile(base, (rungs.size, 1))
        rows[:, k] = rungs
        is_fixed = ~moves | (np.arange(moves.size) == k)
        ends = [
            end
            for i in range(0, len(rows), _CHUNK)
            for end in newton_many(problem, rows[i : i + _CHUNK], fixed=is_fixed, max_steps=_STEPS)
        ]
        places = _valleys(np.array([end.value for end in ends]))
        starts += [ends[i].u for i in places]
    return starts


def _valleys(height: Float[np.ndarray, " rung"]) -> list[int]:
    """The lowest rungs that are not higher than their neighbours, lowest first."""
    height = np.where(np.isfinite(height), height, np.inf)
    padded = np.pad(height, 1, constant_values=np.inf)
    is_low = (height <= padded[:-2]) & (height <= padded[2:])
    is_low &= (height <= np.min(height) + _MAX_HEIGHT) & (height < np.inf)
    places = np.flatnonzero(is_low)
    return places[np.argsort(height[places], kind="stable")][:_MOST_STARTS].tolist()
