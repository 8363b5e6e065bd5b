"""The signal of one experiment: rates at the nodes, counts in its bins."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.core.types import AtNodes, Values
from cevnsjax.cross_section import Kernels
from cevnsjax.detector.matrices import ResponseMatrix
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.interactions.interaction import survival_of
from cevnsjax.model.structure import Interactions, Signal
from cevnsjax.rate import source_rates


class Nodes(NamedTuple):
    """What turns charges at the nodes into counts.

    Attributes:
        T_nr: Recoil energies, [node] [MeV].
        responses: The nominal response, then the linear and the curved part of its change by each
            morph that moves it, as variants [MeV].
        kernels: {nucleus: {structure: {source: [node]}}} [1], magnetic in [1/MeV].
    """

    T_nr: AtNodes
    responses: tuple[ResponseMatrix, ...]
    kernels: dict[str, Kernels]


def nodes(e: ExperimentArrays, interactions: Interactions, values: Values) -> Nodes:
    """The nodes of an experiment, where shape parameters and oscillations have them."""
    signal = e.signal
    T_nr, R, kernels = e.T_nr, e.R, e.kernels
    if e.shape:
        T_nr, R = signal.nodes({short: values[name] for short, name in e.shape}, jnp)
    survival = survival_of(interactions, values, signal.flux.baseline_m)
    if survival is not None and e.above:
        kernels = signal.oscillating_kernels(T_nr, e.above, survival)
    elif survival is not None or (e.shape and signal.has_moving_nodes):
        kernels = signal.kernels(T_nr, jnp, survival)
    return Nodes(T_nr, (R,) if e.R_morphs is None else (R, e.R_morphs), kernels)


def T_max(e: ExperimentArrays) -> float:
    """The highest recoil energy that any node can have [MeV]."""
    return float(e.signal.kinks[-1])


def has_one_source(e: ExperimentArrays) -> bool:
    """Whether the signal's sources need not be told apart: all fall alike on the cells."""
    return e.spread is None and e.R_morphs is None


def variants_of(e: ExperimentArrays) -> int:
    """The number of variants of the response."""
    return 1 if e.R_morphs is None else 1 + e.R_morphs.values.shape[0]


def binned_signal(
    e: ExperimentArrays, interactions: Interactions, values: Values, *, merged: bool = True
) -> Signal:
    """Signal in the bins of the first observable: everything theory predicts for an experiment.

    Returns:
        [source, variant, bin] [count]: the nominal response, then its linear and curved change by
        each morph that moves it.
    """
    merged = merged and has_one_source(e)
    signal = _binned(e, interactions, values, merged=merged)
    if e.electrons is None:
        return signal
    return signal + _binned(e.electrons, interactions, values, merged=merged)


def _binned(
    e: ExperimentArrays, interactions: Interactions, values: Values, *, merged: bool
) -> Signal:
    """Counts of nuclei, or of electrons where those are the arrays."""
    at = nodes(e, interactions, values)
    sources = e.signal.flux.sources
    rate = source_rates(
        interactions, values, at.T_nr, e.signal.nuclei, at.kernels, e.norms, sources, T_max(e)
    )
    rates: Float[Array, "source node"] = jnp.stack([rate[source] for source in sources])
    if merged:
        rates = jnp.sum(rates, axis=0, keepdims=True)
    return jnp.concatenate([jnp.asarray(r.fold(rates, jnp)) for r in at.responses], axis=1)
