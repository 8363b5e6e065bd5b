"""The signal of one experiment: rates at the nodes, counts in its bins."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.core.types import Values
from cevnsjax.experiments.arrays import ExperimentArrays, Response
from cevnsjax.model.structure import Interactions, Signal
from cevnsjax.rate import source_rates, survival_of


def node_rates(
    e: ExperimentArrays, interactions: Interactions, values: Values
) -> tuple[Response, dict[str, Float[Array, " node"]]]:
    """Response matrix [MeV] and events per MeV of recoil at its nodes, by source [1/MeV]."""
    signal = e.signal
    T_nr, R, kernels = e.T_nr, e.R, e.kernels
    if e.shape:
        T_nr, R = signal.nodes({short: values[name] for short, name in e.shape}, jnp)
    survival = survival_of(interactions, values, signal.flux.baseline_m)
    if survival is not None and e.above:
        kernels = signal.oscillating_kernels(T_nr, e.above, survival)
    elif survival is not None or (e.shape and signal.has_moving_nodes):
        kernels = signal.kernels(T_nr, jnp, survival)
    sources, T_max = signal.flux.sources, float(signal.kinks[-1])
    return R, source_rates(
        interactions, values, T_nr, signal.nuclei, kernels, e.norms, sources, T_max
    )


def binned_signal(
    e: ExperimentArrays, interactions: Interactions, values: Values, *, merged: bool = True
) -> Signal:
    """Signal in the bins of the first observable: everything theory predicts for an experiment.

    Returns:
        [source, variant, bin] [count]: the nominal response, then its linear and curved change by
        each morph that moves it.
    """
    R, rate = node_rates(e, interactions, values)
    rates = jnp.stack([rate[source] for source in e.signal.flux.sources])
    if merged and e.spread is None and e.R_morphs is None:
        rates = jnp.sum(rates, axis=0, keepdims=True)
    responses = R[None] if e.R_morphs is None else jnp.concatenate([R[None], e.R_morphs])
    return jnp.einsum("vbn,sn->svb", responses, rates)
