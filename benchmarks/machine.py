"""Facts about the machine and the versions at the head of a result."""

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("cevnsjax", "jax", "jaxlib", "numpy", "scipy", "optax", "equinox")
_OPTIONAL = ("iminuit", "pyhf", "emcee", "numpyro")


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> list[float]:
    """Load average over 1, 5 and 15 minutes."""
    return [round(x, 2) for x in os.getloadavg()]


def facts() -> dict[str, Any]:
    """CPU, cores, memory, versions, backend, time and load."""
    import jax

    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": _cpu_model(),
        "cores": cores(),
        "memory_GiB": round(pages / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in _PACKAGES},
        **{name: _version(name) for name in _OPTIONAL},
        "backend": jax.default_backend(),
        "devices": [d.device_kind for d in jax.devices()],
        "precision": "float64",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "load_before": load(),
    }
