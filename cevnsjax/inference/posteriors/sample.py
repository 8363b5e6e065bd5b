"""Posteriors drawn from a model's own likelihood: numpyro's NUTS, or tempered populations."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, SupportsIndex

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, PyTree

from cevnsjax.core.aliases import accepts_aliases
from cevnsjax.core.checks import MOST_CHAINS, MOST_STEPS, whole_numbers
from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.inference.posteriors.arviz_groups import (
    counts_groups,
    inference_data,
    over_draws,
    table_dataset,
    tree_of,
)
from cevnsjax.inference.posteriors.draws import draw_posterior
from cevnsjax.inference.posteriors.log_posterior import Likelihood, LogPosterior, log_posterior_of
from cevnsjax.inference.posteriors.nuts import Sampling, Values
from cevnsjax.inference.posteriors.smc import require_blackjax
from cevnsjax.parameters import Prior

METHODS = ("nuts", "smc")
# Fewer particles have too few differences to move along.
_MIN_PARTICLES = 50
# Numbers that the sampler records of each draw, and the memory for all draws.
_STATISTICS, _MAX_BYTES = 8, 8e9


@accepts_aliases(marginalize_linear="marginalise_linear")
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
    seed: SupportsIndex = 0,
    marginalise_linear: bool = False,
    data: PyTree = None,
    target_accept: float = 0.8,
    folder: str | Path | None = None,
    resume: bool = False,
) -> Any:
    """Draw from the posterior with NUTS or, where it has separated modes, tempered populations.

    Theory parameters have the prior of the table, or a flat one within finite bounds; nuisances
    have the Gaussian constraint that the model holds. A Gaussian that reaches beyond bounds is cut
    there.

    Args:
        model: The model.
        free: Theory parameters to sample; those that the table marks free if None. Nuisances that
            are not fixed are always sampled.
        method: "nuts", chains that follow gradients, or "smc", independent populations led from
            the prior to the posterior, which weigh separated modes correctly and give the evidence
            (needs blackjax). NUTS is better for a single mode in many dimensions.
        fixed: Values of parameters to fix.
        priors: ``Normal`` or ``Uniform`` by parameter, instead of the table's.
        chains: Number of chains or populations; R-hat needs two.
        draws: Draws of each chain, particles of each population.
        warmup: Steps of NUTS that tune the step size and the mass matrix; they are discarded.
        seed: Whole number >= 0; the same seed gives the same draws.
        marginalise_linear: Integrate linear pulls out in closed form (Gaussian cells only) and
            draw them afterwards, given the rest: the same posterior in fewer dimensions. The
            spelling ``marginalize_linear`` is accepted.
        data: Data to use instead of the model's; other numbers recompile nothing.
        target_accept: Mean acceptance probability of NUTS within (0, 1); a higher one takes
            smaller steps and diverges less [1].
        folder: Folder that stores chains, every 500 steps, or populations, so that sampling can be
            interrupted and chains be shared among processes; the numbers are the same.
        resume: Continue the run in ``folder``.

    Returns:
        arviz ``InferenceData`` (``DataTree`` from arviz 1 on) with groups ``posterior`` in the
        parameters' units, ``sample_stats``, and, where the model predicts counts,
        ``log_likelihood`` by experiment and cell, ``posterior_predictive`` counts of a thinned
        set of draws, and ``observed_data``. ``report`` says in words whether it can be used.
        ``sample_stats`` of "smc" has the attributes ``log_evidence``, the mean over populations,
        ``log_evidence_sd`` and ``log_evidence_runs``, normalised as by ``grid_posterior``.

    Raises:
        UnknownNameError: At an unknown parameter or method.
        InputError: At an improper prior or one outside bounds, a parameter that is both free and
            fixed, too few chains or draws, pulls that have no closed form, or a folder that holds
            another run.
        RunError: If the folder is in use, or cannot be written any more.

    Examples:
        >>> options = {"method": "smc", "chains": 2, "draws": 50, "marginalise_linear": True}
        >>> result = cj.sample(model, "sin2_theta_w", **options)
        >>> result["posterior"]["sin2_theta_w"].shape
        (2, 50)
        >>> list(result["posterior"].data_vars)
        ['sin2_theta_w', 'alpha_sig_csi2017', 'alpha_brn_csi2017']
    """
    tree = sample_tree(
        model,
        free,
        method=method,
        fixed=fixed,
        priors=priors,
        chains=chains,
        draws=draws,
        warmup=warmup,
        seed=seed,
        marginalise_linear=marginalise_linear,
        data=data,
        target_accept=target_accept,
        folder=folder,
        resume=resume,
    )
    return inference_data(tree)


def sample_tree(
    model: Likelihood,
    free: str | Iterable[str] | None,
    *,
    method: str,
    fixed: Mapping[str, float] | None,
    priors: Mapping[str, Prior] | None,
    chains: SupportsIndex,
    draws: SupportsIndex,
    warmup: SupportsIndex,
    seed: SupportsIndex,
    marginalise_linear: bool,
    target_accept: float,
    folder: str | Path | None,
    resume: bool,
    data: PyTree = None,
) -> xr.DataTree:
    """What ``sample`` returns, as a tree of datasets: arviz takes more than a second to import."""
    chains, draws, warmup, seed = whole_numbers(
        chains=(chains, 1, MOST_CHAINS),
        draws=(draws, 1, MOST_STEPS),
        warmup=(warmup, 0, MOST_STEPS),
        seed=(seed, 0),
    )
    require_method(method, draws, target_accept)
    posterior, pulls = log_posterior_of(model, free, fixed, priors, marginalise_linear, data)
    _require_memory(chains, draws + warmup, len(posterior.names), model)
    sampling = Sampling(chains, draws, warmup, seed, target_accept)
    values, stats, about = draw_posterior(
        posterior, method, sampling, pulls, folder=folder, resume=resume
    )
    if pulls:
        values |= _pulls_given_rest(posterior, values, pulls, seed)
    attributes = {
        "analysis": model.name,
        "experiments": list(model.experiments),
        "fixed": json.dumps(posterior.fixed),
        "seed": seed,
        "marginalised": ", ".join(pulls),
        **about,
    }
    dataset = table_dataset(values, model.parameters, attributes)
    for p in posterior.priors:
        if p.normal is None:
            dataset[p.name].attrs |= {"prior_low": p.low, "prior_high": p.high}
    groups = {
        "posterior": dataset,
        "sample_stats": table_dataset(stats, {}, attributes),
        **counts_groups(model, posterior.fixed, values, data, seed),
    }
    return tree_of(groups)


def _require_memory(chains: int, steps: int, parameters: int, model: Likelihood) -> None:
    """Raise an InputError where draws, statistics and counts would not fit into memory."""
    cells = sum(int(np.size(o)) for o in model.observed)
    needed = 8.0 * chains * steps * (parameters + _STATISTICS + cells)
    if needed > _MAX_BYTES:
        raise InputError(
            f"{chains} chains of {steps} steps take {needed / 1e9:.3g} GB, limit "
            f"{_MAX_BYTES / 1e9:g} GB; draw less: a posterior seldom needs over 10000 of each"
        )


def require_method(method: str, draws: int, target_accept: float) -> None:
    """Raise an InputError at options that the method cannot use."""
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    if not 0 < target_accept < 1:
        raise InputError(f"target_accept must lie within (0, 1), got {target_accept!r}")
    if method == "smc":
        require_blackjax()
        if draws < _MIN_PARTICLES:
            raise InputError(
                f'method "smc" needs {_MIN_PARTICLES} particles at least, better 1000; got {draws}'
            )


def _pulls_given_rest(
    posterior: LogPosterior, values: Values, pulls: Sequence[str], seed: int
) -> Values:
    """Pulls drawn from their Gaussian given all other parameters."""
    shape = next(iter(values.values())).shape
    best, rows = over_draws(_pulls_at, posterior, values, posterior.inputs.data)
    centre = np.stack([best[n] for n in pulls], axis=-1)
    hessian = np.stack([np.stack([rows[n][m] for m in pulls], axis=-1) for n in pulls], axis=-2)
    factor = np.linalg.cholesky(hessian)
    noise = np.random.default_rng((seed, 1)).normal(size=(*centre.shape, 1))
    drawn = centre + np.linalg.solve(np.swapaxes(factor, 1, 2), noise)[..., 0]
    return {n: drawn[:, k].reshape(shape) for k, n in enumerate(pulls)}


def _pulls_at(
    posterior: LogPosterior, point: dict[str, Float[Array, ""]], data: PyTree
) -> tuple[dict[str, Float[Array, ""]], PyTree]:
    """Best pulls at a point and the Hessian by them."""
    values = {**posterior.fixed, **point}
    used = posterior.data if data is None else data
    best = posterior.model.best_pulls(values, data=used)

    def nll(pulls: dict[str, Array]) -> Array:
        return posterior.model.nll({**values, **pulls}, data=used)

    # Exact, as the nll is quadratic in the pulls; the signal is not differentiated.
    return best, jax.hessian(nll)(best)
