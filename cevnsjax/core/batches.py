"""Calls of one size: a compiled program serves any number of rows, the last call filled up."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int


def in_batches(
    function: Callable[[Int[np.ndarray, " row"]], Sequence[Any]], rows: int, size: int
) -> list[np.ndarray]:
    """Outputs of a function for all rows, computed ``size`` rows at a time.

    Args:
        function: Arrays [row, ...] from the indices of ``size`` rows. The last call repeats the
            last row; what it gives for the repetitions is dropped.
        rows: Number of rows, 1 at least.
        size: Rows of each call.
    """
    parts = [
        function(np.minimum(np.arange(first, first + size), rows - 1))
        for first in range(0, rows, size)
    ]
    return [np.concatenate(part)[:rows] for part in zip(*parts, strict=True)]
