"""No-U-turn sampling of several chains (Hoffman and Gelman, J. Mach. Learn. Res. 15 (2014) 1593).

Chains are advanced in batches by one compiled program; batches share the cores or the devices.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from queue import SimpleQueue
from threading import Event
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PyTree, Shaped

from cevnsjax.core.batches import core_count
from cevnsjax.devices import worker_devices
from cevnsjax.inference.posteriors.log_posterior import Inputs, LogPosterior
from cevnsjax.inference.posteriors.nuts_checkpoints import Segments, segments_of
from cevnsjax.inference.posteriors.nuts_program import (
    MAX_TREE_DEPTH,
    STEPS_PER_CALL,
    Program,
    program_for,
)
from cevnsjax.inference.progress import track
from cevnsjax.inference.promotions import standard_promotion
from cevnsjax.inference.runs.run import Run

# A step of a batch takes as long as its longest trajectory, so batches on a CPU are small.
_MAX_CHAINS_CPU, _MAX_CHAINS_GPU = 16, 1024
# On a CPU so many batches of one chain are made before batches grow.
_SMALL_BATCHES = 8


Values = dict[str, Float[np.ndarray, "chain draw"]]
Statistics = dict[str, Shaped[np.ndarray, "chain draw"]]
"""Statistics of the sampler by arviz's names."""


class Sampling(NamedTuple):
    """How many draws are made, and how; ``sample`` explains the numbers."""

    chains: int
    draws: int
    warmup: int
    seed: int
    target_accept: float


def run_chains(
    posterior: LogPosterior,
    first: dict[str, Float[np.ndarray, " chain"]],
    inputs: Inputs,
    sampling: Sampling,
    *,
    shared: bool = True,
    run: Run | None = None,
) -> tuple[Values, Statistics]:
    """Draws of several chains in the parameters' units, and statistics of the sampler.

    Inputs have [chain] in front unless all chains share them. Compiling takes longer than most
    chains: equal posteriors share a program, whatever the data, the seed and the number of draws.
    Each chain tunes its own step size and mass matrix.
    """
    chains, draws, warmup, seed, target_accept = sampling
    program = program_for(posterior, warmup, target_accept, shared=shared)
    # Keys as jax.random takes them, without programs that make them.
    keys = np.random.SeedSequence(seed).generate_state(2 * chains).reshape(chains, 2)
    with standard_promotion():
        starts = _batches_of((keys, first), chains)
        batch_inputs = [inputs] * len(starts) if shared else _batches_of(inputs, chains)
        calls = _calls(warmup + draws)
        store = None if run is None else Segments(run, len(starts), calls)
        batches = _sample_batches(program, starts, batch_inputs, calls, store)
    after_warmup = slice(warmup, warmup + draws)
    values, stats = jax.tree.map(lambda *x: np.concatenate(x)[:chains, after_warmup], *batches)
    stats["lp"] = -stats.pop("potential_energy")
    stats["tree_depth"] = np.ceil(np.log2(stats["n_steps"] + 1)).astype(int)
    stats["reached_max_treedepth"] = stats["tree_depth"] >= MAX_TREE_DEPTH
    return values, stats


def blocks_of(chains: int, steps: int) -> tuple[int, int]:
    """Number of blocks of a run that stores chains, and how many are independent of each other."""
    batches = -(-chains // _batch_size(chains))
    return batches * len(segments_of(_calls(steps))), batches


def _calls(steps: int) -> int:
    return -(-steps // STEPS_PER_CALL)


def _batch_size(chains: int) -> int:
    if jax.default_backend() != "cpu":
        return min(chains, _MAX_CHAINS_GPU)
    return min(chains, _MAX_CHAINS_CPU, -(-chains // _SMALL_BATCHES))


def _batches_of(arrays: PyTree, chains: int) -> list[PyTree]:
    """Arrays [chain, ...] in batches of equal size; first chains fill up the last batch."""
    size = _batch_size(chains)
    index = np.arange(-(-chains // size) * size) % chains
    return [
        jax.tree.map(lambda x, rows=rows: np.asarray(x)[rows], arrays)
        for rows in index.reshape(-1, size)
    ]


def _sample_batches(
    program: Program,
    starts: Sequence[PyTree],
    inputs: Sequence[Inputs],
    calls: int,
    store: Segments | None,
) -> Sequence[PyTree]:
    """Values and statistics of each batch, [chain, draw], in threads on the cores or devices."""
    wanted = [b for b in range(len(starts)) if store is None or store.wants(b)]
    finished_calls: SimpleQueue[None] = SimpleQueue()
    stopped = Event()

    def finished() -> None:
        if stopped.is_set():
            raise CancelledError
        finished_calls.put(None)

    places = (worker_devices() or [None] * core_count())[: len(wanted)]
    free_places: SimpleQueue[Any] = SimpleQueue()
    for k, device in enumerate(places):
        free_places.put(device)
        if device is not None or k == 0:
            # Traced here and not by all threads at once: numpyro keeps a stack that they share.
            with _on(device):
                first = starts[wanted[0]], inputs[wanted[0]]
                given = first[0], False, program.blank(*first), first[1]
                program.advance.lower(*given).compile()

    def sample(batch: int) -> PyTree:
        device = free_places.get()
        try:
            # JAX's settings of promotion and default device hold for one thread.
            with standard_promotion(), _on(device):
                data = starts[batch], inputs[batch]
                return _sample_batch(program, batch, *data, calls, store, finished)
        finally:
            free_places.put(device)

    pool = ThreadPoolExecutor(max(len(places), 1))
    try:
        futures = [pool.submit(sample, b) for b in wanted]
        for future in futures:
            future.add_done_callback(lambda f: finished_calls.put(None) if _failed(f) else None)
        for _ in track(range(calls * len(wanted)), "sampling"):
            finished_calls.get()
            if any(map(_failed, futures)):
                break
        batches = [f.result() for f in futures]
    finally:
        # After an interruption batches end with the call they are in, and none is begun.
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
    return batches if store is None else store.everything()


def _failed(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is not None


def _on(device: Any) -> AbstractContextManager[object]:
    """Context in which JAX computes on a device; the default one if None."""
    return nullcontext() if device is None else jax.default_device(device)


def _sample_batch(
    program: Program,
    batch: int,
    start: PyTree,
    inputs: Inputs,
    calls: int,
    store: Segments | None,
    finished: Callable[[], None],
) -> PyTree:
    """Values and statistics of a batch, [chain, draw]; None if a store has them.

    Segments that the store has are skipped; sampling goes on from the state at the end of the last.
    """
    state, begun, parts, stored = program.blank(start, inputs), False, [], None
    for k, segment in enumerate(segments_of(calls)):
        if store is not None and store.has(batch, k):
            stored, begun = k, True
            for _ in segment:
                finished()
            continue
        if store is not None and stored is not None:
            state, stored = store.state(batch, stored, state), None
        drawn = []
        for _ in segment:
            state, out = program.advance(start, begun, state, inputs)
            begun = True
            drawn.append(jax.tree.map(np.asarray, out))
            finished()
        if store is None:
            parts += drawn
        else:
            store.write(batch, k, _joined(drawn), state)
    return _joined(parts) if store is None else None


def _joined(parts: Sequence[PyTree]) -> PyTree:
    """Consecutive draws [chain, draw] in one array each."""
    return jax.tree.map(lambda *x: np.concatenate(x, axis=1), *parts)
