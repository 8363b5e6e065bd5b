"""The expected error as a differentiable function of the design of the experiments."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.types import Reals, Values
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.inference.forecasts.design import Design, DesignChange, changes_of, factor, truth_of
from cevnsjax.inference.forecasts.traced_design import (
    Layout,
    cell_variance,
    inverse_variances,
    layout_of,
    with_efficiency,
)
from cevnsjax.inference.objective import free_names
from cevnsjax.likelihood.deviance import FLOOR
from cevnsjax.model import components
from cevnsjax.model.model import Model
from cevnsjax.model.structure import Leaves, ModelStructure, Vector, prior_information
from cevnsjax.numerics import total

PerName = Float[Array, " name"] | Float[np.ndarray, " name"]


def expected_sd(
    model: Model,
    parameter: str,
    *,
    free: str | Iterable[str] = (),
    truth: Mapping[str, float] | None = None,
    fixed: Mapping[str, float] | None = None,
    statistical: str | Collection[str] = (),
) -> Callable[..., Float[Array, ""]]:
    """The expected standard deviation of a parameter as a pure function of the design.

    The function takes a dict of numbers by key and works under ``jax.grad``, ``jit`` and ``vmap``.
    Keys are exposure, background, efficiency, sd and parameters, as ``inference.forecasts.design``
    lists them.

    Args:
        model: The experiments as they are.
        parameter: What is measured.
        free: Further unknown theory parameters.
        truth: True values; names left out take their defaults.
        fixed: Parameters known exactly, at these true values.
        statistical: Nuisances whose widths fall with the square root of their experiment's
            exposure.

    Returns:
        Function of a design; {} or no argument stands for the experiments as they are.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: At values out of bounds.

    Examples:
        >>> sd = cj.expected_sd(model, "sin2_theta_w")
        >>> round(float(sd({"exposure": 10.0})), 4)
        0.0238
        >>> import jax
        >>> round(float(jax.grad(sd)({"exposure": 1.0})["exposure"]), 4)
        -0.0144
    """
    layout = layout_of(model, statistical)
    others, fixed_values = free_names(model, free, fixed, exclude=(parameter,))
    table, state = model.parameters, model.state
    names = (parameter, *others, *(n for n, p in table.items() if p.linear))
    values = truth_of(table, truth, fixed_values)
    vector = np.array([values[n] for n in layout.structure.names], dtype=model.dtype)
    prior = prior_information(table, names).astype(model.dtype)
    scale = np.array([table[n].scale for n in names], dtype=model.dtype)

    # The same for all designs that move no response, so that those cost microseconds.
    undesigned = _counts(layout, names, (), state.leaves, vector, ())

    def sd(design: Design | None = None) -> Float[Array, ""]:
        """Expected standard deviation, in the parameter's unit; NaN where nothing fixes it."""
        changes = changes_of(model, design)
        moving = {k: x for k, x in changes.items() if k.kind in ("value", "efficiency")}
        scaling = {k: x for k, x in changes.items() if k not in moving}
        counts = undesigned
        if moving:
            numbers = tuple(moving.values())
            counts = _counts(layout, names, tuple(moving), state.leaves, vector, numbers)
        numbers = tuple(scaling.values())
        return _sd(layout, names, tuple(scaling), counts, prior, scale, numbers)

    return sd


class _Counts(NamedTuple):
    """An experiment as it is, signal and backgrounds apart.

    Attributes:
        mean: Expected counts [count].
        slopes: Their derivatives by the parameters [count/unit].
        variance: Of Gaussian counts [count^2].
        added: What backgrounds add to the variance: their counts before nuisances [count].
    """

    mean: Float[Array, "signal_or_background cell"]
    slopes: Float[Array, "signal_or_background cell name"]
    variance: Float[Array, " cell"]
    added: Float[Array, " cell"]


@jax.jit(static_argnums=(0, 1, 2))
def _counts(
    layout: Layout,
    names: tuple[str, ...],
    keys: tuple[DesignChange, ...],
    leaves: Leaves,
    vector: Vector,
    numbers: tuple[Reals | np.number, ...],
) -> list[_Counts]:
    """Counts and slopes where parameters and efficiencies are as the design has them."""
    changes, structure = dict(zip(keys, numbers, strict=True)), layout.structure
    truth = structure.values(vector)
    truth |= {k.target: x for k, x in changes.items() if k.kind == "value"}
    # Resolutions meet traced efficiencies with NumPy's promotions: flags [bin, point] by [point].
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        return [
            _counts_of(structure, names, with_efficiency(e, changes), truth)
            for e in structure.experiments(leaves)
        ]


def _counts_of(
    structure: ModelStructure, names: tuple[str, ...], e: ExperimentArrays, truth: Values
) -> _Counts:
    def counts(values: Values) -> tuple[Reals, Reals]:
        values = {**truth, **values}
        signal, backgrounds = components.predicted(e, structure.interactions, values)
        mu = total(list(signal.values()))
        both = jnp.stack([mu, total([jnp.zeros_like(mu), *backgrounds.values()])])
        return both, both

    # Apart, because nodes that move cost ten times as much with the slopes by all others.
    shapes = {name for _, name in e.shape}
    mean, slopes = jnp.zeros(0), {}
    groups = ([n for n in names if (n in shapes) == moves] for moves in (True, False))
    for group in filter(None, groups):
        by_name, mean = jax.jacfwd(counts, has_aux=True)({n: truth[n] for n in group})
        slopes |= by_name
    return _Counts(
        mean,
        jnp.stack([slopes[n] for n in names], axis=-1),
        1 / e.weights,
        total([jnp.zeros_like(e.weights), *e.backgrounds.values()]),
    )


@jax.jit(static_argnums=(0, 1, 2))
def _sd(
    layout: Layout,
    names: tuple[str, ...],
    keys: tuple[DesignChange, ...],
    counts: list[_Counts],
    prior: PerName,
    scale: PerName,
    numbers: tuple[Reals | np.number, ...],
) -> Float[Array, ""]:
    """Expected standard deviation where exposures, backgrounds and widths are scaled."""
    changes = dict(zip(keys, numbers, strict=True))
    inverse = inverse_variances(layout, names, changes, prior, jnp)
    information = jnp.diag(inverse * scale**2)
    for (name, kind), c in zip(layout.experiments, counts, strict=True):
        exposure, level = (factor(changes, k, name) for k in ("exposure", "background"))
        mu = exposure * (c.mean[0] + level * c.mean[1])
        slopes = exposure * (c.slopes[0] + level * c.slopes[1]) * scale[None, :]
        data_variance = exposure * (c.variance + (level - 1) * c.added)
        variance = cell_variance(kind, mu, data_variance, jnp)
        weight = jnp.where(variance > FLOOR, 1 / jnp.maximum(variance, FLOOR), 0.0)
        information = information + slopes.T @ (weight[:, None] * slopes)
    # With a unit diagonal the solution does not suffer from different sizes.
    unit = jnp.sqrt(jnp.diagonal(information))
    first = jnp.zeros_like(scale).at[0].set(1.0)
    column = jnp.linalg.solve(information / unit[:, None] / unit[None, :], first)
    return scale[0] * jnp.sqrt(column[0]) / unit[0]
