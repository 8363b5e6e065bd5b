"""Markov chains side by side: numpyro's NUTS, compiled once for warm-up and draws."""

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import numpy as np

from cevnsjax.inference.progress import track

# Up to so many parameters the mass matrix is a full one: pulls and couplings are correlated.
_DENSE = 40
# Steps between looks at the clock; compiled programs kept.
_BLOCK, _KEPT = 50, 8
_DEEPEST = 10
# Chains side by side.
_LANES = 16


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
    """
    chains = len(next(iter(first.values())))
    program = _program(posterior, len(first) <= _DENSE, warmup, target_accept, shared)
    with relaxed():
        lanes = _folded((jax.random.split(jax.random.PRNGKey(seed), chains), first), chains)
        given = inputs if shared else _folded(inputs, chains)
        state = program.start(lanes, given)
        parts = []
        for _ in track(range(-(-(warmup + draws) // _BLOCK)), "sampling"):
            state, out = program.advance(state, given)
            parts.append(jax.tree.map(np.asarray, out))
    kept = slice(warmup, warmup + draws)
    values, stats = jax.tree.map(
        lambda *x: np.concatenate([_unfolded(p, chains) for p in x], axis=1)[:, kept], *parts
    )
    stats["lp"] = -stats.pop("potential_energy")
    stats["tree_depth"] = np.ceil(np.log2(stats["n_steps"] + 1)).astype(int)
    stats["reached_max_treedepth"] = stats["tree_depth"] >= _DEEPEST
    return Chains(values, stats)


def _folded(lanes: Any, chains: int) -> Any:
    """Arrays [chain, ...] as [batch, chain, ...]; the last batch is filled up with first ones."""
    batches = -(-chains // _LANES)
    width = -(-chains // batches)
    index = np.arange(batches * width).reshape(batches, width) % chains
    return jax.tree.map(lambda x: np.asarray(x)[index], lanes)


def _unfolded(x: np.ndarray, chains: int) -> np.ndarray:
    return x.reshape(-1, *x.shape[2:])[:chains]


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

        self.start = jax.jit(_over_lanes(start, shared))
        self.advance = jax.jit(_over_lanes(advance, shared))


def _over_lanes(function: Any, shared: bool) -> Any:
    """The function over [batch, chain]: side by side in a batch, batches one after the other.

    A step takes as long as the longest trajectory of its batch, so batches are not wide.
    """
    side_by_side = jax.vmap(function, in_axes=(0, None if shared else 0))

    def run(lanes: Any, inputs: Any) -> Any:
        if shared:
            return jax.lax.map(lambda x: side_by_side(x, inputs), lanes)
        return jax.lax.map(lambda x: side_by_side(*x), (lanes, inputs))

    return run


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
