"""A model at many points: one compiled program, bounded memory."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.core.errors import InputError
from cevnsjax.core.types import Values
from cevnsjax.model import spread

if TYPE_CHECKING:
    from cevnsjax.model.model import Model

_SINGLE, _SMALL_MAP = 2, 256
BATCH = 64
"""Points evaluated side by side."""


def map_points(
    model: "Model",
    values: Values,
    points: Mapping[str, Any],
    kind: str,
    batch_size: int,
    data: Any,
) -> jax.Array:
    """See ``Model.map``."""
    batched = checked_points(model, points)
    size = next(iter(batched.values())).size
    if size <= _SINGLE and kind == "profiled_nll":
        # A few points are sooner had one by one: nothing is padded.
        rows = [{n: float(x[i]) for n, x in batched.items()} for i in range(size)]
        return jnp.stack([model.profiled_nll({**values, **row}, data=data) for row in rows])
    if size < _SMALL_MAP:
        # One compilation for all small requests: repeat the last point up to a fixed length.
        batched = {n: np.pad(x, (0, _SMALL_MAP - size), "edge") for n, x in batched.items()}
    vector, traced = model.split(values)
    observed = model.observed_or(data)
    out = spread.run_map(
        kind, model.static, model.leaves, observed, vector, traced, batched, batch_size
    )
    return out[:size]


def checked_points(model: "Model", points: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Points by parameter as arrays of one length, each [point].

    Args:
        model: The model.
        points: Parameters that vary.

    Raises:
        UnknownNameError: At an unknown parameter.
        InputError: If a point is not finite or out of bounds, or lengths differ.
    """
    batched = {n: _checked(model, n, x) for n, x in points.items()}
    if len({x.size for x in batched.values()}) != 1:
        raise InputError(
            f"points need one length, got { ({n: x.size for n, x in batched.items()}) }"
        )
    return batched


def _checked(model: "Model", name: str, points: Any) -> np.ndarray:
    array = np.atleast_1d(np.asarray(points, dtype=model.dtype))
    if array.ndim != 1 or array.size == 0:
        raise InputError(f"{name}: points need shape [point], got {array.shape}")
    for extreme in (np.min(array), np.max(array)):
        model.parameters[name].check(float(extreme))
    return array
