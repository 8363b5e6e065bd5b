"""Markov chains side by side: numpyro's NUTS, compiled once for warm-up and draws."""

from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np

from cevnsjax.inference.progress import track

# Up to so many parameters the mass matrix is a full one: pulls and couplings are correlated.
_DENSE = 40
# Steps between looks at the clock; compiled programs kept.
_BLOCK, _KEPT = 50, 8
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
    posterior: Any,
    starts: dict[str, np.ndarray],
    *,
    draws: int,
    warmup: int,
    seed: int,
    target_accept: float,
) -> Chains:
    """No-U-turn sampling of a posterior.

    Compiling takes longer than most chains: equal posteriors share a program, whatever the seed
    and the number of draws.

    Args:
        posterior: Object whose ``numpyro_model`` is a model without arguments; hashable, equal to
            those with the same density.
        starts: First points in unbounded coordinates, {name: [chain]}.
        draws: Draws to keep of each chain.
        warmup: Steps before, in which step size and mass matrix are adapted.
        seed: Of the random numbers.
        target_accept: Mean acceptance probability the step size is adapted to.
    """
    chains = len(next(iter(starts.values())))
    program = _program(posterior, len(starts) <= _DENSE, warmup, target_accept)
    first = {n: jax.device_put(x) for n, x in starts.items()}
    with relaxed():
        keys = jax.random.split(jax.random.PRNGKey(seed), chains)
        state = program.start(keys, first)
        parts = []
        for _ in track(range(-(-(warmup + draws) // _BLOCK)), "sampling"):
            state, out = program.advance(state)
            parts.append(jax.tree.map(np.asarray, out))
    kept = slice(warmup, warmup + draws)
    values, stats = jax.tree.map(lambda *x: np.concatenate(x)[kept].T, *parts)
    stats["lp"] = -stats.pop("potential_energy")
    stats["tree_depth"] = np.ceil(np.log2(stats["n_steps"] + 1)).astype(int)
    stats["reached_max_treedepth"] = stats["tree_depth"] >= _DEEPEST
    return Chains(values, stats)


class _Program:
    """A kernel and its compiled block of steps.

    numpyro's ``MCMC`` compiles anew for the draws after warm-up and at every call; here one
    program serves both, and progress can be shown between blocks.
    """

    def __init__(self, posterior: Any, dense: bool, warmup: int, target_accept: float) -> None:
        from numpyro.infer import NUTS
        from numpyro.infer.util import potential_energy

        model, self._warmup = posterior.numpyro_model, warmup
        # Given the model itself the kernel would search starts of its own, op by op.
        self._kernel = partial(
            NUTS,
            potential_fn=jax.jit(lambda z: potential_energy(model, (), {}, z)),
            target_accept_prob=target_accept,
            dense_mass=dense,
            max_tree_depth=_DEEPEST,
        )
        self._stepping: Any = None
        self.advance = jax.jit(self._advance)

    def start(self, keys: Any, starts: dict[str, Any]) -> Any:
        """State of all chains at their first points."""
        # A kernel can be started once only, and has to be before it steps.
        kernel = self._kernel()
        state = kernel.init(keys, self._warmup, init_params=starts)
        self._stepping = self._stepping or kernel
        return state

    def _advance(self, state: Any) -> Any:
        def one(s: Any, _: Any) -> Any:
            s = self._stepping.sample(s, (), {})
            return s, (s.z, _stats(s))

        return jax.lax.scan(one, state, None, length=_BLOCK)


@lru_cache(maxsize=_KEPT)
def _program(posterior: Any, dense: bool, warmup: int, target_accept: float) -> _Program:
    return _Program(posterior, dense, warmup, target_accept)


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
