"""The language of designs: what a study may change about the experiments of a model, by key.

- ``exposure`` or ``exposure.EXPERIMENT``: factor on mass times time, of all experiments or of one
  [1]. Signal, backgrounds and the variance of Gaussian counts are multiplied by it.
- ``background.EXPERIMENT``: factor on its expected backgrounds [1]. The variance of Gaussian counts
  changes by as many counts as the backgrounds do.
- ``efficiency.EXPERIMENT.FIELD``: a number of its efficiency, e.g. ``x_0`` of a logistic one, the
  position of the threshold [observable]. Backgrounds and Gaussian variances stay.
- ``sd.NUISANCE``: standard deviation of a constraint, in the nuisance's unit.
- any parameter: its true value, in its unit.
"""

import copy
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from jax.core import Tracer

from cevnsjax.core.errors import InputError, UnknownNameError
from cevnsjax.detector.efficiency import Efficiency, turn_on
from cevnsjax.detector.start import has_narrow_turn_on
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.model.model import Model
from cevnsjax.parameters import Normal, ParameterTable

KINDS = ("exposure", "background", "efficiency", "sd")
"""First words of keys; a key that starts with none of them is a parameter."""
# Distance by which a field of an efficiency is moved to see whether a kink moves with it.
_KINK_TEST_STEP = 1e-3

Design = Mapping[str, Any]
"""Numbers by key, plain or traced."""


class DesignChange(NamedTuple):
    """The meaning of a key.

    Attributes:
        kind: One of ``KINDS``, or "value" for the true value of a parameter.
        target: Experiment or parameter; "" for all experiments.
        field: Field of an efficiency, "" otherwise.
    """

    kind: str
    target: str
    field: str = ""


Changes = Mapping[DesignChange, Any]
"""Numbers of a design by what they mean: NumPy scalars of the model's float type, or tracers."""


def design_change_of(model: Model, key: str) -> DesignChange:
    """The meaning of a key, one of those that the head of this file lists.

    Raises:
        UnknownNameError: At an unknown kind, experiment, nuisance, parameter or field.
        InputError: At a nuisance without constraint, or an efficiency that cannot be changed.
    """
    kind, _, rest = key.partition(".")
    if kind not in KINDS:
        if key not in model.parameters:
            keys = [*model.parameters, *(f"exposure.{name}" for name in model.experiments)]
            raise UnknownNameError("design key", key, keys, f"(or {', '.join(KINDS)} ...)")
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
    """Reject a field that does not exist, is not a number, or shifts a step of the efficiency."""
    efficiency = experiment.detector.efficiency
    fields = [name for name, x in vars(efficiency).items() if type(x) is float]
    if field not in fields:
        what = f"number of the efficiency of {experiment.name}"
        raise UnknownNameError(what, field, fields)
    if any(m.detectors for m in experiment.morphs):
        raise InputError(
            f"{experiment.name}: morphs of the response were computed with the efficiency as it "
            f"is; remove them with its option morphs to move {field}"
        )
    if experiment.electrons and experiment.electrons.efficiency != efficiency:
        raise InputError(
            f"{experiment.name}: electrons have an efficiency of their own, where {field} does not "
            "act; build a model for each value instead"
        )
    number = getattr(efficiency, field)
    for moved in (number - _KINK_TEST_STEP, number + _KINK_TEST_STEP):
        if with_fields(efficiency, {field: moved}).kinks != efficiency.kinks:
            raise InputError(
                f"{experiment.name}: {field} moves a step or kink of the efficiency; build a model "
                "for each value instead"
            )
        moves = turn_on(with_fields(efficiency, {field: moved})) != turn_on(efficiency)
        if moves and has_narrow_turn_on(experiment.detector):
            raise InputError(
                f"{experiment.name}: {field} moves a turn-on of the efficiency that is as good as "
                "a step; build a model for each value instead"
            )


def with_fields(efficiency: Efficiency, fields: Mapping[str, Any]) -> Efficiency:
    """An efficiency, a dataclass, with other numbers by field, which may be traced."""
    moved = copy.copy(efficiency)
    for name, value in fields.items():
        object.__setattr__(moved, name, value)
    return moved


def changes_of(model: Model, design: Design | None) -> dict[DesignChange, Any]:
    """The numbers of a design by what they mean; numbers that are not traced are checked.

    Raises:
        UnknownNameError: At an unknown key.
        InputError: At a number that its key does not allow.
    """
    changes: dict[DesignChange, Any] = {}
    for key, value in (design or {}).items():
        change = design_change_of(model, key)
        if isinstance(value, Tracer):
            changes[change] = value.astype(model.dtype)
        else:
            changes[change] = model.dtype.type(_checked(model, change, key, value))
    return changes


def _checked(model: Model, change: DesignChange, key: str, value: Any) -> float:
    """A number of a design as a float, if it is finite and in the range that its key allows."""
    if change.kind == "value":
        return model.parameters[key].check(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{key} must be a number, got {value!r}") from None
    low = {"exposure": 0.0, "sd": 0.0}.get(change.kind, -math.inf)
    is_negative = change.kind == "background" and number < 0
    if not (math.isfinite(number) and number > low) or is_negative:
        allowed = {"background": ">= 0", "efficiency": "a finite number"}.get(change.kind, "> 0")
        raise InputError(f"{key} must be {allowed}, got {value!r}")
    if change.kind == "efficiency":
        _require_broad(model.experiments[change.target], key, {change.field: number})
    return number


def _require_broad(experiment: Experiment, key: str, fields: Mapping[str, float]) -> None:
    """Reject a turn-on that panels and sub-cells, which stay where they are, would not follow."""
    detector = experiment.detector
    moved = replace(detector, efficiency=with_fields(detector.efficiency, fields))
    if has_narrow_turn_on(moved):
        shown = ", ".join(f"{x:g}" for x in fields.values())
        raise InputError(
            f"{key} = {shown} makes a turn-on of the efficiency of {experiment.name} that is as "
            "good as a step; build a model for each value instead"
        )


def factor(changes: Changes, kind: str, experiment: str) -> Any:
    """Factor [1] on the "exposure" or the "background" of a named experiment."""
    product: Any = 1.0
    for change, number in changes.items():
        if change.kind == kind and change.target in ("", experiment):
            product = product * number
    return product


def statistical_of(model: Model, names: str | Iterable[str]) -> dict[str, str]:
    """Nuisances measured with the data themselves, and the experiment that measures each.

    Their widths fall with the square root of its exposure.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At a nuisance without constraint, or that several experiments share.
    """
    owner = {}
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
        (owner[name],) = owners
    return owner


def truth_of(
    table: ParameterTable,
    truth: Mapping[str, float] | None,
    fixed: Mapping[str, float],
) -> dict[str, float]:
    """True value of every parameter: given, known exactly (``fixed``), or its default.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At a value out of bounds, or a true value that differs from the fixed one.
    """
    if truth is not None and not isinstance(truth, Mapping):
        raise InputError(f"truth must be {{name: value}}, got {truth!r}")
    values = {n: table[n].check(x) for n, x in (truth or {}).items()}
    for name, value in fixed.items():
        if values.get(name, value) != value:
            raise InputError(
                f"{name} is {values[name]:g} in truth and {value:g} in fixed; give one true value"
            )
    return {**table.defaults(), **values, **fixed}
