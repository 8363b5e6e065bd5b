"""Simulation-based calibration: whether a sampler's posteriors are those of model and priors.

Parameters are drawn from the prior, data from the model there; the rank of each true value among
draws of the posterior given those data is uniform if everything is right (Talts, Betancourt,
Simpson, Vehtari and Gelman, arXiv:1804.06788).
"""

from collections.abc import Iterable, Mapping

import jax
import numpy as np

from cevnsjax.core.checks import whole_numbers
from cevnsjax.core.errors import InputError
from cevnsjax.inference.posteriors.calibration_result import Calibration, uniformity
from cevnsjax.inference.posteriors.draws import Sampling, nuts
from cevnsjax.inference.posteriors.log_posterior import (
    Inputs,
    Likelihood,
    LogPosterior,
    as_arrays,
    target_of,
)
from cevnsjax.inference.posteriors.priors import densities
from cevnsjax.inference.posteriors.sample import require_method
from cevnsjax.inference.posteriors.smc import run_smc
from cevnsjax.inference.progress import track
from cevnsjax.parameters import Prior


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
    seed: int = 0,
    marginalize_linear: bool = False,
    target_accept: float = 0.8,
) -> Calibration:
    """Check a posterior on data drawn from the model itself, priors and all.

    True values, nuisances included, come from their priors. The prior of a constrained nuisance is
    its constraint, so auxiliary measurements stay at the centres: thrown about the truth, too, they
    would count twice. All simulations go through one compiled program.

    Args:
        model: The model; it must have ``toy``, as ``Model`` does.
        free: As for ``sample``.
        simulations: Number of data sets, at least 20.
        draws: Draws that each true value is ranked among.
        thin: Steps of a chain for each of them, so that they are independent, or particles of a
            population.
        method: "nuts", one chain a data set, or "smc", one population.
        fixed: As for ``sample``.
        priors: As for ``sample``; they are what is simulated, too.
        warmup: As for ``sample``.
        seed: Whole number >= 0; the same one gives the same ranks.
        marginalize_linear: As for ``sample``; pulls are drawn, but not ranked then.
        target_accept: As for ``sample``.

    Raises:
        UnknownNameError: At an unknown parameter or method.
        InputError: At numbers that are too low, a model that cannot throw data, and whatever
            ``sample`` refuses.
    """
    simulations, draws, thin, warmup, seed = whole_numbers(
        simulations=(simulations, 20),
        draws=(draws, 4),
        thin=(thin, 1),
        warmup=(warmup, 0),
        seed=(seed, 0),
    )
    require_method(method, draws * thin, target_accept)
    if not hasattr(model, "toy"):
        raise InputError(f"{model.name or 'the model'} has no toy, which throws data")
    target, pulls = target_of(model, free, fixed, priors, marginalize_linear)
    truths, inputs = _simulated(target, pulls, simulations, seed)
    if method == "smc":
        found = run_smc(
            target, inputs, populations=simulations, particles=draws * thin, seed=seed, shared=False
        )
        values, diverged = found.values, 0
    else:
        values, stats = nuts(
            target,
            inputs,
            how=Sampling(simulations, draws * thin, warmup, seed, target_accept),
        )
        diverged = int(np.sum(stats["diverging"]))
    ranks = {n: _ranks(truths[n], values[n][:, thin - 1 :: thin]) for n in target.names}
    return Calibration(
        ranks,
        truths,
        draws,
        method,
        seed,
        {n: uniformity(r, draws, seed) for n, r in ranks.items()},
        diverged,
        {n: model.parameters[n].unit for n in ranks},
    )


def _simulated(
    target: LogPosterior, pulls: tuple[str, ...], simulations: int, seed: int
) -> tuple[dict[str, np.ndarray], Inputs]:
    """True values [simulation] and data at each, with [simulation] in front."""
    model, rng = target.model, np.random.default_rng((seed, 3))
    priors = [*target.priors, *densities(model, pulls, None)]
    truths = {p.name: p.draw(rng, simulations) for p in priors}
    seeds = rng.integers(2**62, size=simulations).tolist()
    thrown = []
    for k in track(range(simulations), "simulating"):
        truth = {**target.held, **{n: float(x[k]) for n, x in truths.items()}}
        thrown.append(as_arrays(model.toy(seeds[k], truth, auxiliary=False)))
    data = jax.tree.map(lambda *x: np.stack(x), *thrown)
    centres = {n: np.full(simulations, c) for n, c in target.inputs.centres.items()}
    return truths, Inputs(data, centres)


def _ranks(truth: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """How many of the draws [simulation, draw] lie below the truth [simulation]."""
    return np.sum(draws < truth[:, None], axis=1)
