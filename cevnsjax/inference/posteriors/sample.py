"""Posteriors drawn from a model's own likelihood: numpyro's NUTS, or tempered populations."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from cevnsjax.core.checks import whole_numbers
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.posteriors.arviz_groups import (
    counts_groups,
    inference_data,
    over_draws,
    table_dataset,
)
from cevnsjax.inference.posteriors.draws import Sampling, drawn
from cevnsjax.inference.posteriors.log_posterior import Likelihood, LogPosterior, target_of
from cevnsjax.inference.posteriors.smc import require_blackjax
from cevnsjax.parameters import Prior

METHODS = ("nuts", "smc")
# Fewer particles have no differences to move along.
_PARTICLES = 50
# What the sampler tells of each draw; memory for all of them [byte].
_TOLD, _MOST_BYTES = 8, 8e9


def sample(
    model: Likelihood,
    free: str | Iterable[str] | None = None,
    *,
    method: str = "nuts",
    fixed: Mapping[str, float] | None = None,
    priors: Mapping[str, Prior] | None = None,
    chains: int = 4,
    draws: int = 1000,
    warmup: int = 500,
    seed: int = 0,
    marginalize_linear: bool = False,
    data: Any = None,
    target_accept: float = 0.8,
    folder: str | Path | None = None,
    resume: bool = False,
) -> Any:
    """Draw from the posterior, with NUTS or, where it has separated modes, tempered populations.

    Theory parameters have the table's prior, flat within finite bounds if it has none; nuisances
    the Gaussian constraint that the model holds. A Gaussian that reaches beyond bounds is cut.

    Args:
        model: The model.
        free: Theory parameters to sample; those the table marks free if None. Nuisances that are
            not fixed are always sampled.
        method: "nuts", chains by gradients, or "smc", independent populations led from the prior
            to the posterior, which weigh separated modes right and find the evidence (needs
            blackjax). NUTS is the better one for a single mode in many dimensions.
        fixed: Parameters to hold at given values.
        priors: ``Normal`` or ``Uniform`` by parameter, instead of the table's.
        chains: Number of chains or populations, at least 1; R-hat needs two.
        draws: Draws of each chain, particles of each population.
        warmup: Steps before them that adapt step size and mass matrix, and are not kept; "nuts".
        seed: Whole number >= 0; the same one gives the same draws.
        marginalize_linear: Integrate linear pulls out in closed form (Gaussian cells only) and
            draw them afterwards, each given the rest: fewer dimensions, the same posterior.
        data: Data to use instead of the model's; other numbers recompile nothing.
        target_accept: Within (0, 1); nearer 1 takes smaller steps and diverges less; "nuts".
        folder: Keep chains here, every 500 steps, or populations, so that sampling can be
            interrupted and chains be shared out among processes; the numbers are the same.
        resume: Go on with the run in ``folder``.

    Returns:
        arviz ``InferenceData`` (``DataTree`` from arviz 1 on) with groups ``posterior`` in the
        parameters' units, ``sample_stats``, and, where the model predicts counts,
        ``log_likelihood`` by experiment and cell, ``posterior_predictive`` counts of a thinned
        set of draws, and ``observed_data``. ``report`` says in words whether it can be used.
        From "smc" ``sample_stats`` has attributes ``log_evidence``, the mean over populations,
        ``log_evidence_sd`` and ``log_evidence_runs``, normalised as ``grid_posterior``'s.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At an improper prior or one outside bounds, a parameter both free and fixed,
            numbers of chains or draws that are too low, an unknown method, or pulls that have no
            closed form; a folder that holds another run.
        RunError: If the folder is in use, or cannot be written any more.
    """
    chains, draws, warmup, seed = whole_numbers(
        chains=(chains, 1), draws=(draws, 1), warmup=(warmup, 0), seed=(seed, 0)
    )
    require_method(method, draws, target_accept)
    target, pulls = target_of(model, free, fixed, priors, marginalize_linear, data)
    _require_memory(chains, draws + warmup, len(target.names), model)
    how = Sampling(chains, draws, warmup, seed, target_accept)
    values, stats, about = drawn(target, method, how, pulls, data, folder=folder, resume=resume)
    if pulls:
        values |= _conditional(target, values, pulls, seed)
    attributes = {
        "analysis": model.name,
        "experiments": ", ".join(model.experiments),
        "fixed": ", ".join(f"{n} = {x:g}" for n, x in target.held.items()),
        "seed": seed,
        "marginalized": ", ".join(pulls),
        **about,
    }
    posterior = table_dataset(values, model.parameters, attributes)
    for p in target.priors:
        if p.normal is None:
            posterior[p.name].attrs |= {"prior_low": p.low, "prior_high": p.high}
    groups = {
        "posterior": posterior,
        "sample_stats": table_dataset(stats, {}, attributes),
        **counts_groups(model, target.held, values, data, seed),
    }
    return inference_data(groups)


def _require_memory(chains: int, steps: int, parameters: int, model: Any) -> None:
    """Stop at more draws than memory holds, with those the sampler tells of and their counts."""
    cells = sum(int(np.size(o)) for o in model.observed)
    needed = 8.0 * chains * steps * (parameters + _TOLD + cells)
    if needed > _MOST_BYTES:
        raise InputError(
            f"{chains} chains of {steps} steps take {needed / 1e9:.3g} GB, limit "
            f"{_MOST_BYTES / 1e9:g} GB; draw less: a posterior seldom needs over 10000 of each"
        )


def require_method(method: str, draws: int, target_accept: float) -> None:
    """Raise an InputError at options that the method cannot use.

    Args:
        method: "nuts" or "smc".
        draws: Draws of a chain, particles of a population.
        target_accept: Acceptance probability NUTS is adapted to.
    """
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    if not 0 < target_accept < 1:
        raise InputError(f"target_accept must lie within (0, 1), got {target_accept!r}")
    if method == "smc":
        require_blackjax()
        if draws < _PARTICLES:
            raise InputError(
                f'method "smc" needs {_PARTICLES} particles at least, better 1000; got {draws}'
            )


def _conditional(
    target: LogPosterior, values: dict[str, np.ndarray], pulls: tuple[str, ...], seed: int
) -> dict[str, np.ndarray]:
    """Pulls drawn from their Gaussian given everything else, {name: [chain, draw]}."""
    shape = next(iter(values.values())).shape
    best, rows = over_draws(_pulls_at, target, values, target.inputs.data)
    centre = np.stack([best[n] for n in pulls], axis=-1)
    hessian = np.stack([np.stack([rows[n][m] for m in pulls], axis=-1) for n in pulls], axis=-2)
    factor = np.linalg.cholesky(hessian)
    noise = np.random.default_rng((seed, 1)).normal(size=(*centre.shape, 1))
    drawn = centre + np.linalg.solve(np.swapaxes(factor, 1, 2), noise)[..., 0]
    return {n: drawn[:, k].reshape(shape) for k, n in enumerate(pulls)}


def _pulls_at(target: LogPosterior, point: dict[str, Any], data: Any) -> tuple[Any, Any]:
    """Best pulls at a point and the Hessian by them."""
    given, used = {**target.held, **point}, target.data if data is None else data
    best = target.model.best_pulls(given, data=used)

    def nll(pulled: dict[str, Any]) -> Any:
        return target.model.nll({**given, **pulled}, data=used)

    # Quadratic in the pulls: exact, and the signal is not differentiated.
    return best, jax.hessian(nll)(best)
