"""The compiled program that tempers one population of particles from the prior to the posterior.

The loop is written here, around the adaptive exponent and the resampling of blackjax: blackjax'
own kernel has the likelihood in four places, each of them compiled, where two are enough. It picks
each exponent from the particles of the stage before, and keeps moving populations that are done.
"""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Scalar

from cevnsjax.inference.posteriors.log_posterior import Inputs, LogPosterior

MAX_STAGES = 400
"""Stages after which a population that has not reached exponent 1 gives up."""
# Part of the particles that is effective after each weighting.
_EFFECTIVE_PART = 0.7
_BATCH_SIZE = 64
_CACHED_PROGRAMS = 8
# Moves are 2.38 / sqrt(2 d) differences long, the best length for a Gaussian (ter Braak, Stat.
# Comput. 16 (2006) 239), times a factor between this and 1, as modes differ in width.
_MIN_LENGTH = 0.1
# Part of the moves that go by a whole difference, and lead from mode to mode.
_WHOLE_MOVES = 0.2

Particles = tuple[
    Float[Array, "particle parameter"], Float[Array, " particle"], Float[Array, " particle"]
]
"""Particles and the logarithms of their prior and likelihood."""
Densities = Callable[
    [Float[Array, "particle parameter"]],
    tuple[Float[Array, " particle"], Float[Array, " particle"]],
]


class Population(NamedTuple):
    """A population at one exponent of the likelihood, from 0 to 1.

    Particles x are in units of the parameters' scales; prior and likelihood are logarithms, the
    evidence is that of prior times likelihood^exponent; ``stages`` counts exponents above 0, and
    ``accepted`` is the part of the last stage's moves that each particle accepted.
    """

    key: Array
    x: Float[Array, "particle parameter"]
    prior: Float[Array, " particle"]
    likelihood: Float[Array, " particle"]
    exponent: Float[Array, ""]
    log_evidence: Float[Array, ""]
    stages: Int[Array, ""]
    accepted: Float[Array, " particle"]


@lru_cache(maxsize=_CACHED_PROGRAMS)
def program_for(posterior: LogPosterior, particles: int) -> Callable[..., Population]:
    """From a key, particles from the prior and inputs to a population at exponent 1.

    Equal posteriors share a program, whatever the data.
    """
    # A walk in more dimensions takes longer to forget its start.
    moves = 10 + 5 * len(posterior.priors)

    def run(key: Array, x: Float[Array, "particle parameter"], inputs: Inputs) -> Population:
        densities = partial(_densities, posterior, inputs)
        stage = partial(_stage, densities=densities, moves=moves)
        population = jax.lax.while_loop(_goes_on, stage, _begin(key, x, densities))
        order = jax.random.permutation(population.key, particles)
        of_particles = ("x", "prior", "likelihood", "accepted")
        return population._replace(**{n: getattr(population, n)[order] for n in of_particles})

    return jax.jit(run)


def _goes_on(population: Population) -> Scalar:
    unfinished = (population.exponent < 1) & (population.stages < MAX_STAGES)
    return unfinished & jnp.isfinite(population.log_evidence)


def _densities(
    posterior: LogPosterior, inputs: Inputs, x: Float[Array, "particle parameter"]
) -> tuple[Float[Array, " particle"], Float[Array, " particle"]]:
    """Logarithms of prior and likelihood of each particle."""

    def one(particle: Float[Array, " parameter"]) -> tuple[Scalar, Scalar]:
        values, inside = {}, {}
        for k, p in enumerate(posterior.priors):
            values[p.name] = particle[k] * p.scale
            # Beyond the ends, where the prior is 0, the likelihood may not exist.
            inside[p.name] = jnp.clip(values[p.name], p.low, p.high)
        prior = posterior.log_prior(values, inputs)
        likelihood = posterior.log_likelihood(inside, inputs)
        return jnp.asarray(prior), jnp.asarray(likelihood)

    count, dimension = x.shape
    batches = math.ceil(count / _BATCH_SIZE)
    size = math.ceil(count / batches)
    # Filled up here: lax.map would compile the rest of a batch as a program of its own.
    filled = x[jnp.arange(batches * size) % count].reshape(batches, size, dimension)
    prior, likelihood = (
        y.reshape(-1)[:count].astype(x.dtype) for y in jax.lax.map(jax.vmap(one), filled)
    )
    return prior, jnp.where(jnp.isnan(likelihood), -jnp.inf, likelihood)


def _begin(key: Array, x: Float[Array, "particle parameter"], densities: Densities) -> Population:
    """The population at exponent 0; copies of others replace particles of likelihood 0."""
    from blackjax.smc import resampling

    prior, likelihood = densities(x)
    possible = jnp.isfinite(likelihood).astype(x.dtype)
    key, choice = jax.random.split(key)
    chosen = resampling.systematic(choice, possible / jnp.sum(possible), len(x))
    return Population(
        key,
        x[chosen],
        prior[chosen],
        likelihood[chosen],
        exponent=jnp.zeros((), x.dtype),
        log_evidence=jnp.log(jnp.mean(possible)),
        stages=jnp.zeros((), int),
        accepted=jnp.zeros(len(x), x.dtype),
    )


def _stage(population: Population, densities: Densities, moves: int) -> Population:
    """The population at the next exponent: weighted, resampled and moved."""
    from blackjax.smc import ess, resampling, solver

    key, choice, walk = jax.random.split(population.key, 3)
    x, prior, likelihood, exponent = population[1:5]
    step = ess.ess_solver(lambda _: likelihood, x, _EFFECTIVE_PART, 1 - exponent, solver.dichotomy)
    # Sums of steps round; the last exponent has to be 1.
    exponent = jnp.where(step >= 1 - exponent, 1.0, exponent + step)
    log_weights = step * likelihood
    total = jax.scipy.special.logsumexp(log_weights)
    chosen = resampling.systematic(choice, jnp.exp(log_weights - total), len(log_weights))
    particles = (x[chosen], prior[chosen], likelihood[chosen])
    (x, prior, likelihood), accepted = _walk(walk, particles, exponent, densities, moves)
    evidence = population.log_evidence + total - jnp.log(len(log_weights))
    stages = population.stages + 1
    return Population(key, x, prior, likelihood, exponent, evidence, stages, accepted)


def _walk(
    key: Array, particles: Particles, exponent: Scalar, densities: Densities, moves: int
) -> tuple[Particles, Float[Array, " particle"]]:
    """Metropolis moves along differences of particles, which have the scales of all modes.

    Differences are those of the particles at the start: they stay fixed, so every move is
    reversible.
    """
    first_x = particles[0]
    count, dimension = first_x.shape

    def move(current: Particles, key: Array) -> tuple[Particles, Array]:
        x, prior, likelihood = current
        # One call for all numbers: each call would compile its own generator.
        first, second, length, whole, chance = jax.random.uniform(key, (5, count), x.dtype)
        i, j = (jnp.minimum(u * count, count - 1).astype(int) for u in (first, second))
        scale = _MIN_LENGTH**length * 2.38 / math.sqrt(2 * dimension)
        scale = jnp.where(whole < _WHOLE_MOVES, 1.0, scale)
        step = scale[:, None] * (first_x[i] - first_x[j])
        proposed = (x + step, *densities(x + step))
        gain = proposed[1] - prior + exponent * (proposed[2] - likelihood)
        take = jnp.log(chance) < gain
        rows = (take[:, None], take, take)
        x, prior, likelihood = map(jnp.where, rows, proposed, current)
        return (x, prior, likelihood), take

    moved, taken = jax.lax.scan(move, particles, jax.random.split(key, moves))
    return moved, jnp.mean(taken.astype(first_x.dtype), axis=0)
