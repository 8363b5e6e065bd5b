"""Designs act on the arrays of a model: on NumPy arrays of a model to be, or inside a trace."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from cevnsjax.core.types import Reals, Values
from cevnsjax.detector.detector import Detector
from cevnsjax.detector.efficiency import Efficiency, turn_on
from cevnsjax.detector.matrices import ResponseMatrix
from cevnsjax.detector.response import response
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.planned import PlannedExperiment
from cevnsjax.inference.forecasts.design import (
    Changes,
    Design,
    DesignChange,
    changes_of,
    factor,
    statistical_of,
    with_fields,
)
from cevnsjax.model.model import Model
from cevnsjax.model.structure import ModelStructure, prior_information
from cevnsjax.numerics import total
from cevnsjax.parameters import Normal, ParameterTable, Prior

LEAST_VARIANCE = 1.0
"""Least variance of Gaussian counts that are yet to come, as ``with_data`` has it [count^2]."""


@dataclass(frozen=True)
class Layout:
    """What a compiled function of a design depends on besides arrays.

    Attributes:
        structure: Of the model.
        experiments: (name, kind): "poisson", "gaussian", or "planned" for Gaussian counts without
            data, whose variances follow the mean.
        statistical: (nuisance, experiment that measures it).
    """

    structure: ModelStructure
    experiments: tuple[tuple[str, str], ...]
    statistical: tuple[tuple[str, str], ...]


def layout_of(model: Model, statistical: str | Collection[str]) -> Layout:
    """The layout of a model.

    Raises:
        UnknownNameError: At an unknown nuisance.
        InputError: If a nuisance has no constraint or several owners.
    """
    kinds = tuple((name, kind_of(e)) for name, e in model.experiments.items())
    owners = tuple(statistical_of(model, statistical).items())
    return Layout(model.state.structure, kinds, owners)


@runtime_checkable
class HasStatistic(Protocol):
    """What decides how the counts of an experiment vary."""

    @property
    def statistic(self) -> str:
        """Either "poisson" or "gaussian"."""
        ...


def kind_of(experiment: HasStatistic) -> str:
    """One of "poisson", "gaussian", or "planned" for Gaussian counts that are yet to come."""
    planned = experiment.statistic == "gaussian" and isinstance(experiment, PlannedExperiment)
    return "planned" if planned else experiment.statistic


def cell_variance(kind: str, mean: Any, variance: Any, xp: ModuleType) -> Any:
    """Variance of the counts of an experiment whose kind is that of ``kind_of`` [count^2].

    ``variance`` is that of Gaussian data; xp is numpy, or jax.numpy inside a trace.
    """
    if kind == "poisson":
        return mean
    return xp.maximum(mean, LEAST_VARIANCE) if kind == "planned" else variance


def inverse_variances(
    layout: Layout, names: tuple[str, ...], changes: Changes, prior: Any, xp: ModuleType
) -> Any:
    """1/sd^2 of named parameters with the widths of the design, 0 without a constraint."""
    out = []
    for k, name in enumerate(names):
        width = changes.get(DesignChange("sd", name))
        owner = dict(layout.statistical).get(name)
        grown = 1.0 if owner is None else factor(changes, "exposure", owner)
        out.append(prior[k] * grown if width is None else 1 / width**2)
    return xp.stack(out) if out else prior


def designed(e: ExperimentArrays, changes: Changes, sd: Values) -> ExperimentArrays:
    """The arrays of an experiment with exposure, backgrounds, efficiency and widths of a design.

    They must be NumPy arrays if no number of the design is traced.
    """
    e = with_efficiency(e, changes)
    exposure, level = (factor(changes, kind, e.name) for kind in ("exposure", "background"))
    times = exposure * level
    added = (level - 1) * total(list(e.backgrounds.values())) if e.backgrounds else 0.0
    electrons = None
    if e.electrons is not None:
        scaled = {n: exposure * x for n, x in e.electrons.norms.items()}
        electrons = replace(e.electrons, norms=scaled)
    return replace(
        e,
        electrons=electrons,
        norms={n: exposure * x for n, x in e.norms.items()},
        backgrounds={n: times * x for n, x in e.backgrounds.items()},
        weights=1 / (exposure * (1 / e.weights + added)),
        component_morphs=jax.tree.map(lambda x: times * x, e.component_morphs),
        pull_sd={n: sd.get(n, x) for n, x in e.pull_sd.items()},
    )


def with_efficiency(e: ExperimentArrays, changes: Changes) -> ExperimentArrays:
    """The arrays with the efficiency of a design."""
    fields = {k.field: x for k, x in changes.items() if k[:2] == ("efficiency", e.name)}
    if not fields:
        return e
    moved = _with_efficiency(e, fields)
    if e.electrons is None:
        return moved
    return replace(moved, electrons=_with_efficiency(e.electrons, fields))


def _with_efficiency(e: ExperimentArrays, fields: Mapping[str, Any]) -> ExperimentArrays:
    """The arrays of nuclei, or of electrons, with other numbers of the efficiency."""
    is_traced = any(isinstance(x, Tracer) for x in fields.values())
    original = e.signal.detector.efficiency
    if is_traced:
        moved: Efficiency = _TracedEfficiency(original, fields)
    else:
        moved = with_fields(original, {n: float(x) for n, x in fields.items()})
    detector = replace(e.signal.detector, efficiency=moved)
    R = _response(e, detector, jnp if is_traced else np)
    return replace(e, signal=replace(e.signal, detector=detector), R=R)


class _TracedEfficiency:
    """An efficiency with traced numbers; its kinks stay."""

    def __init__(self, original: Efficiency, fields: Mapping[str, Reals]) -> None:
        self.kinks = original.kinks
        self.turn_on = turn_on(original)
        self._moved = with_fields(original, fields)

    def __call__(self, x: Any, xp: ModuleType) -> Any:
        del xp
        return self._moved(jnp.asarray(x), jnp)


class _Unit:
    """An efficiency of 1 with the kinks of another, so that nodes stay where they are."""

    def __init__(self, kinks: tuple[float, ...]) -> None:
        self.kinks = kinks

    def __call__(self, x: Any, xp: ModuleType) -> Any:
        return xp.ones_like(x)


def _response(e: ExperimentArrays, detector: Detector, xp: ModuleType) -> ResponseMatrix:
    """Response at the nodes of the experiment with another efficiency [MeV]."""
    kinks = e.signal.kinks
    if detector.resolution is None:
        # Without resolution nodes come from NumPy: only the efficiency is traced.
        unit = replace(detector, efficiency=_Unit(detector.efficiency.kinks))
        T_nr, R = response(unit, kinks, {}, np, e.signal.panels)
        accepted = xp.asarray(detector.efficiency(detector.observable(T_nr, {}, np), xp))
        R = R.times(accepted)
    else:
        _, R = response(detector, kinks, {}, xp, e.signal.panels)
    return replace(R, values=xp.asarray(R.values, dtype=e.R.values.dtype))


def redesigned(model: Model, design: Design, *, statistical: str | Collection[str] = ()) -> Model:
    """The model of another design, for predictions and for fits of Asimov data.

    Its arrays and constraints are those of the design; observed counts stay as they are and have
    no meaning in it.

    Raises:
        UnknownNameError: At an unknown key.
        InputError: At a number that its key does not allow.
    """
    layout, changes = layout_of(model, statistical), changes_of(model, design)
    names = layout.structure.auxiliary_names
    prior = prior_information(model.parameters, names)
    # A nuisance without constraint has an infinite width.
    with np.errstate(divide="ignore"):
        widths = inverse_variances(layout, names, changes, prior, np) ** -0.5
    sd = dict(zip(names, widths.tolist(), strict=True))
    arrays = [designed(_in_numpy(e), changes, sd) for e in model.state.arrays]
    values = {k.target: float(x) for k, x in changes.items() if k.kind == "value"}
    table = [
        replace(p, default=values.get(n, p.default), prior=_with_width(p.prior, sd.get(n)))
        for n, p in model.parameters.items()
    ]
    return model.with_arrays(arrays, ParameterTable(table))


def _in_numpy(e: ExperimentArrays) -> ExperimentArrays:
    """The arrays, those that a design changes as NumPy arrays: no program is compiled for them."""
    names = ("weights", "backgrounds", "norms", "R", "component_morphs", "pull_sd", "electrons")
    return replace(e, **{n: jax.tree.map(np.asarray, getattr(e, n)) for n in names})


def _with_width(prior: Prior | None, sd: float | None) -> Prior | None:
    return prior if sd is None or not isinstance(prior, Normal) else Normal(prior.mean, sd)
