"""Work in many pieces, kept in the blocks of a run: pseudo-experiments, points, rows of grids."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.inference.progress import track
from cevnsjax.inference.runs.fingerprint import fingerprint
from cevnsjax.inference.runs.run import Run
from cevnsjax.inference.runs.workers import parallel_map

Arrays = Mapping[str, np.ndarray]
"""Arrays by name; their first axis numbers rows."""
# Each block is two files: shared file systems cope badly with more than this.
_MAX_BLOCKS = 4096


def run_in(
    folder: str | Path | None,
    resume: bool,
    model: object,
    configuration: Mapping[str, object],
    blocks: int,
    width: int | None = None,
) -> Run | None:
    """The run of a command in a folder, not yet open; None without a folder.

    ``configuration`` says what decides the numbers besides the model; ``width`` is that of ``Run``.
    """
    if folder is None:
        if resume:
            raise InputError("resume=True needs the folder of a run: folder= (--folder)")
        return None
    everything = {**configuration, "model": fingerprint(model)}
    return Run(folder, everything, blocks, resume=resume, width=width)


def block_ranges(pieces: int, size: int = 1) -> list[range]:
    """Pieces of work in each block, ``size`` or more; the last block may be shorter."""
    size = max(size, -(-pieces // _MAX_BLOCKS))
    return [range(k, min(k + size, pieces)) for k in range(0, pieces, size)]


def compute_or_read(
    run: Run | None,
    work: Callable[[int], Arrays],
    pieces: int,
    label: str,
    *,
    parallel: bool = True,
) -> Iterator[Arrays]:
    """Arrays of all pieces in order: as they are computed, or from the blocks of a run.

    An open run has ``len(block_ranges(pieces))`` blocks; it yields the pieces of a block joined
    along the first axis. ``parallel`` works on all cores or devices.
    """
    if run is None:
        yield from _computed(work, range(pieces), label, parallel)
        return
    blocks = block_ranges(pieces)
    compute_missing(run, blocks, work, label, parallel=parallel)
    yield from map(run.read, range(len(blocks)))


def compute_missing(
    run: Run,
    blocks: Sequence[range],
    work: Callable[[int], Arrays],
    label: str,
    *,
    parallel: bool = True,
) -> None:
    """Compute the blocks of an open run that are missing, and wait for other processes'."""
    missing = list(run.missing)
    pieces = [piece for k in missing for piece in blocks[k]]
    with closing(_computed(work, pieces, label, parallel)) as results:
        for k in missing:
            parts = [next(results) for _ in blocks[k]]
            run.write(k, {n: np.concatenate([p[n] for p in parts]) for n in parts[0]})
    run.wait()


def _computed(
    work: Callable[[int], Arrays], pieces: Sequence[int], label: str, parallel: bool
) -> Generator[Arrays]:
    if parallel:
        yield from parallel_map(work, pieces, label)
    else:
        yield from map(work, track(pieces, label))
