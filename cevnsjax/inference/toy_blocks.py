"""Blocks of pseudo-experiments on all cores."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import jax

from cevnsjax.inference.cores import cores
from cevnsjax.inference.progress import track

_Result = TypeVar("_Result")


def in_blocks(work: Callable[[int], _Result], blocks: list[int], what: str) -> Iterator[_Result]:
    """Results of blocks in their order, on all cores.

    Args:
        work: Function of a block's number.
        blocks: The numbers.
        what: Words beside the progress bar.
    """
    workers = min(len(blocks), cores()) if jax.default_backend() == "cpu" else 1
    if workers <= 1:
        for block in track(blocks, what):
            yield work(block)
        return
    with ThreadPoolExecutor(workers) as pool:
        # A few ahead: results of long runs need not all be in memory.
        waiting: list[Future[_Result]] = [pool.submit(work, b) for b in blocks[: 2 * workers]]
        try:
            for k, _ in enumerate(track(blocks, what)):
                done = waiting.pop(0).result()
                if k + 2 * workers < len(blocks):
                    waiting.append(pool.submit(work, blocks[k + 2 * workers]))
                yield done
        finally:
            for future in waiting:
                future.cancel()
