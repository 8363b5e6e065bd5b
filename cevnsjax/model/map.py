"""A model at many points: one compiled program, bounded memory, as many devices as there is work.

Each device maps over its share in batches of one size, so that the results have the same bits for
any number of devices; a share is never so short that its loop would be compiled into something
else.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float

from cevnsjax.core.errors import InputError
from cevnsjax.core.real_arrays import real_array
from cevnsjax.core.types import Values
from cevnsjax.devices import device_count_for
from cevnsjax.model import compiled
from cevnsjax.model.state import ModelState
from cevnsjax.model.structure import Inputs, ModelStructure

_SINGLE, _SMALL_MAP = 2, 256
_AXIS = "point"
BATCH = 64
"""Points evaluated side by side."""

Points = dict[str, Float[np.ndarray, " point"]]
"""Values of the parameters that vary."""


def map_points(
    state: ModelState,
    values: Values,
    points: Mapping[str, Any],
    kind: str,
    batch_size: int,
    data: Any,
) -> Any:
    """See ``Model.map``, and ``Model.map_searched`` for the kind "searched"."""
    batched = checked_points(state, points)
    size = next(iter(batched.values())).size
    if size <= _SINGLE and kind == "profiled_nll":
        # One call for each of a few points is faster: nothing is padded.
        rows = [{n: float(x[i]) for n, x in batched.items()} for i in range(size)]
        return jnp.stack([state.evaluate(kind, {**values, **row}, data) for row in rows])
    inputs = state.inputs(values, data)
    # One compilation for all small requests: the last point is repeated up to a fixed length.
    length = max(size, _SMALL_MAP)
    batch_size = min(batch_size, length)
    is_traced = any(isinstance(x, Tracer) for x in jax.tree.leaves(inputs))
    devices = 1 if is_traced else device_count_for(length, batch_size)
    # Whole batches, the same for any number of devices: one of another size is another program.
    length += -length % (devices * batch_size)
    padded = {n: np.pad(x, (0, length - size), "edge") for n, x in batched.items()}
    if devices == 1:
        out = compiled.run_map(kind, state.structure, inputs, padded, batch_size)
    else:
        out = _sharded(kind, state.structure, batch_size, _mesh(devices), inputs, padded)
        # Bound to no device, as results from a single device are: they combine with any other.
        out = jax.tree.map(lambda x: x if isinstance(x, Tracer) else _unbound(x), out)
    return jax.tree.map(lambda x: x[:size], out)


def _unbound(x: Array) -> Array:
    return jax.device_put(np.asarray(x))


def checked_points(state: ModelState, points: Mapping[str, Any]) -> Points:
    """Points by parameter, finite and within bounds, as arrays of one length."""
    batched = {}
    for name, values in points.items():
        batched[name] = array = np.atleast_1d(
            real_array(f"{name}: points", values).astype(state.dtype, copy=False)
        )
        if array.ndim != 1 or array.size == 0:
            raise InputError(f"{name}: points need shape [point], got {array.shape}")
        for extreme in (np.min(array), np.max(array)):
            state.parameters[name].check(float(extreme))
    if len({x.size for x in batched.values()}) != 1:
        raise InputError(
            f"points need one length, got { ({n: x.size for n, x in batched.items()}) }"
        )
    return batched


@cache
def _mesh(devices: int) -> Mesh:
    return Mesh(np.array(jax.local_devices()[:devices]), (_AXIS,))


@jax.jit(static_argnums=(0, 1, 2, 3))
def _sharded(
    kind: str,
    structure: ModelStructure,
    batch_size: int,
    mesh: Mesh,
    inputs: Inputs,
    points: Values,
) -> Any:
    return jax.shard_map(
        lambda inputs, points: compiled.run_map(kind, structure, inputs, points, batch_size),
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec(_AXIS)),
        out_specs=PartitionSpec(_AXIS),
        check_vma=False,
    )(inputs, points)
