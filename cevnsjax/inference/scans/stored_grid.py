"""A grid whose rows are kept in the blocks of a run."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cevnsjax.inference.axes import Grids
from cevnsjax.inference.objective import BlockGrid
from cevnsjax.inference.runs.blocks import block_ranges, compute_missing
from cevnsjax.inference.runs.run import Run

# Points that a block holds at least: with these engines fewer take less than a second.
_MIN_POINTS = {"template": 1 << 21, "node": 1}


class StoredGrid:
    """A grid that is read from the blocks of a run; see ``BlockGrid``.

    The last block has fewer rows.
    """

    def __init__(self, run: Run, grid: BlockGrid, grids: Grids, blocks: Sequence[range]) -> None:
        """Compute the blocks that the run lacks, each of several pieces of ``grid.step`` rows."""
        rows = row_count(grid, grids)

        def work(piece: int) -> dict[str, np.ndarray]:
            first = piece * grid.step
            return {"chi2": grid.block(first)[: rows - first]}

        compute_missing(run, blocks, work, "scan", parallel=False)
        self.inner, self.outer = grid.inner, grid.outer
        self._run, self.step = run, grid.step * len(blocks[0])

    def block(self, first: int) -> Float[np.ndarray, "row point"]:
        """chi2 of the rows from ``first`` on."""
        return self._run.read(first // self.step)["chi2"]


def grid_blocks(grid: BlockGrid, grids: Grids, engine: str) -> list[range]:
    """Pieces of ``grid.step`` rows in each block."""
    rows, width = row_count(grid, grids), grids[grid.inner].size
    return block_ranges(-(-rows // grid.step), _MIN_POINTS[engine] // (grid.step * width))


def row_count(grid: BlockGrid, grids: Grids) -> int:
    """Number of rows of a grid."""
    return math.prod(grids[n].size for n in grid.outer)
