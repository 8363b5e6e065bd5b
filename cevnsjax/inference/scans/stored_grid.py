"""Rows of a grid with the points whose searches failed, computed or kept in the blocks of a run."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.inference.axes import Grids
from cevnsjax.inference.minimise.problems import arrived
from cevnsjax.inference.objective import BlockGrid
from cevnsjax.inference.progress import track
from cevnsjax.inference.runs.blocks import block_ranges, compute_missing
from cevnsjax.inference.runs.run import Run

# Points that a block holds at least: with these engines fewer take less than a second.
_MIN_POINTS = {"template": 1 << 21, "node": 1}


class Rows(NamedTuple):
    """Rows of a grid.

    Attributes:
        chi2: Their chi2 [1].
        failed: Points at which solved nuisances are not at their minimum, by number on the grid.
    """

    chi2: Float[np.ndarray, "row point"]
    failed: Int[np.ndarray, " failed"]


class ComputedGrid:
    """A grid whose rows are computed as they are asked for."""

    def __init__(self, grid: BlockGrid, grids: Grids) -> None:
        self._grid, self._count = grid, row_count(grid, grids)
        self.inner, self.outer, self.step = grid.inner, grid.outer, grid.step

    def rows(self, first: int) -> Rows:
        """``step`` rows from ``first`` on, fewer at the end."""
        chi2, distance = self._grid.block(first)
        chi2 = chi2[: self._count - first]
        if distance is None:
            return Rows(chi2, np.zeros(0, dtype=int))
        missed = np.flatnonzero(~arrived(distance[: len(chi2)].reshape(-1)))
        return Rows(chi2, first * chi2.shape[1] + missed)


class StoredGrid:
    """A grid that is read from the blocks of a run, the last of which has fewer rows."""

    def __init__(self, run: Run, grid: ComputedGrid, blocks: Sequence[range]) -> None:
        """Compute the blocks that the run lacks, each of several pieces of ``grid.step`` rows."""

        def work(piece: int) -> dict[str, np.ndarray]:
            return grid.rows(piece * grid.step)._asdict()

        compute_missing(run, blocks, work, "scan", parallel=False)
        self.inner, self.outer = grid.inner, grid.outer
        self._run, self.step = run, grid.step * len(blocks[0])

    def rows(self, first: int) -> Rows:
        """The rows from ``first`` on."""
        block = self._run.read(first // self.step)
        return Rows(block["chi2"], block["failed"])


GridRows = ComputedGrid | StoredGrid
"""Rows of a grid with their failed points."""


def rows_of(blocks: GridRows, grids: Grids) -> Iterator[tuple[int, Rows]]:
    """First row and content of each block of a grid."""
    for first in track(range(0, row_count(blocks, grids), blocks.step), "scan"):
        yield first, blocks.rows(first)


def grid_blocks(grid: ComputedGrid, grids: Grids, engine: str) -> list[range]:
    """Pieces of ``grid.step`` rows in each block."""
    rows, width = row_count(grid, grids), grids[grid.inner].size
    return block_ranges(-(-rows // grid.step), _MIN_POINTS[engine] // (grid.step * width))


def row_count(grid: BlockGrid | GridRows, grids: Grids) -> int:
    """Number of rows of a grid."""
    return math.prod(grids[n].size for n in grid.outer)
