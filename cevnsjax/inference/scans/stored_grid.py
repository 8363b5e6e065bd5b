"""A grid whose rows are kept in the blocks of a run."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from cevnsjax.inference.objective import BlockGrid
from cevnsjax.inference.runs.blocks import block_ranges, compute_missing
from cevnsjax.inference.runs.run import Run

# Points that a block holds at least: with these engines fewer take less than a second.
_MIN_POINTS = {"template": 1 << 21, "node": 1}


class StoredGrid:
    """A grid that is read from the blocks of a run.

    Attributes:
        inner: The axis along a row.
        outer: The axes that number rows.
        step: Rows in a block.
    """

    def __init__(self, run: Run, grid: BlockGrid, blocks: Sequence[range]) -> None:
        """Read a grid from a run.

        Args:
            run: The run, complete.
            grid: What computed it.
            blocks: Pieces of ``grid.step`` rows in each block.
        """
        self.inner, self.outer = grid.inner, grid.outer
        self._run, self.step = run, grid.step * len(blocks[0])

    def block(self, first: int) -> Float[np.ndarray, "row point"]:
        """chi2 of the rows from ``first`` on; the last block has fewer rows."""
        return self._run.read(first // self.step)["chi2"]


def stored_grid(run: Run, grid: BlockGrid, rows: int, blocks: Sequence[range]) -> StoredGrid:
    """A grid in a run, after the blocks that were missing have been computed.

    Args:
        run: The run, open.
        grid: What computes chi2.
        rows: Number of rows.
        blocks: Pieces of ``grid.step`` rows in each block.
    """

    def work(piece: int) -> dict[str, np.ndarray]:
        first = piece * grid.step
        return {"chi2": grid.block(first)[: min(grid.step, rows - first)]}

    compute_missing(run, blocks, work, "scan", parallel=False)
    return StoredGrid(run, grid, blocks)


def grid_blocks(grid: BlockGrid, lengths: Mapping[str, int], engine: str) -> list[range]:
    """Pieces of ``grid.step`` rows in each block."""
    rows, width = row_count(grid, lengths), lengths[grid.inner]
    return block_ranges(-(-rows // grid.step), _MIN_POINTS[engine] // (grid.step * width))


def row_count(grid: BlockGrid, lengths: Mapping[str, int]) -> int:
    """Number of rows of a grid."""
    return math.prod(lengths[n] for n in grid.outer)
