"""Draws of a posterior by either method, in one go or stored in a run."""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.inference.posteriors.log_posterior import Inputs, LogPosterior, first_points
from cevnsjax.inference.posteriors.nuts import (
    Sampling,
    Statistics,
    Values,
    blocks_of,
    run_chains,
)
from cevnsjax.inference.posteriors.smc import SmcRuns, run_smc
from cevnsjax.inference.runs.blocks import run_in
from cevnsjax.inference.runs.run import Run


def draw_posterior(
    posterior: LogPosterior,
    method: str,
    sampling: Sampling,
    pulls: Sequence[str],
    *,
    folder: str | Path | None,
    resume: bool,
) -> tuple[Values, Statistics, dict[str, Any]]:
    """Draws in the parameters' units, statistics of the sampler, and attributes of the result."""
    smc = method == "smc"
    configuration = {
        "command": "sample",
        "method": method,
        "priors": list(posterior.priors),
        "fixed": posterior.fixed,
        "marginalised": list(pulls),
        "data": posterior.data,
        **(sampling._replace(warmup=0, target_accept=0.0) if smc else sampling)._asdict(),
    }
    steps = sampling.draws + sampling.warmup
    blocks = (sampling.chains, None) if smc else blocks_of(sampling.chains, steps)
    run = run_in(folder, resume, posterior.model, configuration, *blocks)
    with run or nullcontext():
        if not smc:
            values, stats = nuts(posterior, sampling=sampling, run=run)
            about = {"inference_library": "numpyro", "warmup": sampling.warmup}
            return values, stats, {"method": "nuts", **about}
        populations = run_smc(
            posterior,
            posterior.inputs,
            populations=sampling.chains,
            particles=sampling.draws,
            seed=sampling.seed,
            run=run,
        )
    about = {"method": "smc", "inference_library": "blackjax", **_evidence(posterior, populations)}
    return populations.values, populations.stats, about


def nuts(
    posterior: LogPosterior,
    inputs: Inputs | None = None,
    *,
    sampling: Sampling,
    run: Run | None = None,
) -> tuple[Values, Statistics]:
    """Draws by NUTS in the parameters' units, and the sampler's statistics.

    Inputs are data sets with [chain] in front, one for each chain; the posterior's own if None.
    """
    shared = inputs is None
    data = posterior.inputs if inputs is None else inputs
    first = first_points(posterior, data, sampling.chains, (sampling.seed, 0), shared=shared)
    values, stats = run_chains(posterior, first, data, sampling, shared=shared, run=run)
    # Rounding may put a value beyond an end.
    return {p.name: np.clip(values[p.name], p.low, p.high) for p in posterior.priors}, stats


def _evidence(posterior: LogPosterior, populations: SmcRuns) -> dict[str, Any]:
    """Attributes with the evidence; constraints of pulls are not normalised, as in the nll.

    So it is the same whether pulls are sampled or integrated out, here or on a grid.
    """
    table = posterior.model.parameters
    pulls = [p for p in posterior.priors if p.is_constraint and table[p.name].linear]
    norms = sum(math.log(p.counted.sd * math.sqrt(2 * math.pi)) for p in pulls if p.counted)
    evidence = populations.log_evidence + norms
    return {
        "log_evidence": float(evidence.mean()),
        "log_evidence_sd": float(evidence.std(ddof=1)) if len(evidence) > 1 else math.nan,
        "log_evidence_runs": evidence.tolist(),
        "stages": int(populations.stages.max()),
    }
