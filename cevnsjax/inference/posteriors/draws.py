"""Draws of a posterior by either method, in one go or kept in a run."""

import math
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from cevnsjax.inference.posteriors.log_posterior import Inputs, LogPosterior, starts
from cevnsjax.inference.posteriors.nuts import blocks_of, run_chains
from cevnsjax.inference.posteriors.priors import Density
from cevnsjax.inference.posteriors.smc import SmcRuns, run_smc
from cevnsjax.inference.promotions import standard_promotion
from cevnsjax.inference.runs.blocks import run_in
from cevnsjax.inference.runs.run import Run

Arrays = dict[str, np.ndarray]


class Sampling(NamedTuple):
    """How many draws, and how they are made.

    Attributes:
        chains: Number of chains or populations.
        draws: Draws of each.
        warmup: Steps of a chain before them.
        seed: Of the random numbers.
        accept: Mean acceptance probability that step sizes are adapted to.
    """

    chains: int
    draws: int
    warmup: int
    seed: int
    accept: float


def drawn(
    target: LogPosterior,
    method: str,
    how: Sampling,
    pulls: tuple[str, ...],
    data: Any,
    *,
    folder: str | Path | None,
    resume: bool,
) -> tuple[Arrays, Arrays, dict[str, Any]]:
    """Draws in the parameters' units, statistics, each {name: [chain, draw]}, and attributes.

    Args:
        target: The posterior.
        method: "nuts" or "smc".
        how: Numbers.
        pulls: Nuisances that are integrated out.
        data: Data other than the model's.
        folder: Keep draws here.
        resume: Go on with the run in ``folder``.
    """
    smc = method == "smc"
    asked = {
        "command": "sample",
        "method": method,
        "priors": list(target.priors),
        "fixed": target.held,
        "marginalized": list(pulls),
        "data": data,
        **(how._replace(warmup=0, accept=0.0) if smc else how)._asdict(),
    }
    blocks = (how.chains, None) if smc else blocks_of(how.chains, how.draws + how.warmup)
    run = run_in(folder, resume, target.model, asked, *blocks)
    with run or nullcontext():
        if not smc:
            about = {"method": "nuts", "inference_library": "numpyro", "warmup": how.warmup}
            return *nuts(target, how=how, run=run), about
        found = run_smc(
            target,
            target.inputs,
            populations=how.chains,
            particles=how.draws,
            seed=how.seed,
            run=run,
        )
    about = {"method": "smc", "inference_library": "blackjax", **_evidence(target, found)}
    return found.values, found.stats, about


def nuts(
    target: LogPosterior,
    inputs: Inputs | None = None,
    *,
    how: Sampling,
    run: Run | None = None,
) -> tuple[Arrays, Arrays]:
    """Draws by NUTS in the parameters' units and the sampler's statistics, {name: [chain, draw]}.

    Args:
        target: The posterior.
        inputs: Data sets, [chain] in front: one for each chain; the target's own if None.
        how: Numbers.
        run: Keep draws here, open.
    """
    shared = inputs is None
    given = target.inputs if inputs is None else inputs
    first = starts(target, given, how.chains, (how.seed, 0), shared=shared)
    found = run_chains(
        target,
        _moved(tuple(target.priors), first, inverse=True),
        given,
        draws=how.draws,
        warmup=how.warmup,
        seed=how.seed,
        target_accept=how.accept,
        shared=shared,
        run=run,
    )
    natural = _moved(tuple(target.priors), found.values, inverse=False)
    # Rounding may put one a hair beyond an end.
    return {p.name: np.clip(natural[p.name], p.low, p.high) for p in target.priors}, found.stats


def _evidence(target: LogPosterior, found: SmcRuns) -> dict[str, Any]:
    """Attributes with the evidence; constraints of pulls as the nll holds them, not normalised.

    So it is the same whether pulls are sampled or integrated out, here or on a grid.
    """
    table = target.model.parameters
    pulls = [p for p in target.priors if p.follows and table[p.name].linear]
    extra = sum(math.log(p.counted.sd * math.sqrt(2 * math.pi)) for p in pulls if p.counted)
    runs = found.log_evidence + extra
    return {
        "log_evidence": float(runs.mean()),
        "log_evidence_sd": float(runs.std(ddof=1)) if len(runs) > 1 else math.nan,
        "log_evidence_runs": runs.tolist(),
        "stages": int(found.stages.max()),
    }


def _moved(
    priors: tuple[Density, ...], values: dict[str, np.ndarray], *, inverse: bool
) -> dict[str, np.ndarray]:
    """From the sampler's unbounded coordinates to values, or back, all in one program.

    Args:
        priors: One for each parameter.
        values: By parameter.
        inverse: From values, in the parameters' units, to unbounded coordinates.
    """
    with standard_promotion():
        return jax.tree.map(np.asarray, _transforms(priors, values, inverse))


@partial(jax.jit, static_argnums=(0, 2))
def _transforms(priors: tuple[Density, ...], values: dict[str, Any], inverse: bool) -> Any:
    from numpyro.distributions import biject_to

    out = {}
    for p in priors:
        # The same that numpyro samples in.
        transform, x = biject_to(p.distribution.support), values[p.name]
        out[p.name] = transform.inv(x / p.scale) if inverse else transform(x) * p.scale
    return out
