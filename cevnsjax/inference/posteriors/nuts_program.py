"""The compiled no-U-turn sampler of numpyro: one program for warm-up and draws."""

from collections.abc import Callable
from functools import lru_cache, partial
from operator import itemgetter
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from cevnsjax.inference.posteriors.log_posterior import Inputs, LogPosterior

STEPS_PER_CALL = 50
"""Steps in one call of the program; between calls progress is shown and draws are stored."""
MAX_TREE_DEPTH = 10
"""A trajectory has at most 2^MAX_TREE_DEPTH - 1 leapfrog steps."""
# Up to this many parameters the mass matrix is dense: pulls and couplings are correlated.
_MAX_DENSE = 40
_CACHED_PROGRAMS = 8

Vector = Float[Array, " parameter"]
"""A point in unbounded coordinates."""
State = PyTree
"""State of numpyro's HMC kernel, with [chain] in front of every array."""


class Program(NamedTuple):
    """A compiled function that acts on all chains of a batch, and the state it goes on from.

    ``advance`` takes (keys, first points), whether the state is one, the state and the inputs. It
    goes on by ``STEPS_PER_CALL`` steps, from the first points where there is no state yet, and
    returns their values in the parameters' units and statistics too, {name: [chain, step]}.
    ``blank`` is no state, of the same structure.
    """

    advance: jax.stages.Wrapped
    blank: Callable[[PyTree, Inputs], State]


@lru_cache(maxsize=_CACHED_PROGRAMS)
def program_for(
    posterior: LogPosterior, warmup: int, target_accept: float, *, shared: bool
) -> Program:
    """The program of a posterior; equal posteriors share it, as data are arguments.

    numpyro's ``MCMC`` would compile again for the draws after warm-up and at every call.
    """
    from numpyro.distributions import biject_to
    from numpyro.infer.hmc import hmc

    # From unbounded coordinates to values in units of the scales.
    bounded = {p.name: biject_to(p.distribution().support) for p in posterior.priors}
    energy = _energy_of(posterior)
    # ``numpyro.infer.NUTS`` accepts data only together with its own search for first points.
    begin, step = hmc(potential_fn_gen=lambda inputs: partial(energy, inputs), algo="NUTS")

    @jax.jit
    def start(first: PyTree, inputs: Inputs) -> State:
        key, point = first
        return begin(
            jnp.stack([bounded[p.name].inv(point[p.name] / p.scale) for p in posterior.priors]),
            warmup,
            rng_key=key,
            model_args=(inputs,),
            target_accept_prob=target_accept,
            dense_mass=len(posterior.priors) <= _MAX_DENSE,
            max_tree_depth=MAX_TREE_DEPTH,
        )

    def advance(first: PyTree, begun: Array, state: State, inputs: Inputs) -> tuple[State, PyTree]:
        def one(state: State, _: None) -> tuple[State, PyTree]:
            state = step(state, (inputs,), {})
            return state, (state.z, _statistics(state))

        # Not a program of its own, which would compile the gradient once more.
        state = jax.lax.cond(begun, lambda: state, lambda: start(first, inputs))
        state, (x, stats) = jax.lax.scan(one, state, None, length=STEPS_PER_CALL)
        columns = zip(posterior.priors, x.T, strict=True)
        return state, ({p.name: bounded[p.name](c) * p.scale for p, c in columns}, stats)

    in_front = None if shared else 0
    starts = _of_batch(start, (0, in_front))

    def blank(first: PyTree, inputs: Inputs) -> State:
        like = jax.eval_shape(starts, first, inputs)
        return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)

    return Program(jax.jit(_of_batch(advance, (0, None, 0, in_front))), blank)


def _energy_of(posterior: LogPosterior) -> Callable[[Inputs, Vector], Array]:
    """-log of the density in unbounded coordinates, with a gradient of its own.

    Theory moves all templates of a signal: its derivatives are carried forward, as one backwards
    through those templates takes twice as long to compile and to compute.
    """
    from numpyro.infer.util import potential_energy

    names, table = posterior.names, posterior.model.parameters

    # Compiled on its own, so that it is traced once for all places that need it.
    @jax.jit
    def plain(inputs: Inputs, z: dict[str, Array]) -> Array:
        return jnp.asarray(potential_energy(posterior.numpyro_model, (inputs,), {}, z))

    @jax.custom_vjp
    def energy(inputs: Inputs, x: Vector) -> Array:
        return plain(inputs, dict(zip(names, x, strict=True)))

    @jax.jit
    def with_slopes(inputs: Inputs, x: Vector) -> tuple[Array, Vector]:
        z = dict(zip(names, x, strict=True))

        def part(some: dict[str, Array]) -> Array:
            return plain(inputs, {**z, **some})

        theory = {n: x for n, x in z.items() if table[n].kind == "theory"}
        value, slopes = jax.value_and_grad(part)({n: z[n] for n in names if n not in theory})
        slopes |= jax.jacfwd(part)(theory) if theory else {}
        return value, jnp.stack([slopes[n] for n in names])

    energy.defvjp(with_slopes, lambda slopes, scale: (None, scale * slopes))
    return energy


def _of_batch(
    function: Callable[..., PyTree], axes: tuple[int | None, ...]
) -> Callable[..., PyTree]:
    """A function of one chain as one of a batch, with [chain] in front where the axis is 0.

    A single chain does without vmap, which takes seconds for loops within loops and computes both
    sides of every branch.
    """
    many = jax.vmap(function, axes)

    def of_batch(*arguments: PyTree) -> PyTree:
        if len(jax.tree.leaves(arguments[0])[0]) > 1:
            return many(*arguments)
        pairs = zip(arguments, axes, strict=True)
        out = function(*(x if k is None else jax.tree.map(itemgetter(0), x) for x, k in pairs))
        return jax.tree.map(itemgetter(None), out)

    return of_batch


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
