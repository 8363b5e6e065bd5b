"""Counts of one experiment as parts that nuisances multiply and bend."""

from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp

from cevnsjax.core.types import Reals, Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import SIGNAL
from cevnsjax.likelihood.components import bend, kept_positive
from cevnsjax.model.signal import binned_signal
from cevnsjax.numerics import total


@dataclass(frozen=True)
class CountComponent:
    """A component of the counts, and how nuisances change it.

    Attributes:
        component: What pulls call it: the signal, or a background.
        nominal: Counts before nuisances, [part, cell] [count]; the signal has a part a source.
        shifts: Linear and curved part of the change by each morph,
            {name: ([part, cell], [part, cell])} [count].
        free_pulls: Sum of the pulls on it that are free instead of solved [1].
    """

    component: str
    nominal: Reals
    shifts: dict[str, tuple[Reals, Reals]] = field(default_factory=dict)
    free_pulls: Any = 0.0


def components_of(e: ExperimentArrays, signal: Reals, values: Values) -> list[CountComponent]:
    """The signal, then backgrounds.

    Args:
        e: Arrays of the experiment.
        signal: From ``binned_signal``, [source, variant, bin] [count].
        values: Pulls that are free.
    """
    shifts = _signal_shifts(e, signal)
    parts = [
        CountComponent(
            SIGNAL, _cells(signal[:, 0], e.spread), shifts, _free_pulls(e, SIGNAL, values)
        )
    ]
    for name, nominal in e.backgrounds.items():
        moved = {m: s[name] for m, s in e.component_morphs.items() if name in s}
        shifts = {m: (linear[None], curved[None]) for m, (linear, curved) in moved.items()}
        parts.append(CountComponent(name, nominal[None], shifts, _free_pulls(e, name, values)))
    return parts


def _signal_shifts(e: ExperimentArrays, signal: Reals) -> dict[str, tuple[Reals, Reals]]:
    out = {}
    for k, name in enumerate(e.R_moved):
        linear, curved = signal[:, 1 + 2 * k], signal[:, 2 + 2 * k]
        out[name] = _cells(linear, e.spread), _cells(curved, e.spread)
    for k, name in enumerate(e.spread_moved):
        linear, curved = e.spread_morphs[2 * k], e.spread_morphs[2 * k + 1]
        out[name] = _cells(signal[:, 0], linear), _cells(signal[:, 0], curved)
    return out


def _cells(counts: Reals, spread: Any) -> Reals:
    """Counts [source, bin] on the cells of all observables, [source, cell]."""
    if spread is None:
        return counts
    return (counts[:, :, None] * spread).reshape(counts.shape[0], -1)


def _free_pulls(e: ExperimentArrays, component: str, values: Values) -> Any:
    """Sum of the pulls on a component that are free instead of solved."""
    named = [values[n] for n, multiplied in e.free_pulls if component in multiplied]
    return total(named) if named else 0.0


def expected(e: ExperimentArrays, interactions: tuple[Any, ...], values: Values) -> Reals:
    """Expected counts with the nuisances in ``values``, [cell] [count]."""
    parts = components_of(e, binned_signal(e, interactions, values), values)
    return total([jnp.sum(_shifted(e, part, values), axis=0) for part in parts])


def predicted(
    e: ExperimentArrays, interactions: tuple[Any, ...], values: Values
) -> tuple[dict[str, Reals], dict[str, Reals]]:
    """Signal by source and backgrounds, with the nuisances in ``values``, [cell] [count]."""
    parts = components_of(e, binned_signal(e, interactions, values, merged=False), values)
    signal, *backgrounds = [_shifted(e, part, values) for part in parts]
    by_source = {source: signal[k] for k, source in enumerate(e.signal.flux.sources)}
    return by_source, dict(zip(e.backgrounds, [b[0] for b in backgrounds], strict=True))


def _shifted(e: ExperimentArrays, part: CountComponent, values: Values) -> Reals:
    counts = part.nominal
    if part.shifts:
        moves = [
            values[n] * linear + bend(values[n])[0] * curved
            for n, (linear, curved) in part.shifts.items()
        ]
        counts, *_ = kept_positive(counts, counts + total(moves))
    named = [values[name] for name, multiplied in e.pulls if part.component in multiplied]
    return counts * total([1.0, part.free_pulls, *named])
