"""Devices of this machine that independent work is shared out among."""

from typing import Any

import jax

# Batches that each device gets at least; the compiled loop over fewer would be another program.
_MIN_BATCHES = 4
_limit: dict[str, int] = {}


def limit_devices(count: int) -> None:
    """Use at most so many devices; without a limit all GPUs, or one thread of the CPU, are used.

    Args:
        count: The limit.
    """
    _limit["devices"] = count


def worker_devices() -> list[Any]:
    """Devices that independent work is shared out among, each by a thread of its own.

    Returns:
        All GPUs, or the CPU's threads that ``limit_devices`` asked for; empty where the default
        device is the only one.
    """
    devices = jax.local_devices()
    default = 1 if jax.default_backend() == "cpu" else len(devices)
    devices = devices[: _limit.get("devices", default)]
    return devices if len(devices) > 1 else []


def device_count_for(points: int, batch_size: int) -> int:
    """Number of devices that a map over points is spread over.

    Args:
        points: Number of points.
        batch_size: Points evaluated side by side.
    """
    available = min(len(jax.local_devices()), _limit.get("devices", points))
    return max(1, min(available, points // (_MIN_BATCHES * batch_size)))
