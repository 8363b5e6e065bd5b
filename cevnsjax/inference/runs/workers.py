"""Blocks of pseudo-experiments on all cores, or on all devices."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from queue import SimpleQueue
from typing import Any, TypeVar

import jax

from cevnsjax.devices import workers as spare_devices
from cevnsjax.inference.progress import track
from cevnsjax.inference.runs.cores import cores

_Result = TypeVar("_Result")


def in_blocks(work: Callable[[int], _Result], blocks: list[int], what: str) -> Iterator[_Result]:
    """Results of blocks in their order, on all cores, or on the devices that were asked for.

    Args:
        work: Function of a block's number.
        blocks: The numbers.
        what: Words beside the progress bar.
    """
    devices = spare_devices()
    on_cpu = jax.default_backend() == "cpu"
    workers = min(len(blocks), len(devices) or (cores() if on_cpu else 1))
    if workers <= 1:
        for block in track(blocks, what):
            yield work(block)
        return
    free: SimpleQueue[Any] = SimpleQueue()
    for k in range(workers):
        free.put(devices[k] if devices else None)

    def placed(block: int) -> _Result:
        device = free.get()
        try:
            with nullcontext() if device is None else jax.default_device(device):
                return work(block)
        finally:
            free.put(device)

    with ThreadPoolExecutor(workers) as pool:
        # A few ahead: results of long runs need not all be in memory.
        waiting: list[Future[_Result]] = [pool.submit(placed, b) for b in blocks[: 2 * workers]]
        try:
            for k, _ in enumerate(track(blocks, what)):
                done = waiting.pop(0).result()
                if k + 2 * workers < len(blocks):
                    waiting.append(pool.submit(placed, blocks[k + 2 * workers]))
                yield done
        finally:
            for future in waiting:
                future.cancel()
