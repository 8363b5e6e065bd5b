"""Models of another design: more exposure, less background, other efficiencies or constraints.

What a design may change is named by keys:

- ``exposure`` or ``exposure.EXPERIMENT``: factor on mass times time, of all experiments or one [1].
  Signal, backgrounds and the variance of Gaussian counts grow by it.
- ``background.EXPERIMENT``: factor on its expected backgrounds [1]. The variance of Gaussian counts
  changes by as many counts as the backgrounds do.
- ``efficiency.EXPERIMENT.FIELD``: a number of its efficiency, e.g. ``x_0`` of a logistic one, the
  position of the threshold [observable]. Backgrounds and Gaussian variances stay.
- ``sd.NUISANCE``: standard deviation of a constraint, in the nuisance's unit.
- any parameter: its true value, in its unit.
"""

import copy
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.experiments.experiment import Experiment, Morph
from cevnsjax.model.model import Model
from cevnsjax.parameters import Normal, Parameter

KINDS = ("exposure", "background", "efficiency", "sd")
"""First words of keys; what has none of them is a parameter."""


class DesignChange(NamedTuple):
    """What a key means.

    Attributes:
        kind: One of ``KINDS``, or "value" for the true value of a parameter.
        target: Experiment or parameter; "" for all experiments.
        field: Field of an efficiency, "" otherwise.
    """

    kind: str
    target: str
    field: str = ""


def design_change_of(model: Model, key: str) -> DesignChange:
    """The meaning of a key.

    Args:
        model: The model that is redesigned.
        key: As in the head of this file.

    Raises:
        UnknownNameError: At an unknown kind, experiment, nuisance, parameter or field.
        InputError: At a nuisance without constraint, or an efficiency that cannot be moved.
    """
    kind, _, rest = key.partition(".")
    if kind not in KINDS:
        if key not in model.parameters:
            known = [*model.parameters, *(f"exposure.{name}" for name in model.experiments)]
            raise UnknownNameError("design key", key, known, f"(or {', '.join(KINDS)} ...)")
        return DesignChange("value", key)
    if kind == "sd":
        prior = model.parameters[rest].prior
        if model.parameters[rest].kind != "nuisance" or not isinstance(prior, Normal):
            raise InputError(f"{rest} has no constraint whose width could be {key}")
        return DesignChange(kind, rest)
    target, _, field = rest.partition(".") if kind == "efficiency" else (rest, "", "")
    if target not in model.experiments and not (kind == "exposure" and not target):
        raise UnknownNameError("experiment", target, model.experiments, f"(in {key})")
    if kind == "efficiency":
        _require_smooth(model.experiments[target], field)
    return DesignChange(kind, target, field)


def _require_smooth(experiment: Experiment, field: str) -> None:
    """Stop at a field that is none, is no number, or moves a kink of the efficiency."""
    efficiency = experiment.detector.efficiency
    numbers = [k for k, x in vars(efficiency).items() if type(x) is float]
    if field not in numbers:
        what = f"number of the efficiency of {experiment.name}"
        raise UnknownNameError(what, field, numbers)
    if any(m.detectors for m in experiment.morphs):
        raise InputError(
            f"{experiment.name}: morphs hold responses with the efficiency as it is; leave those "
            f"away with its option morphs to move {field}"
        )
    number = getattr(efficiency, field)
    for moved in (number - 1e-3, number + 1e-3):
        if with_fields(efficiency, {field: moved}).kinks != efficiency.kinks:
            raise InputError(
                f"{experiment.name}: {field} moves a step or kink of the efficiency; build a model "
                "for each value instead"
            )


def with_fields(efficiency: Any, fields: Mapping[str, Any]) -> Any:
    """An efficiency with other numbers, traced ones too.

    Args:
        efficiency: A dataclass.
        fields: Some of its numbers.
    """
    moved = copy.copy(efficiency)
    for name, value in fields.items():
        object.__setattr__(moved, name, value)
    return moved


def checked(model: Model, key: str, value: Any) -> float:
    """A number of a design as a float.

    Raises:
        InputError: If it is no finite number in the range that its key allows.
    """
    kind = design_change_of(model, key).kind
    if kind == "value":
        return model.parameters[key].check(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{key} must be a number, got {value!r}") from None
    low = {"exposure": 0.0, "sd": 0.0}.get(kind, -math.inf)
    if not (math.isfinite(number) and number > low) or (kind == "background" and number < 0):
        wanted = "> 0" if low == 0 else ">= 0" if kind == "background" else "a finite number"
        raise InputError(f"{key} must be {wanted}, got {value!r}")
    return number


def factor(knobs: Mapping[DesignChange, Any], kind: str, experiment: str) -> Any:
    """Factor on exposure or backgrounds of an experiment [1].

    Args:
        knobs: The design.
        kind: "exposure" or "background".
        experiment: Its name.
    """
    own = [x for k, x in knobs.items() if k.kind == kind and k.target in ("", experiment)]
    out: Any = 1.0
    for one in own:
        out = out * one
    return out


def statistical_of(model: Model, names: str | Iterable[str]) -> dict[str, str]:
    """Nuisances measured with the data themselves, and the experiment that measures each.

    Args:
        model: The model.
        names: The nuisances; their widths fall with the root of the exposure.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At a nuisance without constraint, or that several experiments share.
    """
    out = {}
    for name in [names] if isinstance(names, str) else names:
        design_change_of(model, f"sd.{name}")
        owners = [
            e.name for e in model.experiments.values() if name in {p.name for p in e.parameters}
        ]
        if len(owners) > 1:
            raise InputError(
                f"{name} belongs to {' and '.join(owners)}, whose exposures may differ; a "
                "statistical nuisance is measured by one experiment"
            )
        (out[name],) = owners
    return out


def redesigned(
    model: Model, design: Mapping[str, Any], *, statistical: str | Collection[str] = ()
) -> Model:
    """The model of another design, built anew; its data are scaled too and mean nothing.

    Args:
        model: The model as it is.
        design: Numbers by key; the head of this file lists the keys.
        statistical: Nuisances whose widths fall with the root of their experiment's exposure.

    Raises:
        UnknownNameError: At an unknown key.
        InputError: At a number that its key does not allow.
    """
    knobs = {design_change_of(model, key): checked(model, key, x) for key, x in design.items()}
    owners = statistical_of(model, statistical)
    widths = {
        n: p.prior.sd / math.sqrt(factor(knobs, "exposure", owners[n]) if n in owners else 1.0)
        for n, p in model.parameters.items()
        if p.kind == "nuisance" and isinstance(p.prior, Normal)
    }
    widths |= {k.target: x for k, x in knobs.items() if k.kind == "sd"}
    values = {k.target: x for k, x in knobs.items() if k.kind == "value"}
    return rebuilt(
        model, [_experiment(e, knobs, widths) for e in model.experiments.values()], values
    )


def rebuilt(
    model: Model, experiments: Sequence[Experiment], values: Mapping[str, float] | None = None
) -> Model:
    """The model of other experiments, everything else as it is.

    Args:
        model: The model.
        experiments: In place of its own, with the same nuisances.
        values: Other defaults of parameters.
    """
    pulls = [p.name for e in model.experiments.values() for p in e.pulls]
    return Model(
        experiments,
        model.interactions,
        defaults={**model.parameters.defaults(), **(values or {})},
        free_pulls=[n for n in dict.fromkeys(pulls) if not model.parameters[n].linear],
        dtype=model.dtype.name,
        name=model.name,
    )


def _experiment(
    e: Experiment, knobs: Mapping[DesignChange, float], widths: Mapping[str, float]
) -> Experiment:
    exposure, level = (factor(knobs, kind, e.name) for kind in ("exposure", "background"))
    added = (level - 1) * sum(e.backgrounds.values(), np.zeros_like(e.variance))
    observed = exposure * (e.observed + added)
    fields = {k.field: x for k, x in knobs.items() if k[:2] == ("efficiency", e.name)}
    efficiency = with_fields(e.detector.efficiency, fields)
    return replace(
        e,
        mass_kg=exposure * e.mass_kg,
        observed=np.maximum(observed, 0.0) if e.statistic == "poisson" else observed,
        variance=e.variance if e.statistic == "poisson" else exposure * (e.variance + added),
        backgrounds={n: exposure * level * b for n, b in e.backgrounds.items()},
        pulls=tuple(replace(p, sd=widths.get(p.name, p.sd)) for p in e.pulls),
        morphs=tuple(_morph(m, exposure * level, widths) for m in e.morphs),
        shape={short: _shape(p, widths) for short, p in e.shape.items()},
        detector=replace(e.detector, efficiency=efficiency),
    )


def _morph(morph: Morph, times: float, widths: Mapping[str, float]) -> Morph:
    scaled = {c: (times * up, times * down) for c, (up, down) in morph.components.items()}
    return replace(morph, components=scaled, sd=widths.get(morph.name, morph.sd))


def _shape(parameter: Parameter, widths: Mapping[str, float]) -> Parameter:
    if not isinstance(parameter.prior, Normal):
        return parameter
    sd = widths.get(parameter.name, parameter.prior.sd)
    return replace(parameter, prior=Normal(parameter.prior.mean, sd))
