"""A map of a model on as many devices as there is work for, with the same bits as on one.

Each device maps over its share in batches of the same size; a share is never so short that its
loop would be compiled into something else.
"""

from functools import cache
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh, PartitionSpec

from cevnsjax.core.types import Values
from cevnsjax.devices import devices_for
from cevnsjax.model import compiled
from cevnsjax.model.evaluate import ModelStructure

_AXIS = "point"


def run_map(
    kind: str,
    static: ModelStructure,
    leaves: Any,
    observed: Any,
    vector: Any,
    given: Values,
    batched: dict[str, np.ndarray],
    batch_size: int,
) -> Any:
    """``compiled.run_map`` on as many devices as there is work for; [point], filled up.

    Sizes are filled up to whole batches, the same for any number of devices: a batch of another
    size would be another program.
    """
    size = next(iter(batched.values())).size
    traced = any(isinstance(x, Tracer) for x in jax.tree.leaves((leaves, observed, given)))
    batch_size = min(batch_size, size)
    count = 1 if traced else devices_for(size, batch_size)
    short = -size % (count * batch_size)
    if short:
        batched = {n: np.pad(x, (0, short), "edge") for n, x in batched.items()}
    if count == 1:
        return compiled.run_map(kind, static, leaves, observed, vector, given, batched, batch_size)
    out = _spread(kind, static, batch_size, _mesh(count), leaves, observed, vector, given, batched)
    # What comes back is bound to no device, as from one: it goes with anything.
    return out if isinstance(out, Tracer) else jax.device_put(np.asarray(out))


@cache
def _mesh(count: int) -> Mesh:
    return Mesh(np.array(jax.local_devices()[:count]), (_AXIS,))


@jax.jit(static_argnums=(0, 1, 2, 3))
def _spread(
    kind: str,
    static: ModelStructure,
    batch_size: int,
    mesh: Mesh,
    leaves: Any,
    observed: Any,
    vector: Any,
    given: Values,
    batched: Values,
) -> Any:
    everywhere, shared = PartitionSpec(), PartitionSpec(_AXIS)

    def share(leaves: Any, observed: Any, vector: Any, given: Values, batched: Values) -> Any:
        return compiled.run_map(kind, static, leaves, observed, vector, given, batched, batch_size)

    spread = jax.shard_map(
        share,
        mesh=mesh,
        in_specs=(everywhere, everywhere, everywhere, everywhere, shared),
        out_specs=shared,
        check_vma=False,
    )
    return spread(leaves, observed, vector, given, batched)
