"""How many cores this process may use."""

import os


def cores() -> int:
    """Number of cores, those alone that the system lets this process have where it says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
