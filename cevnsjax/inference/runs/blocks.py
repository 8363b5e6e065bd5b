"""Work of many pieces kept in the blocks of a run: pseudo-experiments, points, rows of grids."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.inference.objective import BlockGrid
from cevnsjax.inference.progress import track
from cevnsjax.inference.runs.fingerprint import fingerprint
from cevnsjax.inference.runs.run import Run
from cevnsjax.inference.runs.workers import in_blocks

# Files of a run, each with its sum: more than these are a burden to shared file systems.
_MOST_FILES = 4096
# Points that a block of a grid has at least, where so many take less than a second.
_POINTS = {"template": 1 << 21, "node": 1}


def run_in(
    folder: str | Path | None,
    resume: bool,
    model: Any,
    asked: Mapping[str, Any],
    blocks: int | None,
    width: int | None = None,
) -> Run | None:
    """The run of a command in a folder, not yet open; None without a folder.

    Args:
        folder: The folder.
        resume: Go on with what it holds.
        model: The model.
        asked: What else decides the numbers.
        blocks: Number of blocks, None if nobody knows before.
        width: Blocks that far apart go on from each other, see ``Run``.

    Raises:
        InputError: At resume without a folder.
    """
    if folder is None:
        if resume:
            raise InputError("resume=True needs the folder of a run: folder= (--folder)")
        return None
    return Run(folder, {**asked, "model": fingerprint(model)}, blocks, resume=resume, width=width)


def block_ranges(total: int, size: int = 1) -> list[range]:
    """Pieces of work by block, the last one shorter.

    Args:
        total: Number of pieces.
        size: Pieces of a block at least.
    """
    size = max(size, -(-total // _MOST_FILES))
    return [range(k, min(k + size, total)) for k in range(0, total, size)]


def compute_missing(
    run: Run,
    blocks: Sequence[range],
    work: Callable[[int], Mapping[str, np.ndarray]],
    what: str,
    *,
    cores: bool = True,
) -> None:
    """Make what is missing, and wait for other processes.

    Args:
        run: The run.
        blocks: Pieces of each block.
        work: Arrays of a piece from its number, each [row, ...].
        what: Words beside the progress bar.
        cores: Work on pieces side by side on all cores.
    """
    missing = list(run.missing)
    wanted = [piece for k in missing for piece in blocks[k]]
    one_by_one = (work(piece) for piece in track(wanted, what))
    made: Any = in_blocks(work, wanted, what) if cores else one_by_one
    with closing(made):
        for k in missing:
            parts = [next(made) for _ in blocks[k]]
            run.write(k, {n: np.concatenate([p[n] for p in parts]) for n in parts[0]})
    run.wait()


class StoredGrid:
    """A grid that is read from the blocks of a run.

    Attributes:
        inner: The axis along a row.
        outer: The axes that number rows.
        step: Rows in a block.
    """

    def __init__(self, run: Run, grid: BlockGrid, blocks: Sequence[range]) -> None:
        """Prepare.

        Args:
            run: The run, complete.
            grid: What made it.
            blocks: Pieces of ``grid.step`` rows of each block.
        """
        self.inner, self.outer = grid.inner, grid.outer
        self._run, self.step = run, grid.step * len(blocks[0])

    def block(self, first: int) -> np.ndarray:
        """chi2 of the rows from ``first`` on, [row, point]; the last block has fewer rows."""
        return self._run.read(first // self.step)["chi2"]


def stored_grid(run: Run, grid: BlockGrid, rows: int, blocks: Sequence[range]) -> StoredGrid:
    """A grid in a run, after what is missing of it has been made.

    Args:
        run: The run.
        grid: What gives chi2.
        rows: Number of rows.
        blocks: Pieces of each block.
    """

    def work(piece: int) -> dict[str, np.ndarray]:
        first = piece * grid.step
        return {"chi2": grid.block(first)[: min(grid.step, rows - first)]}

    compute_missing(run, blocks, work, "scan", cores=False)
    return StoredGrid(run, grid, blocks)


def grid_shares(grid: BlockGrid, lengths: Mapping[str, int], engine: str) -> list[range]:
    """Pieces of ``grid.step`` rows by block.

    Args:
        grid: The grid.
        lengths: Points of each axis.
        engine: "node" or "template".
    """
    rows, width = rows_of(grid, lengths), lengths[grid.inner]
    return block_ranges(-(-rows // grid.step), _POINTS[engine] // (grid.step * width))


def rows_of(grid: BlockGrid, lengths: Mapping[str, int]) -> int:
    """Rows of a grid.

    Args:
        grid: The grid.
        lengths: Points of each axis.
    """
    return math.prod(lengths[n] for n in grid.outer)
