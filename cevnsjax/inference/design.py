"""The expected error as a differentiable function of the design of the experiments."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from cevnsjax.detector.response import Detector, response
from cevnsjax.errors import InputError
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.experiments.planned import PlannedExperiment
from cevnsjax.inference.fisher import prior_information, truth_of
from cevnsjax.inference.objective import free_names
from cevnsjax.inference.redesign import (
    Knob,
    checked,
    factor,
    knob_of,
    statistical_of,
    with_fields,
)
from cevnsjax.likelihood.components import FLOOR
from cevnsjax.model import parts
from cevnsjax.model.evaluate import Static
from cevnsjax.model.model import Model
from cevnsjax.numerics import total
from cevnsjax.types import Reals

Design = Mapping[str, Any]


@dataclass(frozen=True)
class _Plan:
    """What a compiled expected error depends on besides arrays.

    Attributes:
        static: The model's description.
        names: All parameters of the information, the measured one first.
        experiments: Names, and "poisson", "gaussian", or "planned" for Gaussian counts without
            data, whose variances follow the mean.
        statistical: Nuisances and the experiment that measures each.
    """

    static: Static
    names: tuple[str, ...]
    experiments: tuple[tuple[str, str], ...]
    statistical: tuple[tuple[str, str], ...]


def expected_sd(
    model: Model,
    parameter: str,
    *,
    free: str | Iterable[str] = (),
    values: Mapping[str, float] | None = None,
    fixed: Mapping[str, float] | None = None,
    statistical: str | Collection[str] = (),
) -> Callable[..., Reals]:
    """The expected standard deviation of a parameter as a pure function of the design.

    The function takes a dict of numbers by key (``inference.redesign`` lists the keys: exposure,
    background, efficiency, sd, parameters) and works under ``jax.grad``, ``jit`` and ``vmap``.

    Args:
        model: The experiments as they are.
        parameter: What is measured.
        free: Further unknown theory parameters.
        values: The truth; names left out take their defaults.
        fixed: Parameters known exactly, at these true values.
        statistical: Nuisances whose widths fall with the root of their experiment's exposure.

    Returns:
        Function of a design, {} or nothing for the experiments as they are.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At values out of bounds, or a model that is none.
    """
    if not isinstance(model, Model):
        raise InputError(f"a design needs a Model, got {model!r}")
    others, held = free_names(model, free, fixed, exclude=(parameter,))
    table = model.parameters
    names = (parameter, *others, *(n for n, p in table.items() if p.linear))
    plan = _Plan(
        model.static,
        names,
        tuple((name, _kind(e)) for name, e in model.experiments.items()),
        tuple(statistical_of(model, statistical).items()),
    )
    truth = truth_of(table, values, held)
    vector = np.array([truth[n] for n in model.static.names], dtype=model.dtype)
    prior = prior_information(table, names).astype(model.dtype)
    scale = np.array([table[n].scale for n in names], dtype=model.dtype)

    # The same for all designs that move no response, so that those cost microseconds.
    still = _counts(plan, (), model.leaves, vector, ())

    def sd(design: Design | None = None) -> Reals:
        """Expected standard deviation, in the parameter's unit; NaN where nothing fixes it."""
        numbers = {}
        for key, x in (design or {}).items():
            is_traced = isinstance(x, Tracer)
            number = x.astype(model.dtype) if is_traced else checked(model, key, x)
            numbers[knob_of(model, key)] = jnp.asarray(number, model.dtype)
        moving = {k: x for k, x in numbers.items() if k.kind in ("value", "efficiency")}
        rest = {k: x for k, x in numbers.items() if k not in moving}
        counts = still
        if moving:
            counts = _counts(plan, tuple(moving), model.leaves, vector, tuple(moving.values()))
        return _sd(plan, tuple(rest), counts, prior, scale, tuple(rest.values()))

    return sd


def _kind(experiment: Experiment) -> str:
    planned = experiment.statistic == "gaussian" and isinstance(experiment, PlannedExperiment)
    return "planned" if planned else experiment.statistic


class _Counts(NamedTuple):
    """An experiment as it is, signal and backgrounds apart.

    Attributes:
        mean: Expected counts, [signal or backgrounds, cell] [count].
        slopes: By the parameters, [signal or backgrounds, cell, name] [count/unit].
        variance: Of Gaussian counts, [cell] [count^2].
        added: What backgrounds add to it: their counts before nuisances, [cell] [count].
    """

    mean: Reals
    slopes: Reals
    variance: Reals
    added: Reals


@jax.jit(static_argnums=(0, 1))
def _counts(
    plan: _Plan, keys: tuple[Knob, ...], leaves: Any, vector: Any, given: tuple[Any, ...]
) -> list[_Counts]:
    """Counts and slopes where parameters and efficiencies are as the design has them."""
    knobs = dict(zip(keys, given, strict=True))
    experiments: list[ExperimentArrays] = jax.tree.unflatten(plan.static.treedef, leaves)
    truth = dict(zip(plan.static.names, vector, strict=True))
    truth |= {k.target: x for k, x in knobs.items() if k.kind == "value"}
    # Resolutions meet traced efficiencies with NumPy's promotions: flags [bin, point] by [point].
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        return [_counts_of(plan, _with_efficiency(e, knobs), truth) for e in experiments]


def _counts_of(plan: _Plan, e: ExperimentArrays, truth: Mapping[str, Any]) -> _Counts:
    def counts(values: Mapping[str, Any]) -> Any:
        signal, backgrounds = parts.predicted(e, plan.static.interactions, {**truth, **values})
        mu = total(list(signal.values()))
        both = jnp.stack([mu, total([jnp.zeros_like(mu), *backgrounds.values()])])
        return both, both

    # Apart, because nodes that move cost ten times as much with the slopes by all others.
    shapes = {name for _, name in e.shape}
    mean, slopes = jnp.zeros(0), {}
    groups = ([n for n in plan.names if (n in shapes) == moved] for moved in (True, False))
    for some in filter(None, groups):
        found, mean = jax.jacfwd(counts, has_aux=True)({n: truth[n] for n in some})
        slopes |= found
    return _Counts(
        mean,
        jnp.stack([slopes[n] for n in plan.names], axis=-1),
        1 / e.weights,
        total([jnp.zeros_like(e.weights), *e.backgrounds.values()]),
    )


@jax.jit(static_argnums=(0, 1))
def _sd(
    plan: _Plan,
    keys: tuple[Knob, ...],
    counts: list[_Counts],
    prior: Any,
    scale: Any,
    given: tuple[Any, ...],
) -> Reals:
    """Expected standard deviation where exposures, backgrounds and widths are scaled."""
    knobs = dict(zip(keys, given, strict=True))
    information = jnp.diag(_prior(plan, knobs, prior) * scale**2)
    for (name, kind), c in zip(plan.experiments, counts, strict=True):
        exposure, level = (factor(knobs, k, name) for k in ("exposure", "background"))
        mu = exposure * (c.mean[0] + level * c.mean[1])
        slopes = exposure * (c.slopes[0] + level * c.slopes[1]) * scale[None, :]
        variance = {
            "poisson": mu,
            "gaussian": exposure * (c.variance + (level - 1) * c.added),
            "planned": jnp.maximum(mu, 1.0),
        }[kind]
        weight = jnp.where(variance > FLOOR, 1 / jnp.maximum(variance, FLOOR), 0.0)
        information = information + slopes.T @ (weight[:, None] * slopes)
    # With a unit diagonal the solution does not suffer from different sizes.
    unit = jnp.sqrt(jnp.diagonal(information))
    first = jnp.zeros_like(scale).at[0].set(1.0)
    column = jnp.linalg.solve(information / unit[:, None] / unit[None, :], first)
    return scale[0] * jnp.sqrt(column[0]) / unit[0]


def _prior(plan: _Plan, knobs: Mapping[Knob, Any], prior: Any) -> Reals:
    """1/sd^2 of constrained nuisances with the widths of the design, [name]."""
    out = []
    for k, name in enumerate(plan.names):
        width = knobs.get(Knob("sd", name))
        owner = dict(plan.statistical).get(name)
        grown = 1.0 if owner is None else factor(knobs, "exposure", owner)
        out.append(prior[k] * grown if width is None else 1 / width**2)
    return jnp.stack(out)


def _with_efficiency(e: ExperimentArrays, knobs: Mapping[Knob, Any]) -> ExperimentArrays:
    """The arrays with a traced efficiency."""
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
