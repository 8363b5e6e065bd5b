"""Independent pieces of work on all cores, or on all devices."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from queue import SimpleQueue
from typing import Any, TypeVar

import jax

from cevnsjax.core.batches import core_count
from cevnsjax.devices import worker_devices
from cevnsjax.inference.progress import track

_Result = TypeVar("_Result")


def parallel_map(
    work: Callable[[int], _Result], pieces: Sequence[int], label: str
) -> Iterator[_Result]:
    """Results of pieces in their order, on all cores, or on the devices that were asked for."""
    devices = worker_devices()
    on_cpu = jax.default_backend() == "cpu"
    workers = min(len(pieces), len(devices) or (core_count() if on_cpu else 1))
    if workers <= 1:
        for piece in track(pieces, label):
            yield work(piece)
        return
    free: SimpleQueue[Any] = SimpleQueue()
    for k in range(workers):
        free.put(devices[k] if devices else None)

    def on_free_device(piece: int) -> _Result:
        device = free.get()
        try:
            with nullcontext() if device is None else jax.default_device(device):
                return work(piece)
        finally:
            free.put(device)

    # Only a few pieces are begun ahead: the results of a long run need not all fit into memory.
    ahead = 2 * workers
    pool = ThreadPoolExecutor(workers)
    pending: list[Future[_Result]] = [pool.submit(on_free_device, p) for p in pieces[:ahead]]
    try:
        for k, _ in enumerate(track(pieces, label)):
            result = pending.pop(0).result()
            if k + ahead < len(pieces):
                pending.append(pool.submit(on_free_device, pieces[k + ahead]))
            yield result
    finally:
        # After an interruption nobody waits for pieces that are being computed.
        pool.shutdown(wait=False, cancel_futures=True)
