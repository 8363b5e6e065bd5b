"""Populations tempered from the prior to the posterior: sequential Monte Carlo.

Each population of particles starts as draws from the prior and passes through the densities
prior x likelihood^b, b from 0 to 1 (Del Moral, Doucet and Jasra, J. R. Stat. Soc. B 68 (2006)
411): weighted, resampled and moved at every b. Separated modes keep their weights, because all of
them are populated while the likelihood is weak; the weights' means make up the evidence.

The loop is our own, around the adaptive exponent and the resampling of blackjax: its complete
kernel has the likelihood in four places, each compiled, where two do; it picks each exponent from
the particles of the one before, and moves populations that are done along with those that are not.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax import devices
from cevnsjax.core.errors import InputError
from cevnsjax.inference.posteriors.nuts import relaxed
from cevnsjax.inference.progress import track
from cevnsjax.inference.runs.blocks import block_ranges, compute_missing
from cevnsjax.inference.runs.run import Run
from cevnsjax.inference.runs.workers import in_blocks

# Part of the particles that are effective after each weighting; stages before giving up.
_EFFECTIVE, _STAGES = 0.7, 400
# Particles evaluated side by side; compiled programs kept.
_LANES, _KEPT = 64, 8
# Length of a move against 2.38 / sqrt(2 d), the best one for a Gaussian (ter Braak, Stat. Comput.
# 16 (2006) 239): all lengths down to this, as modes differ in width.
_SHORTEST = 0.1
# Share of moves by a whole difference, which lead from mode to mode.
_WHOLE = 0.2


class SmcRuns(NamedTuple):
    """Particles of independent populations, without weights and in no order.

    Attributes:
        values: In the parameters' units, {name: [run, particle]}.
        stats: What is known of each, by arviz's names, {name: [run, particle]}.
        log_evidence: Integral of prior times likelihood, [run] [1].
        stages: Numbers of exponents above 0, [run].
    """

    values: dict[str, np.ndarray]
    stats: dict[str, np.ndarray]
    log_evidence: np.ndarray
    stages: np.ndarray


class _State(NamedTuple):
    """A population: particles in units of the scales, [particle, parameter], and its exponent."""

    key: Any
    x: Any
    prior: Any
    likelihood: Any
    exponent: Any
    log_evidence: Any
    stages: Any
    accepted: Any


def require_blackjax() -> None:
    """Raise an InputError with the remedy where blackjax is missing."""
    try:
        import blackjax.smc  # noqa: F401
    except ImportError as error:
        raise InputError('method "smc" needs blackjax: pip install "cevnsjax[smc]"') from error


def run_tempered(
    posterior: Any,
    inputs: Any,
    *,
    runs: int,
    particles: int,
    seed: int,
    shared: bool = True,
    run: Run | None = None,
) -> SmcRuns:
    """Independent populations from the prior to the posterior.

    Equal posteriors share a program, whatever the data and the seed.

    Args:
        posterior: A ``Target``, or what looks like one.
        inputs: Its data, with [run] in front unless shared.
        runs: Number of populations.
        particles: Number in each.
        seed: Of the random numbers.
        shared: Whether all populations have the same data.
        run: Keep populations here, open, one in a block; the numbers are the same.

    Raises:
        InputError: If blackjax is missing, or the likelihood is finite nowhere in the prior.
    """
    require_blackjax()
    scales = np.array([p.scale for p in posterior.priors])
    program = _program(posterior, particles)
    rng = np.random.default_rng((seed, 0))
    starts = [
        np.stack([p.draw(rng, particles) for p in posterior.priors], axis=-1) for _ in range(runs)
    ]
    with relaxed():
        keys = np.asarray(jax.random.split(jax.random.PRNGKey(seed), runs))

    def population(k: int) -> dict[str, np.ndarray]:
        # What jax is told about promotions holds for one thread.
        with relaxed():
            own = inputs if shared else jax.tree.map(lambda x: x[k], inputs)
            end = program(keys[k], starts[k] / scales, own)
        return {n: np.asarray(x)[None] for n, x in end._asdict().items()}

    found = _populations(population, runs, run)
    ended = _State(**{n: np.concatenate([f[n] for f in found]) for n in _State._fields})
    _require_end(ended)
    low, high = ([getattr(p, e) for p in posterior.priors] for e in ("low", "high"))
    # Rounding may put a value a hair beyond an end.
    x = np.clip(ended.x * scales, low, high)
    return SmcRuns(
        {p.name: x[..., k] for k, p in enumerate(posterior.priors)},
        {"log_likelihood": ended.likelihood, "acceptance_rate": ended.accepted},
        ended.log_evidence,
        ended.stages,
    )


def _populations(
    population: Callable[[int], dict[str, np.ndarray]], runs: int, run: Run | None
) -> list[dict[str, np.ndarray]]:
    """All populations, side by side on several devices; those the run has already are read."""
    several = bool(devices.workers())
    if run is None and not several:
        return [population(k) for k in track(range(runs), "tempering")]
    if run is None:
        return list(in_blocks(population, list(range(runs)), "tempering"))
    blocks = block_ranges(runs)
    compute_missing(run, blocks, population, "tempering", cores=several)
    return [run.read(k) for k in range(len(blocks))]


def _require_end(ended: _State) -> None:
    if not np.all(np.isfinite(ended.log_evidence)):
        raise InputError(
            "the likelihood is finite nowhere in the prior; narrow priors, or fix parameters"
        )
    if np.any(ended.exponent < 1):
        raise InputError(
            f"the prior is too wide: after {_STAGES} stages the likelihood counts with exponent "
            f"{ended.exponent.min():.3g} only; narrow priors"
        )


@lru_cache(maxsize=_KEPT)
def _program(posterior: Any, particles: int) -> Any:
    """From a key, particles from the prior and inputs to a population at exponent 1."""
    moves = _moves(len(posterior.priors))

    def run(key: Any, x: Any, inputs: Any) -> _State:
        def densities(y: Any) -> tuple[Any, Any]:
            return _densities(posterior, inputs, y)

        def stage(state: _State) -> _State:
            return _stage(state, densities, moves)

        state = jax.lax.while_loop(_goes_on, stage, _begin(key, x, densities))
        order = jax.random.permutation(state.key, particles)
        mixed = {n: getattr(state, n)[order] for n in ("x", "prior", "likelihood", "accepted")}
        return state._replace(**mixed)

    return jax.jit(run)


def _moves(dimension: int) -> int:
    """Moves at each exponent: a walk in more dimensions takes longer to forget its start."""
    return 10 + 5 * dimension


def _goes_on(state: _State) -> Any:
    return (state.exponent < 1) & (state.stages < _STAGES) & jnp.isfinite(state.log_evidence)


def _densities(posterior: Any, inputs: Any, x: Any) -> tuple[Any, Any]:
    """Logarithms of prior and likelihood of particles [particle, parameter]."""

    def one(y: Any) -> tuple[Any, Any]:
        values, inner = {}, {}
        for k, p in enumerate(posterior.priors):
            values[p.name] = y[k] * p.scale
            # Where the prior is 0 the likelihood is asked at the ends.
            inner[p.name] = jnp.clip(values[p.name], p.low, p.high)
        return posterior.log_prior(values, inputs), posterior.log_likelihood(inner, inputs)

    count, dimension = x.shape
    batches = math.ceil(count / _LANES)
    width = math.ceil(count / batches)
    # Filled up here: lax.map would compile the rest of a batch as a program of its own.
    filled = x[jnp.arange(batches * width) % count].reshape(batches, width, dimension)
    prior, likelihood = (
        y.reshape(-1)[:count].astype(x.dtype) for y in jax.lax.map(jax.vmap(one), filled)
    )
    return prior, jnp.where(jnp.isnan(likelihood), -jnp.inf, likelihood)


def _begin(key: Any, x: Any, densities: Any) -> _State:
    """Draws from the prior; those without a likelihood are replaced by others at once."""
    from blackjax.smc import resampling

    prior, likelihood = densities(x)
    possible = jnp.isfinite(likelihood).astype(x.dtype)
    share = jnp.mean(possible)
    key, own = jax.random.split(key)
    kept = resampling.systematic(own, possible / jnp.sum(possible), len(x))
    nothing = jnp.zeros((), x.dtype)
    return _State(
        key,
        x[kept],
        prior[kept],
        likelihood[kept],
        nothing,
        jnp.log(share),
        jnp.zeros((), int),
        jnp.zeros(len(x), x.dtype),
    )


def _stage(state: _State, densities: Any, moves: int) -> _State:
    """The next exponent: weights, resampling, moves."""
    from blackjax.smc import ess, resampling, solver

    key, choice, walk = jax.random.split(state.key, 3)
    step = ess.ess_solver(
        lambda _: state.likelihood, state.x, _EFFECTIVE, 1 - state.exponent, solver.dichotomy
    )
    # Differences of exponents round; the last one is to be 1.
    exponent = jnp.where(step >= 1 - state.exponent, 1.0, state.exponent + step)
    log_weights = step * state.likelihood
    total = jax.scipy.special.logsumexp(log_weights)
    kept = resampling.systematic(choice, jnp.exp(log_weights - total), len(log_weights))
    particles = (state.x[kept], state.prior[kept], state.likelihood[kept])
    (x, prior, likelihood), accepted = _walk(walk, particles, exponent, densities, moves)
    evidence = state.log_evidence + total - jnp.log(len(log_weights))
    return _State(key, x, prior, likelihood, exponent, evidence, state.stages + 1, accepted)


def _walk(key: Any, particles: Any, exponent: Any, densities: Any, moves: int) -> Any:
    """Metropolis moves along differences of particles, which have the scales of all modes.

    The differences are those at the start: they stay the same, so every move is reversible.
    """
    population = particles[0]
    count, dimension = population.shape

    def move(state: Any, key: Any) -> Any:
        x, prior, likelihood = state
        # One call for all numbers: each compiles its own generator.
        first, second, length, whole, chance = jax.random.uniform(key, (5, count), x.dtype)
        i, j = (jnp.minimum(u * count, count - 1).astype(int) for u in (first, second))
        scale = _SHORTEST**length * 2.38 / math.sqrt(2 * dimension)
        scale = jnp.where(whole < _WHOLE, 1.0, scale)
        step = scale[:, None] * (population[i] - population[j])
        proposed = (x + step, *densities(x + step))
        gain = proposed[1] - prior + exponent * (proposed[2] - likelihood)
        take = jnp.log(chance) < gain
        new = jnp.where(take[:, None], proposed[0], x)
        return (
            (new, jnp.where(take, proposed[1], prior), jnp.where(take, proposed[2], likelihood)),
            take,
        )

    ended, taken = jax.lax.scan(move, particles, jax.random.split(key, moves))
    return ended, jnp.mean(taken.astype(population.dtype), axis=0)
