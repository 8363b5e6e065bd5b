"""Markov chains side by side: numpyro's NUTS, compiled once for warm-up and draws."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from cevnsjax.inference.progress import track

# Up to so many parameters the mass matrix is a full one: pulls and couplings are correlated.
_DENSE = 40
# Steps between looks at the clock.
_BLOCK = 50
_DEEPEST = 10


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
    model: Callable[[], Any],
    starts: dict[str, np.ndarray],
    *,
    draws: int,
    warmup: int,
    seed: int,
    target_accept: float,
) -> Chains:
    """No-U-turn sampling of a numpyro model without arguments.

    numpyro's ``MCMC`` compiles anew for the draws after warm-up; one program for both, called
    block by block, halves the time and shows progress only where it takes long.

    Args:
        model: The model.
        starts: First points in unbounded coordinates, {name: [chain]}.
        draws: Draws to keep of each chain.
        warmup: Steps before, in which step size and mass matrix are adapted.
        seed: Of the random numbers.
        target_accept: Mean acceptance probability the step size is adapted to.
    """
    from numpyro.infer import NUTS
    from numpyro.infer.util import potential_energy

    chains = len(next(iter(starts.values())))
    blocks = -(-(warmup + draws) // _BLOCK)
    length = -(-(warmup + draws) // blocks)
    # Given the model itself the kernel would search starts of its own, op by op.
    kernel = NUTS(
        potential_fn=jax.jit(lambda z: potential_energy(model, (), {}, z)),
        target_accept_prob=target_accept,
        dense_mass=len(starts) <= _DENSE,
        max_tree_depth=_DEEPEST,
    )
    first = {n: jax.device_put(x) for n, x in starts.items()}

    @jax.jit
    def advance(state: Any) -> Any:
        def one(s: Any, _: Any) -> Any:
            s = kernel.sample(s, (), {})
            return s, (s.z, _stats(s))

        return jax.lax.scan(one, state, None, length=length)

    with relaxed():
        keys = jax.random.split(jax.random.PRNGKey(seed), chains)
        state = kernel.init(keys, warmup, init_params=first)
        parts = []
        for _ in track(range(blocks), "sampling"):
            state, out = advance(state)
            parts.append(jax.tree.map(np.asarray, out))
    kept = slice(warmup, warmup + draws)
    values, stats = jax.tree.map(lambda *x: np.concatenate(x)[kept].T, *parts)
    stats["lp"] = -stats.pop("potential_energy")
    stats["tree_depth"] = np.ceil(np.log2(stats["n_steps"] + 1)).astype(int)
    stats["reached_max_treedepth"] = stats["tree_depth"] >= _DEEPEST
    return Chains(values, stats)


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
