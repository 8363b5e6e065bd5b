"""Calls of one size: a compiled program serves any number of rows, the last call filled up.

In NumPy threads take pieces side by side.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Int

_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")


def core_count() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def on_all_cores(work: Callable[[_Piece], _Result], pieces: Iterable[_Piece]) -> list[_Result]:
    """Results of pieces of work in NumPy, which lets threads compute at once."""
    with ThreadPoolExecutor(core_count()) as threads:
        return list(threads.map(work, pieces))


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
