"""Signals of a model to second order in parameters, at many points: all that fits compile."""

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.types import Reals
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.model.expansion.second_order import expanded_apart
from cevnsjax.model.expansion.separable import FixedNodes, SeparableSignal, SignalParts
from cevnsjax.model.expansion.separated import FixedSignal, SeparatedSignal
from cevnsjax.model.signal import binned_signal, has_one_source, variants_of
from cevnsjax.model.state import ModelState
from cevnsjax.model.structure import Inputs, Interactions, Vector

# Points side by side in one call: one compilation serves any number of points.
_POINTS_PER_CALL = {"cpu": 8}
_GPU_POINTS_PER_CALL = 64

Weights = Float[Any, "point source variant bin"]


class Curvature(Protocol):
    """Second derivatives of a signal by the parameters."""

    def curving(self, weights: Weights) -> Float[Any, "point name _n"]:
        """Those of the sum of weights times counts."""
        ...


class SignalNear(NamedTuple):
    """The signal of one experiment to second order at many points, in NumPy.

    Attributes:
        value: [point, source, variant, bin] [count].
        slope: By the parameters, [point, name, source, variant, bin] [count/unit].
        curvature: Second derivatives, before ``growth``.
        growth: A factor that is in value and slope already, [point] [1].
    """

    value: Float[Any, "*point source variant bin"]
    slope: Float[Any, "*point name source variant bin"]
    curvature: Curvature
    growth: Float[Any, " point"]

    def times(self, growth: Float[Any, " _point"]) -> "SignalNear":
        """The signal times a factor at each point, or at all points."""
        value, slope = (x * growth.reshape(-1, *[1] * (x.ndim - 1)) for x in self[:2])
        return SignalNear(value, slope, self.curvature, self.growth * growth)

    def curving(self, weights: Weights) -> Float[Any, "point name _n"]:
        """Second derivatives of the sum of weights times counts."""
        return self.curvature.curving(weights * self.growth[:, None, None, None])


@dataclass(frozen=True)
class _Dense:
    """Second derivatives bin by bin, [point, name, name, source, variant, bin] [count/unit^2]."""

    array: np.ndarray

    def curving(self, weights: Weights) -> Float[Any, "point name _n"]:
        return contracted(self.array, weights)


def contracted(derivatives: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum of signals [point, ..., source, variant, bin] times weights, [point, ...]."""
    names = derivatives.shape[1:-3]
    rows = derivatives.reshape(len(derivatives), prod(names), prod(weights.shape[1:]))
    return (rows @ weights.reshape(len(weights), -1, 1))[..., 0].reshape(len(derivatives), *names)


def signals_near(
    state: ModelState,
    inputs: Inputs,
    names: tuple[str, ...],
    points: Float[np.ndarray, "point name"],
) -> list[SignalNear]:
    """The signals of all experiments at points of some parameters.

    Experiments that differ by their numbers alone share a program.

    Args:
        state: The model.
        inputs: Values of all parameters.
        names: Those that vary.
        points: Their values.
    """
    size = _POINTS_PER_CALL.get(jax.default_backend(), _GPU_POINTS_PER_CALL)
    static = state.structure.interactions, state.structure.names, names

    def near(e: ExperimentArrays) -> SignalNear:
        blocks = []
        for first in range(0, len(points), size):
            # The last call repeats the last point.
            rows = np.minimum(np.arange(first, first + size), len(points) - 1)
            blocks.append(_near(*static, e, inputs.vector, points[rows]))
        # What is the same at all points has one.
        joined = jax.tree.map(
            lambda *x: np.asarray(x[0]) if len(x[0]) == 1 else np.concatenate(x)[: len(points)],
            *blocks,
        )
        return _signal_of(e, joined, len(points))

    return [near(e) for e in state.signal_arrays]


def _signal_of(e: ExperimentArrays, parts: Any, points: int) -> SignalNear:
    ones = np.ones(points, e.T_nr.dtype)
    sources = 1 if has_one_source(e) else len(e.signal.flux.sources)
    variants = variants_of(e)
    if isinstance(parts, FixedNodes):
        signal = FixedSignal.of(parts, sources, variants)
    elif isinstance(parts, SignalParts):
        signal = SeparatedSignal.of(parts, sources, variants)
    else:
        value, slope, curvature = parts
        return SignalNear(value, slope, _Dense(curvature), ones)
    return SignalNear(*signal.to_first_order(), signal, ones)


@jax.jit(static_argnums=(0, 1, 2))
def _near(
    interactions: Interactions,
    table: tuple[str, ...],
    names: tuple[str, ...],
    experiment: ExperimentArrays,
    vector: Vector,
    points: Float[Array, "point name"] | Float[np.ndarray, "point name"],
) -> SignalParts | FixedNodes | tuple[Reals, Reals, Reals]:
    """The signal of one experiment to second order, or what it is made of."""
    values = dict(zip(table, vector, strict=True))
    signal = SeparableSignal(experiment, interactions, values, names)
    if signal.is_separable():
        return signal.parts(jnp.asarray(points))
    apart = tuple(sorted({*signal.common, *signal.by_radii}))

    def counts(p: list[Reals]) -> list[Any]:
        return [binned_signal(experiment, interactions, signal.at(p))]

    def at(point: Float[Array, " name"]) -> tuple[Reals, Reals, Reals]:
        (value,), (slope,), (curvature,) = expanded_apart(counts, point, apart)
        return value, jnp.moveaxis(slope, -1, 0), jnp.moveaxis(curvature, (-2, -1), (0, 1))

    return jax.vmap(at)(jnp.asarray(points))
