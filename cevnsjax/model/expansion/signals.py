"""Signals of a model to second order in parameters, at many points: all that fits compile."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.core.batches import in_batches
from cevnsjax.core.types import Reals
from cevnsjax.experiments.arrays import ExperimentArrays
from cevnsjax.model.expansion.second_order import expanded_apart
from cevnsjax.model.signal import binned_signal
from cevnsjax.model.structure import (
    Experiments,
    Inputs,
    Interactions,
    ModelStructure,
    Vector,
)

# Points side by side in one call: one compilation serves any number of points.
_POINTS_PER_CALL = {"cpu": 8}
_GPU_POINTS_PER_CALL = 512


class SignalNear(NamedTuple):
    """The signal of one experiment to second order at many points, in NumPy.

    Attributes:
        value: [point, source, variant, bin] [count].
        slope: By the parameters, [point, name, source, variant, bin] [count/unit].
        curvature: [point, name, name, source, variant, bin] [count/unit^2].
    """

    value: Float[Any, "*point source variant bin"]
    slope: Float[Any, "*point name source variant bin"]
    curvature: Float[Any, "*point name _n source variant bin"]


def signals_near(
    structure: ModelStructure,
    experiments: Experiments,
    inputs: Inputs,
    names: tuple[str, ...],
    points: Float[np.ndarray, "point name"],
) -> list[SignalNear]:
    """The signals of all experiments at points of some parameters.

    Experiments that differ by their numbers alone share a program.

    Args:
        structure: Of the model.
        experiments: What the signals of its experiments depend on.
        inputs: Values of all parameters.
        names: Those that vary.
        points: Their values.
    """
    size = _POINTS_PER_CALL.get(jax.default_backend(), _GPU_POINTS_PER_CALL)
    static = structure.interactions, structure.names, names

    def near(e: ExperimentArrays) -> SignalNear:
        def at(rows: np.ndarray) -> SignalNear:
            return _near(*static, e, inputs.vector, points[rows])

        return SignalNear(*in_batches(at, len(points), size))

    return [near(e) for e in experiments]


@jax.jit(static_argnums=(0, 1, 2))
def _near(
    interactions: Interactions,
    table: tuple[str, ...],
    names: tuple[str, ...],
    experiment: ExperimentArrays,
    vector: Vector,
    points: Float[Array, "point name"] | Float[np.ndarray, "point name"],
) -> SignalNear:
    """The signal of one experiment to second order."""
    values = dict(zip(table, vector, strict=True))
    shapes = {name for _, name in experiment.shape}
    moves_nodes = tuple(k for k, name in enumerate(names) if name in shapes)

    def signal(p: Iterable[Reals]) -> list[Any]:
        moved = {**values, **dict(zip(names, p, strict=True))}
        return [binned_signal(experiment, interactions, moved)]

    def at(point: Float[Array, " name"]) -> SignalNear:
        (value,), (slope,), (curvature,) = expanded_apart(signal, point, moves_nodes)
        return SignalNear(
            value, jnp.moveaxis(slope, -1, 0), jnp.moveaxis(curvature, (-2, -1), (0, 1))
        )

    return jax.vmap(at)(jnp.asarray(points))
