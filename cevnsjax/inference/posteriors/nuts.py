"""Markov chains side by side: numpyro's NUTS, compiled once for warm-up and draws."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import lru_cache
from queue import SimpleQueue
from typing import Any, NamedTuple

import jax
import numpy as np

from cevnsjax import devices as devices
from cevnsjax.inference.posteriors.arviz_groups import quiet_arviz
from cevnsjax.inference.posteriors.nuts_checkpoints import Segments, segments_of
from cevnsjax.inference.progress import track
from cevnsjax.inference.runs.cores import cores
from cevnsjax.inference.runs.run import Run

# Up to so many parameters the mass matrix is a full one: pulls and couplings are correlated.
_DENSE = 40
# Steps between looks at the clock; compiled programs kept.
_BLOCK, _KEPT = 50, 8
_DEEPEST = 10
# Chains side by side at most: a step takes as long as the longest trajectory of its batch. Up to so
# many batches are made of few chains, one for each core.
_LANES, _BATCHES = {"cpu": 16}, 8
_GPU_LANES = 1024


class Chains(NamedTuple):
    """Draws of all chains.

    Attributes:
        values: Draws in the sampler's unbounded coordinates, {name: [chain, draw]}.
        stats: What the sampler tells of each draw, by arviz's names, {name: [chain, draw]}.
    """

    values: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]


def relaxed() -> Any:
    """Context in which numpyro may mix ranks and types, whatever jax is set to outside."""
    from contextlib import ExitStack

    stack = ExitStack()
    stack.enter_context(jax.numpy_dtype_promotion("standard"))
    stack.enter_context(jax.numpy_rank_promotion("allow"))
    return stack


def run_chains(
    posterior: Any,
    first: dict[str, np.ndarray],
    inputs: Any,
    *,
    draws: int,
    warmup: int,
    seed: int,
    target_accept: float,
    shared: bool = True,
    run: Run | None = None,
) -> Chains:
    """No-U-turn sampling of a posterior, or of one posterior for each chain.

    Compiling takes longer than most chains: equal posteriors share a program, whatever the data,
    the seed and the number of draws. Step size and mass matrix are each chain's own.

    Args:
        posterior: Object with a ``numpyro_model`` of one argument; hashable, equal to those with
            the same density.
        first: First points in unbounded coordinates, {name: [chain]}.
        inputs: Argument of the model, a pytree of arrays, [chain] in front unless shared.
        draws: Draws to keep of each chain.
        warmup: Steps before, in which step size and mass matrix are adapted.
        seed: Of the random numbers.
        target_accept: Mean acceptance probability the step size is adapted to.
        shared: Whether all chains have the same inputs.
        run: Keep draws here, open, of ``blocks_of`` blocks; the numbers are the same.
    """
    chains = len(next(iter(first.values())))
    program = _program(posterior, len(first) <= _DENSE, warmup, target_accept, shared)
    with relaxed():
        keys = jax.random.split(jax.random.PRNGKey(seed), chains)
        lanes = _folded((keys, first), chains)
        given = [inputs] * len(lanes) if shared else _folded(inputs, chains)
        calls = _calls(warmup + draws)
        store = None if run is None else Segments(run, len(lanes), calls)
        parts = _in_threads(program, lanes, given, calls, store)
    kept = slice(warmup, warmup + draws)
    values, stats = jax.tree.map(lambda *x: np.concatenate(x)[:chains, kept], *parts)
    stats["lp"] = -stats.pop("potential_energy")
    stats["tree_depth"] = np.ceil(np.log2(stats["n_steps"] + 1)).astype(int)
    stats["reached_max_treedepth"] = stats["tree_depth"] >= _DEEPEST
    return Chains(values, stats)


def blocks_of(chains: int, steps: int) -> tuple[int, int]:
    """Blocks of a run that keeps chains, and how many of them are independent.

    Args:
        chains: Number of chains.
        steps: Draws of each, and steps before them.
    """
    batches = -(-chains // _width(chains))
    return batches * len(segments_of(_calls(steps))), batches


def _calls(steps: int) -> int:
    return -(-steps // _BLOCK)


def _in_threads(
    program: "_Program", lanes: list[Any], given: list[Any], calls: int, store: Segments | None
) -> list[Any]:
    """Values and statistics of each batch, [chain, draw]; batches share cores or devices."""
    own = [b for b in range(len(lanes)) if store is None or store.wants(b)]
    done: SimpleQueue[None] = SimpleQueue()
    placed = (devices.workers() or [None] * cores())[: len(own)]
    free: SimpleQueue[Any] = SimpleQueue()
    for k, device in enumerate(placed):
        free.put(device)
        if device is not None or k == 0:
            # Traced here, not by all threads at once: numpyro keeps a stack that they share.
            with _on(device):
                program.advance(program.start(lanes[own[0]], given[own[0]]), given[own[0]])

    def run(batch: int) -> Any:
        device = free.get()
        try:
            # What jax is told about promotions and devices holds for one thread.
            with relaxed(), _on(device):
                return _batch(program, batch, lanes[batch], given[batch], calls, store, done)
        finally:
            free.put(device)

    with ThreadPoolExecutor(max(len(placed), 1)) as pool:
        found = [pool.submit(run, b) for b in own]
        for future in found:
            future.add_done_callback(lambda f: done.put(None) if f.exception() else None)
        # Its import takes as long as most chains, and what they find goes to it.
        quiet_arviz()
        for _ in track(range(calls * len(own)), "sampling"):
            done.get()
            if any(f.done() and f.exception() for f in found):
                break
        parts = [f.result() for f in found]
    return parts if store is None else store.everything()


def _on(device: Any) -> Any:
    """Context in which jax computes on a device; the default one if None."""
    return nullcontext() if device is None else jax.default_device(device)


def _batch(
    program: "_Program",
    batch: int,
    lane: Any,
    inputs: Any,
    calls: int,
    store: Segments | None,
    done: "SimpleQueue[None]",
) -> Any:
    """Values and statistics of a batch, [chain, draw]; segments that are kept already are not."""
    state, parts, last = program.start(lane, inputs), [], None
    for k, segment in enumerate(segments_of(calls)):
        if store is not None and store.has(batch, k):
            last = k
            for _ in segment:
                done.put(None)
            continue
        if store is not None and last is not None:
            state, last = store.state(batch, last, state), None
        drawn = []
        for _ in segment:
            state, out = program.advance(state, inputs)
            drawn.append(jax.tree.map(np.asarray, out))
            done.put(None)
        joined = jax.tree.map(lambda *x: np.concatenate(x, axis=1), *drawn)
        if store is None:
            parts.append(joined)
        else:
            store.write(batch, k, joined, state)
    return jax.tree.map(lambda *x: np.concatenate(x, axis=1), *parts) if parts else None


def _folded(lanes: Any, chains: int) -> list[Any]:
    """Arrays [chain, ...] in batches of the same size; the last is filled up with first chains."""
    width = _width(chains)
    index = np.arange(-(-chains // width) * width) % chains
    rows = index.reshape(-1, width)
    return [jax.tree.map(lambda x, r=row: np.asarray(x)[r], lanes) for row in rows]


def _width(chains: int) -> int:
    most = _LANES.get(jax.default_backend(), _GPU_LANES)
    few = 2 if most < _GPU_LANES else chains
    return min(chains, most, max(few, -(-chains // _BATCHES)))


class _Program:
    """A kernel and its compiled block of steps.

    numpyro's ``MCMC`` compiles anew for the draws after warm-up and at every call; here one
    program serves both, data are arguments, and progress can be shown between blocks.
    """

    def __init__(
        self, posterior: Any, dense: bool, warmup: int, target_accept: float, shared: bool
    ) -> None:
        from numpyro.infer.hmc import hmc
        from numpyro.infer.util import potential_energy

        # Traced once for all the places in which the kernel asks for it.
        @jax.jit
        def energy(inputs: Any, z: Any) -> Any:
            return potential_energy(posterior.numpyro_model, (inputs,), {}, z)

        def potential(inputs: Any) -> Any:
            return lambda z: energy(inputs, z)

        # ``numpyro.infer.NUTS`` takes data only together with a search for starts of its own.
        begin, step = hmc(potential_fn_gen=potential, algo="NUTS")

        def start(lane: Any, inputs: Any) -> Any:
            key, z = lane
            return begin(
                z,
                warmup,
                rng_key=key,
                model_args=(inputs,),
                target_accept_prob=target_accept,
                dense_mass=dense,
                max_tree_depth=_DEEPEST,
            )

        def advance(state: Any, inputs: Any) -> Any:
            def one(s: Any, _: Any) -> Any:
                s = step(s, (inputs,), {})
                return s, (s.z, _stats(s))

            return jax.lax.scan(one, state, None, length=_BLOCK)

        axes = (0, None if shared else 0)
        self.start = jax.jit(jax.vmap(start, in_axes=axes))
        self.advance = jax.jit(jax.vmap(advance, in_axes=axes))


@lru_cache(maxsize=_KEPT)
def _program(
    posterior: Any, dense: bool, warmup: int, target_accept: float, shared: bool
) -> _Program:
    return _Program(posterior, dense, warmup, target_accept, shared)


def _stats(state: Any) -> dict[str, Any]:
    """By the names arviz knows."""
    return {
        "potential_energy": state.potential_energy,
        "energy": state.energy,
        "n_steps": state.num_steps,
        "acceptance_rate": state.accept_prob,
        "diverging": state.diverging,
        "step_size": state.adapt_state.step_size,
    }
