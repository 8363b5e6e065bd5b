"""The compiled no-U-turn sampler of numpyro: one program for warm-up and draws."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from cevnsjax.inference.posteriors.log_posterior import Inputs, LogPosterior

STEPS_PER_CALL = 50
"""Steps in one call of the program; between calls progress is shown and draws are stored."""
MAX_TREE_DEPTH = 10
"""A trajectory has at most 2^MAX_TREE_DEPTH - 1 leapfrog steps."""
# Up to this many parameters the mass matrix is dense: pulls and couplings are correlated.
_MAX_DENSE = 40
_CACHED_PROGRAMS = 8

State = PyTree
"""State of numpyro's HMC kernel, with [chain] in front of every array."""


class Program(NamedTuple):
    """Two compiled functions, each of which acts on all chains of a batch.

    ``start`` takes (keys, first points in unbounded coordinates). ``advance`` goes on by
    ``STEPS_PER_CALL`` steps and returns their values and statistics too, {name: [chain, step]}.
    """

    start: Callable[[PyTree, Inputs], State]
    advance: Callable[[State, Inputs], tuple[State, PyTree]]


@lru_cache(maxsize=_CACHED_PROGRAMS)
def program_for(
    posterior: LogPosterior, warmup: int, target_accept: float, *, shared: bool
) -> Program:
    """The program of a posterior; equal posteriors share it, as data are arguments.

    numpyro's ``MCMC`` would compile again for the draws after warm-up and at every call.
    """
    from numpyro.infer.hmc import hmc
    from numpyro.infer.util import potential_energy

    # Compiled on its own, so that the kernel traces it once for all places that need it.
    @jax.jit
    def energy(inputs: Inputs, z: dict[str, Array]) -> Array:
        return jnp.asarray(potential_energy(posterior.numpyro_model, (inputs,), {}, z))

    # ``numpyro.infer.NUTS`` accepts data only together with its own search for first points.
    begin, step = hmc(potential_fn_gen=lambda inputs: partial(energy, inputs), algo="NUTS")

    def start(first: PyTree, inputs: Inputs) -> State:
        key, z = first
        return begin(
            z,
            warmup,
            rng_key=key,
            model_args=(inputs,),
            target_accept_prob=target_accept,
            dense_mass=len(posterior.priors) <= _MAX_DENSE,
            max_tree_depth=MAX_TREE_DEPTH,
        )

    def advance(state: State, inputs: Inputs) -> tuple[State, PyTree]:
        def one(state: State, _: None) -> tuple[State, PyTree]:
            state = step(state, (inputs,), {})
            return state, (state.z, _statistics(state))

        return jax.lax.scan(one, state, None, length=STEPS_PER_CALL)

    axes = (0, None if shared else 0)
    return Program(jax.jit(jax.vmap(start, axes)), jax.jit(jax.vmap(advance, axes)))


def _statistics(state: State) -> dict[str, Array]:
    """Statistics of a step by the names that arviz uses."""
    return {
        "potential_energy": state.potential_energy,
        "energy": state.energy,
        "n_steps": state.num_steps,
        "acceptance_rate": state.accept_prob,
        "diverging": state.diverging,
        "step_size": state.adapt_state.step_size,
    }
