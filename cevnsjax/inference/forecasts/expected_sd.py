"""The expected error as a differentiable function of the design of the experiments."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.types import Reals
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.inference.forecasts.design import DesignChange, factor
from cevnsjax.inference.forecasts.fisher import prior_information, truth_of
from cevnsjax.inference.forecasts.traced_design import (
    Design,
    Layout,
    inverse_variances,
    layout_of,
    numbers_of,
    with_efficiency,
)
from cevnsjax.inference.objective import free_names
from cevnsjax.likelihood.components import FLOOR
from cevnsjax.model import components as parts
from cevnsjax.model.model import Model
from cevnsjax.numerics import total


@dataclass(frozen=True)
class _Plan:
    """What a compiled expected error depends on besides arrays.

    Attributes:
        layout: Of the model.
        names: All parameters of the information, the measured one first.
    """

    layout: Layout
    names: tuple[str, ...]


def expected_sd(
    model: Model,
    parameter: str,
    *,
    free: str | Iterable[str] = (),
    truth: Mapping[str, float] | None = None,
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
        truth: True values; names left out take their defaults.
        fixed: Parameters known exactly, at these true values.
        statistical: Nuisances whose widths fall with the root of their experiment's exposure.

    Returns:
        Function of a design, {} or nothing for the experiments as they are.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At values out of bounds, or a model that is none.
    """
    layout = layout_of(model, statistical)
    others, held = free_names(model, free, fixed, exclude=(parameter,))
    table = model.parameters
    names = (parameter, *others, *(n for n, p in table.items() if p.linear))
    plan = _Plan(layout, names)
    true = truth_of(table, truth, held)
    vector = np.array([true[n] for n in model.state.structure.names], dtype=model.dtype)
    prior = prior_information(table, names).astype(model.dtype)
    scale = np.array([table[n].scale for n in names], dtype=model.dtype)

    # The same for all designs that move no response, so that those cost microseconds.
    still = _counts(plan, (), model.state.leaves, vector, ())

    def sd(design: Design | None = None) -> Reals:
        """Expected standard deviation, in the parameter's unit; NaN where nothing fixes it."""
        numbers = numbers_of(model, design)
        moving = {k: x for k, x in numbers.items() if k.kind in ("value", "efficiency")}
        rest = {k: x for k, x in numbers.items() if k not in moving}
        counts = still
        if moving:
            counts = _counts(
                plan, tuple(moving), model.state.leaves, vector, tuple(moving.values())
            )
        return _sd(plan, tuple(rest), counts, prior, scale, tuple(rest.values()))

    return sd


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
    plan: _Plan, keys: tuple[DesignChange, ...], leaves: Any, vector: Any, given: tuple[Any, ...]
) -> list[_Counts]:
    """Counts and slopes where parameters and efficiencies are as the design has them."""
    knobs = dict(zip(keys, given, strict=True))
    experiments: list[ExperimentArrays] = jax.tree.unflatten(plan.layout.structure.treedef, leaves)
    truth = dict(zip(plan.layout.structure.names, vector, strict=True))
    truth |= {k.target: x for k, x in knobs.items() if k.kind == "value"}
    # Resolutions meet traced efficiencies with NumPy's promotions: flags [bin, point] by [point].
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        return [_counts_of(plan, with_efficiency(e, knobs), truth) for e in experiments]


def _counts_of(plan: _Plan, e: ExperimentArrays, truth: Mapping[str, Any]) -> _Counts:
    def counts(values: Mapping[str, Any]) -> Any:
        signal, backgrounds = parts.predicted(
            e, plan.layout.structure.interactions, {**truth, **values}
        )
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
    keys: tuple[DesignChange, ...],
    counts: list[_Counts],
    prior: Any,
    scale: Any,
    given: tuple[Any, ...],
) -> Reals:
    """Expected standard deviation where exposures, backgrounds and widths are scaled."""
    knobs = dict(zip(keys, given, strict=True))
    information = jnp.diag(inverse_variances(plan.layout, plan.names, knobs, prior) * scale**2)
    for (name, kind), c in zip(plan.layout.experiments, counts, strict=True):
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
