"""Counts of one experiment as components that nuisances multiply and bend.

With pulls alpha and morphs beta a component n with shifts l (linear) and c (curved) contributes
(1 + sum alpha) (n + sum_m (beta_m l_m + bend(beta_m) c_m)), kept positive; lognormal pulls lambda
multiply it by exp(sum lambda ln(1 + sd)).
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.core.namespaces import numpy_of
from cevnsjax.core.types import Arrays, Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import SIGNAL
from cevnsjax.likelihood.components import bend, kept_positive
from cevnsjax.model.signal import binned_signal
from cevnsjax.model.structure import Interactions, Signal
from cevnsjax.numerics import total

SourceCells = Arrays
"""Counts of a component in the cells of an experiment, [..., source, cell]; a background has one
source [count]."""
Shifts = dict[str, tuple[SourceCells, SourceCells]]
"""Linear and curved part of the change by each morph."""


@dataclass(frozen=True)
class CountComponent:
    """A component of the counts, and how nuisances change it.

    Attributes:
        name: The signal, or a background.
        nominal: Counts before nuisances, [..., source, cell] [count].
        shifts: Linear and curved part of the change by each morph,
            {name: ([..., source, cell], [..., source, cell])} [count].
        free_pulls: Sum of the pulls on it that are free instead of solved, [...] [1]; lognormal
            ones are in the counts.
    """

    name: str
    nominal: SourceCells
    shifts: Shifts
    free_pulls: Any


def components_of(e: ExperimentArrays, signal: Signal, values: Values) -> list[CountComponent]:
    """The signal, from ``binned_signal``, then backgrounds; of ``values`` free pulls are used.

    Signals may be those of many points, [..., source, variant, bin], and free pulls too, [...].
    """

    def component(name: str, nominal: SourceCells, shifts: Shifts) -> CountComponent:
        names = [n for n, multiplied in e.free_pulls if name in multiplied]
        pulls = [values[n] for n in names if n not in e.log_widths]
        growth = growth_of(e, names, values)
        if growth is not None:
            growth = growth[..., None, None]
            nominal = nominal * growth
            shifts = {
                n: (linear * growth, curved * growth) for n, (linear, curved) in shifts.items()
            }
        return CountComponent(name, nominal, shifts, total(pulls) if pulls else 0.0)

    components = [component(SIGNAL, _cells(signal[..., 0, :], e.spread), _signal_shifts(e, signal))]
    for name, nominal in e.backgrounds.items():
        moved = {m: s[name] for m, s in e.component_morphs.items() if name in s}
        shifts = {m: (linear[None], curved[None]) for m, (linear, curved) in moved.items()}
        components.append(component(name, nominal[None], shifts))
    return components


def growth_of(e: ExperimentArrays, names: list[str], values: Values) -> Any:
    """Factor of the lognormal pulls among some; None if there are none."""
    exponents = [e.log_widths[n] * values[n] for n in names if n in e.log_widths]
    if not exponents:
        return None
    xp = numpy_of(*exponents)
    return xp.exp(xp.asarray(total(exponents)))


def _signal_shifts(e: ExperimentArrays, signal: Signal) -> Shifts:
    out = {}
    for k, name in enumerate(e.R_moved):
        linear, curved = signal[..., 1 + 2 * k, :], signal[..., 2 + 2 * k, :]
        out[name] = _cells(linear, e.spread), _cells(curved, e.spread)
    for k, name in enumerate(e.spread_moved):
        assert e.spread_morphs is not None
        linear, curved = e.spread_morphs[2 * k], e.spread_morphs[2 * k + 1]
        out[name] = _cells(signal[..., 0, :], linear), _cells(signal[..., 0, :], curved)
    return out


def _cells(counts: Arrays, spread: Arrays | None) -> Arrays:
    """Counts [..., source, bin] in the cells of all observables, [..., source, cell]."""
    if spread is None:
        return counts
    joint = counts[..., None] * spread
    return joint.reshape(*joint.shape[:-2], -1)


def expected(
    e: ExperimentArrays, interactions: Interactions, values: Values
) -> Float[Array, " cell"]:
    """Expected counts with the nuisances in ``values``, [cell] [count]."""
    components = components_of(e, binned_signal(e, interactions, values), values)
    return total([jnp.sum(_shifted(e, c, values), axis=0) for c in components])


def predicted(
    e: ExperimentArrays, interactions: Interactions, values: Values
) -> tuple[dict[str, Float[Array, " cell"]], dict[str, Float[Array, " cell"]]]:
    """Signal by source and backgrounds, with the nuisances in ``values``, [cell] [count]."""
    components = components_of(e, binned_signal(e, interactions, values, merged=False), values)
    signal, *backgrounds = [_shifted(e, c, values) for c in components]
    by_source = {source: signal[k] for k, source in enumerate(e.signal.flux.sources)}
    return by_source, dict(zip(e.backgrounds, [b[0] for b in backgrounds], strict=True))


def _shifted(e: ExperimentArrays, component: CountComponent, values: Values) -> SourceCells:
    """Counts of a component with the nuisances in ``values``."""
    counts = component.nominal
    if component.shifts:
        moves = [
            values[n] * linear + bend(values[n])[0] * curved
            for n, (linear, curved) in component.shifts.items()
        ]
        counts, *_ = kept_positive(counts, counts + total(moves))
    names = [name for name, multiplied in e.pulls if component.name in multiplied]
    pulls = [values[name] for name in names if name not in e.log_widths]
    counts = counts * total([1.0, component.free_pulls, *pulls])
    growth = growth_of(e, names, values)
    return counts if growth is None else counts * growth
