"""What designs change under a trace: the same as ``inference.redesign`` does to models."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Reals
from cevnsjax.detector.response import Detector, response
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.experiments.planned import PlannedExperiment
from cevnsjax.inference.forecasts.design import (
    DesignChange,
    checked,
    design_change_of,
    factor,
    statistical_of,
    with_fields,
)
from cevnsjax.model.model import Model
from cevnsjax.model.structure import ModelStructure

Design = Mapping[str, Any]
"""Numbers by key, as in the head of ``inference.redesign``; plain or traced."""


@dataclass(frozen=True)
class Layout:
    """What a compiled function of a design depends on besides arrays.

    Attributes:
        structure: The model's description.
        experiments: Names, and "poisson", "gaussian", or "planned" for Gaussian counts without
            data, whose variances follow the mean.
        statistical: Nuisances and the experiment that measures each.
    """

    structure: ModelStructure
    experiments: tuple[tuple[str, str], ...]
    statistical: tuple[tuple[str, str], ...]


def layout_of(model: Any, statistical: str | Collection[str]) -> Layout:
    """The layout of a model.

    Args:
        model: The experiments as they are.
        statistical: Nuisances whose widths fall with the root of their experiment's exposure.

    Raises:
        UnknownNameError: At an unknown nuisance.
        InputError: If the model is none, or a nuisance has no constraint or several owners.
    """
    if not isinstance(model, Model):
        raise InputError(f"a design needs a Model, got {model!r}")
    kinds = tuple((name, _kind(e)) for name, e in model.experiments.items())
    return Layout(model.state.structure, kinds, tuple(statistical_of(model, statistical).items()))


def _kind(experiment: Experiment) -> str:
    planned = experiment.statistic == "gaussian" and isinstance(experiment, PlannedExperiment)
    return "planned" if planned else experiment.statistic


def numbers_of(model: Model, design: Design | None) -> dict[DesignChange, Any]:
    """The numbers of a design by what they mean; those that are not traced are checked.

    Args:
        model: The experiments as they are.
        design: Numbers by key; None for none.

    Raises:
        UnknownNameError: At an unknown key.
        InputError: At a number that its key does not allow.
    """
    numbers = {}
    for key, x in (design or {}).items():
        is_traced = isinstance(x, Tracer)
        number = x.astype(model.dtype) if is_traced else checked(model, key, x)
        numbers[design_change_of(model, key)] = jnp.asarray(number, model.dtype)
    return numbers


def inverse_variances(
    layout: Layout, names: tuple[str, ...], knobs: Mapping[DesignChange, Any], prior: Any
) -> Reals:
    """1/sd^2 of constrained nuisances with the widths of the design, [name].

    Args:
        layout: Of the model.
        names: Parameters.
        knobs: The design.
        prior: 1/sd^2 as it is, 0 for what has no constraint, [name].
    """
    out = []
    for k, name in enumerate(names):
        width = knobs.get(DesignChange("sd", name))
        owner = dict(layout.statistical).get(name)
        grown = 1.0 if owner is None else factor(knobs, "exposure", owner)
        out.append(prior[k] * grown if width is None else 1 / width**2)
    return jnp.stack(out) if out else prior


def with_efficiency(e: ExperimentArrays, knobs: Mapping[DesignChange, Any]) -> ExperimentArrays:
    """The arrays with a traced efficiency.

    Args:
        e: Arrays of an experiment.
        knobs: The design.
    """
    fields = {k.field: x for k, x in knobs.items() if k[:2] == ("efficiency", e.name)}
    if not fields:
        return e
    detector = replace(e.signal.detector, efficiency=_Moved(e.signal.detector.efficiency, fields))
    return replace(e, signal=replace(e.signal, detector=detector), R=_response(e, detector))


class _Moved:
    """An efficiency with traced numbers; its kinks stay."""

    def __init__(self, original: Any, fields: Mapping[str, Any]) -> None:
        self.kinks: tuple[float, ...] = original.kinks
        self._moved = with_fields(original, fields)

    def __call__(self, x: Any, xp: Any) -> Any:
        del xp
        return self._moved(jnp.asarray(x), jnp)


class _Unit:
    """An efficiency of 1 with the kinks of another, so that nodes stay where they are."""

    def __init__(self, kinks: tuple[float, ...]) -> None:
        self.kinks = kinks

    def __call__(self, x: Any, xp: Any) -> Any:
        return xp.ones_like(x)


def _response(e: ExperimentArrays, detector: Detector) -> Reals:
    """Response at the nodes of the experiment with a traced efficiency, [bin, node] [MeV]."""
    kinks = e.signal.kinks
    if detector.resolution is None:
        T_nr, R = response(
            replace(detector, efficiency=_Unit(detector.efficiency.kinks)), kinks, {}
        )
        accepted = detector.efficiency(detector.observable(T_nr, {}, np), jnp)
        return jnp.asarray(R, e.R.dtype) * accepted.astype(e.R.dtype)[None, :]
    return response(detector, kinks, {}, jnp)[1].astype(e.R.dtype)
