"""Simulation-based calibration: whether a sampler's posteriors are those of model and priors.

True values are drawn from the prior, data from the model at these values. If sampler, model and
priors agree, the rank of each true value among draws of the posterior given its data is uniform
(Talts, Betancourt, Simpson, Vehtari and Gelman, arXiv:1804.06788).
"""

from collections.abc import Iterable, Mapping
from typing import SupportsIndex

import jax
import numpy as np
from jaxtyping import Float

from cevnsjax.core.aliases import accepts_aliases
from cevnsjax.core.checks import MOST_SIMULATIONS, MOST_STEPS, whole_numbers
from cevnsjax.core.errors import InputError
from cevnsjax.inference.posteriors.calibration_result import Calibration, uniformity
from cevnsjax.inference.posteriors.draws import nuts
from cevnsjax.inference.posteriors.log_posterior import (
    Inputs,
    Likelihood,
    LogPosterior,
    as_arrays,
    log_posterior_of,
)
from cevnsjax.inference.posteriors.nuts import Sampling
from cevnsjax.inference.posteriors.priors import densities
from cevnsjax.inference.posteriors.sample import require_method
from cevnsjax.inference.posteriors.smc import run_smc
from cevnsjax.inference.progress import track
from cevnsjax.parameters import Prior


@accepts_aliases(marginalize_linear="marginalise_linear")
def sbc(
    model: Likelihood,
    free: str | Iterable[str] | None = None,
    *,
    simulations: int = 200,
    draws: int = 99,
    thin: int = 5,
    method: str = "nuts",
    fixed: Mapping[str, float] | None = None,
    priors: Mapping[str, Prior] | None = None,
    warmup: int = 500,
    seed: SupportsIndex = 0,
    marginalise_linear: bool = False,
    target_accept: float = 0.8,
) -> Calibration:
    """Check posteriors on data that are simulated from the model and the priors.

    True values, nuisances included, are drawn from their priors. The prior of a constrained
    nuisance is its constraint, so auxiliary measurements stay at the centres: drawn about the truth
    as well, they would count twice. All simulations go through one compiled program.

    Args:
        model: The model; it must have ``toy``, as ``Model`` has.
        free: As for ``sample``.
        simulations: Number of data sets, at least 20.
        draws: Number of draws among which each true value is ranked.
        thin: Steps of a chain (or particles of a population) for each of these draws, so that they
            are independent.
        method: "nuts", one chain for each data set, or "smc", one population.
        fixed: As for ``sample``.
        priors: As for ``sample``; true values are drawn from them.
        warmup: Steps of NUTS before the draws.
        seed: Whole number >= 0; the same seed gives the same ranks.
        marginalise_linear: As for ``sample``; pulls are drawn then, but not ranked.
        target_accept: Mean acceptance probability of NUTS [1].

    Returns:
        Ranks and tests of their uniformity by parameter; ``status`` says what is wrong.

    Raises:
        UnknownNameError: At an unknown parameter or method.
        InputError: At numbers that are too low, a model that cannot simulate data, and whatever
            ``sample`` refuses.

    Examples:
        >>> options = {"method": "smc", "simulations": 20, "draws": 50, "thin": 1}
        >>> calibration = cj.sbc(model, "sin2_theta_w", marginalise_linear=True, **options)
        >>> calibration.ranks["sin2_theta_w"].shape
        (20,)
        >>> calibration.status
        'calibrated'
    """
    simulations, draws, thin, warmup, seed = whole_numbers(
        simulations=(simulations, 20, MOST_SIMULATIONS),
        draws=(draws, 4, MOST_STEPS),
        thin=(thin, 1, MOST_STEPS),
        warmup=(warmup, 0, MOST_STEPS),
        seed=(seed, 0),
    )
    require_method(method, draws * thin, target_accept)
    if not hasattr(model, "toy"):
        raise InputError(f"{model.name or 'the model'} has no toy, which simulates data")
    posterior, pulls = log_posterior_of(model, free, fixed, priors, marginalise_linear)
    truths, inputs = _simulated(posterior, pulls, simulations, seed)
    steps = draws * thin
    if method == "smc":
        populations = run_smc(
            posterior, inputs, populations=simulations, particles=steps, seed=seed, shared=False
        )
        values, divergences = populations.values, 0
    else:
        sampling = Sampling(simulations, steps, warmup, seed, target_accept)
        values, stats = nuts(posterior, inputs, sampling=sampling)
        divergences = int(np.sum(stats["diverging"]))
    thinned = {n: values[n][:, thin - 1 :: thin] for n in posterior.names}
    ranks = {n: np.sum(x < truths[n][:, None], axis=1) for n, x in thinned.items()}
    tests = {n: uniformity(r, draws, seed) for n, r in ranks.items()}
    units = {n: model.parameters[n].unit for n in ranks}
    return Calibration(ranks, truths, draws, method, seed, tests, divergences, units)


def _simulated(
    posterior: LogPosterior, pulls: Iterable[str], simulations: int, seed: int
) -> tuple[dict[str, Float[np.ndarray, " simulation"]], Inputs]:
    """True values and the data simulated at them, with [simulation] in front."""
    model, rng = posterior.model, np.random.default_rng((seed, 3))
    priors = [*posterior.priors, *densities(model, pulls, None)]
    truths = {p.name: p.draw(rng, simulations) for p in priors}
    seeds = rng.integers(2**62, size=simulations).tolist()
    toys = []
    for k in track(range(simulations), "simulating"):
        truth = {**posterior.fixed, **{n: float(x[k]) for n, x in truths.items()}}
        toys.append(as_arrays(model.toy(seeds[k], truth, auxiliary=False)))
    data = jax.tree.map(lambda *x: np.stack(x), *toys)
    centres = {n: np.full(simulations, c) for n, c in posterior.inputs.centres.items()}
    return truths, Inputs(data, centres)
