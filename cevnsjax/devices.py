"""Devices of this machine that work is shared out among."""

from typing import Any

import jax

# Batches of a share at least: as many as the shortest map on one device has.
_MIN_BATCHES = 4
_limit: dict[str, int] = {}


def use(count: int) -> None:
    """Use at most so many devices; all there are until this is called.

    Args:
        count: How many.
    """
    _limit["devices"] = count


def workers() -> list[Any]:
    """Devices that independent work is shared out among, each by a thread of its own.

    All GPUs, or the CPU's threads that were asked for by ``use``; none where one device, the
    default one, is all there is.
    """
    there = jax.local_devices()
    if jax.default_backend() == "cpu":
        there = there[: _limit.get("devices", 1)]
    else:
        there = there[: _limit.get("devices", len(there))]
    return there if len(there) > 1 else []


def devices_for(size: int, batch_size: int) -> int:
    """Devices that a map is spread over.

    Args:
        size: Number of points.
        batch_size: Points evaluated side by side.
    """
    there = min(len(jax.local_devices()), _limit.get("devices", size))
    return max(1, min(there, size // (_MIN_BATCHES * batch_size)))
