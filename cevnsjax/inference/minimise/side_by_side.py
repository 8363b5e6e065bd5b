"""Newton's method within bounds for many functions side by side, in NumPy.

The steps are those of ``traced``. Descents that have arrived leave the others.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from cevnsjax.inference.minimise.traced import MAX_STEPS, Box, State, advanced, state_at

Starts = Float[np.ndarray, "fit coordinate"]
Expansions = Callable[[Any], tuple[Any, Any, Any]]
"""Function of coordinates: values [fit], gradients and Hessians."""
# Descents that go on are gathered when they are fewer than this part of those side by side.
_FEW = 0.8


def newton_side_by_side(
    expansions: Callable[[Int[np.ndarray, " fit"]], Expansions],
    start: Starts,
    low: Float[np.ndarray, " coordinate"],
    high: Float[np.ndarray, " coordinate"],
    fixed: Bool[np.ndarray, " coordinate"],
    most_steps: int = MAX_STEPS,
) -> tuple[Starts, Float[np.ndarray, " fit"], Float[np.ndarray, " fit"]]:
    """Coordinates, values and distances left after Newton's steps within bounds.

    Args:
        expansions: The functions of some of the fits.
        start: Starts within bounds.
        low: Lower bounds.
        high: Upper bounds.
        fixed: Coordinates that keep their start.
        most_steps: Steps after which a descent stops, wherever it is.
    """
    ends = start.copy(), np.full(len(start), np.inf), np.full(len(start), np.inf)
    rows, state = np.arange(len(start)), state_at(start)
    expand, box = expansions(rows), Box(low, high, fixed)
    for _ in range(most_steps):
        new = advanced(state, expand(state.trial), box)
        # What has arrived stays.
        state = new if state.going.all() else _chosen(state.going, new, state)
        going = state.going
        if going.mean() < _FEW:
            _store(ends, rows, state)
            if not going.any():
                return ends
            rows, state = rows[going], State(state.steps, *(x[going] for x in state[1:]))
            expand = expansions(rows)
    _store(ends, rows, state)
    return ends


def _chosen(going: Bool[np.ndarray, " fit"], new: State, old: State) -> State:
    pairs = zip(new[1:], old[1:], strict=True)
    wide = [(going[(..., *[None] * (x.ndim - 1))], x, y) for x, y in pairs]
    return State(new.steps, *(np.where(*choice) for choice in wide))


def _store(ends: tuple[np.ndarray, ...], rows: Int[np.ndarray, " fit"], state: State) -> None:
    for column, x in zip(ends, (state.u, state.value, state.distance), strict=True):
        column[rows] = x
