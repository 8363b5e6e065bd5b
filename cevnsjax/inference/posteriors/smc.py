"""Populations tempered from the prior to the posterior: sequential Monte Carlo.

Each population of particles starts as draws from the prior and passes through the densities
prior x likelihood^b, b from 0 to 1 (Del Moral, Doucet and Jasra, J. R. Stat. Soc. B 68 (2006)
411): weighted, resampled and moved at every b. Separated modes keep their weights, because all of
them are populated while the likelihood is weak; the means of the weights multiply to the evidence.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from cevnsjax.core.errors import InputError
from cevnsjax.devices import worker_devices
from cevnsjax.inference.posteriors.log_posterior import Inputs, LogPosterior
from cevnsjax.inference.posteriors.smc_program import MAX_STAGES, Population, program_for
from cevnsjax.inference.promotions import standard_promotion
from cevnsjax.inference.runs.blocks import compute_or_read
from cevnsjax.inference.runs.run import Run


class SmcRuns(NamedTuple):
    """Particles of independent populations, without weights and in random order.

    Values are in the parameters' units, statistics have arviz's names, ``stages`` counts exponents
    above 0.
    """

    values: dict[str, Float[np.ndarray, "population particle"]]
    stats: dict[str, Float[np.ndarray, "population particle"]]
    log_evidence: Float[np.ndarray, " population"]
    stages: Int[np.ndarray, " population"]


def require_blackjax() -> None:
    """Raise an InputError with the remedy where blackjax is missing."""
    try:
        import blackjax.smc  # noqa: F401
    except ImportError as error:
        raise InputError('method "smc" needs blackjax: pip install "cevnsjax[smc]"') from error


def run_smc(
    posterior: LogPosterior,
    inputs: Inputs,
    *,
    populations: int,
    particles: int,
    seed: int,
    shared: bool = True,
    run: Run | None = None,
) -> SmcRuns:
    """Lead independent populations from the prior to the posterior.

    Inputs have [population] in front unless shared. A run stores each population as a block.

    Raises:
        InputError: If blackjax is missing, or the likelihood is finite nowhere in the prior.
    """
    require_blackjax()
    scales = np.array([p.scale for p in posterior.priors])
    program = program_for(posterior, particles)
    rng = np.random.default_rng((seed, 0))
    starts = [
        np.stack([p.draw(rng, particles) for p in posterior.priors], axis=-1)
        for _ in range(populations)
    ]
    with standard_promotion():
        keys = np.asarray(jax.random.split(jax.random.PRNGKey(seed), populations))

    def tempered(k: int) -> dict[str, np.ndarray]:
        # JAX's settings of promotion hold for one thread.
        with standard_promotion():
            data = inputs if shared else jax.tree.map(lambda x: x[k], inputs)
            end = program(keys[k], starts[k] / scales, data)
        return {n: np.asarray(x)[None] for n, x in end._asdict().items()}

    # Populations share the devices, if there are several; one device takes them in turn.
    parallel = bool(worker_devices())
    ends = list(compute_or_read(run, tempered, populations, "tempering", parallel=parallel))
    end = {n: np.concatenate([e[n] for e in ends]) for n in Population._fields}
    if not np.all(np.isfinite(end["log_evidence"])):
        raise InputError(
            "the likelihood is finite nowhere in the prior; narrow priors, or fix parameters"
        )
    if np.any(end["exponent"] < 1):
        raise InputError(
            f"the prior is too wide: after {MAX_STAGES} stages the likelihood counts with exponent "
            f"{end['exponent'].min():.3g} only; narrow priors"
        )
    low, high = ([getattr(p, e) for p in posterior.priors] for e in ("low", "high"))
    # Rounding may put a value beyond an end.
    x = np.clip(end["x"] * scales, low, high)
    return SmcRuns(
        {p.name: x[..., k] for k, p in enumerate(posterior.priors)},
        {"log_likelihood": end["likelihood"], "acceptance_rate": end["accepted"]},
        end["log_evidence"],
        end["stages"],
    )
